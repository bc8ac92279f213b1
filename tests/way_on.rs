//! What `status` makes of a run that was killed while its survivors were down: the command that goes on with it, and none
//! where somebody has gone on since.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod operator;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use operator::{attest, lost};
use requorum::observe::assess::assess;
use requorum::observe::proof::Outcome;
use requorum::observe::traces::Traces;
use requorum::observe::{Contact, Observation, Verdict};
use requorum::report::{history, status};
use requorum::run::journal;
use requorum::run::look::Looking;
use requorum::run::ports::Remote;
use requorum::sim::Site;

const SURVIVORS: [&str; 2] = ["m4", "m5"];

async fn look(site: &Site) -> Observation {
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    Looking::begin(&site.cluster(), &remote).finish().await
}

/// The way on with the run of that directory.
fn way_on(site: &Site, run: &str, seen: &Observation) -> Option<String> {
    let journal = String::from_utf8(site.kept(&format!("{run}/journal.jsonl"))?).expect("text");
    history::way_on(&journal::readable(&journal).0.of_run(), Path::new(run), "requorum", seen)
}

fn traces(seen: &mut Observation) -> impl Iterator<Item = &mut Traces> {
    seen.masters.values_mut().filter_map(|contact| match contact {
        Contact::Answers(seen) => seen.traces.as_mut().ok(),
        _ => None,
    })
}

/// As after `requorum unlock`.
fn unlocked(mut seen: Observation) -> Observation {
    traces(&mut seen).for_each(|traces| traces.lock = None);
    seen
}

#[tokio::test(start_paused = true)]
async fn a_run_killed_with_its_survivors_down_goes_on_from_its_snapshot() {
    let (base, ask) = (lost(&[3, 2]).await, attest(&["zone1"]));
    let whole = base.fork();
    whole.initiate_dr(&ask).await;
    let mut ways = Vec::new();
    for record in 1..=whole.records() {
        let site = base.fork();
        site.kill_after_record(record);
        site.initiate_dr(&ask).await;
        site.mend_bastion();
        let (run, seen) = (site.last_run(), look(&site).await);
        let down = SURVIVORS.iter().all(|master| site.fenced(master) && !site.runs(master));
        let way = way_on(&site, &run, &seen);
        assert_eq!(way.is_some(), down, "killed after record {record}: {way:?}");
        ways.extend(way.map(|way| (site, run, way)));
    }
    assert!(ways.len() > 5, "only {} kills left the survivors down", ways.len());
    for (site, run, way) in ways {
        // The attestation is hours old: it is given anew, at the terminal or after the refusal that asks for it.
        let ask = "--failed-zone zone1";
        assert_eq!(way, format!("requorum initiate-dr --snapshot {run}/snapshot.db {ask}"));
        let mut seen = unlocked(look(&site).await);
        let second = Duration::from_secs(1);
        seen.proof = Some(Outcome::Lost { leaderless_for: second, took: second, asked: false });
        let cluster = site.cluster();
        let next = |way_on| status::verdict(&cluster, &seen, &assess(&cluster, &seen), "requorum", way_on);
        assert!(next(Some(&way)).contains(&format!("next: {way}      # continues")), "{}", next(Some(&way)));
        // Elsewhere nobody has its snapshot: the survivors take their own data again first.
        let anew = format!("next: requorum undo {}      # that run did not finish", run.rsplit('/').next().unwrap());
        assert!(next(None).contains(&anew), "{}", next(None));
        assert_eq!(assess(&cluster, &seen).verdict, Verdict::Unknown, "nobody was asked who could tell");
        // A fence of nobody's, or another's.
        traces(&mut seen).for_each(|traces| traces.fenced_by = None);
        assert_eq!(way_on(&site, &run, &seen), None);
    }
}
