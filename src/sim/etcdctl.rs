//! `etcdctl` on a master of the model, with the answers of the real one (`tests/answers`). Knows nothing about scripts.

use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::model::identity::bootstrap_member_id;
use crate::model::{MasterName, MemberId, Output, Token};
use crate::observe::read::PROBE_KEY;

use super::data::{Entry, Image, Value};
use super::state::{HEALTH, State};

/// What a command came to, and how long it takes to say so.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) output: Output,
    /// Standard output where it is not UTF-8 text.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) took: Duration,
    /// Whether nothing comes or goes meanwhile.
    pub(super) stands_still: bool,
}

impl Reply {
    pub(super) fn said(text: impl Into<String>) -> Self {
        Self { output: Output { stdout: text.into(), ..Output::default() }, ..Self::default() }
    }

    pub(super) fn failed(status: u32, text: impl Into<String>) -> Self {
        let stderr = text.into() + "\n";
        Self { output: Output { status, stderr, ..Output::default() }, ..Self::default() }
    }

    pub(super) fn after(mut self, took: Duration) -> Self {
        self.took += took;
        self
    }

    pub(super) fn ok(&self) -> bool {
        self.output.ok()
    }
}

/// The words after the flags that every call has, and how long it may take.
struct Call<'a> {
    words: Vec<&'a str>,
    endpoint: &'a str,
    timeout: Duration,
}

fn call(words: &[String]) -> Call<'_> {
    let mut timeout = Duration::from_secs(5);
    let mut rest = Vec::new();
    let mut tls = 0;
    let mut endpoint = "";
    for word in words.iter().skip(1) {
        match word.split_once('=') {
            Some(("--endpoints", url)) => endpoint = url,
            Some(("--dial-timeout", _)) => {}
            Some(("--command-timeout", ms)) => {
                timeout = Duration::from_millis(ms.trim_end_matches("ms").parse().unwrap_or(5000));
            }
            Some(("--cacert" | "--cert" | "--key", _)) => tls += 1,
            _ => rest.push(word.as_str()),
        }
    }
    assert!(tls == 3 && !endpoint.contains(','), "etcdctl without its TLS files, or to several: {words:?}");
    Call { words: rest, endpoint, timeout }
}

const DEADLINE: &str = "Error: context deadline exceeded";

impl State {
    /// Runs `etcdctl …`; a call that the model does not know is a test's failure.
    pub(super) fn etcdctl(&mut self, host: &MasterName, words: &[String]) -> Reply {
        let Call { words, endpoint, timeout } = call(words);
        if !self.seen(host).installed.etcdctl && self.seen(host).sent().is_none() {
            return Reply::failed(127, "sh: etcdctl: not found");
        }
        self.tick();
        let ready = self.seen(host).process.as_ref().is_some_and(|process| process.ready);
        if !ready || self.seen(host).ended || !self.seen(host).answers_at(endpoint) {
            // The port is open from the start and serves nobody before the member has published itself.
            let mut reply = Reply::failed(1, DEADLINE).after(timeout);
            if words.starts_with(&["endpoint"]) {
                reply.output.stdout = "[]\n".into();
            }
            return reply;
        }
        if let Some(word) = self.denies(host, &words) {
            return self.led_if_linearizable(host, timeout, &words, &format!("Error: {word}"));
        }
        match words[..] {
            ["endpoint", "status", "--write-out=json"] => self.status(host),
            ["get", PROBE_KEY, "--consistency=s", ref form @ ..] => self.get(host, form),
            ["snapshot", "save", file] => self.save(host, file),
            ["endpoint", "hashkv", "-w", "json", "--rev", revision] => self.hashkv(host, revision),
            ["get", PROBE_KEY, "--consistency=l", ref form @ ..] => {
                let form = form.to_vec();
                self.led(host, timeout, |state| state.get(host, &form))
            }
            ["put", key, value, "-w", "json"] => self.led(host, timeout, |state| state.put(host, key, value)),
            ["member", "add", name, "--learner", urls, "-w", "json"] => {
                let url = urls.trim_start_matches("--peer-urls=").to_owned();
                self.led(host, timeout, |state| state.member_add(host, name, &url))
            }
            ["member", "list", "-w", "json"] => self.led(host, timeout, |state| {
                let image = state.image(host);
                Reply::said(format!("{}\n", listing(&image, None)))
            }),
            ["user", "list"] => self.led(host, timeout, |_| Reply::default()),
            ["member", "promote", id] => self.led(host, timeout, |state| state.member_promote(host, id)),
            ["member", "remove", id] => self.led(host, timeout, |state| state.member_remove(host, id)),
            _ => panic!("the model does not know: etcdctl {words:?}"),
        }
    }

