//! Each recorded question as the program asks it: the command for the recording's machine, and its real parser or judge.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use requorum::config::SettingsFile;
use requorum::model::identity::{bootstrap_cluster_id, bootstrap_member_id};
use requorum::model::{
    AbsPath, ClusterId, Command, MasterName, MemberId, Output, RecordAt, RunId, Supervisor, Token, UnitName,
};
use requorum::observe::{
    Disk, Settings, Tools, Unclear, certificates, disk, heard, log, peers, process, read, settings, status, tools,
    traces, unit, wal_place,
};
use requorum::step::{
    Fact, Facts, Judgement, Kind, clear_nospace, compare, drop_learner, join, promote, restart_learner, restore, serve,
    snapshot, start,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What `lab/record-answers` writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What the parser must give; null until someone has looked.
    pub answer: Value,
    pub command: String,
    /// What the run has learnt before.
    #[serde(default)]
    pub facts: Vec<Fact>,
    pub on: String,
    pub status: u32,
    pub stderr: String,
    pub stdout: String,
}

impl Recording {
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    pub fn output(&self) -> Output {
        Output { status: self.status, stdout: self.stdout.clone(), stderr: self.stderr.clone() }
    }

    pub fn known(&self) -> Facts {
        let mut facts = Facts::default();
        self.facts.iter().cloned().for_each(|fact| facts.learn(fact));
        facts
    }
}

/// A recording's file: `status/3.5-no-leader.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub question: String,
    pub state: String,
    pub version: String,
    pub path: PathBuf,
}

/// Where the recordings lie.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers")
}

/// Every recording there is.
pub fn places() -> Vec<Place> {
    let mut all = Vec::new();
    for question in fs::read_dir(root()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        for file in fs::read_dir(question.path()).unwrap().map(Result::unwrap) {
            let name = file.file_name().into_string().unwrap();
            let (version, state) = name.strip_suffix(".json").unwrap().split_once('-').unwrap();
            let question = question.file_name().into_string().unwrap();
            all.push(Place { question, state: state.into(), version: version.into(), path: file.path() });
        }
    }
    all.sort();
    all
}

/// What the program has learnt of a version's machines before it asks etcd: from the recordings themselves.
pub struct Site {
    tools: Tools,
    settings: BTreeMap<String, Settings>,
}

impl Site {
    pub fn of(version: &str) -> Self {
        let recorded =
            |name: &str| Recording::read(&root().join(name.replace('/', &format!("/{version}-")) + ".json")).output();
        let env = |node: &str| {
            (node.to_owned(), settings::parse("/etc/etcd.env", &recorded(&format!("env-file/{node}"))).unwrap())
        };
        Self {
            tools: tools::parse(&recorded("tools/found")).unwrap(),
            settings: ["m1", "m3"].map(env).into_iter().collect(),
        }
    }

    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    fn etcdctl(&self) -> String {
        self.tools.etcdctl.clone().unwrap()
    }

    fn client(&self, node: &str) -> requorum::observe::Access {
        self.settings[node].client_access().unwrap()
    }

    fn peer(&self, node: &str) -> requorum::observe::Access {
        self.settings[node].peer_access().unwrap()
    }
}

/// A parser or a judge, its result as JSON.
pub type Reader = Box<dyn Fn(&Output, &Facts) -> Value>;

/// A question: its command, and what its answer says.
pub struct Question {
    pub command: Command,
    pub answer: Reader,
}

fn parsed<T: Serialize + 'static>(command: Command, parse: fn(&Output) -> Result<T, Unclear>) -> Question {
    let answer = move |output: &Output, _: &Facts| match parse(output) {
        Ok(value) => json!(value),
        Err(why) => json!({ "unclear": why.to_string() }),
    };
    Question { command, answer: Box::new(answer) }
}

/// The last act of a step: what comes before is another question.
fn judged(step: impl Kind + 'static) -> Question {
    let last = step.acts().len() - 1;
    judged_act(step, last)
}

fn judged_act(step: impl Kind + 'static, act: usize) -> Question {
    let command = step.acts()[act].doing.command().clone();
    let answer = move |output: &Output, facts: &Facts| judgement(step.judge(act, output, facts));
    Question { command, answer: Box::new(answer) }
}

pub fn judgement(judgement: Judgement) -> Value {
    match judgement {
        Judgement::Done(note, facts) => json!({ "done": note, "facts": facts }),
        Judgement::Stopped(note, how) => json!({ "done": note, "stopped": how }),
        Judgement::FoundDone(note, facts) => json!({ "found": note, "facts": facts }),
        Judgement::Again(why) => json!({ "again": why }),
        Judgement::Stop(why) => json!({ "stop": why }),
    }
}

