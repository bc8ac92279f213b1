//! Every run is stopped after each journal record and at each act, and then brought to its end by what it said last.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
mod operator;

use std::collections::BTreeSet;
use std::time::Duration;

use operator::{attest, finish_initiate_dr, finish_recover, lost, survivor};
use requorum::config::Form;
use requorum::sim::{Cut, End, Event, Flags, OwnWal, Site};

/// How a run is stopped.
#[derive(Debug, Clone, Copy)]
enum Stop {
    /// requorum is killed with this record on disk.
    KilledAfter(usize),
    /// The bastion's disk is full before this record.
    FullBefore(usize),
    /// The connection is lost at this act.
    CutAt(usize, Cut),
}

impl Stop {
    fn arm(self, site: &Site) {
        match self {
            Self::KilledAfter(record) => site.kill_after_record(record),
            Self::FullBefore(record) => site.fill_disk_before_record(record),
            Self::CutAt(act, cut) => site.cut_at(act, cut),
        }
    }

    /// Every way to stop what was run on a site.
    fn all(run: &Site) -> Vec<Self> {
        let killed = (1..=run.records()).map(Self::KilledAfter);
        let full = (1..=run.records()).map(Self::FullBefore);
        // What is tried over and over until etcd agrees is cut off at its first and its last try.
        let once = |act: &usize| {
            let name = run.act_name(*act);
            name != run.act_name(act - 1) || name != run.act_name(act + 1)
        };
        let cuts =
            (1..=run.acts()).filter(once).flat_map(|act| [Cut::NotDone, Cut::Midway, Cut::Done].map(|cut| (act, cut)));
        // Scripts that end between two changes; the others have no middle in the model.
        let middle = |act: usize| {
            let name = run.act_name(act);
            ["fence", "write", "receive", "retire", "restore", "start", "park", "unpark"]
                .iter()
                .any(|script| name.starts_with(script))
        };
        let cuts = cuts.filter(|(act, cut)| *cut != Cut::Midway || middle(*act));
        killed.chain(full).chain(cuts.map(|(act, cut)| Self::CutAt(act, cut))).collect()
    }

    fn told(self, site: &Site) -> String {
        match self {
            Self::CutAt(act, cut) => format!("cut off ({cut:?}) at act {act}, {}", site.act_name(act)),
            other => format!("{other:?}"),
        }
    }
}

/// What must be so once everything is over: one cluster takes writes, through all of them, with every key.
fn well(site: &Site, masters: &[String]) -> Result<(), String> {
    let broken = site.broken();
    if !broken.is_empty() {
        return Err(format!("broken: {broken:#?}"));
    }
    let writable = site.writable();
    let names: Vec<String> = writable.values().flatten().map(ToString::to_string).collect();
    if writable.len() != 1 || names != masters {
        return Err(format!("writable: {writable:?}, wanted {masters:?}"));
    }
    let wanted = site.acknowledged();
    for master in masters {
        let keys: BTreeSet<String> = site.keys(master);
        if let Some(lists) = site.api_server_lists(master)
            && (lists != masters.iter().cloned().collect() || !site.api_server_serves(master))
        {
            return Err(format!("the API server of {master} knows {lists:?}: {}", site.picture()));
        }
        if !keys.is_superset(&wanted) {
            return Err(format!("{master} has {keys:?}, not all of {wanted:?}"));
        }
    }
    Ok(())
}

fn masters(from: usize, to: usize) -> Vec<String> {
    (from..=to).map(|number| format!("m{number}")).collect()
}

/// What else befalls the survivors while requorum is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// It is taken up again at once.
    Nothing,
    /// The surviving zone loses its power and gets it back.
    Reboot,
}

/// A way to look at many ends at once.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn take(&mut self, story: &str, first: &End, tale: Result<Vec<String>, Vec<String>>, well: Result<(), String>) {
        let gave_up = if tale.is_err() { Err("gave up".to_owned()) } else { Ok(()) };
        let tale = tale.unwrap_or_else(|tale| tale).join("\n  ");
        if std::env::var_os("TALES").is_some() {
            println!("TALE {story}: {:?}\n  {tale}", first.code);
        }
        if let Err(why) = gave_up.and(well) {
            self.0.push(format!("{story}: {why}\n  first: {:?} {}\n  {tale}", first.code, first.text));
        }
    }

    fn none(self) {
        assert!(self.0.is_empty(), "{} findings:\n{}", self.0.len(), self.0.join("\n\n"));
    }
}

