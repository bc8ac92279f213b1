//! The output formats and the ways to lose a zone, as a person chooses them. Knows nothing about verbs.

use clap::ValueEnum;

/// A form of `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusForm {
    /// For people
    Text,
    /// For machines
    Json,
    /// Metrics in Prometheus' text form
    Prometheus,
}

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For machines
    Json,
}

/// A form of the doctor's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorForm {
    /// For people
    Text,
    /// For machines, as it is kept
    Json,
    /// JUnit XML: a suite a zone, a case a check
    Junit,
}

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportForm {
    /// For people
    Text,
    /// For tickets and wikis
    Markdown,
    /// One file to open in a browser, print and sign
    Html,
    /// For machines; `report --schema` describes it
    Json,
    /// For machines that collect test results: a step is a test case
    Junit,
}

/// A form of a check's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckForm {
    /// For people, each mistake with its line
    Text,
    /// For machines: an array of mistakes and remarks
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// GitHub's workflow commands, which become annotations of lines
    Github,
    /// GitLab's code quality report
    Gitlab,
}

/// A form of a review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffForm {
    /// For people
    Text,
    /// A pull request's comment, below 60 kB, its details folded
    Markdown,
    /// For machines
    Json,
}

/// A way to lose a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutageKind {
    /// Its etcd is stopped and fenced
    Stop,
    /// Its masters close their etcd ports towards the other zones
    Isolate,
    /// The site's own commands in the inventory (`power`) switch it off and on
    Command,
}

impl OutageKind {
    /// As the command line has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Isolate => "isolate",
            Self::Command => "command",
        }
    }
}
