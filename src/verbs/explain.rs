//! `explain`: what findings and rules mean, from the page that is built in. Asks no master.

use std::collections::BTreeMap;

use crate::model::diagnostic::nearest;
use crate::model::json;
use crate::report::explain;
use crate::run::exit;

use super::forms::Form;
use super::{Failure, Site};

/// `requorum explain`.
///
/// # Errors
/// When there is no finding and no rule of a name.
pub fn explain(site: &Site, codes: &[String], output: Form) -> Result<u8, Failure> {
    let known = explain::codes();
    let asked: Vec<&str> = if codes.is_empty() { known.clone() } else { codes.iter().map(String::as_str).collect() };
    let mut told = BTreeMap::new();
    for code in &asked {
        let near = || {
            nearest(code, &known).map_or_else(|| "requorum explain".to_owned(), |near| format!("did you mean {near}?"))
        };
        let unknown = || Failure::usage(format!("there is no finding and no rule called {code:?}")).hint(near());
        told.insert(*code, explain::text(code).ok_or_else(unknown)?);
    }
    site.console.print(&match output {
        Form::Json => json::text(&told),
        Form::Text if codes.is_empty() => known.iter().map(|code| format!("{code}\n")).collect(),
        Form::Text => asked.iter().filter_map(|code| told.get(code)).cloned().collect::<Vec<_>>().join("\n"),
    });
    Ok(exit::DONE)
}