/// Stops `initiate-dr` wherever `which` says and takes it up again.
async fn initiate_dr_stopped(zones: &[usize], spoil: Option<Event>, meanwhile: Meanwhile, which: fn(&Stop) -> bool) {
    initiate_dr_stopped_in(lost(zones).await, zones, spoil, meanwhile, which).await;
}

async fn initiate_dr_stopped_in(
    base: Site,
    zones: &[usize],
    spoil: Option<Event>,
    meanwhile: Meanwhile,
    which: fn(&Stop) -> bool,
) {
    let (seed, all) = (survivor(zones), masters(zones[0] + 1, zones.iter().sum()));
    spoil.iter().for_each(|event| base.happens(event));
    let whole = base.fork();
    whole.initiate_dr(&attest(&["zone1"])).await;
    well(&whole, &all).unwrap();
    let mut findings = Findings::default();
    let stops: Vec<Stop> = Stop::all(&whole).into_iter().filter(which).collect();
    println!("initiate-dr of {zones:?}, {spoil:?}, {meanwhile:?}: {} stops", stops.len());
    for stop in stops {
        let site = base.fork();
        stop.arm(&site);
        let end = site.initiate_dr(&attest(&["zone1"])).await;
        site.mend_bastion();
        if meanwhile == Meanwhile::Reboot {
            site.happens(&Event::Off("zone2".into()));
            site.happens(&Event::On("zone2".into()));
            site.wait(Duration::from_secs(5)).await;
        }
        let kept = format!("{}/snapshot.db", site.last_run());
        let tale = finish_initiate_dr(&site, attest(&["zone1"]), &seed, &kept).await;
        site.wait(Duration::from_secs(5)).await;
        findings.take(&stop.told(&site), &end, tale, well(&site, &all));
    }
    findings.none();
}

async fn recover_stopped(zones: &[usize], which: fn(&Stop) -> bool) {
    recover_stopped_in(lost(zones).await, zones, which).await;
}

async fn recover_stopped_in(base: Site, zones: &[usize], which: fn(&Stop) -> bool) {
    base.initiate_dr(&attest(&["zone1"])).await;
    assert!(base.write(&survivor(zones), "during"), "the new cluster takes writes");
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(5)).await;
    assert!(base.write("m1", "stale"), "the old members elect a leader and take writes: why there are fences");
    let all = masters(1, zones.iter().sum());
    let whole = base.fork();
    whole.recover(&Flags::default()).await;
    well(&whole, &all).unwrap();
    let mut findings = Findings::default();
    let stops: Vec<Stop> = Stop::all(&whole).into_iter().filter(which).collect();
    println!("recover of {zones:?}: {} stops", stops.len());
    for stop in stops {
        let site = base.fork();
        stop.arm(&site);
        let end = site.recover(&Flags::default()).await;
        site.mend_bastion();
        let tale = finish_recover(&site).await;
        let stale = all.iter().any(|master| site.keys(master).contains("stale"));
        let well = well(&site, &all).and(if stale { Err("the stale write came back".into()) } else { Ok(()) });
        findings.take(&stop.told(&site), &end, tale, well);
    }
    findings.none();
}

fn everywhere(_: &Stop) -> bool {
    true
}

/// A full disk stops a run where a kill does; it is told apart once, above.
fn killed_or_cut(stop: &Stop) -> bool {
    !matches!(stop, Stop::FullBefore(_))
}

fn killed(stop: &Stop) -> bool {
    matches!(stop, Stop::KilledAfter(_))
}

