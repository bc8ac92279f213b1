//! Stories: what happens to a site, what we do, what must be true, line by line. `docs` of the words: see the files.

use std::collections::BTreeSet;
use std::time::Duration;

use requorum::observe::Observation;
use requorum::observe::assess::Assessment;
use requorum::plan::{Goal, Rule};
use requorum::report::history::{self, JournalFile};
use requorum::run::journal;
use requorum::sim::{Cut, End, Event, Flags, Site, Waiting};

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
}

/// Tells a story to its end; an error names its line.
pub async fn tell(text: &str) -> Result<(), String> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let mut lines = lines.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut telling = match lines.next() {
        Some((_, line)) if line.starts_with("masters ") => Telling::begin(&line[8..]),
        other => return Err(format!("a story begins with `masters`, not with {other:?}")),
    };
    for (at, line) in lines {
        telling.line(line).await.map_err(|why| format!("line {at}: {line}\n  {why}"))?;
    }
    let broken = telling.site.broken();
    if broken.is_empty() { Ok(()) } else { Err(format!("what must never happen did: {broken:#?}")) }
}

fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

fn seconds(word: &str) -> Duration {
    Duration::from_secs(word.trim_end_matches('s').parse().unwrap_or(0))
}

impl Telling {
    fn begin(zones: &str) -> Self {
        let (zones, ports) = zones.split_once(" ports ").unwrap_or((zones, ""));
        let zones: Vec<usize> = words(zones).iter().filter_map(|word| word.parse().ok()).collect();
        let site = match words(ports)[..] {
            [client, peer] => Site::with_ports(&zones, client.parse().unwrap_or(0), peer.parse().unwrap_or(0)),
            _ => Site::new(&zones),
        };
        Self { site, end: End::default(), before: String::new(), status: None, waiting: None }
    }

    async fn line(&mut self, line: &str) -> Result<(), String> {
        let said = words(line);
        match &said[..] {
            ["wait", time] => self.site.wait(seconds(time)).await,
            ["write", key, "through", master] => return yes(self.site.write(master, key), "not acknowledged"),
            ["no", "write", key, "through", master] => return yes(!self.site.write(master, key), "acknowledged"),
            ["before" | "after", ..] => return self.later(&said),
            ["kill", "requorum", "after", "record", number] => {
                self.site.kill_after_record(self.site.records() + count(number)?);
            }
            ["fill", "the", "bastion's", "disk"] => self.site.fill_disk_before_record(self.site.records() + 1),
            ["cut", "the", "connection", "at", "act", number, how] => {
                self.site.cut_at(self.site.acts() + count(number)?, cut(how)?);
            }
            ["mend", "the", "bastion"] => self.site.mend_bastion(),
            ["snapshot", "of", master, "as", path] => self.site.bring(path, self.site.snapshot(master)),
            ["snapshot", "of", "another", "cluster", "as", path] => {
                self.site.bring(path, Site::with_ports(&[1, 1], 4379, 4380).snapshot("m1"));
            }
            ["bare", "copy", "of", master, "as", path] => self.site.bring(path, self.site.database(master)),
            ["damage", path] => self.site.bring(path, b"{half".to_vec()),
            ["template", "adds", line] => self.site.template_adds(line),
            ["lose", path] => self.site.bring(path, Vec::new()),
            ["initiate-dr", rest @ ..] => self.verb(Goal::InitiateDr, rest).await?,
            ["recover", rest @ ..] => self.verb(Goal::Recover, rest).await?,
            ["fence", zone, rest @ ..] => {
                self.verb(Goal::Fence, &[&["failed-zone", zone], rest].concat()).await?;
            }
            ["undo", "last"] => {
                let run = self.site.last_run();
                let run = run.rsplit('/').next().unwrap_or_default().to_owned();
                self.verb(Goal::Undo, &["undoes", &run]).await?;
            }
            ["unfence", zone] => self.verb(Goal::Unfence, &["failed-zone", zone]).await?,
            ["unlock"] => {
                for run in self.site.locked_by() {
                    self.site.unlock(&run).await;
                }
            }
            ["unlock", "elsewhere"] => {
                for run in self.site.locked_by() {
                    self.site.unlock_elsewhere(&run).await;
                }
            }
            ["ask", "for", "consent:", verb, rest @ ..] => self.ask_for_consent(verb, rest).await?,
            ["consent"] => {
                let waiting = self.waiting.take().ok_or("nobody waits for consent")?;
                self.before = self.site.picture();
                self.end = self.site.consent(waiting).await;
            }
            ["status"] => self.status = Some(self.site.status().await),
            ["expect", "not", rest @ ..] => {
                return yes(self.check(rest)?.is_err(), "it is so");
            }
            ["expect", rest @ ..] => return self.check(rest)?,
            _ => self.site.happens(&event(&said)?),
        }
        Ok(())
    }

