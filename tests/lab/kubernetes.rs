//! Kubernetes on the masters, as its clients see it: what an API server acknowledged is found through every one afterwards,
//! and those who watch hold what is there. No scenario: the model has no API server that answers its clients.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use crate::support::{Lab, name, signal};

const NODES: [&str; 5] = ["m1", "m2", "m3", "m4", "m5"];
const SEEN: &str = "clients.jsonl";

/// One thing that a client saw: `lab/parts/clients.go` prints them.
#[derive(Debug, Clone, Deserialize)]
struct Seen {
    /// Milliseconds since 1970.
    at: u64,
    /// The master whose API server it was.
    via: String,
    did: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    holds: Vec<String>,
}

impl Seen {
    fn acknowledged(&self) -> bool {
        self.did == "create" && self.error.is_empty()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("a time")
}

/// A writer, a reader and a watcher on each API server.
struct Clients<'a> {
    lab: &'a Lab,
    running: Child,
}

impl<'a> Clients<'a> {
    fn start(lab: &'a Lab) -> Self {
        Self { lab, running: lab.lab_into(SEEN, &["clients"]) }
    }

    /// All that was seen so far. The last line may be half written.
    fn seen(&self) -> Vec<Seen> {
        let text = std::fs::read_to_string(self.lab.state(SEEN)).expect("what they saw");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of clients")).collect()
    }

    /// Waits for that many acknowledged writes through a master since a moment, and gives the moment of the first.
    #[track_caller]
    fn written(&self, via: &str, since: u64, count: usize) -> u64 {
        let writes = || -> Vec<u64> {
            let ours = |seen: &Seen| seen.via == via && seen.at > since && seen.acknowledged();
            self.seen().iter().filter(|seen| ours(seen)).map(|seen| seen.at).collect()
        };
        self.lab.wait_for(&format!("{count} writes through the API server of {via}"), 120, || writes().len() >= count);
        writes()[0]
    }

    /// Waits until who watches through a master has seen the object. One whose connection died with the other machine finds
    /// out after 45 s, and tries again after up to 30 s more.
    #[track_caller]
    fn watched(&self, via: &str, object: &str) {
        let has = |seen: &Seen| seen.via == via && seen.did == "added" && seen.name == object;
        self.lab.wait_for(&format!("{object} seen by who watches through {via}"), 120, || self.seen().iter().any(has));
    }

    fn end(mut self) -> Vec<Seen> {
        signal("TERM", self.running.id());
        assert!(self.running.wait().expect("an end").success(), "the clients failed");
        self.seen()
    }
}

/// A clients' process that nobody ended would go on in a lab that is gone.
impl Drop for Clients<'_> {
    fn drop(&mut self) {
        let _ = self.running.kill();
    }
}

/// Every object that is there through an API server, with its identity. Not events, not what the clients write, and no
/// pods: these show the static pods of the kubelets, which change with their manifests.
fn objects(lab: &Lab, node: &str) -> BTreeMap<String, String> {
    let kinds = lab.lab(&["kubectl", node, "api-resources", "--verbs=list", "-o", "name"]).exits(0).stdout;
    let kept = |kind: &&str| !["events", "events.events.k8s.io", "pods", "componentstatuses"].contains(kind);
    let kinds: Vec<&str> = kinds.lines().filter(kept).collect();
    let each = "jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid}{\"\\n\"}{end}";
    let all = lab.lab(&["kubectl", node, "get", &kinds.join(","), "-A", "-o", each]).exits(0).stdout;
    let identified = all.lines().filter(|line| !line.contains("ledger")).filter_map(|line| line.rsplit_once(' '));
    identified.map(|(object, uid)| (object.to_owned(), uid.to_owned())).collect()
}

/// The names of the clients' ConfigMaps that an API server lists.
fn listed(lab: &Lab, node: &str) -> BTreeSet<String> {
    let names = "jsonpath={range .items[*]}{.metadata.name}{\"\\n\"}{end}";
    let said = lab.lab(&["kubectl", node, "-n", "ledger", "get", "configmaps", "-o", names]).exits(0).stdout;
    said.lines().map(str::to_owned).collect()
}

