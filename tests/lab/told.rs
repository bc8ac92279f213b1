//! Stories of tests/scenarios, told on real machines line by line as the model is told them. Knows no model.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use requorum::run::exit;

use crate::lines::{self, Expected, Line, as_expected, yes};
use crate::support::{Lab, Said, name};

/// Each told here by `make test` too, on these versions of etcd; any other whose lines are known here by SCENARIO=NAME
/// (and ETCD=3.5) with `told::by_name`.
macro_rules! told {
    ($($story:ident on $($etcd:ident)+),+ $(,)?) => {$(
        mod $story {
            $(#[test]
            fn $etcd() {
                super::tell(stringify!($story), &stringify!($etcd).replace("etcd_", "").replace('_', "."));
            }
            )+
        }
    )+};
}

told! {
    a_finished_run_is_not_undone on etcd_3_6,
    a_full_etcd_is_relieved on etcd_3_6,
    a_kept_snapshot_brings_back_what_was_moved_aside on etcd_3_5,
    a_second_disaster_is_survived_too on etcd_3_6,
    a_zone_comes_home_master_by_master on etcd_3_6,
    a_zone_that_carries_the_cluster_is_not_fenced on etcd_3_5,
    a_zone_that_is_only_cut_off_is_fenced_first on etcd_3_5,
    of_restarted_survivors_the_freshest_is_the_seed on etcd_3_5,
    three_and_two_lose_the_majority_and_come_home on etcd_3_6,
    three_zones_lose_two on etcd_3_6,
    two_and_one_lose_the_majority_and_come_home on etcd_3_4 etcd_3_5 etcd_3_6 etcd_3_7,
    two_and_two_lose_half on etcd_3_6,
    what_a_fenced_master_had_beyond_the_fork_is_told on etcd_3_6,
}

/// The one that SCENARIO names.
#[test]
fn by_name() {
    let given = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    tell(&given("SCENARIO", "silence_alone_proves_nothing"), &given("ETCD", "3.6"));
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
    status: Said,
    /// What the next verb is killed after: a command and its master.
    killed_after: Option<(String, String)>,
}

/// How long something is waited for that the story says has time to come about. A machine boots, the model does not.
const PATIENCE: Duration = Duration::from_secs(60);
/// And without such time: a busy host is no broken cluster.
const AT_ONCE: Duration = Duration::from_secs(15);

