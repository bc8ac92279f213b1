//! The verbs that work on inventories as files: check, show, diff, import. They ask no master; `from_host` alone, which
//! writes a first inventory, asks one.

use std::path::Path;

use crate::model::{Cluster, inventory, json};
use crate::report::resolved;
use crate::run::exit;
use crate::run::ports::Event;

use super::files::Files;
use super::forms::Form;
use super::ssh_config::{self, Reached};
use super::{Failure, Site, inputs};

pub mod check;
pub mod diff;
pub mod from_host;
pub mod import;

/// `requorum inventory show`.
///
/// # Errors
/// When the file cannot be read or has mistakes.
pub fn show(site: &Site, files: &dyn Files, path: &Path, output: Form) -> Result<u8, Failure> {
    let source = inputs::reviewed(path, files)?;
    let (main, others) = inventory::all(&source).map_err(Failure::mistakes)?;
    let mut told = Vec::new();
    let mut shown = |cluster: Cluster| {
        let Reached { cluster, added, warnings } = ssh_config::apply(&source, cluster, site)?;
        told.extend(warnings);
        let masters = resolved::with(&source, &cluster, &added);
        Ok((cluster, masters))
    };
    let (main, others) = (shown(main)?, others.into_iter().map(&mut shown).collect::<Result<Vec<_>, Failure>>()?);
    told.dedup();
    for text in told {
        site.console.tell(Event::Warning { text });
    }
    site.console.print(&match output {
        Form::Text => {
            let others = others.iter().map(|(cluster, masters)| format!("\n{}", resolved::text(cluster, masters)));
            resolved::text(&main.0, &main.1) + &others.collect::<String>()
        }
        Form::Json => {
            let mut value = resolved::json(&main.0, &main.1);
            if !others.is_empty() {
                value["clusters"] = others.iter().map(|(cluster, masters)| resolved::json(cluster, masters)).collect();
            }
            json::text(&value)
        }
    });
    Ok(exit::DONE)
}