/// Whether a write was under way when the clients were ended: nobody was told of it, or it was a writer's last one.
fn at_the_end(seen: &[Seen], name: &str) -> bool {
    let told = seen.iter().rposition(|seen| seen.did == "create" && seen.name == name);
    told.is_none_or(|at| !seen[at + 1..].iter().any(|later| later.did == "create" && later.via == seen[at].via))
}

/// What was seen through some API servers from one moment to another.
struct Span<'a> {
    seen: &'a [Seen],
    via: &'a [&'a str],
    from: u64,
    to: u64,
}

impl Span<'_> {
    fn each(&self) -> impl Iterator<Item = &Seen> {
        let ours = |seen: &&Seen| self.via.contains(&seen.via.as_str()) && (self.from..self.to).contains(&seen.at);
        self.seen.iter().filter(ours)
    }

    fn acknowledged(&self) -> BTreeSet<String> {
        self.each().filter(|seen| seen.acknowledged()).map(|seen| seen.name.clone()).collect()
    }

    /// The reads that did not find what was acknowledged before.
    fn missed(&self, known: &BTreeSet<String>) -> Vec<&Seen> {
        let lost =
            |seen: &&Seen| seen.did == "read" && seen.error.starts_with("NotFound") && known.contains(&seen.name);
        self.each().filter(lost).collect()
    }
}

/// Pods of a Deployment on the machines' own network, of an image that every kubelet has.
const DEPLOYMENT: &str = r#"{ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "scaled", "namespace": "default" },
  "spec": { "replicas": 2, "selector": { "matchLabels": { "app": "scaled" } },
    "template": { "metadata": { "labels": { "app": "scaled" } },
      "spec": { "hostNetwork": true, "tolerations": [{ "operator": "Exists" }],
        "containers": [{ "name": "pause", "image": "registry.k8s.io/pause:3.8", "imagePullPolicy": "Never" }] } } } }"#;

/// Scales it through a master's API server, and waits until this field of its status says as many.
#[track_caller]
fn scaled(lab: &Lab, node: &str, replicas: u32, field: &str) {
    let count = replicas.to_string();
    lab.lab(&["kubectl", node, "scale", "deployment/scaled", "--replicas", &count]).exits(0);
    let status = format!("jsonpath={{.status.{field}}}");
    lab.wait_for(&format!("{replicas} {field} of the Deployment, scaled through {node}"), 120, || {
        lab.lab(&["kubectl", node, "get", "deployment/scaled", "-o", &status]).stdout == count
    });
}

/// Who is lost, and who is left.
struct Zones {
    lost: Vec<&'static str>,
    survivors: Vec<&'static str>,
}

impl Zones {
    fn of(zones: &str) -> Self {
        let count = |part: Option<&str>| part.and_then(|part| part.parse().ok()).expect("two zones");
        let (first, second): (usize, usize) = (count(zones.split('+').next()), count(zones.split('+').nth(1)));
        Self { lost: NODES[..first].to_vec(), survivors: NODES[first..first + second].to_vec() }
    }

    fn all(&self) -> Vec<&'static str> {
        [&self.lost[..], &self.survivors].concat()
    }
}

/// When what happened, in milliseconds since 1970.
struct Story {
    lost: u64,
    served: u64,
    split: u64,
    homeward: u64,
    home: u64,
    last: u64,
}

fn lose_and_recover(lab: &Lab, zones: &Zones, clients: &Clients<'_>) -> Story {
    for via in zones.all() {
        clients.written(via, 0, 20);
    }
    scaled(lab, zones.lost[0], 3, "readyReplicas");
    let lost = now();
    lab.lab(&["power-off", "zone1"]).exits(0);
    let begun = now();
    lab.requorum(&["initiate-dr", "--attest", "zone1=story: the plug was pulled", "--confirm", name()]).exits(0);
    let ended = now() - begun;
    let served = zones.survivors.iter().map(|via| clients.written(via, begun, 20)).max().expect("a survivor");
    println!("initiate-dr: {ended} ms; first write through each API server {} ms after its begin", served - begun);
    // Its nodes are lost too: a pod there would not run. The controller manager has seen it, which is what counts.
    scaled(lab, zones.survivors[0], 4, "replicas");
    // Its API servers come back with its etcds and take writes: none of it may be seen through the survivor's.
    let back = now();
    lab.lab(&["power-on", "zone1"]).exits(0);
    let split = clients.written(zones.lost[0], back, 20);
    println!("zone 1 takes writes of its own {} ms after it was switched on", split - back);
    let homeward = now();
    lab.requorum(&["recover", "--confirm", name()]).exits(0);
    let home = now();
    println!("recover: {} ms", home - homeward);
    for via in zones.all() {
        println!("{via} takes writes {} ms later", clients.written(via, home, 20) - home);
    }
    scaled(lab, zones.lost[0], 5, "readyReplicas");
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    Story { lost, served, split, homeward, home, last: now() }
}

