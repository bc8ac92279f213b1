//! Drills on real machines: what they measure is what an independent client saw, and whatever breaks them, nothing is
//! left that they do not name. No scenario: the model has one clock for requorum and its clients, no firewall and no
//! processes; `tests/drill_crashes.rs` breaks drills there.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::broken::{broken, phase};
use crate::support::{Lab, Said, name, signal};

fn consent() -> [&'static str; 5] {
    ["drill", "--zone", "zone1", "--confirm", name()]
}

/// A client that knows nothing of requorum: it writes as fast as it can and notes each acknowledgement.
const CLIENT: &str = r#"rm -f /tmp/client.*; cat >/tmp/client.sh <<'END'
set -a; . /etc/etcd.env; set +a
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:2379
while [ ! -e /tmp/client.stop ]; do
  etcdctl --command-timeout=200ms --dial-timeout=200ms put independent x >/dev/null 2>&1 && date +%s%N >>/tmp/client.log
done
END
setsid sh /tmp/client.sh >/dev/null 2>&1 </dev/null &"#;

/// The longest time without an acknowledgement, in seconds.
fn longest_gap(lab: &Lab, node: &str) -> f64 {
    let said = lab.on(node, "touch /tmp/client.stop; cat /tmp/client.log").exits(0).stdout;
    let times: Vec<u64> = said.lines().map(|line| line.parse().expect("nanoseconds")).collect();
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().expect("two acknowledgements");
    Duration::from_nanos(gap).as_secs_f64()
}