pub fn peer_url(master: &str) -> String {
    let address = match master {
        "m1" => "10.77.1.11",
        "m2" => "10.77.1.12",
        _ => "10.77.2.11",
    };
    format!("https://{address}:2380")
}

/// The ID that a cluster of these masters gets from a token, as requorum computes it beforehand.
pub fn cluster(masters: &[&str], token: &str) -> ClusterId {
    let ids: Vec<MemberId> =
        masters.iter().map(|master| bootstrap_member_id(&[peer_url(master)], &Token(token.into()))).collect();
    bootstrap_cluster_id(&ids)
}

pub const TOKEN: &str = "requorum-recorded";
const LIMIT: Duration = Duration::from_secs(30);

/// A member that is not ready is not waited for as long.
fn limit_at(state: &str) -> Duration {
    if state == "not-ready" { Duration::from_secs(3) } else { LIMIT }
}

fn etcd() -> Supervisor {
    Supervisor::Systemd(UnitName::new("etcd").unwrap())
}

fn data_dir() -> AbsPath {
    AbsPath::new("/var/lib/etcd").unwrap()
}

fn master(name: &str) -> MasterName {
    MasterName::new(name).unwrap()
}

fn run(state: &str) -> RunId {
    RunId::new(format!("recorded-{state}")).unwrap()
}

/// The question that a recording answers.
pub fn question(site: &Site, place: &Place, recording: &Recording) -> Question {
    let (state, node) = (place.state.as_str(), recording.on.as_str());
    let etcdctl = site.etcdctl();
    match place.question.as_str() {
        "unit" => parsed(unit::command(&etcd()), unit::parse),
        "env-file" => {
            let path = if state == "missing" { "/etc/etcd.env.none" } else { "/etc/etcd.env" };
            parsed(settings::command(path), |output| settings::parse("", output))
        }
        "tools" => parsed(tools::command(Some("/usr/local/bin/etcd")), tools::parse),
        // A machine that lacks the files is one that is asked for another's.
        "certificates" => {
            let named = if state == "missing" { "m1" } else { node };
            parsed(certificates::command(&site.settings[named]), certificates::parse)
        }
        "log" => parsed(log::command(&format!("{}/member/wal", data_dir())), log::parse),
        "process" => {
            let dir = AbsPath::new(if state == "running" { "/var/lib/etcd" } else { "/srv" }).unwrap();
            parsed(process::command(&etcd(), &dir), process::parse)
        }
        "wal-place" => {
            let set = match state {
                "set" => "ETCD_WAL_DIR=/wal/etcd\n",
                "within" => "ETCD_WAL_DIR=/data/wal\n",
                _ => "",
            };
            let settings = Ok(Settings::of(SettingsFile::env_file("/etc/etcd.env", set)));
            let disk = Ok(Disk { wal_link: true, ..Disk::default() });
            let asked = wal_place::command(&AbsPath::new("/data").unwrap(), &settings, &disk);
            parsed(asked.unwrap().unwrap(), wal_place::parse)
        }
        "disk" => parsed(disk::command(&data_dir()), disk::parse),
        "marks" => parsed(traces::command(&etcd(), &data_dir(), &RecordAt::default()), traces::parse),
        "status" => parsed(status::command(&etcdctl, &site.client(node)), status::parse),
        "peer-members" => parsed(peers::command(&site.peer(node)), peers::parse),
        "peer-ports" if state == "unresolved" => {
            let urls = [peer_url("m1"), "https://m1.example:2380".to_owned()];
            parsed(peers::reach_command(&urls), peers::parse_reach)
        }
        "peer-ports" => parsed(peers::reach_command(&["m1", "m2"].map(peer_url)), peers::parse_reach),
        "heard" => {
            let metrics = site.settings[node].metrics_access().unwrap();
            let own = recording.known().member_ids.into_values().next().unwrap();
            let answer = move |output: &Output, _: &Facts| match heard::parse(output, own) {
                Ok(value) => json!(value),
                Err(why) => json!({ "unclear": why.to_string() }),
            };
            Question { command: heard::command(&metrics), answer: Box::new(answer) }
        }
        "read" => parsed(read::command(&etcdctl, &site.client(node), read::TIMEOUT), read::parse),
        _ => judged_question(site, place, recording),
    }
}

