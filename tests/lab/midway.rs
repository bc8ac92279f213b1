//! Runs that do not go to their end on real machines: killed, raced, on a restarted survivor, under a client's watch. No
//! scenarios: a data directory that is a mount, two processes, sudo's password and a client's open stream are not in the
//! model.

use std::process::Command;

use crate::support::{Lab, Said, name};

fn dr() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=off, says the test"]
}

/// A 2+1 lab with ten keys on m3 and zone1 off.
fn bereft(etcd: &str) -> Lab {
    without_zone_1(Lab::up("2+1", etcd))
}

fn without_zone_1(lab: Lab) -> Lab {
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab
}

/// Runs `initiate-dr` until m3's data was moved aside, kills it there, and gives the run's name.
fn killed_once_retired(lab: &Lab) -> String {
    lab.killed_after(&dr(), "retire", "m3");
    lab.last_plan().run.to_string()
}

fn run_of(journal: &str) -> String {
    journal.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a run").to_owned()
}

#[test]
fn a_run_killed_with_the_data_moved_aside_is_undone_though_that_is_killed_too() {
    for own_disk in [false, true] {
        let lab = Lab::up("2+1", "3.6");
        if own_disk {
            lab.own_disk("m3");
        }
        let lab = without_zone_1(lab);
        let run = killed_once_retired(&lab);
        lab.requorum(&["unlock", &run]).exits(0);
        let undo = ["undo", &run, "--confirm", name()];
        let mut child = lab.spawn(&undo);
        lab.wait_for("data in its place", 60, || {
            lab.journals().last().is_some_and(|journal| journal.contains("its own data is in its place"))
        });
        child.kill().expect("killed");
        child.wait().expect("waited");
        // What is mounted in the lab is lost with the power.
        if !own_disk {
            lab.lab(&["power-off", "m3"]).exits(0);
            lab.lab(&["power-on", "m3"]).exits(0);
        }
        lab.lab(&["power-on", "zone1"]).exits(0);
        lab.wait_for("zone 1", 60, || ["m1", "m2"].iter().all(|node| lab.on(node, "true").code == 0));
        lab.requorum(&["unlock", &run_of(&lab.journals().pop().expect("a journal"))]).exits(0);
        lab.requorum(&undo).exits(0);
        lab.wait_for("a healthy cluster", 60, || lab.requorum(&["status", "--quick"]).code == 0);
        assert_eq!(lab.count("m3", "before"), 10);
        lab.put("m3", "after", 3);
        lab.requorum(&undo).exits(0).says("nothing to do");
        let kept = if own_disk { "/var/lib/etcd/unused-*/member" } else { "/var/lib/etcd.unused-*/member" };
        let kept = format!("ls -d {kept} /etc/etcd.env.unused-* /var/lib/requorum/cluster.json.unused-*");
        lab.on("m3", &kept).exits(0);
        lab.on("m3", "ls -d /var/lib/requorum/fence-etcd /etc/etcd.env.retired-*").exits(2);
    }
}

#[test]
fn of_two_operators_one_runs_and_the_other_is_told_who() {
    let lab = bereft("3.5");
    let first = lab.spawn(&dr());
    let second = lab.spawn(&dr());
    let mut ends = [first, second].map(|child| Said::of(child.wait_with_output().expect("an end")));
    ends.sort_by_key(|end| end.code);
    assert_eq!(ends[0].code, 0, "{}", ends[0].all());
    // One whose proof takes longer may find the cluster that the other has made.
    let told = [(7, "is held by"), (3, "quorum-alive")];
    let said = told.iter().any(|(code, words)| ends[1].code == *code && ends[1].all().contains(words));
    assert!(said, "{:?}", ends[1]);
    assert_eq!(lab.count("m3", "before"), 10);
    lab.on("m3", "ls -d /var/lib/etcd.retired-* | wc -l").exits(0).says("1\n");
}

#[test]
fn a_restarted_survivor_is_replayed_by_an_operator_whose_sudo_asks() {
    let lab = bereft("3.5");
    lab.on("m3", "systemctl restart --no-block etcd").exits(0);
    // Without a leader etcd 3.5 often hangs in its stop until systemd kills it after 90 s.
    lab.wait_for("a survivor that is not ready", 150, || {
        lab.on("m3", "systemctl is-active etcd").stdout == "activating\n"
    });
    let (file, password) = lab.whose_sudo_asks();
    let with_file = |verb: &[&'static str]| -> Vec<String> {
        ["-i", &file].iter().copied().chain(verb.iter().copied()).map(str::to_owned).collect()
    };
    let run = |secret: &str, verb: &[&'static str]| {
        let line = with_file(verb);
        lab.requorum_with(("REQUORUM_SUDO_PASSWORD", secret), &line.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&password, &["status", "--quick"]).exits(14).says("do not restart it again");
    let said = run(&password, &dr()).exits(0).says("restarted-survivor");
    assert_eq!(lab.count("m3", "before"), 10);
    assert!(!said.all().contains(&password));
    let hits = Command::new("grep").args(["-rqF", "--", &password]).arg(lab.bastion()).status().expect("grep");
    assert_eq!(hits.code(), Some(1), "the password stands in a file of the run");
    lab.on("m3", &format!("journalctl | grep -F -- {password} | grep -v ' sh -c '")).exits(1);
}

#[test]
fn a_client_with_an_open_watch_costs_two_seconds_and_not_fifteen() {
    // One who waits for a lock holds a watch that does not end with the leader, as an API server's clients do.
    let lab = Lab::up("2+1", "3.6");
    lab.put("m1", "before", 10);
    let wait = "set -a; . /etc/etcd.env; setsid etcdctl lock held sleep 600 </dev/null >/dev/null 2>&1 & \
                until etcdctl get held --prefix --keys-only | grep -q held; do sleep 0.1; done; \
                setsid etcdctl lock held </dev/null >/dev/null 2>&1 & \
                until [ $(etcdctl get held --prefix --keys-only | grep -c held) = 2 ]; do sleep 0.1; done";
    lab.on("m3", wait).exits(0);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&dr()).exits(0);
    let journal = lab.journals().pop().expect("a journal");
    assert!(journal.contains("ended by force after 0.5 s"), "{journal}");
    assert_eq!(lab.count("m3", "before"), 10);
}
