//! `requorum status --watch`: one look after another, redrawn on a terminal, printed as changes elsewhere.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::{Instant, sleep_until};

use crate::model::Cluster;
use crate::observe::assess::{Assessment, assess};
use crate::observe::known_before::LastLook;
use crate::observe::{KnownBefore, Observation, Verdict, proof, read};
use crate::report;
use crate::report::changes::View;
use crate::run::exit;
use crate::run::look::Looking;
use crate::run::ports::{Console, Remote, Screen};
use crate::run::prove;
use crate::run::redact::Discreet;

use super::forms::StatusForm;
use super::status::StatusRequest;
use super::{Failure, InputPaths, Site, inputs, looking, planning, status};

/// Between the end of a look and the next: dark masters make a look longer than the interval.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// A look and what it means.
struct Round<'a> {
    cluster: &'a Cluster,
    seen: Observation,
    assessment: Assessment,
}

impl Round<'_> {
    /// What the next look knows from this one and from before.
    fn known_before(&self) -> KnownBefore {
        let look =
            LastLook::of(self.cluster, &self.seen, &self.assessment).or_else(|| self.seen.known_before.look.clone());
        KnownBefore { look, records: self.seen.known_before.records.clone(), ..KnownBefore::default() }
    }

    fn view(&self) -> View<'_> {
        View { seen: &self.seen, assessment: &self.assessment }
    }
}

/// Looks every so often until Ctrl-C; the exit code is the last verdict's.
pub async fn watch(inputs: &InputPaths, site: &Site, request: &StatusRequest, every: Duration) -> Result<u8, Failure> {
    if request.output != StatusForm::Text {
        return Err(Failure::usage("--watch shows text only").hint("--watch --textfile FILE keeps metrics up to date"));
    }
    let cluster = &inputs::cluster(inputs, site)?;
    let remote = &site.bastion.remote(cluster);
    // It ends by itself, with the last verdict's exit code.
    site.acting.begin_looking();
    let mut interrupted = site.interrupted.clone();
    let screen = site.console.screen();
    let mut last: Option<Round<'_>> = None;
    loop {
        let begun = Instant::now();
        let round = tokio::select! {
            round = look((cluster, remote), site, request, last.as_ref(), screen.as_deref()) => round,
            _ = interrupted.wait_for(|stop| *stop) => break,
        };
        let now = site.clock.now().to_zoned(TimeZone::UTC);
        let redactor = planning::redactor(&round.seen, site);
        match &screen {
            Some(screen) => {
                let words = round.assessment.verdict.words();
                let time = now.strftime("%H:%M:%S");
                let table = report::table::table(cluster, &round.seen, site.console.width());
                let verdict = status::verdict(cluster, &round.seen, &round.assessment, inputs, site);
                let text = format!("{}: {words} ({time} UTC, Ctrl-C ends)\n\n{table}\n{verdict}", cluster.name);
                screen.draw(&redactor.clean(&text));
            }
            None => {
                for change in report::changes::changes(cluster, last.as_ref().map(Round::view), round.view()) {
                    let line = format!("{} {change}\n", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
                    site.console.print(&redactor.clean(&line));
                }
            }
        }
        if let Some(path) = &request.textfile {
            status::write(site, path, &status::metrics(cluster, &round.seen, &round.assessment, site))?;
        }
        last = Some(round);
        tokio::select! {
            () = sleep_until((begun + every).max(Instant::now() + SHORTEST_PAUSE)) => {}
            _ = interrupted.wait_for(|stop| *stop) => break,
        }
    }
    Ok(last.map_or(exit::INTERRUPTED, |round| exit::of_verdict(round.assessment.verdict)))
}

async fn look<'a>(
    (cluster, remote): (&'a Cluster, &Arc<dyn Remote>),
    site: &Site,
    request: &StatusRequest,
    last: Option<&Round<'_>>,
    screen: Option<&dyn Screen>,
) -> Round<'a> {
    let mut looking = match last {
        None => looking::begin(cluster, read::TIMEOUT, remote, site),
        Some(last) => Looking::begin(cluster, remote).knowing(last.known_before()),
    };
    if let (None, Some(screen)) = (last, screen)
        && !looking.until(Instant::now() + status::TABLE_AFTER).await
    {
        let table = report::table::table(cluster, looking.so_far(), site.console.width());
        let redactor = planning::redactor(looking.so_far(), site);
        screen.draw(&redactor.clean(&format!("{}: looking\n\n{table}", cluster.name)));
    }
    let mut seen = looking.finish().await;
    seen.proof = last.and_then(|last| kept_proof(cluster, &last.seen, &seen));
    if seen.proof.is_none() && !request.quick {
        let redactor = planning::redactor(&seen, site);
        let console: Arc<dyn Console> = Arc::new(Discreet::new(Arc::clone(&site.console), redactor));
        prove::prove(cluster, &mut seen, None, prove::NOBODY_ATTESTED, remote, &console).await;
    }
    let assessment = assess(cluster, &seen);
    looking::remember(cluster, &seen, site);
    Round { cluster, seen, assessment }
}

/// A proof takes many seconds, and holds as long as every master says what it said then.
fn kept_proof(cluster: &Cluster, before: &Observation, seen: &Observation) -> Option<proof::Outcome> {
    let same = report::changes::of_masters(cluster, before, seen).is_empty();
    before.proof.clone().filter(|_| same && assess(cluster, seen).verdict == Verdict::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Event, Site};

    #[tokio::test(start_paused = true)]
    async fn a_proof_is_kept_while_every_master_says_the_same() {
        let site = Site::new(&[2, 1]);
        site.wait(Duration::from_secs(15)).await;
        let cluster = site.cluster();
        let remote: Arc<dyn Remote> = Arc::new(site.clone());
        let console: Arc<dyn Console> = Arc::new(site.clone());
        let look = async || Looking::begin(&cluster, &remote).finish().await;
        site.happens(&Event::Off("zone1".into()));
        let mut lost = look().await;
        assert_eq!(kept_proof(&cluster, &lost, &look().await), None, "there is none yet");
        prove::prove(&cluster, &mut lost, None, prove::NOBODY_ATTESTED, &remote, &console).await;
        assert!(matches!(lost.proof, Some(proof::Outcome::Lost { .. })));
        assert_eq!(kept_proof(&cluster, &lost, &look().await), lost.proof);
        site.happens(&Event::Restart("m3".into()));
        assert_eq!(kept_proof(&cluster, &lost, &look().await), None, "its etcd has been restarted");
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(20)).await;
        assert_eq!(kept_proof(&cluster, &lost, &look().await), None, "it serves");
    }
}