    /// Its status at the first of these URLs that answers.
    pub(super) fn client_urls(&mut self, host: &MasterName, urls: &[&str]) -> Reply {
        self.tick();
        let machine = self.seen(host);
        let ready = machine.process.as_ref().is_some_and(|process| process.ready) && !machine.ended;
        match urls.iter().find(|url| ready && machine.answers_at(url)) {
            Some(url) => Reply::said(format!("url={url}\n{}", self.status(host).output.stdout)),
            None => Reply::failed(1, DEADLINE).after(Duration::from_millis(1500) * urls.len() as u32),
        }
    }

    pub(super) fn image(&self, host: &MasterName) -> Image {
        match self.seen(host).data() {
            Some(data) => data.image.clone(),
            None => panic!("{host} has no data"),
        }
    }

    /// How etcd refuses this caller, where a story says that it does; its status and its member list it gives to everybody.
    fn denies(&self, host: &MasterName, words: &[&str]) -> Option<String> {
        let odd = &self.seen(host).odd;
        let of_keys = matches!(words[0], "get" | "put");
        let denies = |line: &String| line.strip_prefix("denies=").map(str::to_owned);
        let no_root = |line: &String| line.strip_prefix("denies-root=").filter(|_| !of_keys).map(str::to_owned);
        let word = odd.iter().find_map(|line| denies(line).or_else(|| no_root(line)))?;
        let free = words.starts_with(&["endpoint", "status"]) || words.starts_with(&["member", "list"]);
        (!free).then(|| format!("etcdserver: {}", word.replace('-', " ")))
    }

    /// etcd looks who asks once it has a quorum's word, or at once where it needs none.
    fn led_if_linearizable(&mut self, host: &MasterName, timeout: Duration, words: &[&str], refusal: &str) -> Reply {
        let own = words.contains(&"--consistency=s") || matches!(words[0], "snapshot" | "endpoint");
        match own {
            true => Reply::failed(1, refusal),
            false => self.led(host, timeout, |_| Reply::failed(1, refusal)),
        }
    }

    /// What needs a leader: without one the call hangs until its time is up; a learner refuses.
    fn led(&mut self, host: &MasterName, timeout: Duration, answer: impl FnOnce(&mut Self) -> Reply) -> Reply {
        let image = self.image(host);
        if !image.voters().contains(&image.member) {
            return Reply::failed(1, "Error: etcdserver: rpc not supported for learner");
        }
        match self.led_group(host) {
            Some(_) => answer(self),
            None => Reply::failed(1, DEADLINE).after(timeout),
        }
    }

    fn status(&self, host: &MasterName) -> Reply {
        let image = self.image(host);
        let machine = self.seen(host);
        let leader = machine.process.as_ref().and_then(|process| process.leader);
        let mut status = json!({
            "header": header(&image),
            "version": machine.installed.version,
            "dbSize": 20480,
            "raftIndex": image.applied,
            "raftTerm": image.term,
            "raftAppliedIndex": image.applied,
            "dbSizeInUse": 16384,
        });
        let mut errors = Vec::new();
        match leader {
            Some(leader) => status["leader"] = json!(leader.0),
            None => errors.push("etcdserver: no leader".to_owned()),
        }
        if image.no_space {
            errors.push(format!("memberID:{} alarm:NOSPACE ", image.member.0));
        }
        if let Some(member) = image.corrupt {
            errors.push(format!("memberID:{} alarm:CORRUPT ", member.0));
        }
        if !errors.is_empty() {
            status["errors"] = json!(errors);
        }
        if !image.voters().contains(&image.member) {
            status["isLearner"] = json!(true);
        }
        Reply::said(format!("{}\n", json!([{ "Endpoint": "https://127.0.0.1:2379", "Status": status }])))
    }

    fn save(&mut self, host: &MasterName, file: &str) -> Reply {
        let bytes = self.image(host).to_snapshot();
        self.machine(host).put(file, bytes);
        Reply::said(format!("Snapshot saved at {file}\n")).after(Duration::from_millis(30))
    }

    fn hashkv(&self, host: &MasterName, revision: &str) -> Reply {
        let image = self.image(host);
        if revision.parse::<u64>().is_ok_and(|revision| revision > image.revision) {
            let mut reply = Reply::failed(1, "Error: etcdserver: mvcc: required revision is a future revision");
            reply.output.stdout = "[]\n".into();
            return reply;
        }
        let compacted = i64::try_from(image.compacted).ok().filter(|revision| *revision > 0).unwrap_or(-1);
        let hash = json!({ "header": header(&image), "hash": image.hash(), "compact_revision": compacted });
        Reply::said(format!("{}\n", json!([{ "Endpoint": "https://127.0.0.1:2379", "HashKV": hash }])))
    }

    fn get(&self, host: &MasterName, form: &[&str]) -> Reply {
        let image = self.image(host);
        match form {
            ["--keys-only"] => Reply::said(if image.keys.contains_key(PROBE_KEY) { "requorum/probe\n\n" } else { "" }),
            ["-w", "json"] => Reply::said(format!("{}\n", json!({ "header": header(&image) }))),
            _ => panic!("the model does not know: etcdctl get {form:?}"),
        }
    }

