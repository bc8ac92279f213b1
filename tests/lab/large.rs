//! A database so large that its file is copied while etcd runs: what was acknowledged right before the loss is there, and an
//! etcd that dies during the copy costs nothing but another try.

use crate::support::{Lab, name};

fn dr() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=off, says the test"]
}

/// A lab whose database has some hundred megabytes; `survivor` acknowledged ten keys when zone 1 lost its power.
fn bereft(zones: &str, etcd: &str, survivor: &str) -> Lab {
    let lab = Lab::up(zones, etcd);
    lab.grow("m1", 250);
    lab.wait_for_keys(survivor, "grown", 250);
    lab.put(survivor, "last", 10);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab
}

fn has_all(lab: &Lab, node: &str) {
    assert_eq!((lab.count(node, "last"), lab.count(node, "grown")), (10, 250), "{node}");
}

/// Every version, by ETCD and `make matrix`.
#[test]
fn what_was_acknowledged_right_before_the_loss_is_in_the_copy() {
    let lab = bereft("2+1", &std::env::var("ETCD").unwrap_or_else(|_| "3.4".to_owned()), "m3");
    lab.requorum(&dr()).exits(0).says("copied while nothing was committed");
    has_all(&lab, "m3");
}

#[test]
fn two_survivors_grow_from_one_copy() {
    let lab = bereft("3+2", "3.7", "m5");
    lab.requorum(&dr()).exits(0).says("copied while nothing was committed");
    has_all(&lab, "m4");
    has_all(&lab, "m5");
}

#[test]
fn an_etcd_that_is_killed_during_the_copy_loses_nothing() {
    let lab = bereft("2+1", "3.5", "m3");
    let watch = "while ! ls /var/lib/requorum/runs/*/snapshot.db.part >/dev/null 2>&1; do sleep 0.01; done; \
                 systemctl kill -s KILL etcd; touch /run/killed";
    lab.on("m3", &format!("setsid sh -c '{watch}' </dev/null >/dev/null 2>&1 &")).exits(0);
    lab.requorum(&dr()).exits(1).says("etcd does not answer any more").says("etcd was not changed");
    lab.on("m3", "test -e /run/killed").exits(0);
    assert_eq!(lab.on("m3", "ls -d /var/lib/etcd*").stdout.trim(), "/var/lib/etcd", "nothing was made or moved");
    // It was killed, so that a live snapshot is impossible: its log is replayed.
    lab.requorum(&dr()).exits(0);
    has_all(&lab, "m3");
}
