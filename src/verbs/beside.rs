//! Standard output for one JSON document alone: whatever else a verb prints is said beside it. Does not know the verb.

use std::sync::Arc;

use serde_json::json;

use crate::model::json;
use crate::run::ports::{Console, Event, Screen};

use super::forms::ReportForm;
use super::{Failure, Site, runs};

struct Beside(Arc<dyn Console>);

impl Console for Beside {
    fn tell(&self, event: Event) {
        self.0.tell(event);
    }

    fn print(&self, text: &str) {
        self.0.say(text.trim_end());
    }

    fn say(&self, text: &str) {
        self.0.say(text);
    }

    fn coloured(&self) -> bool {
        self.0.coloured()
    }

    fn width(&self) -> Option<usize> {
        None
    }

    fn screen(&self) -> Option<Box<dyn Screen>> {
        None
    }
}

/// Does what changes something, and then prints the report of the run that was begun.
///
/// # Errors
/// Those of the verb, and where the report cannot be made.
pub async fn reported(site: &Site, verb: impl AsyncFn(&Site) -> Result<u8, Failure>) -> Result<u8, Failure> {
    let talking = Site { console: Arc::new(Beside(Arc::clone(&site.console))), ..site.clone() };
    let code = verb(&talking).await?;
    match site.acting.first_run() {
        Some(run) => runs::report(site, run.as_str(), ReportForm::Json, None)?,
        None => {
            site.console.print(&json::text(&json!({ "nothing_to_do": true })));
            code
        }
    };
    Ok(code)
}