fn with(more: &[&'static str]) -> Vec<&'static str> {
    consent().iter().chain(more).copied().collect()
}

fn last_journal(lab: &Lab) -> String {
    let is_drill = |journal: &String| journal.lines().next().is_some_and(|line| line.contains("\"drill\":{"));
    lab.journals().into_iter().rfind(is_drill).expect("a drill's journal")
}

/// The name of the last drill.
fn last_drill(lab: &Lab) -> String {
    let journal = last_journal(lab);
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().expect("a record")).expect("JSON");
    first["what"]["drill"]["run"].as_str().expect("a run").to_owned()
}

/// The numbers that the last drill wrote into its journal.
fn measured(lab: &Lab) -> serde_json::Value {
    let drill = last_journal(lab);
    let mut records =
        drill.lines().rev().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a record"));
    let measured = records.find_map(|record| record["what"].get("measured").cloned());
    measured.expect("the drill measured something")
}

/// No fence, lock, firewall rule or timer on any master, and every one of them serves.
pub fn nothing_is_left(lab: &Lab, nodes: &[&str]) {
    for node in nodes {
        let look = "ls /var/lib/requorum/fence-* /var/lib/requorum/lock 2>/dev/null; nft list tables; \
                    systemctl list-timers --all --no-legend 'requorum*'";
        assert_eq!(lab.on(node, look).exits(0).stdout, "", "{node}");
        lab.wait_for_write(node, "afterwards");
    }
}

/// A drill from loss to home; its numbers are held against those of a client that only writes.
fn whole(
    lab: &Lab,
    survivor: &str,
    nodes: &[&str],
    outage: &'static str,
    requorum: impl Fn(&[&str]) -> Said,
) -> serde_json::Value {
    // A cluster into which nothing was ever written cannot be restored, and the drill would not be begun.
    lab.put("m1", "before", 10);
    lab.wait_for_keys(survivor, "before", 10);
    lab.on(survivor, CLIENT).exits(0);
    let begun = std::time::Instant::now();
    let said = requorum(&with(&["--outage", outage])).exits(0).says("the drill is done");
    assert!(begun.elapsed() < Duration::from_secs(120), "{outage} took {:?}", begun.elapsed());
    let numbers = measured(lab);
    let nanos = |edge: &str| numbers["without_writes"][edge].as_u64().expect("the time without writes");
    let rto = Duration::from_nanos(nanos("to") - nanos("from")).as_secs_f64();
    let seen = longest_gap(lab, survivor);
    println!("{outage}: RTO {rto:.2} s, an independent client saw {seen:.2} s, the drill took {:?}", begun.elapsed());
    assert!((rto - seen).abs() <= 0.3, "RTO {rto:.2} s, and a client saw {seen:.2} s:\n{}", said.all());
    assert_eq!(numbers["survivor"]["lost"]["writes"], 0);
    every_promise_is_kept(lab, survivor);
    nothing_is_left(lab, nodes);
    lab.requorum(&["status"]).exits(0);
    numbers
}

/// Each acknowledged value of the survivor's canary, from its kept ledger, asked of etcd without requorum.
fn every_promise_is_kept(lab: &Lab, survivor: &str) {
    let runs = lab.bastion().join("runs");
    let mut drills: Vec<_> = std::fs::read_dir(&runs).expect("runs").flatten().map(|entry| entry.path()).collect();
    drills.retain(|run| run.join("canary-survivor.jsonl").exists());
    drills.sort();
    let drill = drills.last().expect("a drill");
    let ledger = std::fs::read_to_string(drill.join("canary-survivor.jsonl")).expect("a ledger");
    let prefix = format!("requorum/drill/{}/survivor/", drill.file_name().expect("a name").to_string_lossy());
    let stored = lab.etcdctl(survivor, &["get", &prefix, "--prefix"]).exits(0).stdout;
    let lines: Vec<&str> = stored.lines().collect();
    let pairs: std::collections::BTreeMap<&str, &str> = lines.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    let mut promises = 0;
    for line in ledger.lines() {
        let attempt: serde_json::Value = serde_json::from_str(line).expect("an attempt");
        if !attempt["promised"].is_null() {
            let (key, value) =
                (format!("{prefix}{}", attempt["number"]), format!("{} {}", attempt["number"], attempt["begun"]));
            assert_eq!(pairs.get(key.as_str()).copied(), Some(value.as_str()), "{key}");
            promises += 1;
        }
    }
    assert!(promises > 20, "only {promises} promises");
}

#[test]
fn two_and_one_are_drilled_by_stop_and_by_isolation() {
    let lab = Lab::up("2+1", "3.5");
    for node in ["m1", "m3"] {
        lab.on(node, "echo SITE_SECRET=planted-0815 >>/etc/etcd.env").exits(0);
    }
    // A tool that tells the secret to whoever runs it.
    let blab = ". /etc/etcd.env; echo connected as root:$SITE_SECRET; echo root:$SITE_SECRET >&2; touch /run/told";
    let put = format!(
        "cd /usr/local/bin && mv etcdutl etcdutl.real && \
         printf '%s\\n' '#!/bin/sh' 'case \"$*\" in *--help*) ;; *restore*) {blab};; esac' 'exec etcdutl.real \"$@\"' >etcdutl && \
         chmod 755 etcdutl"
    );
    lab.on("m3", &put).exits(0);
    let numbers = whole(&lab, "m3", &["m1", "m2", "m3"], "stop", |line| lab.requorum(line));
    assert_eq!(numbers["lost_zone"]["lost"]["writes"], 0, "a zone that was stopped promised nothing afterwards");
    let (inventory, password) = lab.whose_sudo_asks();
    // What is cut off leads, and need not elect a leader first: it serves stale reads from the beginning.
    leads(&lab, "m1");
    let numbers = whole(&lab, "m3", &["m1", "m2", "m3"], "isolate", |line| {
        lab.requorum_with(("REQUORUM_SUDO_PASSWORD", &password), &[&["-i", inventory.as_str()], line].concat())
    });
    assert!(numbers["lost_zone"]["lost"]["writes"].as_u64() > Some(0), "the cut-off majority went on: {numbers}");
    assert!(numbers["revisions_lost"].as_u64() > Some(0), "{numbers}");
    assert_eq!(numbers["split_read"], true, "{numbers}");
    no_secret_is_told(&lab, &["planted-0815", &password]);
    // The control: the tool did tell it.
    lab.on("m3", "test -e /run/told").exits(0);
}

/// What stood in env files, in the environment and in what commands said is in no file of any run and in no form of the
/// drill's report.
fn no_secret_is_told(lab: &Lab, secrets: &[&str]) {
    for form in ["text", "markdown", "html", "json", "junit"] {
        let said = lab.requorum(&["report", "last-drill", "-o", form]).exits(0).says("zone1");
        assert!(secrets.iter().all(|secret| !said.all().contains(secret)), "{form}");
        std::fs::write(lab.bastion().join(format!("report.{form}")), said.stdout).expect("written");
    }
    for secret in secrets {
        let hits = Command::new("grep").args(["-rlF", "-e", secret]).arg(lab.bastion()).output().expect("grep");
        assert_eq!(String::from_utf8_lossy(&hits.stdout), "");
    }
    // The control: it is where it was planted.
    lab.on("m3", "grep -q planted-0815 /etc/etcd.env").exits(0);
}

/// Makes a master the leader.
fn leads(lab: &Lab, node: &str) {
    let seen = |of: &str| {
        let said = lab.etcdctl(of, &["endpoint", "status", "-w", "json"]).exits(0).stdout;
        let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        let status = &told[0]["Status"];
        (status["header"]["member_id"].as_u64().expect("its ID"), status["leader"].as_u64().expect("a leader"))
    };
    let (wanted, leader) = seen(node);
    let led = ["m1", "m2", "m3", "m4", "m5"].into_iter().find(|of| seen(of).0 == leader).expect("the leader");
    if led != node {
        lab.etcdctl(led, &["move-leader", &format!("{wanted:x}")]).exits(0);
    }
    assert_eq!(seen(node), (wanted, wanted), "{node} leads");
}

#[test]
fn three_and_two_are_drilled_by_stop_and_by_isolation() {
    let lab = Lab::up("3+2", "3.6");
    for outage in ["stop", "isolate"] {
        // The other survivor names it for longest: until it steps down, and then until it campaigns itself.
        leads(&lab, "m5");
        whole(&lab, "m4", &["m1", "m2", "m3", "m4", "m5"], outage, |line| lab.requorum(line));
    }
}

/// What a drill says that gave up: why, and that the old cluster serves.
fn undone(lab: &Lab, said: Said, why: &str) {
    let said = said.exits(4).says("given up").says(why).says("undone: the old cluster serves");
    assert!(!said.all().contains("left behind"), "{}", said.all());
    lab.requorum(&["report", "last-drill"]).exits(0).says("giving up: undone: the old cluster serves");
    nothing_is_left(lab, &["m1", "m2", "m3"]);
}

/// The lost zone's second master dies for good in the drill: its silence cannot be attested, so nothing is restored.
fn a_master_is_unplugged(lab: &Lab) {
    // Its fence step is over, and initiate-dr has not looked yet: the drill stands still until the plug is out.
    let said = broken(lab, &[], &phase("detection", 1), |drill| {
        signal("STOP", drill.id());
        lab.lab(&["power-off", "m2"]).exits(0);
        signal("CONT", drill.id());
    });
    said.exits(4).says("not-attested").says("undone: the old cluster serves").says("m2 does not answer");
    lab.requorum(&["report", "last-drill"]).exits(0).says("Left behind").says("m2 does not answer");
    lab.wait_for_write("m3", "without-m2");
    lab.lab(&["power-on", "m2"]).exits(0);
    lab.requorum(&["unfence", "zone1", "--confirm", name()]).exits(7).says("m2 is held by");
    lab.requorum(&["unlock", &last_drill(lab)]).exits(0);
    lab.requorum(&["unfence", "zone1", "--confirm", name()]).exits(0);
    lab.on("m2", "systemctl start etcd").exits(0);
    lab.wait_for("a healthy cluster", 60, || lab.requorum(&["status", "--quick"]).code == 0);
}

#[test]
fn a_drill_that_breaks_gives_the_old_cluster_back() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    // Too slow: a second of listening and two looks take longer.
    for outage in ["stop", "isolate"] {
        let said = lab.requorum(&with(&["--outage", outage, "--max-outage", "3s"]));
        undone(&lab, said, "the outage lasted longer than 3 s");
    }
    a_master_is_unplugged(&lab);
    // A template that renders something else than was meant.
    let templates = lab.state("templates");
    std::fs::create_dir_all(&templates).expect("made");
    std::fs::write(templates.join("etcd.env.j2"), "ETCD_NAME=nobody\n").expect("written");
    let path = templates.display().to_string();
    let mut command = vec!["--templates", path.as_str()];
    command.extend(with(&[]));
    lab.requorum(&command).exits(1).says("nothing had been lost yet").says("[template");
    nothing_is_left(&lab, &["m1", "m2", "m3"]);
    // The survivor's data has been moved aside when a step fails: it takes its place again.
    lab.on("m3", "mkdir -p /var/lib/requorum/cluster.json.new").exits(0);
    let said = lab.requorum(&with(&[])).says("is in place again");
    undone(&lab, said, "record cluster");
    lab.on(
        "m3",
        "rmdir /var/lib/requorum/cluster.json.new; ls -d /var/lib/etcd.unused-*/member /etc/etcd.env.unused-*",
    )
    .exits(0);
    assert_eq!(lab.count("m3", "before"), 10);
    lab.requorum(&["status"]).exits(0);
    // A disk that is full.
    lab.own_disk("m3");
    lab.fill_disk("m3", true);
    let said = lab.requorum(&with(&[]));
    lab.fill_disk("m3", false);
    said.exits(1).says("[space]").says("nothing had been lost yet");
    nothing_is_left(&lab, &["m1", "m2", "m3"]);
}

