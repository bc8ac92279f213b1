//! `inventory import`: turns another tool's files into an inventory of ours. Uses no network and runs nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::import::{self, Beside, Groups, Refusal, Zones};
use crate::model::command::harmless;
use crate::model::diagnostic::Source;
use crate::model::inventory;
use crate::run::exit;
use crate::verbs::Failure;
use crate::world::{ansible, terminal};

use super::reviewed;

/// `requorum inventory import kubespray`.
pub(super) fn kubespray(path: &Path, zones: &Zones, environment: Option<&str>) -> Result<u8, Failure> {
    let file = ansible::inventory(path).map_err(|error| unreadable(path, &error))?;
    let source = reviewed::source(&file)?;
    let groups = import::read(&source, zones).map_err(refused)?;
    let beside = beside(&file, &source.name, &groups, zones)?;
    let import = import::import(&source.name, &groups, &beside, zones, environment).map_err(refused)?;
    terminal::print(&import.text);
    for remark in &import.remarks {
        terminal::say(&format!("remark: {}", harmless(remark)));
    }
    if import.open > 0 {
        let (open, s) = (import.open, if import.open == 1 { "" } else { "s" });
        terminal::say(&format!(
            "{open} value{s} left to fill in, each a \"?\": `requorum inventory check` names its line"
        ));
    }
    // The reader has the last word: it also sees what cannot be so, such as one address for two masters.
    let wrong = inventory::read(&Source::new("the import", import.text)).err().unwrap_or_default();
    let told = |code| code == "left-open" || (code == "one-zone" && *zones == Zones::Unsaid);
    for mistake in wrong.iter().filter(|mistake| !told(mistake.code)) {
        terminal::say(&format!("line {}: {}", mistake.place.line, mistake.message));
    }
    Ok(if wrong.is_empty() { exit::DONE } else { exit::CHANGES })
}

/// The variables beside the inventory of whom they matter for: the masters and the groups above them.
fn beside(file: &Path, name: &str, groups: &Groups, zones: &Zones) -> Result<Beside, Failure> {
    let masters = import::masters(groups, name).map_err(refused)?;
    let above: BTreeSet<&str> = masters.iter().flat_map(|host| groups.above(host)).chain(["all"]).collect();
    let mut beside = Beside::default();
    for group in above {
        for path in ansible::vars(file, "group_vars", group).map_err(|error| unreadable(file, &error))? {
            beside.group(group, &reviewed::source(&path)?, zones).map_err(refused)?;
        }
    }
    for host in masters {
        for path in ansible::vars(file, "host_vars", host).map_err(|error| unreadable(file, &error))? {
            beside.host(host, &reviewed::source(&path)?, zones).map_err(refused)?;
        }
    }
    Ok(beside)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(exit::BAD_INPUT, format!("error: {}: {error}", path.display()))
}

fn refused(refusal: Refusal) -> Failure {
    Failure::new(exit::BAD_INPUT, format!("error: {}", harmless(&refusal.to_string())))
}
