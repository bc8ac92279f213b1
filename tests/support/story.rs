//! Tells a story on the model, line by line as `lines.rs` reads them.

use std::collections::BTreeSet;

use requorum::config::Form;
use requorum::observe::Observation;
use requorum::observe::assess::Assessment;
use requorum::plan::Goal;
use requorum::report::history::{self, JournalFile};
use requorum::run::journal;
use requorum::sim::{Cut, End, Event, Flags, OwnWal, Site, Waiting};
use requorum::verbs::runs;

use crate::lines::{self, Expected, Line, Lines, as_expected, seconds, yes};

/// Whether something holds for a master.
type Holds<'a> = Box<dyn Fn(&str) -> bool + 'a>;

/// What a story has come to.
pub struct Telling {
    pub site: Site,
    /// How the last verb ended.
    end: End,
    /// The masters before the last verb.
    before: String,
    status: Option<(Observation, Assessment)>,
    /// A verb that waits for consent.
    waiting: Option<Waiting>,
    /// Whether each verb is given consent on the command line.
    confirmed: bool,
}

/// Tells a story to its end; an error names its line.
pub async fn tell(text: &str) -> Result<(), String> {
    told(text, false).await
}

/// The same where consent is given on the command line, before there is a plan.
#[allow(dead_code, reason = "each test file uses its part")]
pub async fn tell_confirmed(text: &str) -> Result<(), String> {
    told(text, true).await
}

async fn told(text: &str, confirmed: bool) -> Result<(), String> {
    let Lines { zones, ports, lines } = lines::lines(text)?;
    let mut telling = Telling { confirmed, ..Telling::begin(&zones, ports) };
    for (at, line) in lines {
        telling.line(line).await.map_err(|why| format!("line {at}: {line}\n  {why}"))?;
    }
    let broken = telling.site.broken();
    if broken.is_empty() { Ok(()) } else { Err(format!("what must never happen did: {broken:#?}")) }
}

impl Telling {
    fn begin(zones: &[usize], ports: Option<(u16, u16)>) -> Self {
        let site = match ports {
            Some((client, peer)) => Site::with_ports(zones, client, peer),
            None => Site::new(zones),
        };
        Self { site, end: End::default(), before: String::new(), status: None, waiting: None, confirmed: false }
    }

    async fn line(&mut self, line: &str) -> Result<(), String> {
        match lines::line(line)? {
            Line::Wait(time) => self.site.wait(time).await,
            Line::Write { key, through, acknowledged } => {
                return as_expected(acknowledged, yes(self.site.write(through, key), "not acknowledged"));
            }
            Line::At { before, command, master, what } => {
                self.site.at(before, command, Some(master), 0, event(&what)?);
            }
            Line::Verb { verb, zone, mut flags } => {
                flags.extend(zone.map(|zone| ("failed-zone", zone)));
                self.verb(goal(verb)?, &flags).await?;
            }
            Line::Undo(run) => self.verb(Goal::Undo, &[("undoes", run)]).await?,
            Line::UndoLast => {
                let named = runs::named_to_undo(&self.site.inputs(), &self.site.given_to_verbs(), "last");
                let run = named.map_err(|failure| failure.text(false))?;
                self.verb(Goal::Undo, &[("undoes", &run)]).await?;
            }
            Line::Unlock => {
                for run in self.site.locked_by() {
                    self.site.unlock(&run).await;
                }
            }
            Line::Status => self.status = Some(self.site.status().await),
            Line::MendBastion => self.site.mend_bastion(),
            Line::Expect { so, what } => return as_expected(so, self.check(what)?),
            Line::Happens(said) => self.happens(&said).await?,
        }
        Ok(())
    }

