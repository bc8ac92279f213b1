//! Flags and their help. Knows no verb's meaning.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod files;

pub use crate::verbs::forms::{DoctorForm, Form, OutageKind, ReportForm, StatusForm};
pub use files::{CheckForm, DiffForm, InventoryVerb, Origin, PlaybookVerb};

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
    Status(StatusWish),
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
    /// Take back an initiate-dr that stopped before its new cluster took a write: own data, env file and etcd again
    ///
    /// For a lost zone that is back: the cluster that was lost serves again, and nothing is lost at all.
    Undo {
        /// The run, as `status` and the run's last words name it
        run: String,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Set one safety rule aside, with the reason
        #[arg(long = "override", value_name = "RULE=REASON")]
        overrides: Vec<String>,
    },
    /// Lose a zone of a staging or lab cluster on purpose, get quorum back, bring the zone home, and measure
    ///
    /// Exit: 0 good, 1 failed before anything was lost, 3 refused, 4 given up, 6 done, but an objective was missed.
    Drill {
        /// What
        #[command(flatten)]
        wish: DrillWish,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Let go of the lock that a stopped run left on the masters
    Unlock {
        /// The run, as the refusal names it
        run: String,
    },
    /// Work on the runs that this host has kept
    Runs {
        /// What
        #[command(subcommand)]
        what: RunsVerb,
    },
    /// Make a report of a run from its journal
    ///
    /// Exit: 0 done, 64 there is no such run, 65 its journal is damaged (what can be read is reported all the same).
    Report {
        /// The run's name, its beginning, `last` or `last-drill`
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
    /// Write the shipped inventory, playbooks and templates into a directory, to be changed
    Init {
        /// Where; existing files are left alone
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
}

/// What `status` shows, and how often.
#[derive(Debug, Args)]
pub struct StatusWish {
    /// Do not take the time to prove that quorum is lost; exits 14 where only that could tell
    #[arg(long)]
    pub quick: bool,
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = StatusForm::Text)]
    pub output: StatusForm,
    /// Look again and again: redrawn on a terminal, elsewhere one line a change; ends with the last verdict's exit code
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub watch: Option<u64>,
    /// Also write the metrics into this file, as a whole or not at all, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
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

/// What a drill does.
#[derive(Debug, Args)]
pub struct DrillWish {
    /// The zone to lose
    #[arg(long)]
    pub zone: String,
    /// How it is lost
    #[arg(long, value_enum, default_value_t = OutageKind::Stop)]
    pub outage: OutageKind,
    /// Beyond this the drill gives up and brings the cluster back: a number with its unit, as 5m or 90s
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub max_outage: Duration,
    /// Write the drill's metrics to this file, for a node exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
}

/// A time as an inventory writes it.
fn time(text: &str) -> Result<Duration, String> {
    let long = crate::model::fields::duration_of(text).filter(|long| *long <= Duration::from_secs(3600));
    long.ok_or_else(|| "write a number with its unit, 1h at most: 90s, 5m".to_owned())
}

/// How to consent.
#[derive(Debug, Args, Default)]
pub struct Consent {
    /// Consent without a terminal: the cluster's name
    #[arg(long, value_name = "CLUSTER")]
    pub confirm: Option<String>,
}

/// Work on runs.
#[derive(Debug, Subcommand)]
pub enum RunsVerb {
    /// List them, oldest first
    List {
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = Form::Text)]
        output: Form,
    },
    /// Show one: the report as text
    Show {
        /// The run's name, its beginning, `last` or `last-drill`
        run: String,
    },
}