fn judged_question(site: &Site, place: &Place, recording: &Recording) -> Question {
    let (state, node) = (place.state.as_str(), recording.on.as_str());
    let (etcdctl, limit) = (site.etcdctl(), LIMIT);
    let access = if node == "m1" { site.client("m1") } else { site.client("m3") };
    match place.question.as_str() {
        "mark" => judged(compare::FixRevision { etcdctl, access, limit }),
        "hashkv" => judged(compare::Compare { master: master(node), etcdctl, access, limit }),
        "relieve" => judged(clear_nospace::ClearNospace { etcdctl, access, limit: limit_at(state) }),
        "promote" => {
            judged(promote::Promote { joiner: master("m1"), etcdctl, access, limit, data_dir: None, wal_dir: None })
        }
        "join" => judged(join(state, etcdctl, access)),
        "drop-learner" => {
            let (joiner, id) = recording.known().member_ids.into_iter().next().unwrap();
            judged(drop_learner::DropLearner { joiner, id, etcdctl, access, limit })
        }
        "put" => judged(serve::Serve {
            supervisor: etcd(),
            etcdctl,
            access,
            // What the member really belongs to is in its answer; this is what requorum expects of it.
            cluster: match state {
                "healthy" | "no-leader" | "not-ready" => cluster(&["m1", "m2", "m3"], "k8s_etcd"),
                _ => cluster(&["m3"], TOKEN),
            },
            value: "recorded".into(),
            limit,
        }),
        "snapshot" => judged(snapshot(site, state, access)),
        "restore" => judged(restored(site, state)),
        "start" => {
            let onto = start::Onto::Restored;
            let (supervisor, data_dir, run) = (etcd(), data_dir(), run("live"));
            judged(start::Start { supervisor, data_dir, wal_dir: None, run, onto, after: None })
        }
        "settle" => judged_act(restarting(site, node), 1),
        "settled" => judged_act(restarting(site, node), 2),
        other => panic!("no question is called {other}: {}", place.path.display()),
    }
}

fn join(state: &str, etcdctl: String, access: requorum::observe::Access) -> join::Join {
    let (joiner, others): (_, &[&str]) = match state {
        "added" | "listed-already" => ("m1", &["m3"]),
        _ => ("m2", &["m1", "m3"]),
    };
    join::Join {
        joiner: master(joiner),
        name: joiner.replace('m', "etcd"),
        peer_urls: vec![peer_url(joiner)],
        expected: others.iter().chain([&joiner]).map(|name| peer_url(name)).collect(),
        etcdctl,
        access,
        limit: LIMIT,
    }
}

fn snapshot(site: &Site, state: &str, access: requorum::observe::Access) -> snapshot::Snapshot {
    let etcdctl = site.etcdctl();
    let source = match state {
        "copy" | "unclean" => snapshot::Source::StoppedCopy { data_dir: data_dir(), supervisor: etcd() },
        "garbage" => snapshot::Source::File { path: "x".into(), bytes: 8, sha256: "x".into(), at_least: None },
        "copied" => snapshot::Source::Live { etcdctl, access, copied: Some(data_dir()) },
        _ => snapshot::Source::Live { etcdctl, access, copied: None },
    };
    let tool = site.tools.restore.clone().unwrap().path;
    snapshot::Snapshot {
        source,
        tool,
        run: run(state),
        limit: limit_at(state),
        expected_bytes: None,
        never_written: false,
    }
}

fn restored(site: &Site, state: &str) -> restore::Restore {
    let copied = state == "copied";
    restore::Restore {
        tool: site.tools.restore.clone().unwrap(),
        supervisor: etcd(),
        data_dir: data_dir(),
        mount_point: false,
        wal_dir: None,
        name: "etcd3".into(),
        peer_urls: vec![peer_url("m3")],
        initial_cluster: format!("etcd3={}", peer_url("m3")),
        token: Token(TOKEN.into()),
        hashed: !copied,
        checks: copied,
        run: run(if copied { state } else { "live" }),
        limit: LIMIT,
    }
}

pub fn restarting(site: &Site, node: &str) -> restart_learner::RestartLearner {
    let (peer, client) = (site.peer(node), site.client(node));
    restart_learner::RestartLearner {
        supervisor: etcd(),
        peer_urls: vec![peer_url(node)],
        peer,
        etcdctl: site.etcdctl(),
        client,
        limit: LIMIT,
        joiner: None,
        data_dir: None,
        wal_dir: None,
    }
}
