//! The doctor on real machines: a healthy cluster is told to be ready, whatever is broken is named, nothing is left. No
//! scenario: what it measures is a disk, and what it could leave is any file there.

use crate::support::Lab;

/// Everything that is there, but for etcd's own data and what systemd and the kernel keep busy.
fn files(lab: &Lab, node: &str) -> String {
    let look = "find /etc /root /usr/local /var -xdev -newer /run/before -not -path '/var/lib/etcd/*' \
                -not -path '/var/log/*' -not -path '/var/lib/systemd/*' -not -type d";
    lab.on(node, look).stdout
}

#[test]
fn a_healthy_cluster_is_ready_and_what_is_broken_is_named() {
    let lab = Lab::up("2+1", "3.6");
    let nodes = ["m1", "m2", "m3"];
    lab.requorum(&["status"]).exits(0).says("doctor: never run from this host");
    // Nothing was ever written: a run would make a cluster without a key.
    lab.requorum(&["doctor"]).exits(0).says("[snapshot-empty]");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    for node in nodes {
        lab.on(node, "touch /run/before").exits(0);
    }
    lab.requorum(&["doctor"])
        .exits(0)
        .says("zone1 lost: initiate-dr would work from m3")
        .says("look at most 0.5, proof 1.")
        .says("zone2 lost: the quorum stays with m1, m2")
        .says("measured on m3")
        .says("verdict: good");
    for node in nodes {
        assert_eq!(files(&lab, node), "", "{node}");
        lab.on(node, "ls -d /var/lib/.requorum* /var/lib/requorum/.requorum*").exits(2);
    }
    // The control: the look does see a new file.
    lab.on("m3", "touch /var/lib/new").exits(0);
    assert_eq!(files(&lab, "m3").trim(), "/var/lib/new");
    lab.requorum(&["status"]).exits(0).says("doctor: last good ").says(" s ago");

    lab.on("m3", "mv /usr/local/bin/etcdutl /root/").exits(0);
    let said = lab.requorum(&["doctor", "-o", "json"]).exits(3).says("tool-missing");
    let json: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!((&json["good"], &json["zones"]["zone1"]["ready"]), (&false.into(), &false.into()));
    lab.requorum(&["status"]).exits(10).says("doctor: last run ").says(" s ago found").says("last good ");
    // A look at one zone is not kept.
    lab.requorum(&["doctor", "--zone", "zone2"]).exits(0);
    lab.requorum(&["status"]).exits(10).says("doctor: last run ").says(" s ago found");
    lab.requorum(&["doctor", "--zone", "nowhere"]).exits(64);
    lab.on("m3", "mv /root/etcdutl /usr/local/bin/").exits(0);

    lab.on("m3", "mkdir -p /var/lib/requorum && mount -t tmpfs -o size=1m tmpfs /var/lib/requorum").exits(0);
    lab.requorum(&["doctor"]).exits(3).says("REFUSED: space").says("[space] m3: 1 MiB free");
    lab.on("m3", "umount /var/lib/requorum").exits(0);

    // A snapshot that fails leaves nothing either; one that is left by a dead machine is named, not doubled.
    lab.on("m3", "mkdir /var/lib/requorum/.requorum-doctor.x").exits(0);
    lab.requorum(&["doctor"]).exits(3).says("[not-measured] m3").says(".requorum-doctor.x is there");
    lab.requorum(&["doctor", "--no-measure"]).exits(0).says("snapshot and restore were not measured").says("at least");
    lab.on("m3", "rmdir /var/lib/requorum/.requorum-doctor.x").exits(0);
}

#[test]
fn a_template_that_changes_more_and_a_unit_that_would_not_come_back_are_named() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    let templates = lab.state("templates");
    let shipped = include_str!("../../templates/etcd.env.j2");
    std::fs::create_dir_all(&templates).expect("a directory");
    std::fs::write(templates.join("etcd.env.j2"), shipped.to_owned() + "ETCD_SNAPSHOT_COUNT=7\n").expect("a file");
    let directory = templates.display().to_string();
    lab.requorum(&["doctor", "--templates", &directory])
        .exits(3)
        .says("[template-changes-more] m3")
        .says("+ETCD_SNAPSHOT_COUNT=7");
    lab.on("m3", "systemctl disable etcd").exits(0);
    lab.requorum(&["doctor"]).exits(0).says("warning [unit-disabled] m3").says("verdict: good, 1 warning");
    lab.requorum(&["doctor", "-o", "junit"]).exits(0).says("<testsuite name=\"zone1 lost\"").says("failures=\"0\"");
    lab.lab(&["power-off", "m3"]).exits(0);
    lab.requorum(&["doctor"]).exits(3).says("error [silent] m3").says("zone1 lost: initiate-dr would be REFUSED");
}
