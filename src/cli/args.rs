//! Flags and their help. Knows no verb's meaning.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Gives a stretched Kubernetes cluster its etcd quorum back, over SSH, and brings the lost zone home.
///
/// A zone is down:      requorum status, then requorum initiate-dr
/// The zone is back:    requorum recover
/// A change is planned: requorum inventory check inventory.yaml
#[derive(Debug, Parser)]
#[command(name = "requorum", version, verbatim_doc_comment)]
pub struct Cli {
    /// Flags of every verb.
    #[command(flatten)]
    pub common: Common,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Args)]
pub struct Common {
    /// The inventory
    #[arg(short, long, global = true, env = "REQUORUM_INVENTORY", default_value = "inventory.yaml")]
    pub inventory: PathBuf,
    /// A directory with playbooks of your own; those missing there are the shipped ones
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_PLAYBOOKS")]
    pub playbooks: Option<PathBuf>,
    /// A directory with templates of your own; those missing there are the shipped ones
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_TEMPLATES")]
    pub templates: Option<PathBuf>,
    /// Where runs are kept on this host [default: $XDG_STATE_HOME/requorum or ~/.local/state/requorum]
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_STATE")]
    pub state_dir: Option<PathBuf>,
    /// How long a host may take to accept a connection, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 5)]
    pub connect_timeout: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the state of the cluster and the next command
    ///
    /// Exit: 0 healthy, 10 degraded, 11 quorum lost, 12 one zone serves, 13 split brain, 14 unknown.
    Status {
        /// Do not take the time to prove that quorum is lost
        #[arg(long)]
        quick: bool,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// In peace time: would initiate-dr work if a zone were lost now? Changes nothing
    ///
    /// Rehearses the loss of each zone on what the masters say, and measures a snapshot where it would be taken.
    /// Exit: 0 it would work (there may be warnings), 3 not for every zone, 1 no master answers.
    Doctor {
        /// Only this zone's loss; may repeat. Such a result is not kept
        #[arg(long, value_name = "ZONE", num_args = 1..)]
        zone: Vec<String>,
        /// Take no snapshot; the expected time lacks its parts then
        #[arg(long)]
        no_measure: bool,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = DoctorForm::Text)]
        output: DoctorForm,
    },
    /// Show what a playbook would do, with every command and file diff; change nothing
    ///
    /// Exit: 0 nothing to do, 2 there is something to do, 3 refused.
    Plan {
        /// Which
        playbook: PlanGoal,
        /// What to take into account
        #[command(flatten)]
        wish: Wish,
        /// Write the plan as JSON to this file, which must not exist
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Give the surviving zone its quorum back: snapshot, restore as a new cluster, start
    #[command(alias = "initiate_dr")]
    InitiateDr {
        /// What to take into account
        #[command(flatten)]
        wish: Wish,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Bring the failed zone's masters home as members of the serving cluster
    Recover {
        /// What to take into account
        #[command(flatten)]
        wish: Wish,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Stop a zone's etcd and keep it from starting, also across a reboot
    Fence {
        /// The zones
        #[arg(required = true)]
        zones: Vec<String>,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Set one safety rule aside, with the reason
        #[arg(long = "override", value_name = "RULE=REASON")]
        overrides: Vec<String>,
    },
    /// Let a fenced zone's etcd start again; starts nothing
    Unfence {
        /// The zones
        #[arg(required = true)]
        zones: Vec<String>,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Set one safety rule aside, with the reason
        #[arg(long = "override", value_name = "RULE=REASON")]
        overrides: Vec<String>,
    },
    /// Let go of the lock that a stopped run left on the masters
    Unlock {
        /// The run, as the refusal names it
        run: String,
    },
    /// Work on inventories
    Inventory {
        /// What
        #[command(subcommand)]
        what: InventoryVerb,
    },
    /// Work on playbooks
    Playbook {
        /// What
        #[command(subcommand)]
        what: PlaybookVerb,
    },
    /// Write the shipped inventory, playbooks and templates into a directory, to be changed
    Init {
        /// Where; existing files are left alone
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
}

/// What can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanGoal {
    /// The surviving zone serves alone
    #[value(alias = "initiate_dr")]
    InitiateDr,
    /// The failed zone comes home
    Recover,
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

/// What a plan takes into account.
#[derive(Debug, Args, Default)]
pub struct Wish {
    /// A zone that failed; may repeat [default: the zones in which no master runs etcd]
    #[arg(long, value_name = "ZONE")]
    pub failed_zone: Vec<String>,
    /// Attest that a silent zone or master is off, and how that is known; may repeat
    #[arg(long, value_name = "ZONE=HOW")]
    pub attest: Vec<String>,
    /// Set one safety rule aside, with the reason; may repeat
    #[arg(long = "override", value_name = "RULE=REASON")]
    pub overrides: Vec<String>,
    /// initiate-dr: restore this snapshot instead of the survivor's own data
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// initiate-dr: the survivor to grow from, where none can say how much it has applied
    #[arg(long, value_name = "NODE")]
    pub seed: Option<String>,
    /// recover: bring back only these, the others later; may repeat
    #[arg(long, value_name = "NODE", num_args = 1..)]
    pub only: Vec<String>,
}

/// How to consent.
#[derive(Debug, Args, Default)]
pub struct Consent {
    /// Consent without a terminal: the cluster's name
    #[arg(long, value_name = "CLUSTER")]
    pub confirm: Option<String>,
}

/// Work on inventories.
#[derive(Debug, Subcommand)]
pub enum InventoryVerb {
    /// Report every mistake with its line, and what losing each zone would mean
    Check {
        /// The files [default: the inventory]
        files: Vec<PathBuf>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = CheckForm::Text)]
        output: CheckForm,
    },
    /// Show what a change means: quorum, survivors, env files, what to do on the cluster, and what is dangerous
    ///
    /// Two files, two directories, or git revisions: HEAD~1:inventory/prod.yaml, main..HEAD, main...HEAD inventory/.
    /// Exit: 0 no change, 2 changes, 3 changes against a safety rule.
    Diff {
        /// The old file, directory or revision; or a range of revisions
        old: String,
        /// The new one; after a range: a path in it
        new: Option<String>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = DiffForm::Text)]
        output: DiffForm,
    },
    /// Print the JSON Schema of inventories, for editors
    Schema,
    /// Show every master with every setting resolved, and where each value comes from
    Show {
        /// The file [default: the inventory]
        file: Option<PathBuf>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
}

/// Work on playbooks.
#[derive(Debug, Subcommand)]
pub enum PlaybookVerb {
    /// Print the JSON Schema of playbooks, for editors
    Schema,
    /// Report every mistake with its line, also in the order of steps
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = CheckForm::Text)]
        output: CheckForm,
    },
}