fn tell(story: &str, etcd: &str) {
    let path = format!("{}/tests/scenarios/{story}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let told = lines::lines(&text).unwrap_or_else(|why| panic!("{path}: {why}"));
    assert!(told.ports.is_none(), "{path}: a lab has etcd's own ports");
    let mut telling = Telling::begin(&told.zones, etcd);
    let mut time = Duration::ZERO;
    for (index, (at, line)) in told.lines.iter().enumerate() {
        let done = match lines::line(line) {
            // A lab is healthy once it is up.
            Ok(Line::Wait(_)) if index == 0 => Ok(()),
            Ok(Line::Wait(wait)) => {
                time = wait;
                Ok(())
            }
            Ok(line) => telling.after(std::mem::take(&mut time), &line),
            Err(why) => Err(why),
        };
        if let Err(why) = done {
            panic!("{story}.txt, line {at}: {line}\n  {why}");
        }
    }
}

/// Whether a line says what comes about in time, so that it is true or not yet.
fn comes_about(line: &Line<'_>) -> bool {
    matches!(
        line,
        Line::Write { acknowledged: true, .. }
            | Line::Expect { so: true, what: Expected::Writable(_) | Expected::Clusters(_) | Expected::Keys { .. } }
    )
}

impl Telling {
    fn begin(zones: &[usize], etcd: &str) -> Self {
        let masters: usize = zones.iter().sum();
        let zones: Vec<String> = zones.iter().map(ToString::to_string).collect();
        let nothing = || Said { code: 0, stdout: String::new(), stderr: String::new() };
        Self {
            lab: Lab::up(&zones.join("+"), etcd),
            masters: (1..=masters).map(|number| format!("m{number}")).collect(),
            end: nothing(),
            before: Vec::new(),
            status: nothing(),
            killed_after: None,
        }
    }

    /// Tells a line some time after the one before it. Where the line says what has come about by then, it is told
    /// again until it is so; otherwise the time is a part of the story: leases of leadership end in it.
    fn after(&mut self, time: Duration, line: &Line<'_>) -> Result<(), String> {
        if !comes_about(line) {
            std::thread::sleep(time);
            return self.line(line);
        }
        let end = Instant::now() + if time.is_zero() { AT_ONCE } else { PATIENCE };
        loop {
            match self.line(line) {
                Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(100)),
                told => return told,
            }
        }
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), String> {
        match line {
            Line::Wait(time) => std::thread::sleep(*time),
            Line::Write { key, through, acknowledged } => {
                return as_expected(*acknowledged, self.write(through, key).map(drop));
            }
            Line::Verb { verb, zone, flags } => {
                self.verb(&[*verb].into_iter().chain(*zone).collect::<Vec<_>>(), flags);
            }
            Line::Undo(run) => self.verb(&["undo", run], &[]),
            Line::UndoLast => self.verb(&["undo", &self.last_run()], &[]),
            Line::Unlock => {
                for run in self.locked_by() {
                    self.lab.requorum(&["unlock", &run]).exits(0);
                }
            }
            Line::Status => self.status = self.lab.requorum(&["status"]),
            // Each verb is a process of its own.
            Line::MendBastion => {}
            Line::At { before: false, command, master, what } if what[..] == ["requorum", "is", "killed"] => {
                self.killed_after = Some(((*command).to_owned(), (*master).to_owned()));
            }
            Line::At { .. } => return Err("this cannot be told on machines".to_owned()),
            Line::Expect { so, what } => return as_expected(*so, self.check(what)),
            Line::Happens(said) => self.happens(said)?,
        }
        Ok(())
    }

    /// What happens by itself.
    fn happens(&self, said: &[&str]) -> Result<(), String> {
        let lab = |line: &[&str]| drop(self.lab.lab(line).exits(0));
        let on = |master: &str, line: &str| drop(self.lab.on(master, line).exits(0));
        match said {
            ["off", who] => lab(&["power-off", who]),
            ["on", who] => lab(&["power-on", who]),
            ["cut", zone] => lab(&["isolate", zone]),
            ["split", zone] => lab(&["isolate", zone, "--keep-bastion"]),
            ["heal", zone] => lab(&["reconnect", zone]),
            // It stands still: what its peers send lies in its sockets, and is lost when it is killed.
            ["lag", master] => on(master, "systemctl kill -s STOP etcd"),
            ["crash", master] => on(master, CRASH),
            ["restart", master] => on(master, "systemctl restart etcd"),
            ["no-space", master] => on(master, NO_SPACE),
            ["no-env", master] => on(master, "mv /etc/etcd.env /root/"),
            ["env", "of", master, "is", "back"] => on(master, "mv /root/etcd.env /etc/"),
            ["data", "of", master, "is", "gone"] => on(master, "systemctl stop etcd; rm -rf /var/lib/etcd"),
            // One without the runs of the first.
            ["another", "bastion"] => std::fs::rename(self.lab.bastion(), self.lab.state("first")).expect("moved"),
            _ => return Err("this line is not known on machines".to_owned()),
        }
        Ok(())
    }

    /// The cluster that acknowledged a write.
    fn write(&self, master: &str, key: &str) -> Result<String, String> {
        let said = self.lab.etcdctl(master, &["--command-timeout=3s", "put", key, "x", "-w", "json"]);
        let answer = serde_json::from_str(&said.stdout).unwrap_or(serde_json::Value::Null);
        yes(said.code == 0, "not acknowledged").map(|()| answer["header"]["cluster_id"].to_string())
    }

    /// The clusters that take writes, and through which masters.
    fn writable(&self) -> (BTreeSet<String>, Vec<&str>) {
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked = self.masters.iter().map(|master| scope.spawn(move || (master, self.write(master, "writable"))));
            let asked: Vec<_> = asked.collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let taken = answers.into_iter().filter_map(|(master, cluster)| Some((cluster.ok()?, master.as_str())));
        taken.unzip()
    }

    fn last_run(&self) -> String {
        let runs = std::fs::read_dir(self.lab.bastion().join("runs")).expect("runs").flatten();
        runs.map(|run| run.file_name().to_string_lossy().into_owned()).max().expect("a run")
    }

    /// The runs that hold a lock on a master that answers.
    fn locked_by(&self) -> BTreeSet<String> {
        let holders =
            self.masters.iter().map(|master| self.lab.on(master, "cat /var/lib/requorum/lock/holder.json").stdout);
        let run = |holder: String| {
            let holder: serde_json::Value = serde_json::from_str(&holder).ok()?;
            holder["run"].as_str().map(str::to_owned)
        };
        holders.filter_map(run).collect()
    }

    /// `requorum VERB …` with the story's flags, and consent.
    fn verb(&mut self, verb: &[&str], flags: &[(&str, &str)]) {
        let mut words: Vec<String> = verb.iter().map(|word| (*word).to_owned()).collect();
        for (flag, word) in flags {
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
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.before = self.pictures();
        self.end = match self.killed_after.take() {
            Some((command, master)) => self.lab.killed_after(&words, &command, &master),
            None => self.lab.requorum(&words),
        };
    }

    fn pictures(&self) -> Vec<String> {
        self.masters.iter().map(|master| self.lab.fingerprint(master)).collect()
    }

    /// What must be so: of what was said here, and else on the machines.
    fn check(&self, what: &Expected<'_>) -> Result<(), String> {
        let shown = || format!("{} {}", self.end.code, self.end.all());
        match what {
            Expected::Killed => yes(self.end.code == -1, &shown()),
            Expected::Exit(code) => yes(self.end.code == *code, &shown()),
            Expected::Refused(rule) => {
                yes(self.end.code == 3 && self.end.all().contains(&format!("[{rule}]")), &shown())
            }
            Expected::Finding(code) => {
                let said = self.end.all() + &self.status.all();
                yes(said.contains(&format!("[{code}]")), &said)
            }
            Expected::Says(words) => contains(&self.end.all(), words),
            Expected::ReportSays(words) => contains(&self.lab.requorum(&["report", &self.last_run()]).all(), words),
            Expected::StatusSays(words) => contains(&self.status.all(), words),
            Expected::Next(command) => {
                // The model's operator has its inventory in the environment.
                let inventory = format!("requorum -i {} ", self.lab.inventory().display());
                contains(&self.status.all().replace(&inventory, "requorum "), &format!("next: {command}"))
            }
            Expected::Verdict(wanted) => {
                yes(self.status.code == i32::from(exit::of_verdict(*wanted)), &self.status.all())
            }
            Expected::Seed(master) => {
                let seed = self.lab.last_plan().seed;
                yes(seed.as_ref().is_some_and(|seed| seed.as_str() == *master), &format!("{seed:?}"))
            }
            Expected::Proof(how) => contains(&self.lab.last_plan().proof.unwrap_or_default(), &format!("({how} in ")),
            _ => self.check_machines(what),
        }
    }

    fn check_machines(&self, what: &Expected<'_>) -> Result<(), String> {
        let everywhere = |masters: &[&str], holds: &dyn Fn(&str) -> Result<(), String>| {
            masters.iter().try_for_each(|master| holds(master).map_err(|why| format!("{master}: {why}")))
        };
        let shell = |master: &str, line: &str| yes(self.lab.on(master, line).code == 0, line);
        // Of each key whether these files have it.
        let in_files = |keys: &[&str], masters: &[&str], files: &str| {
            everywhere(masters, &|master| {
                keys.iter().try_for_each(|key| shell(master, &format!("grep -rqaF {key} {files}")))
            })
        };
        match what {
            Expected::Untouched => {
                let now = self.pictures();
                yes(self.before == now, &format!("{:?}\n{now:?}", self.before))
            }
            Expected::Writable(wanted) => {
                let (clusters, taken) = self.writable();
                yes(taken == *wanted && clusters.len() < 2, &format!("{taken:?} of {clusters:?}"))
            }
            Expected::Clusters(number) => {
                let (clusters, taken) = self.writable();
                yes(clusters.len() == *number, &format!("{taken:?} of {clusters:?}"))
            }
            Expected::Keys { keys, masters } => everywhere(masters, &|master| {
                let said = self.lab.etcdctl(master, &["get", "", "--prefix", "--keys-only", "--consistency=s"]);
                let lacks = |key: &&&str| !said.stdout.lines().any(|line| line == **key);
                yes(said.code == 0 && !keys.iter().any(|key| lacks(&key)), &said.all())
            }),
            Expected::Logged { keys, masters } => in_files(keys, masters, "/var/lib/etcd/member/wal"),
            Expected::Retired { keys, masters } => in_files(keys, masters, "/var/lib/etcd.retired-*"),
            Expected::Listed { members, masters } => everywhere(masters, &|master| self.lists(master, members)),
            Expected::Fenced(masters) => {
                everywhere(masters, &|master| shell(master, "ls /var/lib/requorum/fence-etcd"))
            }
            Expected::Running(masters) => {
                everywhere(masters, &|master| shell(master, "systemctl show -p MainPID etcd | grep -vx MainPID=0"))
            }
            Expected::Locked => yes(!self.locked_by().is_empty(), "no lock"),
            _ => panic!("{what:?} is not known on machines"),
        }
    }

    /// Whether these and no other are the members in a master's env file and in its etcd's member list, all of them
    /// voters, and whether an empty directory could not become a cluster of its own.
    fn lists(&self, master: &str, members: &[&str]) -> Result<(), String> {
        let file = self.lab.on(master, "grep ^ETCD_INITIAL_CLUSTER /etc/etcd.env").stdout;
        let list = file.lines().find_map(|line| line.strip_prefix("ETCD_INITIAL_CLUSTER=")).unwrap_or_default();
        let listed = list.trim_matches('"').split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        let said = self.lab.etcdctl(master, &["member", "list", "-w", "json"]);
        let answer: serde_json::Value = serde_json::from_str(&said.stdout).unwrap_or_default();
        let known = answer["members"].as_array().cloned().unwrap_or_default();
        let voters = known.iter().filter(|member| member["isLearner"] != true);
        let voters: BTreeSet<String> =
            voters.map(|member| member["name"].as_str().unwrap_or_default().to_owned()).collect();
        let wanted: BTreeSet<String> = members.iter().map(|member| (*member).to_owned()).collect();
        let so = file.contains("STATE=existing") && listed.collect::<BTreeSet<_>>() == wanted;
        yes(so && voters == wanted && known.len() == wanted.len(), &format!("{file}{}", said.all()))
    }
}

/// Whether a text has these words, wherever its lines end.
fn contains(text: &str, words: &str) -> Result<(), String> {
    let plain: Vec<&str> = text.split_whitespace().collect();
    yes(plain.join(" ").contains(words), text)
}

/// etcd is killed as it stands, and runs again.
const CRASH: &str = "systemctl kill -s KILL etcd; for n in $(seq 300); do sleep 0.1; systemctl start --no-block etcd; \
                     systemctl show -p MainPID etcd | grep -qvx MainPID=0 && exit 0; done; exit 1";

/// A member's NOSPACE alarm, as etcd raises it itself.
const NO_SPACE: &str = "set -a; . /etc/etcd.env; curl -sf --cacert $ETCDCTL_CACERT --cert $ETCDCTL_CERT --key $ETCDCTL_KEY \
     https://127.0.0.1:2379/v3/maintenance/alarm -d '{\"action\":\"ACTIVATE\",\"alarm\":\"NOSPACE\"}' | grep NOSPACE";
