//! Somebody who does only what is printed after requorum was killed: by `status`, and by what refuses. Placeholders are
//! filled in as a person would; overrides are not theirs to use. Knows no test.

use std::process::Child;
use std::time::{Duration, Instant};

use requorum::run::journal::{self, Record, RunEvent, StepEvent};

use crate::support::{Lab, Said, name};

pub const NODES: [&str; 3] = ["m1", "m2", "m3"];
/// More commands than these are a way that nobody should have to go.
const COMMANDS: usize = 8;
const ATTESTED: &str = "zone1=powered off by the test";

/// Where the operator sits after the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bastion {
    /// Where the run was begun: its journal is there.
    Same,
    /// One that has never seen the cluster.
    Another,
}

/// What becomes of zone 1 before anybody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone1 {
    Back,
    StaysOff,
}

/// One row of what was measured.
pub struct Row {
    pub killed: String,
    pub commands: Vec<String>,
    /// Whether a client's write was acknowledged between the kill and the first look.
    pub taken: bool,
    pub took: Duration,
}

/// A 2+1 lab with ten keys, whose elections take a second: the proof is short then, and the same.
pub fn lab() -> Lab {
    prepared(Lab::up("2+1", "3.5"))
}

/// The same with a control plane on each master.
pub fn lab_with_api_servers() -> Lab {
    prepared(Lab::up_with(&["--zones", "2+1", "--etcd", "3.6", "--kubernetes"]))
}

fn prepared(lab: Lab) -> Lab {
    for node in NODES {
        let quick = "sed -i -e 's/^ETCD_ELECTION_TIMEOUT=.*/ETCD_ELECTION_TIMEOUT=1000/' \
                     -e 's/^ETCD_HEARTBEAT_INTERVAL=.*/ETCD_HEARTBEAT_INTERVAL=100/' /etc/etcd.env && systemctl restart etcd";
        lab.on(node, quick).exits(0);
        lab.wait_for_write(node, &format!("quick-{node}"));
    }
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    lab
}

/// Kills `initiate-dr` right after each of its steps has begun.
pub fn initiate_dr(lab: &Lab, bastion: Bastion, zone: Zone1) -> Vec<Row> {
    let line = ["initiate-dr", "--confirm", name(), "--attest", ATTESTED];
    each_step(lab, &line, bastion, zone, || {
        lab.lab(&["power-off", "zone1"]).exits(0);
    })
}

/// Kills `recover` right after each of its steps has begun; zone 1 is there, or goes away again.
pub fn recover(lab: &Lab, bastion: Bastion, zone: Zone1) -> Vec<Row> {
    each_step(lab, &["recover", "--confirm", name()], bastion, zone, || {
        lab.lab(&["power-off", "zone1"]).exits(0);
        lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", ATTESTED]).exits(0);
        lab.lab(&["power-on", "zone1"]).exits(0);
    })
}

fn each_step(lab: &Lab, line: &[&str], bastion: Bastion, zone: Zone1, loses: impl Fn()) -> Vec<Row> {
    let mut rows = Vec::new();
    for stage in chosen(lab) {
        loses();
        let before = lab.journals().len();
        let mut child = lab.spawn(line);
        let Some(killed) = killed_in(lab, &mut child, before, stage) else {
            // The run went to its end: there is no such stage.
            Said::of(child.wait_with_output().expect("an end")).exits(0);
            break;
        };
        child.wait().expect("waited");
        let begun = Instant::now();
        // Where the new cluster serves already, clients have found it before anybody looks.
        let key = format!("since-{}-{stage}-1", line[0]);
        let taken = lab.etcdctl("m3", &["--command-timeout=3s", "put", &key, "x"]).code == 0;
        match zone {
            Zone1::Back => lab.lab(&["power-on", "zone1"]).exits(0),
            Zone1::StaysOff => lab.lab(&["power-off", "zone1"]).exits(0),
        };
        // As late as a person is: the stale cluster has had the time to elect a leader.
        std::thread::sleep(Duration::from_secs(5));
        let operator = Operator { lab, bastion, stage, verb: line[0] };
        let commands = operator.follows(if zone == Zone1::Back { 0 } else { 12 });
        let took = begun.elapsed();
        println!("{} | {bastion:?} | {zone:?} | {killed} | {} | {took:.0?}", line[0], commands.len());
        commands.iter().for_each(|command| println!("    {command}"));
        if zone == Zone1::StaysOff {
            lab.lab(&["power-on", "zone1"]).exits(0);
            std::thread::sleep(Duration::from_secs(5));
            let home = operator.follows(0);
            println!("    and once zone 1 was back: {home:?}");
        }
        comes_home(lab, &commands);
        if taken {
            assert_eq!(lab.count("m1", key.strip_suffix("-1").unwrap_or(&key)), 1, "{key} after {commands:#?}");
        }
        rows.push(Row { killed, commands, taken, took });
    }
    rows
}

