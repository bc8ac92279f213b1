//! The flags of `init`, `inventory` and `playbook`: verbs that read or write files. Does not know what a verb does.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::verbs::forms::{CheckForm, DiffForm, Form};

/// A tool whose inventories can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Origin {
    /// Ansible's inventory of a cluster made by kubespray
    Kubespray,
}

/// What `init` writes.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The directory; existing files are not changed
    #[arg(default_value = ".", conflicts_with = "from")]
    pub directory: PathBuf,
    /// Ask this master of a running cluster over SSH, and write the inventory (-i) of its cluster instead
    #[arg(long, value_name = "HOST")]
    pub from: Option<String>,
    /// A zone and its masters, by member, node or address; may repeat [default: the nodes' label topology.kubernetes.io/zone]
    #[arg(long, value_name = "NAME=HOST,HOST", requires = "from")]
    pub zone: Vec<String>,
    /// What kind of cluster it is
    #[arg(long, value_parser = ["production", "staging", "lab"], requires = "from")]
    pub environment: Option<String>,
    /// The user to log in as [default: root]
    #[arg(long, requires = "from")]
    pub user: Option<String>,
    /// The SSH port [default: 22]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), requires = "from")]
    pub port: Option<u16>,
    /// How to become root [default: sudo, or none for the user root]
    #[arg(long, value_parser = ["sudo", "none"], requires = "from")]
    pub r#become: Option<String>,
    /// A private key on this host, from / or ~/ [default: the agent and the usual files]
    #[arg(long, value_name = "FILE", requires = "from")]
    pub identity: Option<String>,
    /// A known_hosts file on this host, from / or ~/ [default: the user's and the system's]
    #[arg(long, value_name = "FILE", requires = "from")]
    pub known_hosts: Option<String>,
    /// A host to go through
    #[arg(long, value_name = "USER@HOST:PORT", requires = "from")]
    pub jump: Option<String>,
}

/// Work on inventories.
#[derive(Debug, Subcommand)]
pub enum InventoryVerb {
    /// Report every mistake with its line, and what losing each zone would mean
    #[command(after_help = "Example:\n  requorum inventory check inventory/*.yaml -o github")]
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
    #[command(after_help = "Example:\n  requorum inventory diff main...HEAD -o markdown")]
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
    #[command(after_help = "Example:\n  requorum inventory schema > inventory.schema.json")]
    Schema,
    /// Print an inventory made from another tool's; "?" marks what the tool's files do not say
    ///
    /// Of a cluster that runs, kubeadm's or any other, `requorum init --from HOST` makes one.
    /// Exit: 0 complete, 2 something is left to fill in, 65 the files cannot be read.
    #[command(
        after_help = "Example:\n  requorum inventory import kubespray inventory/mycluster --zone-var topology_zone"
    )]
    Import {
        /// The tool
        #[arg(value_name = "TOOL")]
        from: Origin,
        /// Its inventory file, or the directory that holds it
        path: PathBuf,
        /// The variable whose value names a master's zone
        #[arg(long, value_name = "VARIABLE", conflicts_with = "zone_group")]
        zone_var: Option<String>,
        /// A group whose masters are a zone of that name; may repeat
        #[arg(long, value_name = "GROUP")]
        zone_group: Vec<String>,
        /// What kind of cluster it is, which kubespray does not say
        #[arg(long, value_parser = ["production", "staging", "lab"])]
        environment: Option<String>,
    },
    /// Show every master with every setting resolved, and where each value comes from
    #[command(after_help = "Example:\n  requorum inventory show -o json")]
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
    #[command(after_help = "Example:\n  requorum playbook schema > playbook.schema.json")]
    Schema,
    /// Report every mistake with its line, also in the order of steps
    #[command(after_help = "Example:\n  requorum playbook check playbooks/recover.yaml")]
    Check {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The form of the output
        #[arg(short, long, value_enum, default_value_t = CheckForm::Text)]
        output: CheckForm,
    },
}
