//! `undo` does what the steps of the run say of themselves, and survives being killed anywhere: the survivors end with
//! their own data, env file and record, started, and with nothing deleted.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod operator;
#[path = "support/printed.rs"]
mod printed;

use std::time::Duration;

use operator::{attest, lost};
use printed::{Bastion, follows};
use requorum::model::MasterName;
use requorum::plan::{Goal, Plan, safety};
use requorum::run::exit;
use requorum::run::journal::{self, RunEvent};
use requorum::sim::{Cut, Event, Flags, OwnWal, Site};
use requorum::step::{Effect, Step, Undo};
use requorum::verbs::forms::{Form, ReportForm};
use requorum::verbs::{self, runs};

const ENV_FILE: &str = "/etc/etcd.env";
const RECORD: &str = "/var/lib/requorum/cluster.json";

/// A site on which an `initiate-dr` was cut off, and what its survivors had before.
struct HalfMade {
    site: Site,
    run: String,
    plan: Plan,
    before: Vec<Own>,
}

/// What a survivor has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    master: String,
    data: String,
    env: Option<String>,
    record: Option<String>,
}

impl Own {
    fn of(site: &Site, master: &str) -> Self {
        let picture = site.picture();
        let own = picture.split("\nm").map(|part| part.trim_start_matches('m'));
        let own = own.into_iter().find(|part| part.starts_with(&format!("{} ", &master[1..]))).expect("a master");
        let data = own.lines().find_map(|line| line.strip_prefix("  /var/lib/etcd: ")).unwrap_or("none");
        // Whose data it is; keys come and go.
        let data = data.split(": {").next().unwrap_or_default().to_owned();
        let (env, record) = (site.file(master, ENV_FILE), site.file(master, RECORD));
        Self { master: master.to_owned(), data, env, record }
    }
}

/// How an `initiate-dr` is cut off.
#[derive(Debug, Clone, Copy)]
enum CutOff {
    /// Killed before the first start.
    BeforeTheStart,
    /// The connection is lost when the fence was lifted, and the start was never sent.
    WithoutTheFence,
}

async fn half_made(base: &Site, zones: &[usize], cut_off: CutOff) -> HalfMade {
    let survivors: Vec<String> = (zones[0] + 1..=zones.iter().sum()).map(|number| format!("m{number}")).collect();
    let before = survivors.iter().map(|master| Own::of(base, master)).collect();
    let site = base.fork();
    match cut_off {
        CutOff::BeforeTheStart => site.at(true, "start", None, 0, Event::Death),
        CutOff::WithoutTheFence => {
            let whole = base.fork();
            whole.initiate_dr(&attest(&["zone1"])).await;
            let start = (1..=whole.acts()).find(|act| whole.act_name(*act).starts_with("start ")).unwrap();
            site.cut_at(start, Cut::Midway);
        }
    }
    site.initiate_dr(&attest(&["zone1"])).await;
    site.mend_bastion();
    unlock(&site).await;
    let place = site.last_run();
    let text = String::from_utf8(site.kept(&format!("{place}/journal.jsonl")).unwrap()).unwrap();
    let first = journal::readable(&text).0.of_run().into_iter().next().unwrap();
    let RunEvent::Run { plan, .. } = first.what else { panic!("{text}") };
    HalfMade { site, run: plan.run.to_string(), plan: *plan, before }
}

async fn unlock(site: &Site) {
    for run in site.locked_by() {
        site.unlock(&run).await;
    }
}

fn undoing(run: &str) -> Flags {
    Flags { undoes: Some(run.to_owned()), ..Flags::default() }
}

/// With data directories that are mount points on the survivors.
async fn lost_with(zones: &[usize], mount_points: bool) -> Site {
    let site = lost(zones).await;
    for number in zones[0] + 1..=zones.iter().sum() {
        if mount_points {
            site.happens(&Event::Odd(format!("m{number}"), "disk:mount_point=yes".into()));
        }
    }
    site
}

