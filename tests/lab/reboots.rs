//! A machine loses its power at the worst moments of both commands, in each shape of etcd: what starts at its boot is what
//! should, and the command that is printed goes on. No scenario: what systemd, docker and a kubelet do at a boot is theirs.

use std::time::{Duration, Instant};

use crate::support::{Lab, Said, is_done, name};

/// Runs that until its journal says that a step on a master is done, kills it there, and pulls the master's plug.
fn killed_and_unplugged(lab: &Lab, arguments: &[&str], step: &str, node: &str) -> String {
    let before = lab.journals().len();
    let mut child = lab.spawn(arguments);
    let begun = Instant::now();
    while !lab.journals().get(before).is_some_and(|journal| is_done(journal, step, node)) {
        if child.try_wait().expect("asked").is_some() || begun.elapsed() > Duration::from_secs(200) {
            let said = Said::of(child.wait_with_output().expect("an end"));
            panic!("the run never came to {step} on {node}:\n{}", said.all());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("killed");
    lab.lab(&["power-off", node]).exits(0);
    child.wait().expect("waited");
    lab.lab(&["power-on", node]).exits(0);
    lab.last_plan().run.to_string()
}

/// What the machine should have started once it has booted: nothing where it is fenced, else etcd.
fn starts_what_it_should(lab: &Lab, node: &str, shape: &str, after: &str) -> bool {
    let booted = match shape {
        "pod" => "until bash -c '</dev/tcp/127.0.0.1/10250' 2>/dev/null; do sleep 0.2; done",
        "docker" => "until docker ps >/dev/null 2>&1; do sleep 0.2; done",
        _ => "true",
    };
    lab.on(node, &format!("systemctl is-system-running --wait >/dev/null; timeout 60 sh -c {booted:?}")).exits(0);
    let fenced = lab.on(node, "ls /var/lib/requorum/fence-*").code == 0;
    let runs = || !lab.on(node, "pgrep -x etcd").stdout.is_empty();
    if fenced {
        // As long as a kubelet or docker takes to start what it may.
        let until = Instant::now() + Duration::from_secs(6);
        while Instant::now() < until {
            assert!(!runs(), "{shape}: etcd runs on {node}, which is fenced, after a loss of power after {after}");
            std::thread::sleep(Duration::from_millis(300));
        }
    } else {
        lab.wait_for(&format!("{shape}: etcd on {node} after a loss of power after {after}"), 60, runs);
    }
    fenced
}

fn a_machine_loses_its_power_at_each_step(shape: &str, etcd: &str) {
    let lab = Lab::up_as("2+1", etcd, shape);
    lab.put("m1", "before", 5);
    lab.wait_for_keys("m3", "before", 5);
    let dr = ["initiate-dr", "--attest", "zone1=story: the plug was pulled", "--confirm", name()];
    lab.lab(&["power-off", "zone1"]).exits(0);
    for step in ["fence", "retire", "write"] {
        let run = killed_and_unplugged(&lab, &dr, step, "m3");
        assert!(starts_what_it_should(&lab, "m3", shape, step), "{shape}: m3 is not fenced after {step}");
        lab.requorum(&["unlock", &run]).exits(0);
        lab.requorum(&["undo", &run, "--confirm", name()]).exits(0);
        // Its own etcd waits for its quorum again: once restarted it answers nobody, and its log is replayed.
        assert!(!starts_what_it_should(&lab, "m3", shape, "the way back"), "{shape}: m3 is fenced after `undo`");
    }
    let run = killed_and_unplugged(&lab, &dr, "start", "m3");
    assert!(!starts_what_it_should(&lab, "m3", shape, "start"), "{shape}: m3 is fenced after its start");
    lab.wait_for_write("m3", "during-1");
    lab.requorum(&["unlock", &run]).exits(0);
    let seen = lab.requorum(&["status"]);
    assert!(seen.stdout.contains("one zone serves alone"), "{}", seen.all());
    // The old members come back and take a write: none of it may be left.
    lab.lab(&["power-on", "zone1"]).exits(0);
    // A kubelet takes its time after a boot.
    lab.wait_for("a write through m1", 180, || {
        lab.etcdctl("m1", &["--command-timeout=2s", "put", "stale-1", "x"]).code == 0
    });
    let recover = ["recover", "--confirm", name()];
    // The run that made the new cluster was killed before it saw a write: which of the two counts, a person says.
    lab.requorum(&recover).exits(3).says("split-brain").says("requorum fence zone1");
    lab.requorum(&["fence", "zone1", "--confirm", name()]).exits(0);
    for step in ["fence", "retire", "write", "start"] {
        let run = killed_and_unplugged(&lab, &recover, step, "m1");
        let fenced = starts_what_it_should(&lab, "m1", shape, step);
        assert_eq!(fenced, step != "start", "{shape}: after {step}");
        lab.requorum(&["unlock", &run]).exits(0);
    }
    lab.requorum(&recover).exits(0);
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    for node in ["m1", "m2", "m3"] {
        assert_eq!(
            (lab.count(node, "before"), lab.count(node, "during"), lab.count(node, "stale")),
            (5, 1, 0),
            "{node}"
        );
    }
}

/// The shape and version that SHAPE and ETCD name: `make reboots` goes through all.
#[test]
fn by_name() {
    let given = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    a_machine_loses_its_power_at_each_step(&given("SHAPE", "pod"), &given("ETCD", "3.6"));
}