    /// What only the model can be told, and what happens by itself.
    async fn happens(&mut self, said: &[&str]) -> Result<(), String> {
        match said {
            ["kill", "requorum", "after", "record", number] => {
                self.site.kill_after_record(self.site.records() + count(number)?);
            }
            ["fill", "the", "bastion's", "disk"] => self.site.fill_disk_before_record(self.site.records() + 1),
            ["cut", "the", "connection", "at", "act", number, how] => {
                self.site.cut_at(self.site.acts() + count(number)?, cut(how)?);
            }
            ["snapshot", "of", "another", "cluster", "as", path] => {
                self.site.bring(path, Site::with_ports(&[1, 1], 4379, 4380).snapshot("m1"));
            }
            ["snapshot", "of", master, "as", path] => self.site.bring(path, self.site.snapshot(master)),
            ["bare", "copy", "of", master, "as", path] => self.site.bring(path, self.site.database(master)),
            ["damage", path] => self.site.bring(path, b"{half".to_vec()),
            ["template", "adds", line] => self.site.template_adds(line),
            ["etcd", "runs", "in", "containers"] => self.site.run_in_containers(),
            ["units", "are", "a", "package's"] => self.site.units_are_a_packages(),
            ["etcd", "runs", "in", "pods"] => self.site.write_as(Form::Manifest),
            ["masters", "have", which @ .., "API", "servers"] => self.site.run_api_servers_of(which),
            ["park", master, "for", "another"] => self.site.park_for_another(master),
            ["somebody", "lists", masters @ .., "for", "the", "API", "server", "of", master] => {
                self.site.write_api_server(master, masters);
            }
            ["API", "server", "of", master, "refuses", "with", code] => self.site.api_server_refuses(master, code),
            ["API", "server", "of", master, "says", rest @ ..] => {
                let line = rest.join(" ");
                let (now, before) = line.split_once(" for ").ok_or("an API server says one thing for another")?;
                self.site.api_server_says(master, before, now);
            }
            ["script", "of", master, "says", rest @ ..] => {
                let line = rest.join(" ");
                let (now, before) = line.split_once(" for ").ok_or("a script says one thing for another")?;
                self.site.script_says(master, before, now);
            }
            ["tools", "of", version, "are", "on", "the", "bastion"] => self.site.bring_tools(version),
            ["send", "tools"] => self.end = self.site.send_tools().await,
            ["units", "set", "the", "cluster", "in", "variables"] => self.site.units_set_variables(),
            ["unit", "of", master, "runs", "etcd", "alone"] => self.site.unit_runs_etcd_alone(master),
            ["unit", "of", master, "also", "runs", line @ ..] => self.site.unit_also_runs(master, &line.join(" ")),
            ["env", "file", path, "of", master, "says", line] => self.site.env_file_beside(master, path, line),
            ["lose", path] => self.site.bring(path, Vec::new()),
            ["unlock", "elsewhere"] => {
                for run in self.site.locked_by() {
                    self.site.unlock_elsewhere(&run).await;
                }
            }
            ["ask", "for", "consent:", verb, rest @ ..] => {
                let waiting = self.site.ask_for_consent(goal(verb)?, &self.ask(&lines::flags(rest)?)?).await;
                self.waiting = Some(waiting.map_err(|end| end.text)?);
            }
            ["consent"] => {
                let waiting = self.waiting.take().ok_or("nobody waits for consent")?;
                self.before = self.site.picture();
                self.end = self.site.consent(waiting).await;
            }
            _ => self.site.happens(&event(said)?),
        }
        Ok(())
    }

    async fn verb(&mut self, goal: Goal, flags: &[(&str, &str)]) -> Result<(), String> {
        let ask = self.ask(flags)?;
        self.before = self.site.picture();
        self.end = match self.confirmed {
            true => self.site.go_confirmed(goal, &ask).await,
            false => self.site.go(goal, &ask).await,
        };
        let plan = self.end.plan.as_ref().map(|plan| requorum::report::plan::summary(plan));
        unexplained(&[self.end.text.as_str(), plan.as_deref().unwrap_or_default()].join("\n"))
    }

