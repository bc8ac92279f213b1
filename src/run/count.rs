//! The short look at the survivors for a proof by counting: what each hears within a few heartbeats, whether anything
//! answers where nothing should, and a linearizable read, all at once. Judges nothing itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::model::{MasterName, MemberId};
use crate::observe::heard::{self, Heard};
use crate::observe::proof::count::{Count, Judged, Sample, Stand};
use crate::observe::proof::{self, Outcome};
use crate::observe::{Answer, Observation, Seen, Status, peers, read, status};

use super::joined;
use super::look::{answers, ask};
use super::ports::{Questions, Remote};
use super::prove::Witness;

/// What moves right after a loss comes to rest by then. Who is alive moves again, and so does a member that was removed and
/// does not know it: time tells them apart.
const TRIES: usize = 3;

/// What came of it, and what each survivor said last.
pub(super) type Counted = (Outcome, BTreeMap<MasterName, proof::Sample>);

/// Looks until it is decided.
///
/// # Errors
/// Why counting cannot tell.
pub(super) async fn counted(count: &Count, witnesses: &[Witness], remote: &Arc<dyn Remote>) -> Result<Counted, String> {
    let begun = Instant::now();
    let mut tries = 0;
    loop {
        tries += 1;
        let (samples, said) = sample(count, witnesses, remote).await;
        match count.judge(&samples, begun.elapsed()) {
            Judged::Over(outcome) => return Ok((outcome, said)),
            Judged::Moved(what) if tries == TRIES => return Err(what),
            Judged::Moved(_) => {}
            Judged::Unclear(why) => return Err(why),
        }
    }
}

/// Whether no survivor has heard anything since quorum was counted lost. A proof by waiting knows nothing of it.
pub(super) async fn still_silent(before: &Observation, now: &Observation, remote: &Arc<dyn Remote>) -> bool {
    let Some(Outcome::Counted { stands, .. }) = &before.proof else { return true };
    let member = |(_, seen): (_, &Seen)| seen.status.as_ref().ok().map(|status| status.member);
    let may_be_heard = now.answering().filter_map(member).chain([heard::LINK]).collect();
    let mut tasks = JoinSet::new();
    for (name, stand) in stands.clone() {
        let member = before.seen(&name).and_then(|seen| seen.status.as_ref().ok()).map(|status| status.member);
        let metrics = now.seen(&name).and_then(|seen| seen.settings.as_ref().ok()?.metrics_access());
        let remote = Arc::clone(remote);
        tasks.spawn(async move {
            let said = ask(&remote, &name, heard::command(&metrics?)).await;
            let heard = said.ok().and_then(|output| heard::parse(&output, member?).ok());
            Some((stand.heard, heard?))
        });
    }
    let mut silent = true;
    while let Some(answer) = tasks.join_next().await {
        let nothing = |(since, heard)| heard::moved(&since, &heard, &may_be_heard).is_empty();
        silent &= joined(answer).flatten().is_some_and(nothing);
    }
    silent
}

/// Each survivor's sample, and its last status as the timed proof would have it.
async fn sample(
    count: &Count,
    witnesses: &[Witness],
    remote: &Arc<dyn Remote>,
) -> (BTreeMap<MasterName, Sample>, BTreeMap<MasterName, proof::Sample>) {
    let mut tasks = JoinSet::new();
    for witness in witnesses.iter().cloned() {
        let Some(member) = count.survivors.get(&witness.master.name).copied() else { continue };
        let (remote, urls, window) = (Arc::clone(remote), count.urls.clone(), count.window);
        tasks.spawn(async move {
            let (sample, status) = sample_one((&witness, member), &urls, window, &*remote).await;
            (witness.master.name, sample, status)
        });
    }
    let (mut samples, mut said) = (BTreeMap::new(), BTreeMap::new());
    while let Some((name, sample, status)) = tasks.join_next().await.and_then(joined) {
        said.insert(name.clone(), proof::Sample { status, not_ready: false, ended: false, read: sample.read.clone() });
        samples.insert(name, sample);
    }
    (samples, said)
}

async fn sample_one(
    (witness, member): (&Witness, MemberId),
    urls: &[String],
    window: Duration,
    remote: &dyn Remote,
) -> (Sample, Answer<Status>) {
    let host = &witness.master.name;
    let stands = async {
        let mut asking = remote.questions(host);
        let (before, _) = stand(witness, member, &mut *asking).await;
        sleep_until(Instant::now() + window).await;
        let (after, status) = stand(witness, member, &mut *asking).await;
        (before, after, status)
    };
    let reach = async {
        let mut asking = remote.questions(host);
        let read = read::command(&witness.etcdctl, &witness.access, read::SHORT_TIMEOUT);
        answers(&mut *asking, [Ok(peers::reach_command(urls)), Ok(read)]).await
    };
    let ((before, after, status), [open, read]) = tokio::join!(stands, reach);
    let open = open.and_then(|output| peers::parse_reach(&output)?.of_all());
    let read = read.and_then(|output| read::parse(&output)).ok();
    (Sample { before, after, open, read }, status)
}

/// How a survivor stands now, and its own words for it.
async fn stand(witness: &Witness, member: MemberId, asking: &mut dyn Questions) -> (Answer<Stand>, Answer<Status>) {
    let metrics = witness.metrics.as_ref().map(heard::command).ok_or_else(heard::nowhere);
    let status = Ok(status::command(&witness.etcdctl, &witness.access));
    let [status, heard] = answers(asking, [status, metrics]).await;
    let status = status.and_then(|output| status::parse(&output));
    let heard: Answer<Heard> = heard.and_then(|output| heard::parse(&output, member));
    let stand = status.clone().and_then(|status| heard.map(|heard| Stand::of(&status, heard)));
    (stand, status)
}
