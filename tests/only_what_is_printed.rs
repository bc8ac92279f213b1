//! An operator who does only what is printed, from the bastion that was killed or from another: killed anywhere,
//! with the lost zone back or not, that leads to one healthy cluster, without an override and without a circle.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod operator;

#[path = "support/printed.rs"]
mod printed;

use std::time::Duration;

use operator::{attest, lost};
use printed::{Bastion, follows};
use requorum::observe::Code;
use requorum::observe::assess::Assessment;
use requorum::plan::Goal;
use requorum::run::exit;
use requorum::sim::{Event, Flags, Site};

/// As after earlier losses that were finished: every master has the record of the cluster that serves.
async fn lost_again(times: usize) -> Site {
    let site = lost(&[2, 1]).await;
    for _ in 0..times {
        site.initiate_dr(&attest(&["zone1"])).await;
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(10)).await;
        assert_eq!(site.recover(&Flags::default()).await.code, Some(exit::DONE));
        site.happens(&Event::Off("zone1".into()));
        site.wait(Duration::from_secs(4)).await;
    }
    site
}

/// Kills `initiate-dr` after each record, or `recover`, and lets somebody follow what is printed.
async fn killed_anywhere(goal: Goal, bastion: Bastion, zone_1_is_back: bool) {
    killed_anywhere_in(lost(&[2, 1]).await, goal, bastion, zone_1_is_back).await;
}