    fn ask(&self, flags: &[(&str, &str)]) -> Result<Flags, String> {
        let mut ask = Flags::default();
        for (flag, word) in flags {
            let word = (*word).to_owned();
            match *flag {
                "attest" => ask.attested.push(word),
                "failed-zone" => ask.failed_zones.push(word),
                "only" => ask.only.push(word),
                "seed" => ask.seed = Some(word),
                "undoes" => ask.undoes = Some(word),
                "proof" => ask.timed_proof = word == "timed",
                "override" => ask.overrides.push(word),
                "snapshot" if word == "kept" => ask.snapshot = Some(format!("{}/snapshot.db", self.site.last_run())),
                "snapshot" => ask.snapshot = Some(word),
                other => return Err(format!("no flag {other}")),
            }
        }
        Ok(ask)
    }

    /// What must be so: the outer error is a line that means nothing here.
    fn check(&self, what: Expected<'_>) -> Result<Result<(), String>, String> {
        let site = &self.site;
        let everywhere = |masters: &[&str], holds: &dyn Fn(&str) -> bool| {
            let not = masters.iter().find(|master| !holds(master));
            yes(not.is_none(), &format!("not on {not:?}"))
        };
        let all = |keys: &[&str], have: BTreeSet<String>| keys.iter().all(|key| have.contains(*key));
        Ok(match what {
            Expected::Killed => yes(self.end.code.is_none(), &self.end.text),
            Expected::Exit(code) => yes(self.end.code.map(i32::from) == Some(code), &self.shown()),
            Expected::Refused(rule) => yes(self.end.code == Some(3) && self.end.refused_by(rule), &self.shown()),
            Expected::Untouched => yes(self.before == site.picture(), &different(&self.before, &site.picture())),
            Expected::Says(words) => yes(self.end.text.contains(&words), &self.shown()),
            Expected::ReportSays(words) => {
                let text = self.report()?;
                yes(text.contains(&words), &text)
            }
            Expected::StatusSays(words) => {
                let (seen, assessment) = self.seen()?;
                let text = site.words(seen, assessment);
                yes(text.contains(&words), &text)
            }
            Expected::Next(command) => {
                let (seen, assessment) = self.seen()?;
                let text = requorum::report::status::verdict(&site.cluster(), seen, assessment, "requorum", None);
                yes(text.contains(&format!("next: {command}")), &text)
            }
            Expected::Verdict(wanted) => {
                let verdict = self.seen()?.1.verdict;
                yes(verdict == wanted, &format!("{verdict:?}"))
            }
            Expected::Finding(code) => {
                yes(self.findings().iter().any(|known| known == code), &format!("{:?}", self.findings()))
            }
            Expected::Writable(masters) => self.writable(&masters),
            Expected::Clusters(number) => yes(site.writable().len() == number, &format!("{:?}", site.writable())),
            Expected::Keys { keys, masters } => everywhere(&masters, &|master| all(&keys, site.keys(master))),
            Expected::Logged { keys, masters } => everywhere(&masters, &|master| all(&keys, site.logged_keys(master))),
            Expected::Retired { keys, masters } => {
                everywhere(&masters, &|master| all(&keys, site.retired_keys(master)))
            }
            Expected::Listed { members, masters } => {
                let members: BTreeSet<String> = members.iter().map(|word| (*word).to_owned()).collect();
                everywhere(&masters, &|master| site.listed(master) == members && site.voters(master) == members)
            }
            api @ (Expected::ApiLists { .. }
            | Expected::ApiListsElsewhere { .. }
            | Expected::ApiServes(_)
            | Expected::ApiParked(_)) => self.api_servers(&api),
            Expected::Fenced(masters) => everywhere(&masters, &|master| site.fenced(master)),
            Expected::Running(masters) => everywhere(&masters, &|master| site.runs(master)),
            Expected::Locked => yes(!site.locked_by().is_empty(), "no lock"),
            Expected::Seed(master) => {
                let seed = self.end.plan.as_ref().and_then(|plan| plan.seed.clone()).map(|name| name.to_string());
                yes(seed.as_deref() == Some(master), &format!("{seed:?}"))
            }
            Expected::Proof(how) => yes(self.proof().contains(&format!("({how} in ")), &self.proof()),
        })
    }

