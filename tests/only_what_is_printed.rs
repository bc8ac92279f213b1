//! An operator who does only what is printed, from the bastion that was killed or from another: each command is read by the
//! program's own parser and done in the model. Killed anywhere, with the lost zone back or not, that leads to one healthy
//! cluster, without an override and without a circle.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod operator;

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use operator::{attest, lost};
use requorum::cli::args::{Cli, Verb, Wish};
use requorum::observe::Verdict;
use requorum::plan::Goal;
use requorum::report::{history, status};
use requorum::run::exit;
use requorum::run::journal;
use requorum::sim::{Ask, End, Event, Site};

/// More commands than these are a way that nobody should have to go.
const COMMANDS: usize = 8;

/// Where the operator sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bastion {
    /// Where the run was begun: its journal is there.
    Same,
    Another,
}

/// The command in a line that says what comes next.
fn command_in(line: &str) -> Option<String> {
    let from = line.find("requorum ")?;
    let text = &line[from..];
    let end =
        ["      #", "; ", "`", " --confirm", " ("].iter().filter_map(|end| text.find(end)).min().unwrap_or(text.len());
    Some(text[..end].trim_end_matches(['.', ',', ')']).trim().to_owned())
}

/// `on MASTER: systemctl start …`, which a person does there.
fn started_by_hand(line: &str) -> Option<String> {
    let (master, command) = line.strip_prefix("next: on ")?.split_once(": ")?;
    command.starts_with("systemctl start ").then(|| master.to_owned())
}

fn parsed(command: &str) -> Verb {
    let words = shlex::split(command).unwrap_or_else(|| panic!("a shell cannot read: {command}"));
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("the program cannot read: {command}\n{error}")).verb
}

fn ask(wish: Wish) -> Ask {
    let who = |pair: String| pair.split_once('=').map(|(who, _)| who.to_owned()).unwrap_or(pair);
    assert!(wish.overrides.is_empty(), "an override is suggested: {:?}", wish.overrides);
    Ask {
        failed_zones: wish.failed_zone,
        only: wish.only,
        seed: wish.seed,
        attested: wish.attest.into_iter().map(who).collect(),
        snapshot: wish.snapshot.map(|path| path.display().to_string()),
        ..Ask::default()
    }
}

/// Does what a command says; a zone without power is attested where that is asked for, as a person at a terminal would.
async fn does(site: &Site, verb: Verb, bastion: Bastion, dark: &[&str]) -> End {
    let zones = |zones: Vec<String>| Ask { failed_zones: zones, ..Ask::default() };
    let with_attested = |ask: Ask| Ask { attested: dark.iter().map(|zone| (*zone).to_owned()).collect(), ..ask };
    match verb {
        Verb::InitiateDr { wish, .. } => site.go(Goal::InitiateDr, &with_attested(ask(wish))).await,
        Verb::Recover { wish, .. } => site.go(Goal::Recover, &ask(wish)).await,
        Verb::Fence { zones: named, .. } => site.go(Goal::Fence, &zones(named)).await,
        Verb::Unfence { zones: named, .. } => site.go(Goal::Unfence, &zones(named)).await,
        Verb::Undo { run, .. } => site.go(Goal::Undo, &Ask { undoes: Some(run), ..Ask::default() }).await,
        Verb::Unlock { run } => {
            match bastion {
                Bastion::Same => site.unlock(&run).await,
                Bastion::Another => site.unlock_elsewhere(&run).await,
            };
            End::default()
        }
        Verb::Status(_) => End::default(),
        other => panic!("nothing to do in the model: {other:?}"),
    }
}

/// What `status` prints: the verdict, and the command that comes next.
async fn looks(site: &Site, bastion: Bastion) -> (Verdict, String) {
    let (seen, assessment) = site.status().await;
    let run = site.last_run();
    let records = site.kept(&format!("{run}/journal.jsonl")).filter(|_| bastion == Bastion::Same);
    let way_on = records.and_then(|text| {
        let records = journal::readable(&String::from_utf8_lossy(&text)).0;
        history::way_on(&records, Path::new(&run), "requorum", &seen)
    });
    let text = status::verdict(&site.cluster(), &seen, &assessment, "requorum", way_on.as_deref());
    (assessment.verdict, text)
}

/// Follows what is printed until the cluster is as well as it can be. Gives every command, or what went wrong.
async fn follows(site: &Site, bastion: Bastion, dark: &[&str]) -> Result<Vec<String>, String> {
    let mut commands: Vec<String> = Vec::new();
    let mut tale = String::new();
    while commands.len() < COMMANDS {
        site.wait(Duration::from_secs(15)).await;
        let (verdict, text) = looks(site, bastion).await;
        tale += &format!("\n--- status\n{text}");
        let well = if dark.is_empty() { verdict == Verdict::Healthy } else { verdict == Verdict::OneZone };
        if well && site.locked_by().is_empty() {
            return Ok(commands);
        }
        let line = text.lines().find(|line| line.starts_with("next:")).unwrap_or_default();
        if let Some(master) = started_by_hand(line) {
            commands.push(line.to_owned());
            site.happens(&Event::Restart(master));
            continue;
        }
        let mut next = command_in(line);
        if next.is_none() && commands.last().is_some_and(|last| last == line) {
            return Err(format!("no command comes next: {commands:#?}{tale}"));
        }
        if next.is_none() {
            // Nothing to type; time passes.
            commands.push(line.to_owned());
        }
        while let Some(command) = next.take() {
            commands.push(command.clone());
            let end = does(site, parsed(&command), bastion, dark).await;
            tale += &format!("\n--- {command}: {:?}\n{}", end.code, end.text);
            if commands.len() < COMMANDS && end.code == Some(exit::REFUSED) {
                next = end.text.lines().find(|line| line.contains("next:")).and_then(command_in);
            }
        }
    }
    Err(format!("{commands:#?}{tale}"))
}

/// As after earlier losses that were finished: every master has the record of the cluster that serves.
async fn lost_again(times: usize) -> Site {
    let site = lost(&[2, 1]).await;
    for _ in 0..times {
        site.initiate_dr(&attest(&["zone1"])).await;
        site.happens(&Event::On("zone1".into()));
        site.wait(Duration::from_secs(10)).await;
        assert_eq!(site.recover(&Ask::default()).await.code, Some(exit::DONE));
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
    let ask = if goal == Goal::Recover { Ask::default() } else { attest(&["zone1"]) };
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