#[test]
fn a_bastion_that_dies_leaves_ports_that_open_by_themselves() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    let mut drill = lab.spawn(&with(&["--outage", "isolate", "--max-outage", "10s"]));
    lab.wait_for("closed ports", 60, || lab.on("m1", "nft list tables").stdout.contains("requorum_drill"));
    drill.kill().expect("killed");
    drill.wait().expect("waited for");
    lab.on("m1", "pkill -9 requorum").all();
    lab.wait_for("ports that are open again", 120, || {
        ["m1", "m2"].iter().all(|node| !lab.on(node, "nft list tables").stdout.contains("requorum_drill"))
    });
    lab.requorum(&["report", "last-drill"]).exits(0).says("cut off").says("nft delete table");
    lab.requorum(&["unlock", &last_drill(&lab)]).exits(0);
    lab.wait_for("a healthy cluster", 30, || lab.requorum(&["status", "--quick"]).code == 0);
}

#[test]
fn a_zone_is_switched_off_and_on_by_the_sites_own_commands() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    // The lab's machines are switched outside the bastion's network: its command asks for that, and waits.
    let script = lab.state("power");
    std::fs::write(&script, "#!/bin/sh\ntouch $0.$1\nwhile [ -e $0.$1 ]; do sleep 0.1; done\n").expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let script = script.display().to_string();
    let power = format!("  zone1:\n    power: {{ off: [{script}, off], on: [{script}, on] }}\n");
    // No drill is that fast.
    let objectives = "environment: lab\nobjectives: { rto: 2s, rpo: 1m }\n";
    let text = std::fs::read_to_string(lab.inventory()).expect("inventory").replace("  zone1:\n", &power);
    let text = text.replace("environment: lab\n", objectives);
    let path = lab.state("power.yaml");
    std::fs::write(&path, text).expect("written");
    let path = path.display().to_string();
    let mut command = vec!["-i", path.as_str()];
    let metrics = lab.state("drill.prom").display().to_string();
    command.extend(with(&["--outage", "command"]));
    command.extend(["--textfile", metrics.as_str()]);
    let drill = lab.spawn(&command);
    for (asked, verb) in [("off", "power-off"), ("on", "power-on")] {
        let wish = PathBuf::from(format!("{script}.{asked}"));
        lab.wait_for(&format!("the command {asked}"), 240, || wish.exists());
        lab.lab(&[verb, "zone1"]).exits(0);
        std::fs::remove_file(wish).expect("removed");
    }
    let end = drill.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&[end.stderr, end.stdout].concat()).into_owned();
    assert_eq!(end.status.code(), Some(6), "{said}");
    for words in ["its machines answer, and their etcd is fenced", "objective rto", "MISSED", "all of them there"] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    // A missed objective is a failed drill with a finished cluster.
    every_promise_is_kept(&lab, "m3");
    assert_eq!(lab.count("m3", "before"), 10);
    nothing_is_left(&lab, &["m1", "m2", "m3"]);
    lab.requorum(&["status"]).exits(0);
    let metrics = std::fs::read_to_string(metrics).expect("metrics");
    let of = format!("cluster=\"{}\",zone=\"zone1\"", name());
    for sample in [format!("requorum_drill_success{{{of}}} 0"), format!("rto_objective_seconds{{{of}}} 2\n")] {
        assert!(metrics.contains(&sample), "{sample} is not in {metrics}");
    }
    assert!(!metrics.contains("requorum_drill_last_success_timestamp_seconds{"), "{metrics}");
    lab.requorum(&["report", "last-drill", "-o", "junit"]).exits(0).says("<failure").says("rto");
}