/// The way back of each step of this master up to its start, the last step first.
fn way_back(plan: &Plan, master: &MasterName) -> Vec<Step> {
    let own: Vec<_> = plan.steps().filter(|planned| planned.host == *master).collect();
    let starts = |step: &Step| step.does(|effect| matches!(effect, Effect::StartsEtcd(_)));
    let start = own.iter().position(|planned| starts(&planned.step)).expect("a start");
    let back = own[..start].iter().rev().map(|planned| match planned.step.kind().undo() {
        Undo::NothingChanged => Vec::new(),
        Undo::Steps(steps) => steps,
        other => panic!("{}: {other:?}", planned.step.kind().title()),
    });
    back.flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn undo_plans_the_way_back_of_every_step() {
    for zones in [&[2, 1][..], &[3, 2]] {
        for mount_points in [false, true] {
            let HalfMade { site, run, plan, .. } =
                half_made(&lost_with(zones, mount_points).await, zones, CutOff::BeforeTheStart).await;
            let undo = site.plan(Goal::Undo, &undoing(&run)).await.unwrap();
            for survivor in &plan.survivors {
                let planned = undo.steps().filter(|planned| planned.host == *survivor);
                let planned: Vec<Step> = planned.map(|planned| planned.step.clone()).collect();
                assert_eq!(planned, way_back(&plan, survivor), "{survivor} of {zones:?}, mounted: {mount_points}");
                assert_eq!(planned.len(), 5);
                let moves = |step: &Step| matches!(step, Step::ReturnData(data) if data.mount_point == mount_points);
                assert!(planned.iter().any(moves));
            }
        }
    }
    for how in [OwnWal::Set, OwnWal::Linked] {
        let HalfMade { site, run, plan, .. } =
            half_made(&lost(&[2, 1]).await.with_wals(how), &[2, 1], CutOff::BeforeTheStart).await;
        let undo = site.plan(Goal::Undo, &undoing(&run)).await.unwrap();
        let planned: Vec<Step> = undo.steps().map(|planned| planned.step.clone()).collect();
        assert_eq!(planned, way_back(&plan, plan.survivors.first().unwrap()), "{how:?}");
        let moves =
            |step: &Step| matches!(step, Step::ReturnData(data) if data.wal_dir.is_some() == (how == OwnWal::Set));
        assert!(planned.iter().any(moves), "{how:?}");
    }
}

/// The survivor's API server comes back last, with its list from before.
#[tokio::test(start_paused = true)]
async fn undo_gives_the_api_server_back_as_it_was() {
    let base = lost(&[2, 1]).await.with_api_servers();
    let half_made = half_made(&base, &[2, 1], CutOff::BeforeTheStart).await;
    let site = &half_made.site;
    assert_eq!(site.api_server_lists("m3"), Some(["m3".to_owned()].into()));
    let undo = site.plan(Goal::Undo, &undoing(&half_made.run)).await.unwrap();
    let planned: Vec<Step> = undo.steps().map(|planned| planned.step.clone()).collect();
    assert_eq!(planned, way_back(&half_made.plan, half_made.plan.survivors.first().unwrap()));
    assert_eq!(planned.len(), 7);
    assert_eq!(site.fork().go(Goal::Undo, &undoing(&half_made.run)).await.code, Some(exit::DONE));
    killed_anywhere(&half_made, true).await;
}

/// The rules read the order of these steps, too: all is back before the fence goes, and that before the start.
#[tokio::test(start_paused = true)]
async fn no_step_of_undo_may_be_missing_or_elsewhere() {
    let HalfMade { site, run, .. } = half_made(&lost(&[2, 1]).await, &[2, 1], CutOff::BeforeTheStart).await;
    let plan = site.plan(Goal::Undo, &undoing(&run)).await.unwrap();
    assert_eq!(safety::check(&plan), Vec::new());
    let (unfence, start) = (3, 4);
    for at in 0..plan.stages.len() {
        let mut less = plan.clone();
        less.stages.remove(at);
        // Without its start it is unfinished, and nothing worse.
        assert_eq!(safety::check(&less).is_empty(), at == start, "without {}", plan.stages[at].title);
        for to in at + 1..plan.stages.len() {
            let mut swapped = plan.clone();
            swapped.stages.swap(at, to);
            let broken = !safety::check(&swapped).is_empty();
            assert_eq!(broken, to >= unfence, "{} and {} swapped", plan.stages[at].title, plan.stages[to].title);
        }
    }
}

/// What is not so that must be.
fn not_well(site: &Site, half_made: &HalfMade) -> Vec<String> {
    let mut wrong = site.broken();
    for own in &half_made.before {
        let master = own.master.as_str();
        let now = Own::of(site, master);
        if now != *own {
            wrong.push(format!("{now:#?} is not {own:#?}"));
        }
        if site.fenced(master) || !site.runs(master) {
            wrong.push(format!("{master}: fenced {}, runs {}", site.fenced(master), site.runs(master)));
        }
        let picture = site.picture();
        let data = [".", "/"].map(|at| format!("/var/lib/etcd{at}unused-{} aside", half_made.run));
        if !data.iter().any(|kept| picture.contains(kept)) {
            wrong.push(format!("what was restored is not kept: {picture}"));
        }
        let all = ["m1", "m2", "m3"].map(str::to_owned).into();
        if site.api_server_lists(master).is_some_and(|lists| lists != all || !site.api_server_serves(master)) {
            wrong.push(format!("the API server of {master} is not as before: {picture}"));
        }
        for file in [ENV_FILE, RECORD] {
            let kept = site.file(master, &format!("{file}.unused-{}", half_made.run));
            if kept.is_none() || kept == site.file(master, file) {
                wrong.push(format!("{master} does not keep the {file} of the run: {kept:?}"));
            }
        }
    }
    let serving: Vec<String> = site.writable().into_values().flatten().map(|name| name.to_string()).collect();
    for master in &serving {
        let (keys, wanted) = (site.keys(master), site.acknowledged());
        if !keys.is_superset(&wanted) {
            wrong.push(format!("{master} has {keys:?}, not all of {wanted:?}"));
        }
    }
    if !half_made.before.iter().all(|own| serving.contains(&own.master)) {
        wrong.push(format!("only {serving:?} serve"));
    }
    wrong
}

/// While nothing is begun again, etcd runs on own data with its own file and record, or it does not run.
fn starts_half_returned(site: &Site, half_made: &HalfMade) -> Vec<String> {
    let running = half_made.before.iter().filter(|own| site.runs(&own.master));
    let half = running.filter(|own| Own::of(site, &own.master) != **own);
    half.map(|own| format!("{} runs half returned: {}", own.master, site.picture())).collect()
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    KilledAfter(usize),
    CutAt(usize, Cut),
}

/// Kills an `undo` wherever it can be killed, lets the surviving zone lose its power or not, and gives the command again.
async fn killed_anywhere(half_made: &HalfMade, reboot: bool) {
    let base = &half_made.site;
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(5)).await;
    assert!(base.write("m1", "since"), "the lost zone is back and serves");
    let whole = base.fork();
    let end = whole.go(Goal::Undo, &undoing(&half_made.run)).await;
    assert_eq!(end.code, Some(exit::DONE));
    let gone = format!("retired-{}", half_made.run);
    assert!(!end.text.lines().any(|line| line.starts_with("old data of") && line.contains(&gone)), "{}", end.text);
    whole.wait(Duration::from_secs(5)).await;
    assert_eq!(not_well(&whole, half_made), Vec::<String>::new());
    let cuts = (1..=whole.acts()).flat_map(|act| [Cut::NotDone, Cut::Midway, Cut::Done].map(|cut| (act, cut)));
    let stops: Vec<Stop> =
        (1..=whole.records()).map(Stop::KilledAfter).chain(cuts.map(|(act, cut)| Stop::CutAt(act, cut))).collect();
    assert!(stops.len() > 30, "only {} stops", stops.len());
    let mut wrong = Vec::new();
    for stop in stops {
        let site = base.fork();
        match stop {
            Stop::KilledAfter(record) => site.kill_after_record(record),
            Stop::CutAt(act, cut) => site.cut_at(act, cut),
        }
        let first = site.go(Goal::Undo, &undoing(&half_made.run)).await;
        site.mend_bastion();
        if reboot {
            site.happens(&Event::Off("zone2".into()));
            site.happens(&Event::On("zone2".into()));
            site.wait(Duration::from_secs(5)).await;
        }
        let mut found = starts_half_returned(&site, half_made);
        unlock(&site).await;
        let again = site.go(Goal::Undo, &undoing(&half_made.run)).await;
        site.wait(Duration::from_secs(5)).await;
        found.extend(not_well(&site, half_made));
        if again.code != Some(exit::DONE) || !found.is_empty() {
            wrong.push(format!(
                "{stop:?}: {found:#?}\n  {:?} {}\n  {:?} {}",
                first.code, first.text, again.code, again.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{} stops:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn undo_killed_anywhere_comes_to_its_end() {
    let told = [(&[2, 1][..], false, false), (&[2, 1], false, true), (&[2, 1], true, true), (&[3, 2], false, true)];
    for (zones, mount_points, reboot) in told {
        let half_made = half_made(&lost_with(zones, mount_points).await, zones, CutOff::BeforeTheStart).await;
        killed_anywhere(&half_made, reboot).await;
    }
}

/// A log in a directory of its own comes back with its data; one behind a link never went.
#[tokio::test(start_paused = true)]
async fn undo_killed_anywhere_returns_the_log_too() {
    for how in [OwnWal::Set, OwnWal::Linked] {
        let half_made = half_made(&lost(&[2, 1]).await.with_wals(how), &[2, 1], CutOff::BeforeTheStart).await;
        killed_anywhere(&half_made, true).await;
    }
}

/// Nothing keeps etcd down there until `undo` has fenced it.
#[tokio::test(start_paused = true)]
async fn undo_of_a_start_that_was_never_sent_fences_first() {
    let half_made = half_made(&lost(&[2, 1]).await, &[2, 1], CutOff::WithoutTheFence).await;
    assert!(!half_made.site.fenced("m3"));
    let plan = half_made.site.plan(Goal::Undo, &undoing(&half_made.run)).await.unwrap();
    assert!(matches!(plan.steps().next().unwrap().step, Step::Fence(_)));
    killed_anywhere(&half_made, false).await;
}

/// The record of an earlier run counts again, however often it is killed.
#[tokio::test(start_paused = true)]
async fn undo_gives_the_record_of_an_earlier_run_back() {
    let site = lost(&[2, 1]).await;
    site.initiate_dr(&attest(&["zone1"])).await;
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(10)).await;
    assert_eq!(site.recover(&Flags::default()).await.code, Some(exit::DONE));
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    let half_made = half_made(&site, &[2, 1], CutOff::BeforeTheStart).await;
    assert!(half_made.before[0].record.as_ref().is_some_and(|record| !record.contains(&half_made.run)));
    killed_anywhere(&half_made, false).await;
}

/// Whoever does not know of `undo` and does what is printed comes to a healthy cluster too.
#[tokio::test(start_paused = true)]
async fn an_undo_killed_anywhere_is_followed_by_what_is_printed() {
    let half_made = half_made(&lost(&[2, 1]).await, &[2, 1], CutOff::BeforeTheStart).await;
    let base = &half_made.site;
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(5)).await;
    let whole = base.fork();
    whole.go(Goal::Undo, &undoing(&half_made.run)).await;
    for bastion in [Bastion::Same, Bastion::Another] {
        for record in 1..=whole.records() {
            let site = base.fork();
            site.kill_after_record(record);
            site.go(Goal::Undo, &undoing(&half_made.run)).await;
            site.mend_bastion();
            let tale = follows(&site, bastion, &[]).await;
            assert!(tale.is_ok(), "killed after record {record}: {}", tale.unwrap_err());
            assert_eq!(not_well(&site, &half_made), Vec::<String>::new(), "killed after record {record}: {tale:?}");
        }
    }
}

/// The control: what was not taken back is seen not to be well.
#[tokio::test(start_paused = true)]
async fn what_was_not_taken_back_is_not_well() {
    let half_made = half_made(&lost(&[2, 1]).await, &[2, 1], CutOff::BeforeTheStart).await;
    let wrong = not_well(&half_made.site, &half_made);
    for what in ["is not", "runs false", "does not keep", "is not kept", "serve"] {
        assert!(wrong.iter().any(|said| said.contains(what)), "{what}: {wrong:#?}");
    }
}

/// Plans of an earlier build have a step that is none any more: the journal is told as damaged, with the reason, and is
/// in nobody's way.
#[tokio::test(start_paused = true)]
async fn a_journal_with_a_step_that_is_none_any_more_is_told_as_damaged() {
    let HalfMade { site, run, .. } = half_made(&lost(&[2, 1]).await, &[2, 1], CutOff::BeforeTheStart).await;
    assert_eq!(site.go(Goal::Undo, &undoing(&run)).await.code, Some(exit::DONE));
    let path = format!("{}/journal.jsonl", site.last_run());
    let text = String::from_utf8(site.kept(&path).unwrap()).unwrap();
    assert!(text.contains("\"start_own\""));
    site.bring(&path, text.replace("\"start_own\"", "\"put_back\"").into_bytes());
    let said = |verb: &dyn Fn(&verbs::Site) -> Result<u8, verbs::Failure>| {
        let from = site.said();
        let ended = verb(&site.given_to_verbs());
        (ended.map_err(|failure| failure.text(false)), site.said_since(from))
    };
    let (listed, table) = said(&|site| runs::list(site, Form::Text));
    assert!(listed.is_ok() && table.contains(&run) && table.contains("damaged: "), "{table}");
    let (shown, _) = said(&|site| runs::report(site, "last", ReportForm::Text, None));
    assert!(shown.as_ref().is_err_and(|why| why.contains("line 1") && why.contains("put_back")), "{shown:?}");
    assert!(said(&|site| runs::report(site, &run, ReportForm::Text, None)).0.is_ok());
    let (seen, _) = site.status().await;
    assert_eq!(runs::way_on(&verbs::InputPaths::default(), &site.given_to_verbs(), &seen), None);
}
