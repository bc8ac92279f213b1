//! Flags and their help. Does not know what a verb does.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod files;

use crate::model::ClusterName;
pub use crate::verbs::forms::{DoctorForm, Form, OutageKind, ReportForm, StatusForm};
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

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The inventory
    #[arg(short, long, global = true, env = "REQUORUM_INVENTORY", default_value = "inventory.yaml")]
    pub inventory: PathBuf,
    /// Which cluster of the inventory, where it has several (`clusters:`); otherwise all, the main one first. For `init --from`: its name
    #[arg(long, global = true, value_name = "NAME", value_parser = |name: &str| ClusterName::new(name))]
    pub cluster: Option<ClusterName>,
    /// A directory with your own playbooks; for those missing there the shipped ones are used
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_PLAYBOOKS")]
    pub playbooks: Option<PathBuf>,
    /// A directory with your own templates; for those missing there the shipped ones are used
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_TEMPLATES")]
    pub templates: Option<PathBuf>,
    /// Where runs are stored on this host [default: $XDG_STATE_HOME/requorum or ~/.local/state/requorum]
    #[arg(long, global = true, value_name = "DIR", env = "REQUORUM_STATE")]
    pub state_dir: Option<PathBuf>,
    /// Connection timeout for each host, in seconds
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub connect_timeout: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show the state of the cluster and the next command
    ///
    /// Exit: 0 healthy, 10 degraded, 11 quorum lost, 12 one zone serves, 13 split brain, 14 unknown.
    Status(StatusArgs),
    /// Check whether initiate-dr would work if a zone were lost now; changes nothing
    ///
    /// Plans for the loss of each zone from what the masters report, and measures a snapshot where it would be taken.
    /// Exit: 0 it would work (warnings are possible), 3 not for every zone, 1 no master answers.
    Doctor {
        /// Check only the loss of this zone; may repeat. Such a result is not stored
        #[arg(long, value_name = "ZONE", num_args = 1..)]
        zone: Vec<String>,
        /// Take no snapshot; the expected time then does not include it
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
        /// The playbook
        playbook: PlanGoal,
        /// What to take into account
        #[command(flatten)]
        args: PlanArgs,
        /// Write the plan as JSON to this file, which must not exist
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// Restore quorum in the surviving zone: snapshot, restore as a new cluster, start
    #[command(alias = "initiate_dr")]
    InitiateDr {
        /// What to take into account
        #[command(flatten)]
        args: PlanArgs,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Rejoin the masters of the failed zone to the serving cluster
    Recover {
        /// What to take into account
        #[command(flatten)]
        args: PlanArgs,
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
        /// Override one safety rule, with the reason
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
        /// Override one safety rule, with the reason
        #[arg(long = "override", value_name = "RULE=REASON")]
        overrides: Vec<String>,
    },
    /// Undo an initiate-dr that stopped before its new cluster took a write: restore the previous data and env file, start etcd
    ///
    /// For when the lost zone is back: the old cluster serves again, and no write is lost.
    Undo {
        /// The run's name, as `status` and the run's last words name it, a unique prefix of it, or `last`
        run: String,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
        /// Override one safety rule, with the reason
        #[arg(long = "override", value_name = "RULE=REASON")]
        overrides: Vec<String>,
    },
    /// Take down a zone of a staging or lab cluster on purpose, restore quorum, rejoin the zone, and measure
    ///
    /// Exit: 0 good, 1 failed before the zone was lost, 3 refused, 4 given up, 6 completed, but missed an objective.
    Drill {
        /// What
        #[command(flatten)]
        args: DrillArgs,
        /// How to consent
        #[command(flatten)]
        consent: Consent,
    },
    /// Release the lock that a stopped run left on the masters
    Unlock {
        /// The run's name, as the refusal names it, a unique prefix of it, or `last`
        run: String,
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
    Init(InitArgs),
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

/// How it is proved that quorum is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ProofBy {
    /// By counting the voters that are down, and a second of listening; where that cannot tell, by waiting
    #[default]
    Counted,
    /// By waiting for more than two election timeouts without a leader
    Timed,
}

/// What can be planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanGoal {
    /// The surviving zone serves alone
    #[value(alias = "initiate_dr")]
    InitiateDr,
    /// The masters of the failed zone rejoin
    Recover,
}

/// What a plan takes into account.
#[derive(Debug, Args, Default)]
pub struct PlanArgs {
    /// A zone that failed; may repeat [default: the zones in which no master runs etcd]
    #[arg(long, value_name = "ZONE")]
    pub failed_zone: Vec<String>,
    /// Attest that a silent zone or master is powered off, and how this was confirmed; may repeat
    #[arg(long, value_name = "ZONE=HOW")]
    pub attest: Vec<String>,
    /// initiate-dr: how to prove that quorum is lost
    #[arg(long, value_enum, default_value_t = ProofBy::Counted)]
    pub proof: ProofBy,
    /// Override one safety rule, with the reason; may repeat
    #[arg(long = "override", value_name = "RULE=REASON")]
    pub overrides: Vec<String>,
    /// initiate-dr: restore this snapshot instead of the survivor's own data
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// initiate-dr: the survivor to use as seed, where none can say how much it has applied
    #[arg(long, value_name = "NODE")]
    pub seed: Option<String>,
    /// recover: rejoin only these masters, the others later; may repeat
    #[arg(long, value_name = "NODE", num_args = 1..)]
    pub only: Vec<String>,
}

/// What a drill does.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The zone to lose
    #[arg(long)]
    pub zone: String,
    /// How it is lost
    #[arg(long, value_enum, default_value_t = OutageKind::Stop)]
    pub outage: OutageKind,
    /// How to prove that quorum is lost
    #[arg(long, value_enum, default_value_t = ProofBy::Counted)]
    pub proof: ProofBy,
    /// The longest outage: after it the drill gives up and brings the cluster back (a number with its unit, as 5m or 90s)
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
        /// The run's name, a unique prefix of it, `last` or `last-drill`
        run: String,
    },
}