#[test]
fn of_two_drills_one_runs_and_no_run_comes_between_its_parts() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    let first = lab.spawn(&with(&[]));
    let second = lab.spawn(&with(&[]));
    lab.wait_for("the outage", 60, || lab.journals().concat().contains("\"detection\",\"event\":\"began\""));
    lab.requorum(&with(&[])).exits(3).says("[locked]").says("requorum unlock");
    lab.requorum(&["unfence", "zone1", "--confirm", name()]).exits(7).says(" unlock ");
    lab.requorum(&["status", "--quick"]).says("refused while that run is alive");
    let mut ends = [first, second].map(|child| Said::of(child.wait_with_output().expect("an end")));
    ends.sort_by_key(|end| end.code);
    assert_eq!(ends[0].code, 0, "{}", ends[0].all());
    assert!([3, 7].contains(&ends[1].code) && ends[1].all().contains("is held by"), "{}", ends[1].all());
    nothing_is_left(&lab, &["m1", "m2", "m3"]);
    assert_eq!(lab.count("m3", "before"), 10);
}

#[test]
fn what_must_not_be_drilled_is_not() {
    let lab = Lab::up("2+1", "3.5");
    let text = std::fs::read_to_string(lab.inventory()).expect("inventory");
    let as_written = |name: &str, text: String| {
        let path = lab.state(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let refused = |inventory: &str, zone: &str, rule: &str| {
        lab.requorum(&["-i", inventory, "drill", "--zone", zone, "--confirm", name()]).exits(3).says(rule);
    };
    let before: Vec<String> = ["m1", "m2", "m3"].iter().map(|node| lab.fingerprint(node)).collect();
    refused(
        &as_written("production.yaml", text.replace("environment: lab", "environment: production")),
        "zone1",
        "[production]",
    );
    refused(
        &as_written("staging.yaml", text.replace("environment: lab", "environment: staging")),
        "zone1",
        "[environment-marker]",
    );
    let inventory = lab.inventory().display().to_string();
    refused(&inventory, "zone2", "[quorum-kept]");
    lab.on("m2", "mv /etc/requorum/environment /etc/requorum/environment.aside").exits(0);
    refused(&inventory, "zone1", "mkdir -p /etc/requorum && echo lab >/etc/requorum/environment");
    lab.on("m2", "mv /etc/requorum/environment.aside /etc/requorum/environment").exits(0);
    let one = text.split("  zone2:").next().expect("a text").to_owned();
    lab.requorum(&["-i", &as_written("one.yaml", one), "drill", "--zone", "zone1", "--confirm", name()])
        .exits(65)
        .says("one-zone");
    lab.requorum(&["drill", "--zone", "zone1"]).exits(3).says("no-consent");
    lab.requorum(&["drill", "--zone", "zone1", "--confirm", "tset"]).exits(3).says("is not the cluster's name");
    let after: Vec<String> = ["m1", "m2", "m3"].iter().map(|node| lab.fingerprint(node)).collect();
    assert_eq!(before, after);
    lab.on("m2", "systemctl stop etcd").exits(0);
    refused(&inventory, "zone1", "[not-healthy]");
}
