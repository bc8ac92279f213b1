//! The lines of a story, read: what happens, what we do, what must be so. Knows neither the model nor the machines on
//! which a story is told.

use std::time::Duration;

use requorum::observe::Verdict;
use requorum::plan::Rule;

/// A story's masters by zone, and its lines by their numbers.
pub struct Lines<'a> {
    pub zones: Vec<usize>,
    /// The client's and the peers', where they are not etcd's own.
    pub ports: Option<(u16, u16)>,
    pub lines: Vec<(usize, &'a str)>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'a> {
    /// Time passes.
    Wait(Duration),
    /// A client writes.
    Write {
        key: &'a str,
        through: &'a str,
        acknowledged: bool,
    },
    /// One of our verbs that plan and run: its name, the zones that follow it, and flags with their values.
    Verb {
        verb: &'a str,
        zone: Option<&'a str>,
        flags: Vec<(&'a str, &'a str)>,
    },
    /// `undo` of the last run.
    UndoLast,
    /// `undo` of a run by its name in the model.
    Undo(&'a str),
    /// `unlock` of every run that holds a lock.
    Unlock,
    Status,
    /// The bastion is itself again after a kill.
    MendBastion,
    /// Something happens right before or after a command on a master.
    At {
        before: bool,
        command: &'a str,
        master: &'a str,
        what: Vec<&'a str>,
    },
    Expect {
        so: bool,
        what: Expected<'a>,
    },
    /// What else happens.
    Happens(Vec<&'a str>),
}

/// What must be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected<'a> {
    /// The last verb did not end by itself.
    Killed,
    /// The last verb's exit code.
    Exit(i32),
    /// The last verb was refused by this rule.
    Refused(Rule),
    /// The masters are as they were before the last verb.
    Untouched,
    /// The last verb said so.
    Says(String),
    /// The report of the last run says so.
    ReportSays(String),
    /// The last `status` said so.
    StatusSays(String),
    /// The last `status` named this command as the next one.
    Next(String),
    /// The last `status` came to this.
    Verdict(Verdict),
    /// The last verb's plan or the last `status` has this finding.
    Finding(&'a str),
    /// One cluster takes writes, through these masters and no other; nobody does.
    Writable(Vec<&'a str>),
    /// So many clusters take writes.
    Clusters(usize),
    /// Each of these masters itself has these keys.
    Keys {
        keys: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// The data directory of each has them, whether or not its etcd answers: a write-ahead log that is not applied counts.
    Logged {
        keys: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// The data that was moved aside there has them.
    Retired {
        keys: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// These, and no other, are the members that env file and etcd of each master list, and all of them vote.
    Listed {
        members: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// The API server of each knows the etcds of these masters, and of no other.
    ApiLists {
        members: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// It knows these masters' etcds of a cluster that the model does not have.
    ApiListsElsewhere {
        members: Vec<&'a str>,
        masters: Vec<&'a str>,
    },
    /// The API server of each is ready, and what works through it runs.
    ApiServes(Vec<&'a str>),
    /// The API server of each is kept from running.
    ApiParked(Vec<&'a str>),
    Fenced(Vec<&'a str>),
    /// etcd runs there.
    Running(Vec<&'a str>),
    /// A run holds a lock.
    Locked,
    /// The seed of the last plan.
    Seed(&'a str),
    /// How it was shown that quorum is lost.
    Proof(&'a str),
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn number<N: std::str::FromStr>(word: &str) -> Result<N, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

/// `15s`.
pub fn seconds(word: &str) -> Result<Duration, String> {
    Ok(Duration::from_secs(number(word.strip_suffix('s').unwrap_or(word))?))
}

/// Reads a story's text; its first line must tell the masters.
pub fn lines(text: &str) -> Result<Lines<'_>, String> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut lines = lines.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().map_or("", |(_, line)| line);
    let Some(("masters", zones)) = first.split_once(' ') else {
        return Err(format!("a story begins with `masters`, not with {first:?}"));
    };
    let (zones, ports) = zones.split_once(" ports ").unwrap_or((zones, ""));
    let zones = words(zones).into_iter().map(number).collect::<Result<_, _>>()?;
    let ports = match words(ports)[..] {
        [client, peer] => Some((number(client)?, number(peer)?)),
        _ => None,
    };
    Ok(Lines { zones, ports, lines: lines.collect() })
}

/// Reads one line.
pub fn line(line: &str) -> Result<Line<'_>, String> {
    let said = words(line);
    Ok(match &said[..] {
        ["wait", time] => Line::Wait(seconds(time)?),
        ["write", key, "through", through] => Line::Write { key, through, acknowledged: true },
        ["no", "write", key, "through", through] => Line::Write { key, through, acknowledged: false },
        [verb @ ("fence" | "unfence"), zone, rest @ ..] => Line::Verb { verb, zone: Some(zone), flags: flags(rest)? },
        [verb @ ("initiate-dr" | "recover"), rest @ ..] => Line::Verb { verb, zone: None, flags: flags(rest)? },
        ["undo", "last"] => Line::UndoLast,
        ["undo", run] => Line::Undo(run),
        ["unlock"] => Line::Unlock,
        ["status"] => Line::Status,
        ["mend", "the", "bastion"] => Line::MendBastion,
        ["before" | "after", ..] => at(line)?,
        ["expect", "not", rest @ ..] => Line::Expect { so: false, what: expected(rest)? },
        ["expect", rest @ ..] => Line::Expect { so: true, what: expected(rest)? },
        _ => Line::Happens(said),
    })
}

/// `flag value flag value …`.
pub fn flags<'a>(said: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pair = |pair: &[&'a str]| match pair {
        [flag, value] => Ok((*flag, *value)),
        _ => Err(format!("{pair:?} is no flag with its value")),
    };
    said.chunks(2).map(pair).collect()
}

/// `before COMMAND on MASTER: WHAT`.
fn at(line: &str) -> Result<Line<'_>, String> {
    let (when, rest) = line.split_once(' ').ok_or("when?")?;
    let (place, what) = rest.split_once(": ").ok_or("`before COMMAND on MASTER: WHAT`")?;
    let (command, master) = place.rsplit_once(" on ").ok_or("`COMMAND on MASTER`")?;
    Ok(Line::At { before: when == "before", command, master, what: words(what) })
}

fn expected<'a>(said: &[&'a str]) -> Result<Expected<'a>, String> {
    let on = said.iter().position(|word| *word == "on").unwrap_or(said.len());
    let masters = said.get(on + 1..).unwrap_or_default().to_vec();
    let listed = || said[1..on].to_vec();
    Ok(match said {
        ["killed"] => Expected::Killed,
        ["exit", code] => Expected::Exit(number(code)?),
        ["refused", rule] => Expected::Refused(rule.parse().map_err(|_| format!("there is no rule {rule}"))?),
        ["untouched"] => Expected::Untouched,
        ["says", words @ ..] => Expected::Says(words.join(" ")),
        ["report", "says", words @ ..] => Expected::ReportSays(words.join(" ")),
        ["status", "says", words @ ..] => Expected::StatusSays(words.join(" ")),
        ["next", words @ ..] => Expected::Next(words.join(" ")),
        ["verdict", verdict] => {
            let named = serde_json::from_value((*verdict).into());
            Expected::Verdict(named.map_err(|_| format!("there is no verdict {verdict}"))?)
        }
        ["finding", code] => Expected::Finding(code),
        ["writable", "nobody"] => Expected::Writable(Vec::new()),
        ["writable", masters @ ..] => Expected::Writable(masters.to_vec()),
        ["clusters", count] => Expected::Clusters(number(count)?),
        ["keys", .., _] if on < said.len() => Expected::Keys { keys: listed(), masters },
        ["logged", .., _] if on < said.len() => Expected::Logged { keys: listed(), masters },
        ["retired", .., _] if on < said.len() => Expected::Retired { keys: listed(), masters },
        ["listed", .., _] if on < said.len() => Expected::Listed { members: listed(), masters },
        ["API", "servers", "list", "elsewhere", ..] if on < said.len() => {
            Expected::ApiListsElsewhere { members: said[4..on].to_vec(), masters }
        }
        ["API", "servers", "list", ..] if on < said.len() => {
            Expected::ApiLists { members: said[3..on].to_vec(), masters }
        }
        ["API", "servers", "serve", "on", ..] => Expected::ApiServes(masters),
        ["API", "servers", "parked", "on", ..] => Expected::ApiParked(masters),
        ["fenced", masters @ ..] => Expected::Fenced(masters.to_vec()),
        ["running", masters @ ..] => Expected::Running(masters.to_vec()),
        ["locked"] => Expected::Locked,
        ["seed", master] => Expected::Seed(master),
        ["proof", how] => Expected::Proof(how),
        _ => return Err(format!("nobody knows how to expect {said:?}")),
    })
}

/// Holds, or says what is so instead.
pub fn yes(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// What was found, where a line says whether it must be so.
pub fn as_expected(so: bool, found: Result<(), String>) -> Result<(), String> {
    match so {
        true => found,
        false => yes(found.is_err(), "it is so"),
    }
}
