//! Drills in the model, by each kind of outage: to their end, and stopped after every record and at every act. Somebody
//! then does only what is printed, and one healthy cluster comes of it with everything that was acknowledged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/printed.rs"]
mod printed;

use std::time::Duration;

use printed::{Bastion, follows};
use requorum::run::exit;
use requorum::sim::{Cut, Event, Site};
use requorum::verbs::forms::OutageKind;

/// Of the records and acts each so many is tried, spread out; REQUORUM_EVERY=1 (`make crashes`) tries them all.
fn every() -> usize {
    std::env::var("REQUORUM_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// After this time a drill's timers have opened every port.
const PORTS_OPEN: Duration = Duration::from_secs(400);

/// A healthy cluster with three keys.
async fn healthy() -> Site {
    let site = Site::with_election(&[2, 1], Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    for number in 1..=3 {
        assert!(site.write("m1", &format!("before-{number}")), "a healthy cluster takes writes");
    }
    site.wait(Duration::from_secs(1)).await;
    site
}

/// What is wrong once somebody has done what is printed. Where the zone has no power, it is switched on before anybody looks,
/// or once the survivors serve.
async fn followed(site: &Site, outage: OutageKind, (number, bastion): (usize, Bastion)) -> Result<usize, String> {
    site.mend_bastion();
    site.wait(if outage == OutageKind::Isolate { PORTS_OPEN } else { Duration::from_secs(1) }).await;
    let mut commands = 0;
    if !site.powered("m1") {
        if (number / every() / 2).is_multiple_of(2) {
            commands += follows(site, bastion, &["zone1"]).await?.len();
        }
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(10)).await;
    }
    commands += follows(site, bastion, &[]).await?.len();
    let broken = site.broken();
    let lost = (1..=3).map(|number| format!("before-{number}")).find(|key| !site.keys("m1").contains(key));
    match (broken.is_empty(), lost) {
        (true, None) => Ok(commands),
        (_, lost) => Err(format!("{broken:?}, lost: {lost:?}")),
    }
}

/// Kills the drill after each record.
async fn killed_after_each_record(outage: OutageKind) {
    let base = healthy().await;
    let whole = base.fork();
    let end = whole.drill("zone1", outage).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    assert!(whole.broken().is_empty(), "{:?}", whole.broken());
    let (mut failed, mut most) = (Vec::new(), 0);
    let tried: Vec<usize> = (1..=whole.records()).step_by(every()).collect();
    for record in tried.iter().copied() {
        // Each from the bastion itself or from another.
        let bastion = [Bastion::Same, Bastion::Another][record / every() % 2];
        let site = base.fork();
        site.kill_after_record(record);
        site.drill("zone1", outage).await;
        match followed(&site, outage, (record, bastion)).await {
            Ok(commands) => most = most.max(commands),
            Err(tale) => failed.push(format!("killed after record {record}, from {bastion:?}: {tale}")),
        }
    }
    println!("{outage:?}: killed after {} of {} records, at most {most} commands", tried.len(), whole.records());
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), tried.len(), failed.join("\n\n"));
}

/// Loses the connection at each act. The drill itself goes back or forward; what it says is left is done by somebody.
async fn cut_at_each_act(outage: OutageKind) {
    let base = healthy().await;
    let whole = base.fork();
    whole.drill("zone1", outage).await;
    let (mut failed, mut most) = (Vec::new(), 0);
    let tried: Vec<usize> = (1..=whole.acts()).step_by(every()).collect();
    for act in tried.iter().copied() {
        let how = [Cut::NotDone, Cut::Done, Cut::Midway][act / every() % 3];
        let site = base.fork();
        site.cut_at(act, how);
        let end = site.drill("zone1", outage).await;
        match followed(&site, outage, (act, Bastion::Same)).await {
            Ok(commands) => most = most.max(commands),
            Err(tale) => {
                failed.push(format!(
                    "{how:?} at act {act}, {}: {:?} {}\n{tale}",
                    site.act_name(act),
                    end.code,
                    end.text
                ));
            }
        }
    }
    println!("{outage:?}: cut at {} of {} acts, at most {most} commands", tried.len(), whole.acts());
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), tried.len(), failed.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_stop_killed_after_each_record() {
    killed_after_each_record(OutageKind::Stop).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_isolation_killed_after_each_record() {
    killed_after_each_record(OutageKind::Isolate).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_the_sites_command_killed_after_each_record() {
    killed_after_each_record(OutageKind::Command).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_stop_cut_at_each_act() {
    cut_at_each_act(OutageKind::Stop).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_isolation_cut_at_each_act() {
    cut_at_each_act(OutageKind::Isolate).await;
}

#[tokio::test(start_paused = true)]
async fn a_drill_by_the_sites_command_cut_at_each_act() {
    cut_at_each_act(OutageKind::Command).await;
}
