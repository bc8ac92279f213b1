//! What requorum does: a verb is given a site and a request, and returns an exit code or a failure. Knows neither the
//! command line nor whether the site is real.

use std::path::{Path, PathBuf};

use crate::model::ClusterName;

pub mod beside;
mod checked;
pub mod clusters;
pub mod consent;
pub mod doctor;
pub mod drill;
pub mod explain;
pub mod files;
pub mod forms;
pub mod inputs;
pub mod inventory;
pub mod looking;
mod other_bastion;
pub mod planning;
pub mod playbook;
pub mod recovery;
pub mod request;
pub mod runs;
pub mod send_tools;
pub mod shipped;
pub mod site;
pub mod ssh_config;
pub mod status;
pub mod unlock;
pub mod watch;

pub use crate::report::failure::Failure;
pub use request::UncheckedRequest;
pub use site::{Acting, Bastion, Site};

/// Where the site's own files lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputPaths {
    pub inventory: PathBuf,
    /// The cluster of it that is meant, where it has several.
    pub cluster: Option<ClusterName>,
    /// A folder of playbooks that take the place of the shipped ones.
    pub playbooks: Option<PathBuf>,
    /// A folder of templates that take the place of the shipped ones.
    pub templates: Option<PathBuf>,
}

impl InputPaths {
    /// The command line's beginning, for next commands.
    #[must_use]
    pub fn again(&self) -> String {
        match &self.cluster {
            Some(cluster) => format!("{} --cluster {cluster}", again(&self.inventory)),
            None => again(&self.inventory),
        }
    }
}

fn again(inventory: &Path) -> String {
    let path = inventory.display().to_string();
    if path == "inventory.yaml" {
        return "requorum".to_owned();
    }
    let quoted = shlex::try_quote(&path).map_or_else(|_| path.clone(), |quoted| quoted.into_owned());
    format!("requorum -i {quoted}")
}
