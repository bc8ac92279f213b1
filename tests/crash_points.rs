//! Every run is stopped after each journal record and at each act, and then brought to its end by what it said last.

#[path = "support/operator.rs"]
mod operator;

use std::collections::BTreeSet;
use std::time::Duration;

use operator::{attest, finish_initiate_dr, finish_recover, lost, survivor};
use requorum::sim::{Ask, Cut, Event, Site};

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

    /// Every way to stop a run of so many records and acts.
    fn all(records: usize, acts: usize) -> Vec<Self> {
        let killed = (1..=records).map(Self::KilledAfter);
        let full = (1..=records).map(Self::FullBefore);
        let cuts = (1..=acts).flat_map(|act| [Cut::NotDone, Cut::Midway, Cut::Done].map(|cut| Self::CutAt(act, cut)));
        killed.chain(full).chain(cuts).collect()
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
    /// Nothing; it is taken up again at once.
    AtOnce,
    /// Half a minute passes.
    Wait,
    /// The surviving zone loses its power and gets it back.
    Reboot,
}

async fn initiate_dr_stopped(zones: &[usize], watched: bool, meanwhile: Meanwhile, cuts: bool) {
    let base = lost(zones).await;
    let all = masters(zones[0] + 1, zones.iter().sum());
    if watched {
        all.iter().for_each(|master| base.happens(&Event::Watch(master.clone())));
    }
    let whole = base.fork();
    whole.initiate_dr(&attest(&["zone1"])).await;
    well(&whole, &all).unwrap();
    let mut findings = Vec::new();
    let mut stops = Stop::all(whole.records(), whole.acts());
    stops.retain(|stop| cuts || !matches!(stop, Stop::CutAt(..)));
    println!("initiate-dr of {zones:?}, watched {watched}, {meanwhile:?}: {} stops", stops.len());
    for stop in stops {
        let site = base.fork();
        stop.arm(&site);
        let end = site.initiate_dr(&attest(&["zone1"])).await;
        let story =
            format!("{stop:?} {}", if let Stop::CutAt(act, _) = stop { site.act_name(act) } else { String::new() });
        site.mend_bastion();
        match meanwhile {
            Meanwhile::AtOnce => {}
            Meanwhile::Wait => site.wait(Duration::from_secs(30)).await,
            Meanwhile::Reboot => {
                site.happens(&Event::Off("zone2".into()));
                site.happens(&Event::On("zone2".into()));
                site.wait(Duration::from_secs(15)).await;
            }
        }
        let kept = format!("{}/snapshot.db", site.last_run());
        let result = finish_initiate_dr(&site, attest(&["zone1"]), &kept).await;
        site.wait(Duration::from_secs(15)).await;
        let gave_up = result.is_err();
        let tale = result.unwrap_or_else(|tale| tale).join("\n  ");
        if std::env::var_os("TALES").is_some() {
            println!("TALE {story}: {:?}\n  {tale}", end.code);
        }
        let verdict = if gave_up { Err("gave up".to_owned()) } else { well(&site, &all) };
        if let Err(why) = verdict {
            findings.push(format!("{story}: {why}\n  first: {:?} {}\n  {tale}", end.code, end.text));
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n\n"));
}

async fn recover_stopped(zones: &[usize], cuts: bool) {
    let base = lost(zones).await;
    base.initiate_dr(&attest(&["zone1"])).await;
    assert!(base.write(&survivor(zones), "during"), "the new cluster takes writes");
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(12)).await;
    assert!(base.write("m1", "stale"), "the old members elect a leader and take writes: why there are fences");
    let all = masters(1, zones.iter().sum());
    let whole = base.fork();
    whole.recover(&Ask::default()).await;
    well(&whole, &all).unwrap();
    let mut findings = Vec::new();
    let mut stops = Stop::all(whole.records(), whole.acts());
    stops.retain(|stop| cuts || !matches!(stop, Stop::CutAt(..)));
    println!("recover of {zones:?}: {} stops", stops.len());
    for stop in stops {
        let site = base.fork();
        stop.arm(&site);
        let end = site.recover(&Ask::default()).await;
        let story =
            format!("{stop:?} {}", if let Stop::CutAt(act, _) = stop { site.act_name(act) } else { String::new() });
        site.mend_bastion();
        let result = finish_recover(&site).await;
        let gave_up = result.is_err();
        let tale = result.unwrap_or_else(|tale| tale).join("\n  ");
        if std::env::var_os("TALES").is_some() {
            println!("TALE {story}: {:?}\n  {tale}", end.code);
        }
        let verdict = if gave_up { Err("gave up".to_owned()) } else { well(&site, &all) };
        let stale = all.iter().any(|master| site.keys(master).contains("stale"));
        if let Err(why) = verdict.and(if stale { Err("the stale write came back".into()) } else { Ok(()) }) {
            findings.push(format!("{story}: {why}\n  first: {:?} {}\n  {tale}", end.code, end.text));
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_of_2_and_1_comes_to_its_end_wherever_it_is_stopped() {
    initiate_dr_stopped(&[2, 1], false, Meanwhile::AtOnce, true).await;
    initiate_dr_stopped(&[2, 1], false, Meanwhile::Wait, false).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_of_3_and_2_comes_to_its_end_wherever_it_is_stopped() {
    initiate_dr_stopped(&[3, 2], false, Meanwhile::AtOnce, true).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_comes_to_its_end_also_when_the_survivor_reboots_meanwhile() {
    initiate_dr_stopped(&[2, 1], false, Meanwhile::Reboot, true).await;
}

#[tokio::test(start_paused = true)]
async fn initiate_dr_comes_to_its_end_also_when_etcd_had_to_be_killed() {
    initiate_dr_stopped(&[2, 1], true, Meanwhile::Wait, false).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_etcd_had_to_be_killed_and_the_survivor_reboots() {
    initiate_dr_stopped(&[2, 1], true, Meanwhile::Reboot, false).await;
}

#[tokio::test(start_paused = true)]
async fn recover_of_2_and_1_comes_to_its_end_wherever_it_is_stopped() {
    recover_stopped(&[2, 1], true).await;
}

#[tokio::test(start_paused = true)]
async fn recover_of_3_and_2_comes_to_its_end_wherever_it_is_stopped() {
    recover_stopped(&[3, 2], false).await;
}
