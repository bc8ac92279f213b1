//! `requorum status`: the table as soon as it has any content, the findings and the verdict when all is known.

use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::model::{Cluster, json};
use crate::observe::assess::{Assessment, assess};
use crate::observe::{Observation, Verdict, proof, read};
use crate::report;
use crate::run::exit;
use crate::run::look::Looking;
use crate::run::ports::{Console, Remote};
use crate::run::prove::{self, Proving};
use crate::run::redact::Discreet;

use super::forms::StatusForm;
use super::{Failure, InputPaths, Site, clusters, doctor, inputs, looking, planning, runs};

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
///
/// # Errors
/// As [`of_all`]'s.
pub async fn status(inputs: &InputPaths, site: &Site, request: &StatusRequest) -> Result<u8, Failure> {
    of_all(std::slice::from_ref(inputs), site, request).await
}

/// The same of several clusters: they are looked at side by side.
///
/// # Errors
/// What is wrong with an inventory, or with a file that the metrics go to.
pub async fn of_all(each: &[InputPaths], site: &Site, request: &StatusRequest) -> Result<u8, Failure> {
    let mut all = Vec::new();
    for inputs in each {
        all.push(One::begin(inputs, site)?);
    }
    let several = each.len() > 1;
    let is_text = request.output == StatusForm::Text;
    together(all.iter_mut().map(|one| one.first(site, request.quick))).await;
    if is_text {
        let rows: Vec<_> = all.iter().map(|one| (&one.cluster, &one.early)).collect();
        let table = report::table::of_all(&rows, site.console.width());
        site.console.print(&all.iter().fold(table, |text, one| planning::redactor(&one.early, site).clean(&text)));
    }
    together(all.iter_mut().map(|one| one.last(site, request.quick, is_text.then_some(several)))).await;
    let mut values = Vec::new();
    let mut verdicts = Vec::new();
    for one in &all {
        let assessment = assess(&one.cluster, &one.seen);
        looking::remember(&one.cluster, &one.seen, site);
        match request.output {
            StatusForm::Text => {
                let head = if several { clusters::head(&one.cluster.name) + "\n" } else { String::new() };
                site.console.print(&(head + &one.text(&assessment, site)));
            }
            StatusForm::Json => values.push(one.value(&assessment, site)),
            StatusForm::Prometheus => site.console.print(&metrics(&one.cluster, &one.seen, &assessment, site)),
        }
        if let Some(path) = &request.textfile {
            let written = write(site, path, &metrics(&one.cluster, &one.seen, &assessment, site));
            written.map_err(Failure::after_the_answer)?;
        }
        verdicts.push((!one.seen.masters.is_empty()).then_some(assessment.verdict));
    }
    match values.pop() {
        Some(last) if several => {
            values.push(last);
            site.console.print(&json::text(&serde_json::json!({ "version": 1, "clusters": values })));
        }
        Some(only) => site.console.print(&json::text(&only)),
        None => {}
    }
    Ok(exit::of_verdicts(verdicts.into_iter()))
}

/// One of the clusters that are looked at.
struct One<'a> {
    inputs: &'a InputPaths,
    cluster: Cluster,
    remote: Arc<dyn Remote>,
    /// Until it is over.
    looking: Option<Looking>,
    proving: Option<Proving>,
    /// What is shown first.
    early: Observation,
    seen: Observation,
}

impl<'a> One<'a> {
    fn begin(inputs: &'a InputPaths, site: &Site) -> Result<Self, Failure> {
        let cluster = inputs::cluster(inputs, site)?;
        let remote = site.bastion.remote(&cluster);
        let looking = Some(looking::begin(&cluster, read::TIMEOUT, &remote, site));
        let (early, seen) = (Observation::default(), Observation::default());
        Ok(Self { inputs, cluster, remote, looking, proving: None, early, seen })
    }

    /// Until the table is shown.
    async fn first(&mut self, site: &Site, quick: bool) {
        let Some(looking) = &mut self.looking else { return };
        if quick {
            looking.until(Instant::now() + TABLE_AFTER).await;
        } else {
            let attested = prove::NOBODY_ATTESTED;
            self.proving = prove::beside(looking, &self.cluster, attested, &self.remote, &site.console).await;
        }
        looking.so_far().clone_into(&mut self.early);
    }

    /// Until all is known; what has come since the table is told where it was shown, and of which cluster it is where it
    /// showed several.
    async fn last(&mut self, site: &Site, quick: bool, table: Option<bool>) {
        let Some(looking) = self.looking.take() else { return };
        self.seen = looking.finish().await;
        let redactor = planning::redactor(&self.seen, site);
        if let Some(several) = table {
            let name = if several { format!("{}, ", self.cluster.name) } else { String::new() };
            let late = report::changes::of_masters(&self.cluster, &self.early, &self.seen);
            let late: String = late.iter().map(|line| format!("{name}{line}\n")).collect();
            site.console.print(&redactor.clean(&late));
        }
        if !quick {
            let console: Arc<dyn Console> = Arc::new(Discreet::new(Arc::clone(&site.console), redactor));
            let (cluster, proving) = (&self.cluster, self.proving.take());
            prove::prove(cluster, &mut self.seen, proving, prove::NOBODY_ATTESTED, &self.remote, &console).await;
        }
    }

    fn text(&self, assessment: &Assessment, site: &Site) -> String {
        let said = verdict(&self.cluster, &self.seen, assessment, self.inputs, site);
        planning::redactor(&self.seen, site).clean(&said) + &doctor::last(site, &self.cluster.name).0
    }

    fn value(&self, assessment: &Assessment, site: &Site) -> Value {
        let mut value = report::status::json(&self.cluster, &self.seen, assessment);
        value["doctor"] = doctor::last(site, &self.cluster.name).1;
        planning::redactor(&self.seen, site).value(&mut value);
        value
    }
}

/// Waits for all of them, side by side.
async fn together<'a>(all: impl Iterator<Item = impl Future<Output = ()> + 'a>) {
    let mut left: Vec<Pin<Box<dyn Future<Output = ()> + 'a>>> = Vec::new();
    for one in all {
        left.push(Box::pin(one));
    }
    poll_fn(|context| {
        left.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if left.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
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