    /// Whether one cluster takes writes, through these masters and no other.
    fn writable(&self, masters: &[&str]) -> Result<(), String> {
        let writable = self.site.writable();
        let names: Vec<String> = writable.values().flatten().map(ToString::to_string).collect();
        yes(writable.len() < 2 && names == masters, &format!("{writable:?}"))
    }

    /// What must be so of API servers.
    fn api_servers(&self, what: &Expected<'_>) -> Result<(), String> {
        let site = &self.site;
        let (masters, holds): (_, Holds<'_>) = match what {
            Expected::ApiLists { members, masters } => {
                let members: BTreeSet<String> = members.iter().map(|word| (*word).to_owned()).collect();
                (masters, Box::new(move |master| site.api_server_lists(master).as_ref() == Some(&members)))
            }
            Expected::ApiListsElsewhere { members, masters } => {
                let members: BTreeSet<String> = members.iter().map(|word| (*word).to_owned()).collect();
                (masters, Box::new(move |master| site.api_server_lists_elsewhere(master).as_ref() == Some(&members)))
            }
            Expected::ApiServes(masters) => (masters, Box::new(|master| site.api_server_serves(master))),
            Expected::ApiParked(masters) => (masters, Box::new(|master| site.api_server_is_parked(master))),
            _ => return Err("it is not about API servers".to_owned()),
        };
        let not = masters.iter().find(|master| !holds(master));
        yes(not.is_none(), &format!("not on {not:?}, whose list has {:?}", not.map(|name| site.api_server_lists(name))))
    }

    fn seen(&self) -> Result<&(Observation, Assessment), String> {
        self.status.as_ref().ok_or_else(|| "`status` first".to_owned())
    }

    /// What showed that quorum was lost.
    fn proof(&self) -> String {
        self.end.plan.iter().find_map(|plan| plan.proof.clone()).unwrap_or_default()
    }

    /// The report of the last run.
    fn report(&self) -> Result<String, String> {
        let path = format!("{}/journal.jsonl", self.site.last_run());
        let journal = String::from_utf8(self.site.kept(&path).ok_or("no run yet")?).map_err(|e| e.to_string())?;
        let file = JournalFile { path, bytes: 0, sha256: String::new(), damage: None };
        let report = history::of(&journal::readable(&journal).0, &file, &[]).ok_or("no report")?;
        Ok(requorum::report::text::text(&report))
    }

    fn findings(&self) -> Vec<String> {
        let planned = self.end.plan.iter().flat_map(|plan| &plan.findings);
        let seen = self.status.iter().flat_map(|(_, assessment)| &assessment.findings);
        planned.chain(seen).map(|finding| finding.code.to_string()).collect()
    }

    fn shown(&self) -> String {
        format!("{:?} {}", self.end.code, self.end.text)
    }
}

/// Every finding and every refusal that is told is told with the command that explains it.
fn unexplained(text: &str) -> Result<(), String> {
    let explained = text.lines().filter_map(|line| line.trim_start().strip_prefix("explained: requorum explain "));
    let explained: Vec<&str> = explained.flat_map(str::split_whitespace).collect();
    let named = text.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = ["error ", "warning ", "note "].iter().find_map(|word| line.strip_prefix(word)).unwrap_or(line);
        Some(line.strip_prefix('[')?.split_once("] ")?.0)
    });
    let known = requorum::report::explain::codes();
    let lacking: Vec<&str> = named.filter(|code| known.contains(code) && !explained.contains(code)).collect();
    if lacking.is_empty() { Ok(()) } else { Err(format!("it does not say where {lacking:?} is explained:\n{text}")) }
}

fn goal(verb: &str) -> Result<Goal, String> {
    let goals = [Goal::InitiateDr, Goal::Recover, Goal::Fence, Goal::Unfence];
    goals.into_iter().find(|goal| goal.command() == verb).ok_or_else(|| format!("no verb {verb}"))
}