fn a_zone_is_lost_and_comes_home(layout: &str, shape: &str, etcd: &str) {
    let lab = Lab::up_with(&["--zones", layout, "--etcd", etcd, "--shape", shape, "--kubernetes"]);
    let zones = Zones::of(layout);
    let (masters, survivor) = (zones.all(), zones.survivors[0]);
    let file = lab.state("deployment.json");
    std::fs::write(&file, DEPLOYMENT).expect("a file");
    lab.lab(&["kubectl", "m1", "apply", "-f", &file.display().to_string()]).exits(0);
    scaled(&lab, "m1", 2, "readyReplicas");
    let before = objects(&lab, survivor);
    let clients = Clients::start(&lab);
    let story = lose_and_recover(&lab, &zones, &clients);
    let last = clients.seen().iter().rfind(|seen| seen.acknowledged()).expect("a write").name.clone();
    for via in &masters {
        clients.watched(via, &last);
    }
    let seen = clients.end();

    let span = |via, from, to| Span { seen: &seen, via, from, to };
    let there = listed(&lab, survivor);
    for via in &masters {
        let via = *via;
        assert_eq!(listed(&lab, via), there, "what {via} lists");
        let holds = seen.iter().rfind(|seen| seen.via == via && seen.did == "holds").expect("what it holds at the end");
        let held = holds.holds.iter().filter_map(|key| key.strip_prefix("ledger/")).map(str::to_owned);
        let held: BTreeSet<String> = held.collect();
        let (more, less) = (held.difference(&there).collect::<Vec<_>>(), there.difference(&held));
        let less: Vec<_> = less.filter(|name| !at_the_end(&seen, name)).collect();
        assert!(
            more.is_empty() && less.is_empty(),
            "who watches through {via} holds besides {more:?}, and lacks {less:?}"
        );
        let after = objects(&lab, via);
        let gone: Vec<_> = before.iter().filter(|(object, uid)| after.get(*object) != Some(uid)).collect();
        assert!(gone.is_empty(), "through {via}, of {} objects these are gone or others: {gone:?}", before.len());
    }
    println!("{} objects of Kubernetes are the same as before", before.len());
    // What the survivor acknowledged since it serves again is there, and was there at each moment between.
    let survivors = span(&zones.survivors, story.served, story.last);
    let kept = survivors.acknowledged();
    assert!(kept.is_subset(&there), "lost: {:?}", kept.difference(&there).collect::<Vec<_>>());
    assert!(survivors.missed(&kept).is_empty(), "not found through the survivors: {:?}", survivors.missed(&kept));
    let all = span(&masters, story.home, story.last);
    let kept = all.acknowledged();
    assert!(kept.is_subset(&there), "lost after recover: {:?}", kept.difference(&there).collect::<Vec<_>>());
    assert!(all.missed(&kept).is_empty(), "not found after recover: {:?}", all.missed(&kept));
    // What the survivor had not received yet is lost. What zone 1's API servers took by themselves went to either cluster
    // where their lists name the members of both.
    for (what, span) in [
        ("before the loss", span(&masters, 0, story.lost)),
        ("through zone 1 by itself", span(&zones.lost, story.split, story.homeward)),
    ] {
        let writes = span.acknowledged();
        println!("of {} writes {what}, {} are there", writes.len(), writes.intersection(&there).count());
    }
}

/// With etcd outside Kubernetes, or in the zones, shape and version that ZONES, SHAPE and ETCD name: `make matrix` has it in a
/// static pod too, and in 3+2.
#[test]
fn kubernetes_comes_back() {
    let given = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    a_zone_is_lost_and_comes_home(&given("ZONES", "2+1"), &given("SHAPE", "env"), &given("ETCD", "3.6"));
}