    fn later(&self, said: &[&str]) -> Result<(), String> {
        let line = said[1..].join(" ");
        let (when, what) = line.split_once(": ").ok_or("`before COMMAND on MASTER: WHAT`")?;
        let (command, master) = when.rsplit_once(" on ").ok_or("`COMMAND on MASTER`")?;
        self.site.at(said[0] == "before", command, Some(master), 0, event(&words(what))?);
        Ok(())
    }

    async fn ask_for_consent(&mut self, verb: &str, said: &[&str]) -> Result<(), String> {
        let goals = [Goal::InitiateDr, Goal::Recover, Goal::Fence, Goal::Unfence];
        let goal = goals.into_iter().find(|goal| goal.command() == verb).ok_or(format!("no verb {verb}"))?;
        let waiting = self.site.ask_for_consent(goal, &self.ask(said)?).await;
        self.waiting = Some(waiting.map_err(|end| end.text)?);
        Ok(())
    }

    async fn verb(&mut self, goal: Goal, said: &[&str]) -> Result<(), String> {
        let ask = self.ask(said)?;
        self.before = self.site.picture();
        self.end = self.site.go(goal, &ask).await;
        Ok(())
    }

    fn ask(&self, said: &[&str]) -> Result<Flags, String> {
        let mut ask = Flags::default();
        for pair in said.chunks(2) {
            let [flag, word] = pair else { return Err(format!("{flag:?} has no value", flag = pair)) };
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

    /// What must be so: the outer error is a line that means nothing.
    fn check(&self, said: &[&str]) -> Result<Result<(), String>, String> {
        let site = &self.site;
        let all = |keys: &[&str], have: &BTreeSet<String>| keys.iter().all(|key| have.contains(*key));
        let on = said.iter().position(|word| *word == "on").unwrap_or(said.len());
        let masters = said.get(on + 1..).unwrap_or_default();
        Ok(match said {
            ["killed"] => yes(self.end.code.is_none(), &self.end.text),
            ["exit", code] => yes(self.end.code.map(|code| code.to_string()) == Some((*code).into()), &self.shown()),
            ["refused", rule] => yes(self.end.code == Some(3) && self.end.refused_by(known(rule)?), &self.shown()),
            ["untouched"] => yes(self.before == site.picture(), &different(&self.before, &site.picture())),
            ["says", ..] => yes(self.end.text.contains(&said[1..].join(" ")), &self.shown()),
            ["report", "says", ..] => {
                let text = self.report()?;
                yes(text.contains(&said[2..].join(" ")), &text)
            }
            ["status", "says", ..] => {
                let (seen, assessment) = self.status.as_ref().ok_or("`status` first")?;
                let (wanted, words) = (said[2..].join(" "), site.words(seen, assessment));
                yes(words.contains(&wanted), &words)
            }
            ["writable", wanted @ ..] => self.writable(wanted),
            ["clusters", number] => yes(site.writable().len() == count(number)?, &format!("{:?}", site.writable())),
            ["keys", keys @ .., _] if on < said.len() => {
                let keys = &keys[..on - 1];
                let lacking = masters.iter().find(|master| !all(keys, &site.keys(master)));
                yes(lacking.is_none(), &format!("{lacking:?} lacks one"))
            }
            ["retired", key, "on", master] => yes(site.retired_keys(master).contains(*key), "not there"),
            ["fenced", masters @ ..] => yes(masters.iter().all(|master| site.fenced(master)), "not all"),
            ["running", masters @ ..] => yes(masters.iter().all(|master| site.runs(master)), "not all"),
            ["locked"] => yes(!site.locked_by().is_empty(), "no lock"),
            ["listed", members @ .., _] if on < said.len() => {
                let members: BTreeSet<String> = members[..on - 1].iter().map(|word| (*word).to_owned()).collect();
                yes(masters.iter().all(|master| site.listed(master) == members), &format!("{:?}", site.listed("m1")))
            }
            ["seed", master] => {
                let seed = self.end.plan.as_ref().and_then(|plan| plan.seed.clone()).map(|name| name.to_string());
                yes(seed.as_deref() == Some(*master), &format!("{seed:?}"))
            }
            ["verdict", wanted] => {
                let verdict = self.status.as_ref().map(|(_, assessment)| assessment.verdict);
                let word = serde_json::to_value(verdict).unwrap_or_default();
                yes(word.as_str() == Some(*wanted), &format!("{word}"))
            }
            ["next", ..] => {
                let wanted = said[1..].join(" ");
                let cluster = site.cluster();
                let (seen, assessment) = self.status.as_ref().ok_or("`status` first")?;
                let text = requorum::report::status::verdict(&cluster, seen, assessment, "requorum", None);
                yes(text.contains(&format!("next: {wanted}")), &text)
            }
            ["proof", how] => yes(self.proof().contains(&format!("({how} in ")), &self.proof()),
            ["finding", code] => {
                yes(self.findings().iter().any(|known| known == code), &format!("{:?}", self.findings()))
            }
            _ => return Err(format!("nobody knows how to expect {said:?}")),
        })
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

    fn writable(&self, wanted: &[&str]) -> Result<(), String> {
        let writable = self.site.writable();
        let names: Vec<String> = writable.values().flatten().map(ToString::to_string).collect();
        let nobody = wanted == ["nobody"] && names.is_empty();
        yes(nobody || (writable.len() == 1 && names == wanted), &format!("{writable:?}"))
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

fn yes(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
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

fn known(rule: &str) -> Result<Rule, String> {
    rule.parse().map_err(|_| format!("there is no rule {rule}"))
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
        ["lag", master] => Event::Lag(own(master)),
        ["deaf", master] => Event::Deaf(own(master)),
        ["elected", master] => Event::Elected(own(master)),
        ["torn-log", master] => Event::TornLog(own(master)),
        ["disable", master] => Event::Disable(own(master)),
        ["watch", master] => Event::Watch(own(master)),
        ["stalls", master] => Event::Stalls(own(master)),
        ["start-limit", master, time] => Event::StartLimit(own(master), seconds(time)),
        ["impatient", master] => Event::Impatient(own(master)),
        ["slow", master] => Event::Slow(own(master)),
        ["other-key", master] => Event::OtherKey(own(master)),
        ["lacks", master, tool] => Event::Lacks(own(master), own(tool)),
        ["full", master] => Event::Full(own(master)),
        ["no-env", master] => Event::NoEnv(own(master)),
        ["set", master, key, value] => Event::Setting(own(master), own(key), own(value)),
        ["unset", master, key] => Event::Setting(own(master), own(key), String::new()),
        ["certificates", "of", master, "have", "ended"] => Event::Ended(own(master)),
        ["snapshot", "to", master, "takes", time] => Event::Trickles(own(master), seconds(time)),
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