fn cut(how: &str) -> Result<Cut, String> {
    match how {
        "done" => Ok(Cut::Done),
        "midway" => Ok(Cut::Midway),
        "not-done" => Ok(Cut::NotDone),
        _ => Err(format!("an act that is cut is done, not-done or midway, not {how}")),
    }
}

fn count(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn different(before: &str, after: &str) -> String {
    let changed = after.lines().filter(|line| !before.lines().any(|old| old == *line));
    changed.collect::<Vec<_>>().join("\n")
}

/// What happens by itself.
fn event(said: &[&str]) -> Result<Event, String> {
    let own = |word: &str| word.to_owned();
    Ok(match said {
        ["off", who] => Event::Off(own(who)),
        ["on", who] => Event::On(own(who)),
        ["cut", zone] => Event::Cut(own(zone)),
        ["split", zone] => Event::Split(own(zone)),
        ["hide", zone] => Event::Hide(own(zone)),
        ["heal", zone] => Event::Heal(own(zone)),
        ["restart", master] => Event::Restart(own(master)),
        ["kill", master] => Event::Kill(own(master)),
        ["crash", master] => Event::Crash(own(master)),
        ["lag", master] => Event::Lag(own(master)),
        ["deaf", master] => Event::Deaf(own(master)),
        ["elected", master] => Event::Elected(own(master)),
        ["torn-log", master] => Event::TornLog(own(master)),
        ["disable", master] => Event::Disable(own(master)),
        ["watch", master] => Event::Watch(own(master)),
        ["stalls", master] => Event::Stalls(own(master)),
        ["start-limit", master, time] => Event::StartLimit(own(master), seconds(time)?),
        ["impatient", master] => Event::Impatient(own(master)),
        ["slow", master] => Event::Slow(own(master)),
        ["other-key", master] => Event::OtherKey(own(master)),
        ["version", "of", tool, "on", master, "is", version] => Event::Version(own(master), own(tool), own(version)),
        ["lacks", master, tool] => Event::Lacks(own(master), own(tool)),
        ["full", master] => Event::Full(own(master)),
        ["no-env", master] => Event::NoEnv(own(master)),
        ["env", "of", master, "is", "back"] => Event::EnvBack(own(master)),
        ["set", master, key, value] => Event::Setting(own(master), own(key), own(value)),
        ["log", "of", master, "in", "its", "own", "directory"] => Event::Wal(own(master), OwnWal::Set),
        ["log", "of", master, "behind", "a", "link"] => Event::Wal(own(master), OwnWal::Linked),
        ["unset", master, key] => Event::Setting(own(master), own(key), String::new()),
        ["certificates", "of", master, "have", "ended"] => Event::Ended(own(master)),
        ["snapshot", "to", master, "takes", time] => Event::Trickles(own(master), seconds(time)?),
        ["corrupt", master] => Event::Corrupt(own(master)),
        ["odd", master, line] => Event::Odd(own(master), own(line)),
        ["flag", master, flag] => Event::Flag(own(master), own(flag)),
        ["revision", master, revision] => Event::Revision(own(master), count(revision)? as u64),
        ["no-metrics", master] => Event::NoMetrics(own(master)),
        ["no-member-list", master] => Event::NoList(own(master)),
        ["never-started-voter", url, "through", master] => Event::Voter(own(master), own(url)),
        ["another-run-forked", master] => Event::Fork(own(master)),
        ["host-names", zone] => Event::Named(own(zone)),
        ["another", "bastion"] => Event::Bastion { behind: false },
        ["another", "bastion", "a", "year", "behind"] => Event::Bastion { behind: true },
        ["data", "of", master, "is", "gone"] => Event::Emptied(own(master)),
        ["no-space", master] => Event::NoSpace(own(master)),
        ["rot", master] => Event::Rot(own(master)),
        ["requorum", "is", "killed"] => Event::Death,
        ["seize", master] => Event::Seize(own(master)),
        _ => return Err(format!("nobody knows what {said:?} means")),
    })
}
