//! What a drill measured and how it ends: numbers, report, metrics, exit code.

use std::fmt::Write;
use std::path::Path;

use crate::model::ledger::{Ledger, Lost};
use crate::model::measures::{Measures, Promises, ThroughApi, millis};
use crate::report;
use crate::run::journal::DrillEvent;

use super::{Drill, Failure};
use crate::run::exit;

impl Drill<'_> {
    /// The numbers so far; `lost` is what the data lacks, where somebody looked.
    pub(super) fn measure(&self, survivor: &Ledger, lost_zone: &Ledger, lost: Option<(Lost, Lost)>) -> Measures {
        let progress = &self.progress;
        let (at, began) = progress.began.map_or((self.site.clock.now(), None), |(at, began)| (at, Some(began)));
        let between = |from: Option<tokio::time::Instant>, to: Option<tokio::time::Instant>| {
            Some(millis(to?.saturating_duration_since(from?)))
        };
        let (lost_here, lost_there) = lost.unzip();
        let fork =
            progress.dr.as_ref().and_then(|ran| ran.outcome.facts.snapshot.as_ref()).map(|snapshot| snapshot.revision);
        let last = lost_zone.last_of_first_cluster();
        Measures {
            zone: self.zone.clone(),
            outage: self.outage.word().to_owned(),
            began: at,
            detection_ms: between(began, progress.noticed),
            decision_ms: between(progress.noticed, progress.dr_began),
            initiate_dr_ms: between(progress.dr_began, progress.dr_ended),
            proof_ms: progress.dr.as_ref().and_then(|ran| ran.proof).map(millis),
            recover_ms: between(progress.recover_began, progress.home),
            full_redundancy_ms: between(began, progress.home),
            without_writes: survivor.change_of_cluster(),
            api: progress
                .told_by_api
                .as_ref()
                .map(|told| ThroughApi::of(&self.survivor.host, told, survivor.change_of_cluster())),
            survivor: Promises::of(&self.survivor.host, survivor, lost_here),
            lost_zone: Promises::of(&self.lost.host, lost_zone, lost_there),
            revisions_lost: fork.zip(last).map(|(fork, last)| last.saturating_sub(fork)),
            split_read: progress.split_read,
            objectives: Vec::new(),
            expected_ms: progress.expected.map(millis),
        }
        .against(self.cluster.objectives)
    }

    /// The last records, the report and the exit code.
    pub(super) async fn conclude(
        mut self,
        trouble: Option<(String, Vec<String>)>,
        left: Vec<String>,
        textfile: Option<&Path>,
    ) -> Result<u8, Failure> {
        if self.progress.measures.is_none()
            && let Some((survivor, lost)) = self.progress.told.clone()
        {
            self.progress.measures = Some(self.measure(&survivor, &lost, None));
        }
        let measures = self.progress.measures.clone();
        let mut records = Vec::new();
        if let Some(measures) = &measures {
            records.push(DrillEvent::Measured(Box::new(measures.clone())));
        }
        let done = trouble.as_ref().map(|(_, done)| done.clone()).unwrap_or_default();
        records.push(DrillEvent::Left(done, left.clone()));
        let good = trouble.is_none() && left.is_empty() && measures.as_ref().is_some_and(Measures::is_good);
        let code = match () {
            () if good => exit::DONE,
            () if trouble.is_none() => exit::UNVERIFIED,
            () if self.progress.began.is_none() => exit::FAILED,
            () => exit::STOPPED,
        };
        let outcome = match (&trouble, good) {
            (_, true) => "done".to_owned(),
            (Some((why, _)), _) => format!("given up: {why}"),
            (None, false) => "completed, but missed its objectives or left something behind".to_owned(),
        };
        records.push(DrillEvent::End { outcome, exit: code });
        // Whatever becomes of the journal, the person is told below.
        let written: Result<(), Failure> = records.into_iter().try_for_each(|record| self.write(record));
        let drill = report::drill::ReportedDrill {
            run: &self.run,
            measures: measures.as_ref(),
            trouble: trouble.as_ref().map(|(why, done)| (why.as_str(), done.as_slice())),
            left: &left,
            again: &self.inputs.again(),
            prefix: &report::drill::prefix(&self.run),
        };
        let mut text = report::drill::text(&drill);
        let mut told = code;
        if let Some(path) = textfile
            && let Err(error) = self.keep_metrics(path, measures.as_ref(), good)
        {
            // What the drill came to is said first: a file of metrics hides no other exit code.
            let _ = writeln!(text, "error: {}: {error}", path.display());
            told = if good { exit::UNVERIFIED } else { code };
        }
        let text = self.redactor.clone().and(self.site.bastion.secrets()).clean(&text);
        if told == exit::DONE && written.is_ok() {
            self.site.console.print(&text);
        } else {
            self.site.console.say(text.trim_end());
        }
        written.map(|()| told)
    }

    fn keep_metrics(&self, path: &Path, measures: Option<&Measures>, good: bool) -> std::io::Result<()> {
        // A file that cannot be read says nothing of an earlier success; one that cannot be written is told of.
        let before = self.site.bastion.read(path).unwrap_or_default();
        let (cluster, zone, now) = (&self.cluster.name, &self.zone, self.site.clock.now());
        let gauges = report::drill::Gauges { cluster, zone, now, measures, good, before: &before };
        self.site.bastion.replace(path, &report::drill::metrics(&gauges))
    }
}
