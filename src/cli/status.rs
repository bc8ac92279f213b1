//! `requorum status`: the table as soon as there is something in it, the findings and the verdict once all is known.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Cluster, json};
use crate::observe::assess::{Assessment, Verdict, assess};
use crate::observe::{Observation, proof};
use crate::report;
use crate::run::ports::Console;
use crate::run::prove;
use crate::run::redact::Discreet;
use crate::world::{files, terminal};

use super::args::{Common, StatusForm, StatusWish};
use super::{Bastion, Failure, again, doctor, exit, go, input, observe, runs, watch};

/// When the table is shown although some are still being tried: a dark master takes its whole connect time-out.
pub(super) const TABLE_AFTER: Duration = proof::BESIDE;

/// `requorum status`.
pub(super) async fn status(common: &Common, bastion: &Bastion, wish: &StatusWish) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let remote = observe::remote(&cluster, common, bastion);
    if let Some(seconds) = wish.watch {
        return watch::watch(&cluster, &remote, common, bastion, wish, Duration::from_secs(seconds)).await;
    }
    let mut looking = observe::begin(&cluster, &remote, common, bastion);
    let mut early = Observation::default();
    let proving = if wish.quick {
        looking.until(Instant::now() + TABLE_AFTER).await;
        None
    } else {
        prove::beside(&mut looking, &cluster, &remote, &bastion.console).await
    };
    if wish.output == StatusForm::Text {
        looking.so_far().clone_into(&mut early);
        let redactor = go::redactor(&early, bastion);
        terminal::print(&redactor.clean(&report::table::table(&cluster, &early, terminal::width())));
    }
    let mut seen = looking.finish().await;
    let redactor = go::redactor(&seen, bastion);
    if wish.output == StatusForm::Text {
        let late = report::changes::of_masters(&cluster, &early, &seen);
        terminal::print(&redactor.clean(&late.iter().map(|line| format!("{line}\n")).collect::<String>()));
    }
    if !wish.quick {
        let console: Arc<dyn Console> = Arc::new(Discreet::new(Arc::clone(&bastion.console), redactor.clone()));
        prove::prove(&cluster, &mut seen, proving, &remote, &console).await;
    }
    let assessment = assess(&cluster, &seen);
    observe::remember(&cluster, &seen, common, bastion);
    let text = match wish.output {
        StatusForm::Text => {
            redactor.clean(&verdict(&cluster, &seen, &assessment, common, bastion))
                + &doctor::last(common, bastion, &cluster.name).0
        }
        StatusForm::Json => {
            let mut value = report::status::json(&cluster, &seen, &assessment);
            value["doctor"] = doctor::last(common, bastion, &cluster.name).1;
            redactor.value(&mut value);
            json::text(&value)
        }
        StatusForm::Prometheus => metrics(&cluster, &seen, &assessment, bastion),
    };
    terminal::print(&text);
    if let Some(path) = &wish.textfile {
        write(path, &metrics(&cluster, &seen, &assessment, bastion))?;
    }
    Ok(if seen.masters.is_empty() { exit::FAILED } else { assessment.verdict.exit_code() })
}

/// Findings, verdict, the next command, and how many voters may be lost.
pub(super) fn verdict(
    cluster: &Cluster,
    seen: &Observation,
    assessment: &Assessment,
    common: &Common,
    bastion: &Bastion,
) -> String {
    let lost = matches!(assessment.verdict, Verdict::QuorumLost | Verdict::Unknown);
    let way_on = if lost { runs::way_on(common, bastion, seen) } else { None };
    let mut text = report::status::verdict(cluster, seen, assessment, &again(&common.inventory), way_on.as_deref());
    if let Some(voters) = report::status::voters(cluster, seen, assessment) {
        text += &format!("{voters}\n");
    }
    text
}

/// The metrics as text.
pub(super) fn metrics(cluster: &Cluster, seen: &Observation, assessment: &Assessment, bastion: &Bastion) -> String {
    let now = bastion.clock.now();
    let text = report::metrics::text(&report::status_metrics::metrics(cluster, seen, assessment, now));
    go::redactor(seen, bastion).metrics(&text)
}

/// Writes the metrics; a monitor that is not told must not go unnoticed.
pub(super) fn write(path: &Path, metrics: &str) -> Result<(), Failure> {
    files::replace(path, metrics)
        .map_err(|error| Failure::new(exit::FAILED, format!("error: cannot write {}: {error}", path.display())))
}
