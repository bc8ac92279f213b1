//! The flags of every verb. Does not know what a verb does.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::model::ClusterName;

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Of every verb")]
pub struct Common {
    /// The inventory
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "REQUORUM_INVENTORY",
        default_value = "inventory.yaml"
    )]
    pub inventory: PathBuf,
    /// Which cluster of the inventory, where it has several (`clusters:`); otherwise all, the main one first. For `init --from`: its name
    #[arg(long, global = true, value_name = "CLUSTER", value_parser = |name: &str| ClusterName::new(name))]
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
    /// Whether messages are coloured; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Colour::Auto)]
    pub color: Colour,
    /// Also tell each command on a master as it ends, with its exit status and time
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Tell no progress; warnings, failures, questions and results stay
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Whether something is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}
