//! Stories of tests/scenarios, told on real machines line by line as the model is told them. Knows no model.

use std::time::Duration;

use crate::support::{Lab, Said, name};

/// Told here by `make test`, too; any other whose lines are known here by SCENARIO=NAME and `told::by_name`.
macro_rules! told {
    ($($story:ident),+ $(,)?) => {$(
        #[test]
        fn $story() {
            tell(stringify!($story));
        }
    )+};
}

told! {
    a_finished_run_is_not_undone,
    a_second_disaster_is_survived_too,
    a_zone_comes_home_master_by_master,
    three_zones_lose_two,
    two_and_two_lose_half,
    what_a_fenced_master_had_beyond_the_fork_is_told,
}

/// The one that SCENARIO names.
#[test]
fn by_name() {
    tell(&std::env::var("SCENARIO").unwrap_or_else(|_| "silence_alone_proves_nothing".to_owned()));
}

/// A story on its way.
struct Telling {
    lab: Lab,
    masters: Vec<String>,
    /// The last verb.
    end: Said,
    /// The masters before it.
    before: Vec<String>,
    /// The last `status`.
    status: String,
}

fn tell(story: &str) {
    let path = format!("{}/tests/scenarios/{story}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty()).peekable();
    let (_, first) = lines.next().expect("a story has lines");
    let zones = first.strip_prefix("masters ").expect("a story begins with its masters");
    let mut telling = Telling::begin(zones);
    // A lab is healthy once it is up.
    lines.next_if(|(_, line)| line.starts_with("wait "));
    for (number, line) in lines {
        if let Err(why) = telling.line(line) {
            panic!("{story}.txt, line {}: {line}\n  {why}", number + 1);
        }
    }
}

fn yes(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

impl Telling {
    fn begin(zones: &str) -> Self {
        let masters: usize = zones.split(' ').map(|count| count.parse::<usize>().expect("a number")).sum();
        Self {
            lab: Lab::up(&zones.replace(' ', "+"), "3.6"),
            masters: (1..=masters).map(|number| format!("m{number}")).collect(),
            end: Said { code: 0, stdout: String::new(), stderr: String::new() },
            before: Vec::new(),
            status: String::new(),
        }
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let said: Vec<&str> = line.split(' ').collect();
        match &said[..] {
            // Time is a part of the story: leases of leadership end in it.
            ["wait", time] => {
                std::thread::sleep(Duration::from_secs(time.trim_end_matches('s').parse().expect("a time")))
            }
            ["write", key, "through", master] => return yes(self.writes(master, key), "not acknowledged"),
            ["no", "write", key, "through", master] => return yes(!self.writes(master, key), "acknowledged"),
            ["off", who] => drop(self.lab.lab(&["power-off", who]).exits(0)),
            ["on", who] => drop(self.lab.lab(&["power-on", who]).exits(0)),
            ["cut", zone] => drop(self.lab.lab(&["isolate", zone]).exits(0)),
            ["split", zone] => drop(self.lab.lab(&["isolate", zone, "--keep-bastion"]).exits(0)),
            ["heal", zone] => drop(self.lab.lab(&["reconnect", zone]).exits(0)),
            ["fence", zone, rest @ ..] => self.verb(&["fence", zone], rest)?,
            ["unfence", zone] => self.verb(&["unfence", zone], &[])?,
            ["undo", "last"] => self.verb(&["undo", &self.last_run()], &[])?,
            ["initiate-dr", rest @ ..] => self.verb(&["initiate-dr"], rest)?,
            ["recover", rest @ ..] => self.verb(&["recover"], rest)?,
            // One without the runs of the first.
            ["another", "bastion"] => std::fs::rename(self.lab.bastion(), self.lab.state("first")).expect("moved"),
            ["status"] => self.status = self.lab.requorum(&["status", "-o", "json"]).stdout,
            ["expect", "not", rest @ ..] => return yes(self.check(rest)?.is_err(), "it is so"),
            ["expect", rest @ ..] => return self.check(rest)?,
            _ => return Err("this line is not known on machines".to_owned()),
        }
        Ok(())
    }

    fn writes(&self, master: &str, key: &str) -> bool {
        self.lab.etcdctl(master, &["--command-timeout=3s", "put", key, "x"]).code == 0
    }

    fn last_run(&self) -> String {
        let runs = std::fs::read_dir(self.lab.bastion().join("runs")).expect("runs").flatten();
        runs.map(|run| run.file_name().to_string_lossy().into_owned()).max().expect("a run")
    }

    /// `requorum VERB …` with the story's flags, and consent.
    fn verb(&mut self, verb: &[&str], flags: &[&str]) -> Result<(), String> {
        let mut words: Vec<String> = verb.iter().map(|word| (*word).to_owned()).collect();
        for pair in flags.chunks(2) {
            let [flag, word] = pair else { return Err(format!("{pair:?} is no flag with its value")) };
            words.push(format!("--{flag}"));
            words.push(match *flag {
                "attest" | "override" => format!("{word}=STORY-1: seen by its keeper"),
                "snapshot" if *word == "kept" => {
                    self.lab.bastion().join("runs").join(self.last_run()).join("snapshot.db").display().to_string()
                }
                _ => (*word).to_owned(),
            });
        }
        words.extend(["--confirm".to_owned(), name().to_owned()]);
        self.before = self.pictures();
        self.end = self.lab.requorum(&words.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(())
    }

    fn pictures(&self) -> Vec<String> {
        self.masters.iter().map(|master| self.lab.fingerprint(master)).collect()
    }

    /// What must be so: the outer error is a line that means nothing here.
    fn check(&self, said: &[&str]) -> Result<Result<(), String>, String> {
        let shown = || format!("{} {}", self.end.code, self.end.all());
        let on = said.iter().position(|word| *word == "on").unwrap_or(said.len());
        let masters = said.get(on + 1..).unwrap_or_default();
        Ok(match said {
            ["exit", code] => yes(self.end.code.to_string() == *code, &shown()),
            ["refused", rule] => yes(self.end.code == 3 && self.end.all().contains(&format!("[{rule}]")), &shown()),
            ["finding", code] => yes(self.end.all().contains(&format!("[{code}]")), &shown()),
            ["report", "says", words @ ..] => {
                let report = self.lab.requorum(&["report", &self.last_run()]).all();
                yes(report.contains(&words.join(" ")), &report)
            }
            ["status", "says", words @ ..] => yes(self.status.contains(&words.join(" ")), &self.status),
            ["says", words @ ..] => yes(self.end.all().contains(&words.join(" ")), &shown()),
            ["untouched"] => yes(self.before == self.pictures(), &format!("{:?}\n{:?}", self.before, self.pictures())),
            ["writable", wanted @ ..] => self.writable(wanted),
            ["keys", keys @ .., _] if on < said.len() => {
                masters.iter().try_for_each(|master| self.has(master, &keys[..on - 1]))
            }
            ["fenced", masters @ ..] => {
                let fenced = |master: &&&str| self.lab.on(master, "ls /var/lib/requorum/fence-etcd").code == 0;
                yes(masters.iter().filter(fenced).count() == masters.len(), "not all")
            }
            ["verdict", wanted] => yes(self.status.contains(&format!("\"{wanted}\"")), &self.status),
            _ => return Err(format!("nobody knows on machines how to expect {said:?}")),
        })
    }

    /// Through these a write is acknowledged, and through no other.
    fn writable(&self, wanted: &[&str]) -> Result<(), String> {
        let wanted = if wanted == ["nobody"] { &[] } else { wanted };
        let takes = |master: &&String| self.writes(master, "writable");
        let taken: Vec<&str> = self.masters.iter().filter(takes).map(String::as_str).collect();
        yes(taken == wanted, &format!("{taken:?}"))
    }

    fn has(&self, master: &str, keys: &[&str]) -> Result<(), String> {
        let lacks = |key: &&&str| {
            let said = self.lab.etcdctl(master, &["get", key, "--keys-only", "--consistency=s"]);
            said.code != 0 || said.stdout.trim() != **key
        };
        let lacking: Vec<&&str> = keys.iter().filter(lacks).collect();
        yes(lacking.is_empty(), &format!("{master} lacks {lacking:?}"))
    }
}