/// All stages, of a lab with a control plane every other one, or those that REQUORUM_TEST_STAGES names, such as 3,7.
fn chosen(lab: &Lab) -> Vec<usize> {
    match std::env::var("REQUORUM_TEST_STAGES") {
        Ok(some) => some.split(',').map(|stage| stage.parse().expect("a number")).collect(),
        Err(_) if lab.state("kubeconfig").exists() => (1..100).step_by(2).collect(),
        Err(_) => (0..100).collect(),
    }
}

/// Kills the run as soon as its journal says that a step of that stage has begun, and says which; nothing where the plan
/// has no such stage.
fn killed_in(lab: &Lab, child: &mut Child, before: usize, stage: usize) -> Option<String> {
    let begun = Instant::now();
    let mut wanted: Option<(String, Vec<u32>)> = None;
    loop {
        let journals = lab.journals();
        let text = journals.get(before).map(String::as_str).unwrap_or_default();
        if wanted.is_none()
            && let Some(Record { what: RunEvent::Run { plan, .. }, .. }) = journal::readable(text).0.of_run().first()
        {
            let stage = plan.stages.get(stage)?;
            let first = stage.steps.first().map(|step| step.id);
            let number = first.map_or(0, |first| plan.number_of(first));
            wanted = Some((format!("{number}. {}", stage.title), stage.steps.iter().map(|step| step.id).collect()));
        }
        if let Some((title, ids)) = &wanted {
            let started = |record: &Record<RunEvent>| matches!(&record.what, RunEvent::Step { id, event: StepEvent::Started, .. } if ids.contains(id));
            // The journal is short; what stands in it is looked for as text first.
            if ids.iter().any(|id| text.contains(&format!("\"step\":{{\"id\":{id},")))
                && journal::readable(text).0.of_run().iter().any(started)
            {
                child.kill().expect("killed");
                return Some(title.clone());
            }
        }
        if let Some(status) = child.try_wait().expect("asked") {
            panic!("the run ended with {status} before stage {stage}: {text}");
        }
        assert!(begun.elapsed() < Duration::from_secs(150), "the run never came to stage {stage}: {text}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Operator<'a> {
    lab: &'a Lab,
    bastion: Bastion,
    stage: usize,
    verb: &'a str,
}

impl Operator<'_> {
    fn says(&self, words: &[&str]) -> Said {
        match self.bastion {
            Bastion::Same => self.lab.requorum(words),
            Bastion::Another => {
                let state = self.lab.state(&format!("another-{}-{}", self.verb, self.stage));
                self.lab.requorum_elsewhere(&state, words)
            }
        }
    }

    /// Follows what is printed until `status` ends with the wanted exit code and names no lock.
    fn follows(&self, well: i32) -> Vec<String> {
        let (mut commands, mut tale) = (Vec::new(), String::new());
        while commands.len() < COMMANDS {
            let status = self.says(&["status"]);
            tale += &format!("\n--- status: {}\n{}", status.code, status.all());
            let line = status.stdout.lines().find(|line| line.starts_with("next:")).unwrap_or_default().to_owned();
            if status.code == well && !line.contains(" unlock ") {
                return commands;
            }
            if let Some((node, command)) = by_hand(&line) {
                self.lab.on(&node, &command).exits(0);
                commands.push(format!("on {node}: {command}"));
                continue;
            }
            let mut next = command_in(&line);
            if next.is_none() {
                // Nothing to type; time passes.
                commands.push(format!("({line})"));
                std::thread::sleep(Duration::from_secs(10));
            }
            while let Some(command) = next.take() {
                let said = self.says(&words_of(&command).iter().map(String::as_str).collect::<Vec<_>>());
                tale += &format!("\n--- {command}: {}\n{}", said.code, said.all());
                commands.push(format!("{command} → {}", said.code));
                if said.code == 3 && commands.len() < COMMANDS {
                    next =
                        said.all().lines().find(|line| line.contains("next:")).and_then(|line| refused(&command, line));
                }
            }
        }
        panic!("{commands:#?}{tale}");
    }
}

/// The command that a refusal asks for: another one, or the same with what it names added.
fn refused(command: &str, line: &str) -> Option<String> {
    match line.split_once("add --attest ") {
        Some((_, rest)) => {
            let who = rest.split('=').next().unwrap_or_default();
            assert_eq!(who, "zone1", "{line}");
            Some(format!("{command} --attest '{ATTESTED}'"))
        }
        None => command_in(line),
    }
}

/// The command in a line that says what comes next, without what is said beside it.
fn command_in(line: &str) -> Option<String> {
    let text = &line[line.find("requorum ")?..];
    let end = ["      #", "; ", "`", " --confirm", " ("].iter().filter_map(|end| text.find(end)).min();
    Some(text[..end.unwrap_or(text.len())].trim_end_matches(['.', ',', ')']).trim().to_owned())
}

/// `on MASTER: systemctl start …`, which a person does there.
fn by_hand(line: &str) -> Option<(String, String)> {
    let (node, command) = line.strip_prefix("next: on ")?.split_once(": ")?;
    let command = command.split("      #").next()?.split("; ").next()?;
    command.starts_with("systemctl start ").then(|| (node.to_owned(), command.to_owned()))
}

/// As it is typed, with consent; what was attested before stands in it already.
fn words_of(command: &str) -> Vec<String> {
    assert!(!command.contains("--override"), "an override is asked for: {command}");
    let mut words = shlex::split(command).expect("a shell can read it");
    words.remove(0);
    if words.iter().any(|word| ["initiate-dr", "recover", "fence", "unfence", "undo"].contains(&word.as_str())) {
        words.extend(["--confirm".to_owned(), name().to_owned()]);
    }
    words
}

/// One cluster of three voters with every acknowledged key, nothing fenced and nothing locked.
fn comes_home(lab: &Lab, commands: &[String]) {
    lab.requorum(&["status"]).exits(0);
    let mut clusters = std::collections::BTreeSet::new();
    for node in NODES {
        let traces = lab.on(node, "ls -d /var/lib/requorum/fence-* /var/lib/requorum/lock 2>/dev/null").stdout;
        assert_eq!(traces, "", "{node} after {commands:#?}");
        lab.wait_for_write(node, "afterwards");
        assert_eq!(lab.count(node, "before"), 10, "{node} after {commands:#?}");
        let status = lab.etcdctl(node, &["endpoint", "status", "-w", "json"]).exits(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        clusters.insert(status[0]["Status"]["header"]["cluster_id"].to_string());
        // Each has a log of 64 MB; a person would have removed them too.
        lab.on(node, "rm -rf /var/lib/etcd.retired-* /var/lib/etcd.not-used*").exits(0);
        if lab.state("kubeconfig").exists() {
            serves_the_api(lab, node, commands);
        }
    }
    assert_eq!(clusters.len(), 1, "{clusters:?} after {commands:#?}");
}

/// Its API server runs, knows every master's etcd and takes a write; nothing of its control plane is parked.
fn serves_the_api(lab: &Lab, node: &str, commands: &[String]) {
    let look = "ls /var/lib/requorum/parked-* /var/lib/requorum/held/*.yaml 2>/dev/null; \
                ls /etc/kubernetes/manifests; grep -o 'etcd-servers=.*' /etc/kubernetes/manifests/kube-apiserver.yaml";
    let all = "kube-apiserver.yaml\nkube-controller-manager.yaml\nkube-scheduler.yaml\n\
               etcd-servers=https://10.77.1.11:2379,https://10.77.1.12:2379,https://10.77.2.11:2379\n";
    assert_eq!(lab.on(node, look).exits(0).stdout, all, "{node} after {commands:#?}");
    let write =
        ["kubectl", node, "-n", "kube-public", "create", "configmap", "afterwards", "--dry-run=client", "-o", "yaml"];
    let object = lab.lab(&write).exits(0).stdout;
    let file = lab.state("afterwards.yaml");
    std::fs::write(&file, object).expect("a file");
    let file = file.display().to_string();
    lab.wait_for(&format!("a write through the API server of {node}"), 60, || {
        lab.lab(&["kubectl", node, "replace", "--force", "-f", &file]).code == 0
    });
}

/// What was measured, as `docs/track-record.md` has it.
pub fn table(verb: &str, bastion: Bastion, zone: Zone1, rows: &[Row]) {
    let most = rows.iter().map(|row| row.commands.len()).max().unwrap_or_default();
    println!("\n{verb}, from {bastion:?}, zone 1 {zone:?}: {} kills, at most {most} commands", rows.len());
    for row in rows {
        let taken = if row.taken { "yes, kept" } else { "no" };
        println!("| {} | {} | {taken} | {:.0?} |", row.killed, row.commands.len(), row.took);
    }
}
