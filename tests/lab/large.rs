//! A database so large that its file is copied while etcd runs: what was acknowledged right before the loss is there, and an
//! etcd that dies during the copy costs nothing but another try.

use crate::support::{Lab, name};

fn dr() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=off, says the test"]
}

/// A 2+1 lab whose database has some hundred megabytes; ten keys were acknowledged by m3 when zone 1 lost its power.
fn bereft(etcd: &str) -> Lab {
    let lab = Lab::up("2+1", etcd);
    lab.grow("m1", 250);
    lab.wait_for_keys("m3", "grown", 250);
    lab.put("m3", "last", 10);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab
}

fn nothing_is_lost(etcd: &str) {
    let lab = bereft(etcd);
    lab.requorum(&dr()).exits(0).says("copied while nothing was committed");
    assert_eq!((lab.count("m3", "last"), lab.count("m3", "grown")), (10, 250), "{etcd}");
}

fn killed_during_the_copy(etcd: &str) {
    let lab = bereft(etcd);
    let watch = "while ! ls /var/lib/requorum/runs/*/snapshot.db.part >/dev/null 2>&1; do sleep 0.01; done; \
                 systemctl kill -s KILL etcd; touch /run/killed";
    lab.on("m3", &format!("setsid sh -c '{watch}' </dev/null >/dev/null 2>&1 &")).exits(0);
    lab.requorum(&dr()).exits(3).says("etcd was not changed");
    lab.on("m3", "test -e /run/killed").exits(0);
    assert_eq!(lab.on("m3", "ls -d /var/lib/etcd*").stdout.trim(), "/var/lib/etcd", "nothing was made or moved");
    let run = lab.journals().pop().and_then(|journal| {
        journal.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    });
    lab.requorum(&["unlock", &run.expect("a run")]).exits(0);
    // It was killed, so that a live snapshot is impossible: its log is replayed.
    lab.requorum(&dr()).exits(0);
    assert_eq!((lab.count("m3", "last"), lab.count("m3", "grown")), (10, 250), "{etcd}");
}

#[test]
fn what_was_acknowledged_right_before_the_loss_is_in_the_copy_3_4() {
    nothing_is_lost("3.4");
}

#[test]
fn what_was_acknowledged_right_before_the_loss_is_in_the_copy_3_5() {
    nothing_is_lost("3.5");
}

#[test]
fn what_was_acknowledged_right_before_the_loss_is_in_the_copy_3_6() {
    nothing_is_lost("3.6");
}

#[test]
fn what_was_acknowledged_right_before_the_loss_is_in_the_copy_3_7() {
    nothing_is_lost("3.7");
}

#[test]
fn an_etcd_that_is_killed_during_the_copy_loses_nothing_3_5() {
    killed_during_the_copy("3.5");
}

#[test]
fn an_etcd_that_is_killed_during_the_copy_loses_nothing_3_6() {
    killed_during_the_copy("3.6");
}