    /// A write by anybody.
    pub(super) fn put(&mut self, host: &MasterName, key: &str, text: &str) -> Reply {
        if self.image(host).no_space {
            return Reply::failed(1, "Error: etcdserver: mvcc: database space exceeded");
        }
        if self.image(host).corrupt.is_some() {
            return Reply::failed(1, "Error: etcdserver: corrupt cluster");
        }
        self.change(host, |image| {
            image.revision += 1;
            let value = Value { text: text.to_owned(), revision: image.revision };
            image.keys.insert(key.to_owned(), value);
        });
        let image = self.image(host);
        let cluster = image.cluster;
        if self.watch.timeline.is_none() || self.by_us(host) {
            self.watch.serves(cluster);
        }
        if self.watch.timeline == Some(cluster) {
            self.watch.acknowledged.insert(key.to_owned());
        }
        Reply::said(format!("{}\n", json!({ "header": header(&image) }))).after(Duration::from_millis(20))
    }

    /// Takes a learner, where etcd would.
    fn member_add(&mut self, host: &MasterName, name: &str, url: &str) -> Reply {
        let image = self.image(host);
        let refuse = |why: &str| Reply::failed(1, format!("Error: etcdserver: {why}"));
        let now = Instant::now();
        let connected = |id: &MemberId| {
            *id == image.member
                || self.machines.values().any(|machine| {
                    machine.live().is_some_and(|(process, data)| {
                        data.image.member == *id
                            && now >= process.started + HEALTH
                            && self.hear(machine, self.seen(host))
                    })
                })
        };
        if !image.voters().iter().all(connected) {
            return refuse("unhealthy cluster");
        }
        if image.by_peer_url(url).is_some() {
            return refuse("Peer URLs already exists");
        }
        if image.members.values().any(|entry| entry.learner) {
            return refuse("too many learner members in cluster");
        }
        let token = Token(format!("{name} added as number {}", self.number()));
        let id = bootstrap_member_id(&[url.to_owned()], &token);
        self.change(host, |image| {
            let entry =
                Entry { name: String::new(), peer_url: url.to_owned(), client_url: String::new(), learner: true };
            image.members.insert(id, entry);
        });
        let image = self.image(host);
        Reply::said(format!("{}\n", listing(&image, Some(id)))).after(Duration::from_millis(20))
    }

    fn member_promote(&mut self, host: &MasterName, id: &str) -> Reply {
        let refuse = |why: &str| Reply::failed(1, format!("Error: etcdserver: {why}"));
        let image = self.image(host);
        let Some(id) = id.parse::<MemberId>().ok().filter(|id| image.members.contains_key(id)) else {
            return refuse("member not found");
        };
        if !image.members[&id].learner {
            return refuse("can only promote a learner member");
        }
        let group = self.led_group(host).unwrap_or_default();
        let in_sync = group.iter().any(|name| {
            let live = self.seen(name).live();
            live.is_some_and(|(process, data)| data.image.member == id && process.in_sync)
        });
        if !in_sync {
            return refuse("can only promote a learner member which is in sync with leader");
        }
        self.change(host, |image| {
            if let Some(entry) = image.members.get_mut(&id) {
                entry.learner = false;
            }
        });
        Reply::said(format!("Member {id:>16} promoted in cluster {:>16}\n", image.cluster))
    }

    fn member_remove(&mut self, host: &MasterName, id: &str) -> Reply {
        let Some(id) = id.parse::<MemberId>().ok().filter(|id| self.image(host).members.contains_key(id)) else {
            return Reply::failed(1, "Error: etcdserver: member not found");
        };
        self.change(host, |image| {
            image.members.remove(&id);
        });
        self.tick();
        Reply::said(format!("Member {id:>16} removed from cluster {:>16}\n", self.image(host).cluster))
    }
}

fn header(image: &Image) -> Json {
    json!({
        "cluster_id": image.cluster.0,
        "member_id": image.member.0,
        "revision": image.revision,
        "raft_term": image.term,
    })
}

/// The member list as `-w json` has it: zero values left out.
fn listing(image: &Image, added: Option<MemberId>) -> Json {
    let one = |(id, entry): (&MemberId, &Entry)| {
        let mut member = json!({ "ID": id.0, "peerURLs": [entry.peer_url] });
        if !entry.name.is_empty() {
            member["name"] = json!(entry.name);
            member["clientURLs"] = json!([entry.client_url]);
        }
        if entry.learner {
            member["isLearner"] = json!(true);
        }
        member
    };
    let members: Vec<Json> = image.members.iter().map(one).collect();
    let mut list = json!({ "header": header(image), "members": members });
    if let Some(id) = added {
        list["member"] = one((&id, &image.members[&id]));
    }
    list
}