/// Each sixth: what is told apart by every one of them is told above.
fn sixth(stop: &Stop) -> bool {
    match stop {
        Stop::KilledAfter(record) => record % 6 == 0,
        Stop::CutAt(act, _) => act % 6 == 0,
        Stop::FullBefore(_) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_of_2_and_1_comes_to_its_end_wherever_it_is_stopped() {
    initiate_dr_stopped(&[2, 1], None, Meanwhile::Nothing, everywhere).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_of_3_and_2_comes_to_its_end_wherever_it_is_stopped() {
    initiate_dr_stopped(&[3, 2], None, Meanwhile::Nothing, killed).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_comes_to_its_end_also_when_the_survivor_reboots_meanwhile() {
    initiate_dr_stopped(&[2, 1], None, Meanwhile::Reboot, killed).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_comes_to_its_end_also_when_etcd_had_to_be_killed() {
    initiate_dr_stopped(&[2, 1], Some(Event::Watch("m3".into())), Meanwhile::Nothing, killed).await;
    initiate_dr_stopped(&[2, 1], Some(Event::Watch("m3".into())), Meanwhile::Reboot, killed).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_comes_to_its_end_also_when_the_bastion_has_no_copy_yet() {
    initiate_dr_stopped(&[2, 1], Some(Event::Slow("m3".into())), Meanwhile::Nothing, killed).await;
}

#[tokio::test(start_paused = true)]
async fn recover_of_2_and_1_comes_to_its_end_wherever_it_is_stopped() {
    recover_stopped(&[2, 1], killed_or_cut).await;
}

#[tokio::test(start_paused = true)]
async fn recover_of_3_and_2_comes_to_its_end_wherever_it_is_stopped() {
    recover_stopped(&[3, 2], killed).await;
}

/// Where the settings are flags of the unit, systemd must have read them before any start, also one by itself.
#[tokio::test(start_paused = true)]
async fn both_come_to_their_end_whatever_file_has_the_settings() {
    for form in [Form::UnitFlags, Form::UnitEnvFile, Form::ConfigFile, Form::Manifest] {
        let base = || async { lost(&[2, 1]).await.written_as(form) };
        initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Nothing, sixth).await;
        initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Reboot, sixth).await;
        recover_stopped_in(base().await, &[2, 1], sixth).await;
    }
}

/// Data and log lie on two file systems, so that they are moved one after the other; behind a link they go together.
#[tokio::test(start_paused = true)]
async fn both_come_to_their_end_with_a_log_on_its_own_file_system() {
    for how in [OwnWal::Set, OwnWal::Linked] {
        let base = || async { lost(&[2, 1]).await.with_wals(how) };
        initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Nothing, killed_or_cut).await;
        initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Reboot, killed).await;
        recover_stopped_in(base().await, &[2, 1], killed_or_cut).await;
    }
    for form in [Form::UnitFlags, Form::ConfigFile, Form::Manifest] {
        let base = || async { lost(&[2, 1]).await.with_wals(OwnWal::Set).written_as(form) };
        initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Nothing, sixth).await;
        recover_stopped_in(base().await, &[2, 1], sixth).await;
    }
}

/// docker starts a container again by itself, also at boot and past what holds its unit.
#[tokio::test(start_paused = true)]
async fn both_come_to_their_end_where_docker_runs_etcd() {
    let base = || async { lost(&[2, 1]).await.in_containers() };
    initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Nothing, sixth).await;
    initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Reboot, killed).await;
    recover_stopped_in(base().await, &[2, 1], sixth).await;
}

/// Whatever is parked is put back by what is printed, with the list that it should have.
#[tokio::test(start_paused = true)]
async fn both_come_to_their_end_with_api_servers() {
    let base = || async { lost(&[2, 1]).await.with_api_servers() };
    initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Nothing, killed_or_cut).await;
    initiate_dr_stopped_in(base().await, &[2, 1], None, Meanwhile::Reboot, killed).await;
    recover_stopped_in(base().await, &[2, 1], killed_or_cut).await;
    let base = || async { lost(&[3, 2]).await.with_api_servers() };
    initiate_dr_stopped_in(base().await, &[3, 2], None, Meanwhile::Nothing, sixth).await;
    recover_stopped_in(base().await, &[3, 2], sixth).await;
}

/// The control: a run that is not taken up again is seen not to be well.
#[tokio::test(start_paused = true)]
async fn a_run_left_where_it_stopped_is_not_well() {
    let site = lost(&[2, 1]).await;
    site.kill_after_record(14);
    site.initiate_dr(&attest(&["zone1"])).await;
    assert!(well(&site, &masters(3, 3)).is_err());
}
