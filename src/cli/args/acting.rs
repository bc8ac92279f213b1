//! The flags of the verbs that plan or change something. Does not know what a verb does.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::verbs::forms::{Form, OutageKind};

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
#[derive(Debug, Subcommand)]
pub enum PlanGoal {
    /// The surviving zone serves alone
    #[command(alias = "initiate_dr", after_help = "Example:\n  requorum plan initiate-dr --failed-zone zone1")]
    InitiateDr {
        /// What to take into account
        #[command(flatten)]
        args: InitiateArgs,
        /// What becomes of the plan
        #[command(flatten)]
        plan: PlanOutput,
    },
    /// The masters of the failed zone rejoin
    #[command(after_help = "Example:\n  requorum plan recover --only m1")]
    Recover {
        /// What to take into account
        #[command(flatten)]
        args: RecoverArgs,
        /// What becomes of the plan
        #[command(flatten)]
        plan: PlanOutput,
    },
}

/// What becomes of a plan.
#[derive(Debug, Args)]
pub struct PlanOutput {
    /// The form of the output
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
    /// Write the plan as JSON to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// What `initiate-dr` takes into account.
#[derive(Debug, Args, Default)]
pub struct InitiateArgs {
    /// A zone that failed; may repeat [default: the zones in which no master runs etcd]
    #[arg(long, value_name = "ZONE")]
    pub failed_zone: Vec<String>,
    /// Attest that a silent zone or master is powered off, and how this was confirmed; may repeat
    #[arg(long, value_name = "ZONE=HOW")]
    pub attest: Vec<String>,
    /// How to prove that quorum is lost
    #[arg(long, value_enum, default_value_t = ProofBy::Counted)]
    pub proof: ProofBy,
    /// Restore this snapshot instead of the survivor's own data
    #[arg(long, value_name = "FILE")]
    pub snapshot: Option<PathBuf>,
    /// The survivor to use as seed, where none can say how much it has applied
    #[arg(long, value_name = "NODE")]
    pub seed: Option<String>,
    /// Which rules are overridden
    #[command(flatten)]
    pub overrides: Overrides,
}

/// What `recover` takes into account.
#[derive(Debug, Args, Default)]
pub struct RecoverArgs {
    /// Rejoin only these masters, the others later; may repeat
    #[arg(long, value_name = "NODE", num_args = 1..)]
    pub only: Vec<String>,
    /// Which rules are overridden
    #[command(flatten)]
    pub overrides: Overrides,
}

/// Which safety rules are overridden.
#[derive(Debug, Args, Default)]
pub struct Overrides {
    /// Override one safety rule, with the reason; may repeat (docs/findings.md says which can be)
    #[arg(long = "override", value_name = "RULE=REASON")]
    pub overrides: Vec<String>,
}

/// What a drill does.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The zone to lose
    #[arg(long, value_name = "ZONE")]
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

/// How to consent, and what is told of the run.
#[derive(Debug, Args)]
pub struct Consent {
    /// Consent without a terminal: the cluster's name
    #[arg(long, value_name = "CLUSTER")]
    pub confirm: Option<String>,
    /// The form of the result; json: the report of the run, as `report RUN -o json` gives it
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    pub output: Form,
}
