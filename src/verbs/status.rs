//! `requorum status`: the table as soon as it has any content, the findings and the verdict when all is known.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Cluster, json};
use crate::observe::assess::{Assessment, assess};
use crate::observe::{Observation, Verdict, proof, read};
use crate::report;
use crate::run::exit;
use crate::run::ports::Console;
use crate::run::prove;
use crate::run::redact::Discreet;

use super::forms::StatusForm;
use super::{Failure, InputPaths, Site, doctor, inputs, looking, planning, runs};

/// What is asked of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRequest {
    /// Without a proof that quorum is lost.
    pub quick: bool,
    /// The form of the output.
    pub output: StatusForm,
    /// A file that takes the metrics as well.
    pub textfile: Option<PathBuf>,
}

/// When the table is shown although some are still being tried: a dark master takes its whole connect time-out.
pub const TABLE_AFTER: Duration = proof::BESIDE;

/// `requorum status`.
pub async fn status(inputs: &InputPaths, site: &Site, request: &StatusRequest) -> Result<u8, Failure> {
    let cluster = inputs::cluster(inputs, site)?;
    let remote = site.bastion.remote(&cluster);
    let mut looking = looking::begin(&cluster, read::TIMEOUT, &remote, site);
    let mut early = Observation::default();
    let proving = if request.quick {
        looking.until(Instant::now() + TABLE_AFTER).await;
        None
    } else {
        prove::beside(&mut looking, &cluster, prove::NOBODY_ATTESTED, &remote, &site.console).await
    };
    if request.output == StatusForm::Text {
        looking.so_far().clone_into(&mut early);
        let redactor = planning::redactor(&early, site);
        site.console.print(&redactor.clean(&report::table::table(&cluster, &early, site.console.width())));
    }
    let mut seen = looking.finish().await;
    let redactor = planning::redactor(&seen, site);
    if request.output == StatusForm::Text {
        let late = report::changes::of_masters(&cluster, &early, &seen);
        site.console.print(&redactor.clean(&late.iter().map(|line| format!("{line}\n")).collect::<String>()));
    }
    if !request.quick {
        let console: Arc<dyn Console> = Arc::new(Discreet::new(Arc::clone(&site.console), redactor.clone()));
        prove::prove(&cluster, &mut seen, proving, prove::NOBODY_ATTESTED, &remote, &console).await;
    }
    let assessment = assess(&cluster, &seen);
    looking::remember(&cluster, &seen, site);
    let text = match request.output {
        StatusForm::Text => {
            redactor.clean(&verdict(&cluster, &seen, &assessment, inputs, site)) + &doctor::last(site, &cluster.name).0
        }
        StatusForm::Json => {
            let mut value = report::status::json(&cluster, &seen, &assessment);
            value["doctor"] = doctor::last(site, &cluster.name).1;
            redactor.value(&mut value);
            json::text(&value)
        }
        StatusForm::Prometheus => metrics(&cluster, &seen, &assessment, site),
    };
    site.console.print(&text);
    if let Some(path) = &request.textfile {
        let written = write(site, path, &metrics(&cluster, &seen, &assessment, site));
        written.map_err(Failure::after_the_answer)?;
    }
    Ok(if seen.masters.is_empty() { exit::FAILED } else { exit::of_verdict(assessment.verdict) })
}

/// Findings, verdict, the next command, and how many voters may be lost.
pub fn verdict(
    cluster: &Cluster,
    seen: &Observation,
    assessment: &Assessment,
    inputs: &InputPaths,
    site: &Site,
) -> String {
    let lost = matches!(assessment.verdict, Verdict::QuorumLost | Verdict::Unknown);
    let way_on = if lost { runs::way_on(inputs, site, seen) } else { None };
    let seen = &looking::knowing_who_ended(seen.clone(), site);
    let mut text = report::status::verdict(cluster, seen, assessment, &inputs.again(), way_on.as_deref());
    if let Some(voters) = report::status::voters(cluster, seen, assessment) {
        text += &format!("{voters}\n");
    }
    text
}

/// The metrics as text.
pub fn metrics(cluster: &Cluster, seen: &Observation, assessment: &Assessment, site: &Site) -> String {
    let now = site.clock.now();
    let text = report::metrics::text(&report::status_metrics::metrics(cluster, seen, assessment, now));
    planning::redactor(seen, site).metrics(&text)
}

/// Writes the metrics; a monitor that is not told must not go unnoticed.
pub fn write(site: &Site, path: &Path, metrics: &str) -> Result<(), Failure> {
    site.bastion
        .replace(path, metrics)
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}
