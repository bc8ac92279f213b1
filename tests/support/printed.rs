//! An operator who does only what is printed: each command is read by the program's own parser and done in the model.

use std::time::Duration;

use clap::Parser;
use requorum::cli::args::{Cli, Verb};
use requorum::observe::Verdict;
use requorum::plan::Goal;
use requorum::report::status;
use requorum::run::exit;
use requorum::sim::{End, Event, Flags, Site};
use requorum::verbs::{InputPaths, UncheckedRequest, runs};

/// More commands than these are a way that nobody should have to go.
pub const COMMANDS: usize = 8;

/// Where the operator sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bastion {
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

fn flags(asked: impl Into<UncheckedRequest>) -> Flags {
    let who = |pair: String| pair.split_once('=').map(|(who, _)| who.to_owned()).unwrap_or(pair);
    let asked = asked.into();
    assert!(asked.overrides.is_empty(), "an override is suggested: {:?}", asked.overrides);
    Flags {
        failed_zones: asked.failed_zones,
        only: asked.only,
        seed: asked.seed,
        attested: asked.attested.into_iter().map(who).collect(),
        snapshot: asked.snapshot.map(|path| path.display().to_string()),
        ..Flags::default()
    }
}

/// Does what a command says; a zone without power is attested where that is asked for, as a person at a terminal would.
async fn does(site: &Site, verb: Verb, bastion: Bastion, dark: &[&str]) -> End {
    let zones = |zones: Vec<String>| Flags { failed_zones: zones, ..Flags::default() };
    let with_attested =
        |flags: Flags| Flags { attested: dark.iter().map(|zone| (*zone).to_owned()).collect(), ..flags };
    match verb {
        Verb::InitiateDr { args, .. } => site.go(Goal::InitiateDr, &with_attested(flags(args))).await,
        Verb::Recover { args, .. } => site.go(Goal::Recover, &flags(args)).await,
        Verb::Fence { zones: named, .. } => site.go(Goal::Fence, &zones(named)).await,
        Verb::Unfence { zones: named, .. } => site.go(Goal::Unfence, &zones(named)).await,
        Verb::Undo { run, .. } => site.go(Goal::Undo, &Flags { undoes: Some(run), ..Flags::default() }).await,
        Verb::Unlock { run, .. } => {
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
    let inputs = InputPaths { inventory: "inventory.yaml".into(), ..InputPaths::default() };
    let way_on = match bastion {
        Bastion::Same => runs::way_on(&inputs, &site.given_to_verbs(), &seen),
        Bastion::Another => None,
    };
    let text = status::verdict(&site.cluster(), &seen, &assessment, "requorum", way_on.as_deref());
    (assessment.verdict, text)
}

/// Follows what is printed until the cluster is as well as it can be. Gives every command, or what went wrong.
pub async fn follows(site: &Site, bastion: Bastion, dark: &[&str]) -> Result<Vec<String>, String> {
    let mut commands: Vec<String> = Vec::new();
    let mut tale = String::new();
    while commands.len() < COMMANDS {
        site.wait(Duration::from_secs(15)).await;
        let (verdict, text) = looks(site, bastion).await;
        tale += &format!("\n--- status\n{text}");
        let well = if dark.is_empty() { verdict == Verdict::Healthy } else { verdict == Verdict::OneZone };
        // A lock that lies on a master without power is found once that is back.
        if well && (!dark.is_empty() || site.locked_by().is_empty()) {
            return Ok(commands);
        }
        let line = text.lines().find(|line| line.starts_with("next:")).unwrap_or_default();
        if let Some(master) = started_by_hand(line) {
            commands.push(line.to_owned());
            site.happens(&Event::Told(master));
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
