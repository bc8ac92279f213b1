//! Which clusters of an inventory a verb is about: the one that is named, or all, the main one first. Does not know what the
//! verb does.

use crate::model::{Cluster, ClusterName, inventory};
use crate::run::exit;

use super::{Failure, InputPaths, Site, inputs};

/// The main cluster, and those beside it.
fn names(inputs: &InputPaths, site: &Site) -> Result<Vec<ClusterName>, Failure> {
    let (main, others) = inventory::all(&inputs::inventory(inputs, site)?).map_err(Failure::mistakes)?;
    Ok(std::iter::once(main).chain(others).map(|cluster| cluster.name).collect())
}

/// The same inputs for each cluster that is meant. Where there is only one they stay as they are, and so do the commands
/// that are printed.
///
/// # Errors
/// What is wrong with the inventory.
pub fn each(inputs: &InputPaths, site: &Site) -> Result<Vec<InputPaths>, Failure> {
    let names = if inputs.cluster.is_some() { Vec::new() } else { names(inputs, site)? };
    if names.len() < 2 {
        return Ok(vec![inputs.clone()]);
    }
    Ok(names.into_iter().map(|name| InputPaths { cluster: Some(name), ..inputs.clone() }).collect())
}

fn named(each: &[InputPaths]) -> Vec<String> {
    each.iter().filter_map(|one| one.cluster.as_ref()).map(ToString::to_string).collect()
}

/// For what is about one cluster only.
///
/// # Errors
/// Where there are several, and none was named.
pub fn the_one(inputs: &InputPaths, site: &Site, what: &str) -> Result<InputPaths, Failure> {
    let mut each = each(inputs, site)?;
    if each.len() > 1 {
        let names = named(&each);
        let hint = format!("add --cluster {}", names.join(" or --cluster "));
        let said = format!("{what} is about one cluster, and this inventory has {}: {}", names.len(), names.join(", "));
        return Err(Failure::usage(said).hint(hint));
    }
    Ok(each.swap_remove(0))
}

/// Whether each of several has what is asked for: what one of them lacks is told before anything is done to another.
///
/// # Errors
/// What the first that lacks it says.
pub fn each_fits(
    inputs: &InputPaths,
    site: &Site,
    fits: impl Fn(&Cluster) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let each = each(inputs, site)?;
    for one in each.iter().filter(|_| each.len() > 1) {
        let is_another = |other: &&InputPaths| other.cluster != one.cluster;
        let others = named(&each.iter().filter(is_another).cloned().collect::<Vec<_>>()).join(" or --cluster ");
        let hint = format!("one that has it alone: --cluster {others}");
        fits(&inputs::cluster(one, site)?).map_err(|failure| failure.hint(hint))?;
    }
    Ok(())
}

/// Looks at all of them. The first that is not as it should be is what they end with.
///
/// # Errors
/// The first failure, once all were looked at.
pub async fn all(
    inputs: &InputPaths,
    site: &Site,
    verb: impl AsyncFn(&InputPaths) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let mut ended = Ok(exit::DONE);
    for one in each(inputs, site)? {
        if let Some(head) = head_of(&one, inputs) {
            site.console.print(&format!("{head}\n"));
        }
        let code = verb(&one).await;
        if outranks(&code, &ended) {
            ended = code;
        } else if let Err(failure) = code {
            site.console.say(failure.text(site.console.coloured()).trim_end());
        }
    }
    ended
}

/// Whether what came of one cluster is what all of them end with, and no longer what came of those before it. That there is
/// something to do is no failure, and hides none.
fn outranks(now: &Result<u8, Failure>, before: &Result<u8, Failure>) -> bool {
    match (now, before) {
        (_, Ok(exit::DONE)) => true,
        (Ok(now), Ok(exit::CHANGES)) => *now != exit::DONE,
        (Err(_), Ok(exit::CHANGES)) => true,
        (_, Ok(_) | Err(_)) => false,
    }
}

/// Acts on one after the other, and stops at the first that does not end well. `confirm` names the main cluster, and is the
/// consent to all.
///
/// # Errors
/// That of the cluster at which it stopped.
pub async fn in_turn(
    inputs: &InputPaths,
    site: &Site,
    confirm: Option<&str>,
    verb: impl AsyncFn(&InputPaths, Option<&str>) -> Result<u8, Failure>,
) -> Result<u8, Failure> {
    let each = each(inputs, site)?;
    let main = each.first().and_then(|one| one.cluster.as_ref()).map(ClusterName::as_str);
    let all = main.is_some() && confirm == main;
    for (at, one) in each.iter().enumerate() {
        if let Some(head) = head_of(one, inputs) {
            site.console.say(&head);
        }
        let own = one.cluster.as_ref().map(ClusterName::as_str).filter(|_| all);
        let ended = verb(one, own.or(confirm)).await;
        if matches!(ended, Ok(exit::DONE)) {
            continue;
        }
        let left = named(&each[at + 1..]);
        let note = format!("  not begun: {} (one alone: --cluster {})", left.join(", "), left.join(" or --cluster "));
        return match ended {
            Err(failure) if !left.is_empty() => Err(failure.note(note)),
            Ok(code) if !left.is_empty() => {
                site.console.say(&note);
                Ok(code)
            }
            ended => ended,
        };
    }
    Ok(exit::DONE)
}

/// Which cluster comes, where there are several.
fn head_of(one: &InputPaths, inputs: &InputPaths) -> Option<String> {
    one.cluster.as_ref().filter(|_| inputs.cluster.is_none()).map(head)
}

/// What stands above all that is said of one cluster among several.
#[must_use]
pub fn head(name: &ClusterName) -> String {
    format!("━━━ cluster {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_is_something_to_do_hides_no_refusal() {
        let ends = |codes: &[Result<u8, u8>]| {
            let mut ended = Ok(exit::DONE);
            for code in codes {
                let code = code.map_err(|_| Failure::usage("refused"));
                if outranks(&code, &ended) {
                    ended = code;
                }
            }
            ended.map_err(|failure| failure.code())
        };
        assert_eq!(ends(&[Ok(exit::CHANGES), Err(0)]), Err(exit::USAGE));
        assert_eq!(ends(&[Err(0), Ok(exit::CHANGES)]), Err(exit::USAGE));
        assert_eq!(ends(&[Ok(exit::CHANGES), Ok(exit::DONE)]), Ok(exit::CHANGES));
        assert_eq!(ends(&[Ok(exit::CHANGES), Ok(exit::FAILED)]), Ok(exit::FAILED));
        assert_eq!(ends(&[Ok(exit::FAILED), Ok(exit::CHANGES)]), Ok(exit::FAILED));
    }
}
