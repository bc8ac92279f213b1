//! Consent to a change: the cluster's name, typed at a terminal or given by a flag. Knows nothing about the change.

use crate::model::ClusterName;
use crate::plan::{Refusal, Rule};

use super::{Failure, Site};

/// Consent comes from a terminal or a flag; found out before any master is asked.
///
/// # Errors
/// Where there is neither.
pub fn somebody_to_ask(confirm: Option<&str>, site: &Site, verb: &str) -> Result<(), Failure> {
    if confirm.is_some() || site.prompt.attended() {
        return Ok(());
    }
    Err(no_consent("there is no terminal to ask at", &format!("add --confirm CLUSTER to `requorum {verb}`")))
}

fn no_consent(why: impl Into<String>, next: &str) -> Failure {
    Failure::refused("nothing was changed", vec![Refusal::new(Rule::NoConsent, why, next)])
}

/// The cluster's name, typed or given.
///
/// # Errors
/// Where it is another, or the person interrupts.
pub fn agree(cluster: &ClusterName, confirm: Option<&str>, site: &Site) -> Result<(), Failure> {
    let refuse = |why: String| Err(no_consent(why, ""));
    let name = match confirm {
        Some(name) => name.to_owned(),
        None => match site.prompt.line(&format!("Type the cluster's name ({cluster}) to continue:")) {
            Ok(name) => name,
            Err(error) => return refuse(error.to_string()),
        },
    };
    if *site.interrupted.borrow() {
        return Err(Failure::interrupted("nothing was changed"));
    }
    if name == cluster.as_str() { Ok(()) } else { refuse(format!("{name:?} is not the cluster's name, {cluster}")) }
}
