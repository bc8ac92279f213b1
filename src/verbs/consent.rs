//! Consent to a change: the cluster's name, typed at a terminal or given by a flag. Knows nothing about the change.

use crate::model::ClusterName;
use crate::plan::{Refusal, Rule};

use super::{Failure, Site};

/// Consent comes from a terminal or a flag; found out before any master is asked.
///
/// # Errors
/// Where there is neither, or the flag names another cluster.
pub fn somebody_to_ask(cluster: &ClusterName, confirm: Option<&str>, site: &Site, verb: &str) -> Result<(), Failure> {
    match confirm {
        Some(name) => is_the_name(cluster, name),
        None if site.prompt.attended() => Ok(()),
        None => {
            let next = format!("add --confirm {cluster} to `requorum {verb}`");
            Err(no_consent("there is no terminal to ask at", &next))
        }
    }
}

fn no_consent(why: impl Into<String>, next: &str) -> Failure {
    Failure::refused("nothing was changed", vec![Refusal::new(Rule::NoConsent, why, next)])
}

fn is_the_name(cluster: &ClusterName, name: &str) -> Result<(), Failure> {
    if name == cluster.as_str() {
        return Ok(());
    }
    Err(no_consent(format!("{name:?} is not the cluster's name, {cluster}"), &format!("--confirm {cluster}")))
}

/// The cluster's name, typed or given.
///
/// # Errors
/// Where it is another, or the person interrupts.
pub fn agree(cluster: &ClusterName, confirm: Option<&str>, site: &Site) -> Result<(), Failure> {
    let name = match confirm {
        Some(name) => name.to_owned(),
        None => match site.prompt.line(&format!("Type the cluster's name ({cluster}) to continue:")) {
            Ok(name) => name,
            Err(error) => return Err(no_consent(error.to_string(), "")),
        },
    };
    if *site.interrupted.borrow() {
        return Err(Failure::interrupted("nothing was changed"));
    }
    is_the_name(cluster, &name)
}
