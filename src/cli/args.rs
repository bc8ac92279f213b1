//! Flags and their help. Does not know what a verb does.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod acting;
mod common;
mod files;

pub use crate::verbs::forms::{DoctorForm, Form, OutageKind, ReportForm, StatusForm};
pub use acting::{Consent, DrillArgs, InitiateArgs, Overrides, PlanGoal, PlanOutput, ProofBy, RecoverArgs};
pub use common::{Colour, Common};
pub use files::{InitArgs, InventoryVerb, Origin, PlaybookVerb};

/// Restores the etcd quorum of a stretched Kubernetes cluster over SSH, and rejoins the lost zone afterwards.
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the state of the cluster and the next command
    ///
    /// Exit: 0 healthy, 10 degraded, 11 quorum lost, 12 one zone serves, 13 split brain, 14 unknown.
    #[command(after_help = "Example:\n  requorum status --quick -o json")]
    Status(StatusArgs),
    /// Check whether initiate-dr would work if a zone were lost now; changes nothing
    ///
    /// Plans for the loss of each zone from what the masters report, and measures a snapshot where it would be taken.
    /// Exit: 0 it would work (warnings are possible), 3 not for every zone, 1 no master answers.
    #[command(after_help = "Examples:\n  requorum doctor --zone zone1 --no-measure\n  requorum doctor --bastion")]
    Doctor {
        /// Check only the loss of this zone; may repeat. Such a result is not stored
        #[arg(long, value_name = "ZONE", num_args = 1..)]
        zone: Vec<String>,
        /// Take no snapshot; the expected time then does not include it
        #[arg(long)]
        no_measure: bool,
        /// Check this host alone: room, permissions, clock, host keys, keys, agent, login and sudo on each master
        #[arg(long, conflicts_with_all = ["zone", "no_measure"])]
        bastion: bool,
        /// Also ask another bastion for its version of this program, over SSH
        #[arg(long, value_name = "USER@HOST:PORT", requires = "bastion")]
        other: Option<String>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = DoctorForm::Text)]
        output: DoctorForm,
    },
    /// Show what a playbook would do, with every command and file diff; change nothing
    ///
    /// Exit: 0 nothing to do, 2 there is something to do, 3 refused.
    #[command(after_help = "Example:\n  requorum plan initiate-dr --failed-zone zone1")]
    Plan {
        /// The playbook
        #[command(subcommand)]
        playbook: PlanGoal,
    },
    /// Restore quorum in the surviving zone: snapshot, restore as a new cluster, start
    ///
    /// Shows its plan and asks before it changes anything.
    #[command(
        alias = "initiate_dr",
        after_help = "Examples:\n  requorum initiate-dr\n  requorum initiate-dr --confirm prod --attest zone1=\"INC-123: power off, confirmed by J. Doe\""
    )]
    InitiateDr {
        /// What to take into account
        #[command(flatten)]
        args: InitiateArgs,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Rejoin the masters of the failed zone to the serving cluster
    ///
    /// Shows its plan and asks before it changes anything.
    #[command(after_help = "Examples:\n  requorum recover\n  requorum recover --only m1 m2 --confirm prod")]
    Recover {
        /// What to take into account
        #[command(flatten)]
        args: RecoverArgs,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Stop a zone's etcd and keep it from starting, also across a reboot
    #[command(after_help = "Example:\n  requorum fence zone1")]
    Fence {
        /// The zones
        #[arg(required = true, value_name = "ZONE")]
        zones: Vec<String>,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Which rules are overridden
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Let a fenced zone's etcd start again; starts nothing
    #[command(after_help = "Example:\n  requorum unfence zone1")]
    Unfence {
        /// The zones
        #[arg(required = true, value_name = "ZONE")]
        zones: Vec<String>,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Which rules are overridden
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Undo an initiate-dr that stopped before its new cluster took a write: restore the previous data and env file, start etcd
    ///
    /// For when the lost zone is back: the old cluster serves again, and no write is lost.
    #[command(after_help = "Example:\n  requorum undo last")]
    Undo {
        /// The run's name, as `status` and the run's last words name it, a unique prefix of it, or `last`
        run: String,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Which rules are overridden
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Take down a zone of a staging or lab cluster on purpose, restore quorum, rejoin the zone, and measure
    ///
    /// Exit: 0 good, 1 failed before the zone was lost, 3 refused, 4 given up, 6 completed, but missed an objective.
    #[command(after_help = "Example:\n  requorum drill --zone zone1 --outage isolate --confirm staging")]
    Drill {
        /// What
        #[command(flatten)]
        args: DrillArgs,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Release the lock that a stopped run left on the masters
    #[command(after_help = "Example:\n  requorum unlock 20261123-134443-449f")]
    Unlock {
        /// The run's name, as the refusal names it, a unique prefix of it, or `last`
        run: String,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Send etcd's tools of this host to masters that have none which fit their etcd; changes nothing else
    ///
    /// The inventory names the folder: `etcd: { tools: /srv/etcd }`, and in it VERSION/etcdctl and VERSION/etcdutl. They come to
    /// /var/lib/requorum/tools, and stay there.
    #[command(after_help = "Example:\n  requorum send-tools")]
    SendTools {
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// List or show the runs stored on this host
    Runs {
        /// What
        #[command(subcommand)]
        what: RunsVerb,
    },
    /// Make a report of a run from its journal
    ///
    /// Exit: 0 done, 64 there is no such run, 65 its journal is damaged (what can be read is reported all the same).
    #[command(after_help = "Example:\n  requorum report last -o html --out dr.html")]
    Report {
        /// The run's name, a unique prefix of it, `last` or `last-drill`
        #[arg(required_unless_present = "schema")]
        run: Option<String>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = ReportForm::Text)]
        output: ReportForm,
        /// Write to this file, which must not exist
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print the JSON Schema of `-o json` instead
        #[arg(long, conflicts_with_all = ["run", "output", "out"])]
        schema: bool,
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
    /// Write the shipped inventory, playbooks and templates into a directory, to edit them; or with --from an inventory of a
    /// running cluster
    ///
    /// With --from: exit 0 complete, 2 something is left to fill in.
    #[command(
        after_help = "Examples:\n  requorum init .\n  requorum init --from 10.77.1.11 --user ops --zone zone1=m1,m2 --zone zone2=m3"
    )]
    Init(InitArgs),
    /// Print what a shell needs to complete verbs, flags, zones, masters, clusters, rules, runs and inventories
    ///
    /// For bash: requorum completions bash > /usr/share/bash-completion/completions/requorum
    /// For zsh: into a directory of $fpath, as _requorum
    /// For fish: requorum completions fish > ~/.config/fish/completions/requorum.fish
    #[command(verbatim_doc_comment, after_help = "Example:\n  source <(requorum completions bash)")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Explain findings and rules by their names, as status, plan and doctor print them
    #[command(after_help = "Example:\n  requorum explain silent not-attested")]
    Explain {
        /// The names [default: list all]
        #[arg(value_name = "CODE")]
        codes: Vec<String>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Write the manual's pages into a directory
    #[command(hide = true, after_help = "Example:\n  requorum manual target/man")]
    Manual {
        /// The directory; existing files are not changed
        directory: PathBuf,
    },
}

/// A shell that can complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash 4.4 or later
    Bash,
    Zsh,
    Fish,
}

/// What `status` shows, and how often.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Skip the proof that quorum is lost; exits 14 where only the proof could tell
    #[arg(long)]
    pub quick: bool,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = StatusForm::Text)]
    pub output: StatusForm,
    /// Repeat until interrupted: redraws a terminal, otherwise prints one line per change; the exit code is that of the last verdict
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub watch: Option<u64>,
    /// Also write the metrics to this file (replaced atomically), for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
}

/// Work on runs.
#[derive(Debug, Subcommand)]
pub enum RunsVerb {
    /// List them, oldest first
    #[command(after_help = "Example:\n  requorum runs list -o json")]
    List {
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Show one: its report
    #[command(after_help = "Example:\n  requorum runs show last")]
    Show {
        /// The run's name, a unique prefix of it, `last` or `last-drill`
        run: String,
        /// The form of the output; `report` has more of them
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
}
