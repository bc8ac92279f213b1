//! `inventory import`: turns another tool's files into an inventory of ours. Uses no network and runs nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::import::{self, Beside, Groups, Refusal, Zones};
use crate::model::command::harmless;
use crate::model::diagnostic::Source;
use crate::model::inventory;
use crate::run::exit::{self, Kind};
use crate::verbs::files::{Files, Variables};
use crate::verbs::inputs::source;
use crate::verbs::{Failure, Site};

/// `requorum inventory import kubespray`.
///
/// # Errors
/// When a file cannot be read or understood.
pub fn kubespray(
    site: &Site,
    files: &dyn Files,
    path: &Path,
    zones: &Zones,
    environment: Option<&str>,
) -> Result<u8, Failure> {
    let file = files.ansible_inventory(path).map_err(|error| unreadable(path, &error))?;
    let named = source(&file, site)?;
    let groups = import::read(&named, zones).map_err(refused)?;
    let beside = beside(site, files, &file, &named.name, &groups, zones)?;
    let import = import::import(&named.name, &groups, &beside, zones, environment).map_err(refused)?;
    site.console.print(&import.text);
    for remark in &import.remarks {
        site.console.say(&format!("remark: {}", harmless(remark)));
    }
    if import.open > 0 {
        let (open, s) = (import.open, if import.open == 1 { "" } else { "s" });
        site.console
            .say(&format!("{open} value{s} left to fill in, each a \"?\": `requorum inventory check` names its line"));
    }
    // The reader has the last word: it also sees what cannot be so, such as one address for two masters.
    let wrong = inventory::read(&Source::new("the import", import.text)).err().unwrap_or_default();
    let told = |code| code == "left-open" || (code == "one-zone" && *zones == Zones::Unsaid);
    for mistake in wrong.iter().filter(|mistake| !told(mistake.code)) {
        site.console.say(&format!("line {}: {}", mistake.place.line, mistake.message));
    }
    Ok(if wrong.is_empty() { exit::DONE } else { exit::CHANGES })
}

/// The variables beside the inventory of whom they matter for: the masters and the groups above them.
fn beside(
    site: &Site,
    files: &dyn Files,
    file: &Path,
    name: &str,
    groups: &Groups,
    zones: &Zones,
) -> Result<Beside, Failure> {
    let masters = import::masters(groups, name).map_err(refused)?;
    let above: BTreeSet<&str> = masters.iter().flat_map(|host| groups.above(host)).chain(["all"]).collect();
    let mut beside = Beside::default();
    for group in above {
        for path in files.ansible_vars(file, Variables::Group, group).map_err(|error| unreadable(file, &error))? {
            beside.group(group, &source(&path, site)?, zones).map_err(refused)?;
        }
    }
    for host in masters {
        for path in files.ansible_vars(file, Variables::Host, host).map_err(|error| unreadable(file, &error))? {
            beside.host(host, &source(&path, site)?, zones).map_err(refused)?;
        }
    }
    Ok(beside)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::file(Kind::BadInput, path, error)
}

fn refused(refusal: Refusal) -> Failure {
    Failure::input(refusal.to_string())
}