async fn killed_anywhere_in(base: Site, goal: Goal, bastion: Bastion, zone_1_is_back: bool) {
    if goal == Goal::Recover {
        base.initiate_dr(&attest(&["zone1"])).await;
        base.happens(&Event::On("zone1".into()));
        base.wait(Duration::from_secs(10)).await;
    }
    let ask = if goal == Goal::Recover { Flags::default() } else { attest(&["zone1"]) };
    let whole = base.fork();
    whole.go(goal, &ask).await;
    let (mut failed, mut most) = (Vec::new(), 0);
    for record in 1..=whole.records() {
        let site = base.fork();
        site.kill_after_record(record);
        site.go(goal, &ask).await;
        site.mend_bastion();
        let dark: &[&str] = if zone_1_is_back { &[] } else { &["zone1"] };
        // Where the new cluster serves already, clients have found it before anybody looks.
        site.wait(Duration::from_secs(4)).await;
        site.write("m3", "since-the-kill");
        if zone_1_is_back {
            site.happens(&Event::On("zone1".into()));
            site.wait(Duration::from_secs(10)).await;
        }
        let keys = site.acknowledged();
        match follows(&site, bastion, dark).await {
            Ok(commands) => most = most.max(commands.len()),
            Err(tale) => failed.push(format!("killed after record {record}: {tale}")),
        }
        let holds = |master: &String| keys.iter().all(|key| site.keys(master).contains(key));
        let serving: Vec<String> = site.writable().into_values().flatten().map(|name| name.to_string()).collect();
        if !site.broken().is_empty() || !serving.iter().all(holds) {
            failed.push(format!("killed after record {record}: {:?}, {keys:?} on {serving:?}", site.broken()));
        }
    }
    println!(
        "{goal:?} from {bastion:?}, zone 1 back: {zone_1_is_back}: {} kills, at most {most} commands",
        whole.records()
    );
    assert!(failed.is_empty(), "{} of {} kills:\n{}", failed.len(), whole.records(), failed.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn an_initiate_dr_killed_anywhere_while_zone_1_is_off() {
    killed_anywhere(Goal::InitiateDr, Bastion::Same, false).await;
    killed_anywhere(Goal::InitiateDr, Bastion::Another, false).await;
}

#[tokio::test(start_paused = true)]
async fn an_initiate_dr_killed_anywhere_with_zone_1_back_before_anybody_looks() {
    killed_anywhere(Goal::InitiateDr, Bastion::Same, true).await;
    killed_anywhere(Goal::InitiateDr, Bastion::Another, true).await;
}

#[tokio::test(start_paused = true)]
async fn an_initiate_dr_killed_anywhere_after_earlier_ones_were_finished() {
    // Clusters are told apart by numbers, of which either may be the smaller.
    for times in 2..=3 {
        killed_anywhere_in(lost_again(times).await, Goal::InitiateDr, Bastion::Same, true).await;
    }
    killed_anywhere_in(lost_again(1).await, Goal::InitiateDr, Bastion::Another, true).await;
}

#[tokio::test(start_paused = true)]
async fn a_recover_killed_anywhere() {
    killed_anywhere(Goal::Recover, Bastion::Same, true).await;
    killed_anywhere(Goal::Recover, Bastion::Another, true).await;
}

/// Kills `initiate-dr` after each record and gives the same command again, `after` that long. How often it finished what
/// the killed run had begun.
async fn the_same_command_again(after: Duration) -> usize {
    let (base, ask) = (lost(&[2, 1]).await, attest(&["zone1"]));
    let whole = base.fork();
    whole.go(Goal::InitiateDr, &ask).await;
    let (mut failed, mut finished) = (Vec::new(), 0);
    for record in 1..=whole.records() {
        let site = base.fork();
        site.kill_after_record(record);
        site.go(Goal::InitiateDr, &ask).await;
        site.mend_bastion();
        site.wait(after).await;
        if site.writable().is_empty() || site.locked_by().is_empty() {
            continue;
        }
        site.write("m3", "since-the-kill");
        let keys = site.acknowledged();
        for run in site.locked_by() {
            site.unlock(&run).await;
        }
        let again = site.go(Goal::InitiateDr, &ask).await;
        if again.code == Some(exit::REFUSED) && again.text.contains("[quorum-alive]") {
            continue;
        }
        // Who comes back unfenced is told from the cluster that the run made.
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(10)).await;
        let home = site.recover(&Flags::default()).await;
        let ends = (again.code, home.code) == (Some(exit::DONE), Some(exit::DONE));
        if !ends || !keys.iter().all(|key| site.keys("m1").contains(key)) {
            failed.push(format!("killed after record {record}: {:?} {}\n{}", again.code, again.text, home.text));
        }
        finished += usize::from(!again.text.contains("has already done it"));
    }
    assert!(failed.is_empty(), "{} of {} kills:\n{}", failed.len(), whole.records(), failed.join("\n\n"));
    finished
}

#[tokio::test(start_paused = true)]
async fn an_initiate_dr_killed_after_its_start_is_finished_by_the_same_command() {
    let finished = the_same_command_again(Duration::from_secs(60)).await;
    assert!(finished > 2, "{finished} kills came after the start and before the end");
    // Hours later the lost zone may have been back, and have taken writes.
    assert_eq!(the_same_command_again(Duration::from_secs(2 * 3600)).await, 0);
}

/// Its end, from the last joiner's start on: each API server is put back and knows everybody. What is cordoned still is told once the cluster is whole, and `recover` takes
/// it back.
#[tokio::test(start_paused = true)]
async fn a_recover_killed_at_its_end_leaves_no_list_narrow_and_no_node_cordoned() {
    let base = lost(&[2, 1]).await.with_api_servers();
    base.playbook_adds("initiate_dr", "  - cordon: seed");
    base.playbook_adds("recover", "  - uncordon: seed");
    base.initiate_dr(&attest(&["zone1"])).await;
    assert!(base.nodes_are_cordoned());
    base.happens(&Event::On("zone1".into()));
    base.wait(Duration::from_secs(10)).await;
    let whole = base.fork();
    whole.recover(&Flags::default()).await;
    assert!(!whole.nodes_are_cordoned());
    let mut told = 0;
    for record in (whole.records().saturating_sub(36)..=whole.records()).step_by(2) {
        let site = base.fork();
        site.kill_after_record(record);
        site.recover(&Flags::default()).await;
        site.mend_bastion();
        let followed = follows(&site, Bastion::Same, &[]).await;
        followed.map_err(|tale| format!("killed after record {record}: {tale}")).unwrap();
        for master in ["m1", "m2", "m3"] {
            let listed = site.api_server_lists(master).unwrap();
            assert!(site.api_server_serves(master) && listed.len() == 3, "killed after record {record}: {listed:?}");
        }
        let is_told = |found: &Assessment| found.findings.iter().any(|finding| finding.code == Code::NodesCordoned);
        if site.nodes_are_cordoned() {
            assert!(is_told(&site.status().await.1), "killed after record {record}: nobody speaks of it");
            told += 1;
            let end = site.recover(&Flags::default()).await;
            assert_eq!(end.code, Some(0), "killed after record {record}: {}", end.text);
        }
        assert!(!site.nodes_are_cordoned(), "killed after record {record}");
    }
    assert!(told > 0, "it was never killed between the last record and the uncordoning");
}
