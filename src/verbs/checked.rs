//! What a check of files has to tell, in every form. Does not know what kind of file was checked.

use crate::model::diagnostic::{Diagnostic, Place, Severity};
use crate::model::json;
use crate::playbook::template as templates;
use crate::report::{annotations, diagnostic};
use crate::run::exit;

use super::forms::CheckForm;
use super::{Failure, InputPaths, Site, inputs};

/// What a check has to tell.
#[derive(Default)]
pub(super) struct Checked {
    /// For people: what is right, in a few lines.
    pub(super) summary: String,
    /// Mistakes, and remarks for the forms that carry them to their lines.
    pub(super) told: Vec<Diagnostic>,
}

impl Checked {
    /// Prints it; with a mistake it is a failure.
    pub(super) fn finish(self, site: &Site, output: CheckForm) -> Result<u8, Failure> {
        let (mistakes, remarks): (Vec<_>, Vec<_>) =
            self.told.into_iter().partition(|told| told.severity == Severity::Error);
        let all = [&mistakes[..], &remarks[..]].concat();
        site.console.print(&match output {
            CheckForm::Text => self.summary,
            CheckForm::Json => json::text(&diagnostic::json(&all)),
            CheckForm::Sarif => json::text(&annotations::sarif(&all)),
            CheckForm::Github => annotations::github(&all),
            CheckForm::Gitlab => json::text(&annotations::gitlab(&all)),
        });
        if mistakes.is_empty() {
            return Ok(exit::DONE);
        }
        if output != CheckForm::Text {
            // The answer has told them.
            return Ok(exit::BAD_INPUT);
        }
        Err(Failure::mistakes(mistakes).after_the_answer())
    }
}

/// The mistakes in a template that is named at a place, or that there is none.
pub(super) fn template(inputs: &InputPaths, site: &Site, name: &str, place: Place) -> Result<Vec<Diagnostic>, Failure> {
    Ok(match inputs::template(inputs, site, name)? {
        Some(source) => templates::check(&source).err().unwrap_or_default(),
        None => {
            let said = format!("the template `{name}` is neither a shipped one nor in the --templates directory");
            vec![Diagnostic::error("no-template", place, said).hint("name the directory it is in: --templates DIR")]
        }
    })
}
