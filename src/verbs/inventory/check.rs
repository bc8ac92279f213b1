//! `inventory check`: every mistake of inventories and of the templates that they name. Asks no master.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::diagnostic::{Diagnostic, Place, Source};
use crate::model::inventory::{self, places::Places};
use crate::model::{Cluster, Master};
use crate::verbs::checked::{Checked, template};
use crate::verbs::files::Files;
use crate::verbs::forms::CheckForm;
use crate::verbs::{Failure, InputPaths, Site, inputs};

/// `requorum inventory check`.
///
/// # Errors
/// When a file cannot be read or has mistakes.
pub fn check(
    inputs: &InputPaths,
    site: &Site,
    files: &dyn Files,
    paths: &[PathBuf],
    output: CheckForm,
) -> Result<u8, Failure> {
    let mut checked = Checked::default();
    for path in paths {
        let source = inputs::reviewed(path, files)?;
        match inventory::all(&source) {
            Ok((cluster, others)) => {
                let remarks = inventory::remarks(&source, &cluster);
                checked.summary += &format!("{}: cluster {}\n", source.name, cluster.name);
                checked.summary += &remarks.iter().map(|remark| format!("  {}\n", remark.message)).collect::<String>();
                checked.told.extend(templates_of(inputs, site, &source, &cluster)?);
                for other in &others {
                    checked.summary += &format!("  beside it: cluster {}\n", other.name);
                    checked.told.extend(templates_of(inputs, site, &source, other)?);
                }
                checked.told.extend(remarks);
            }
            Err(found) => checked.told.extend(found),
        }
    }
    checked.finish(site, output)
}

/// Every mistake in the templates that an inventory names, and every one that is not there.
fn templates_of(
    inputs: &InputPaths,
    site: &Site,
    source: &Source,
    cluster: &Cluster,
) -> Result<Vec<Diagnostic>, Failure> {
    let places = Places::of(source);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let named = cluster.masters().filter_map(|master| Some((master, master.etcd.template.as_ref()?)));
    for (master, name) in named.filter(|(_, name)| seen.insert(*name)) {
        let named = |places: &Places<'_>, master: &Master| places.setting(master, &["etcd", "template"]);
        let place = places.as_ref().and_then(|places| Some(named(places, master)?.1));
        let place = place.unwrap_or_else(|| Place::of(source, 0..0));
        found.extend(template(inputs, site, name, place)?);
    }
    Ok(found)
}
