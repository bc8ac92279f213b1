//! What must be refused on real machines, each with its rule's name, and that nothing is changed by it.

use crate::support::{Lab, name};

fn attest() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=off, says the test"]
}

#[test]
fn a_healthy_cluster_is_left_alone() {
    let lab = Lab::up("2+1", "3.5");
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    let before: Vec<String> = ["m1", "m2", "m3"].map(|node| lab.fingerprint(node)).into();
    lab.requorum(&["initiate-dr"]).exits(3).says("no-consent");
    lab.requorum(&attest()).exits(3).says("quorum-alive");
    lab.requorum(&["plan", "initiate-dr"]).exits(3).says("quorum-alive");
    lab.requorum(&["fence", "zone1", "--confirm", name()]).exits(3).says("fence-takes-quorum");
    lab.requorum(&["fence", "nowhere", "--confirm", name()]).exits(64).says("its zones are zone1, zone2");
    lab.requorum(&["unfence", "zone1", "--confirm", name()]).exits(0).says("nothing to do");
    let after: Vec<String> = ["m1", "m2", "m3"].map(|node| lab.fingerprint(node)).into();
    assert_eq!(before, after);
    // The control: the fingerprint does see a change.
    lab.on("m3", "touch /etc/systemd/system/x.service").exits(0);
    assert_ne!(before[2], lab.fingerprint("m3"));
}

#[test]
fn a_dark_zone_is_not_taken_for_dead_and_an_unfit_survivor_is_refused() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    lab.lab(&["power-off", "zone1"]).exits(0);
    let before = lab.fingerprint("m3");
    lab.requorum(&["initiate-dr", "--confirm", name()]).exits(3).says("not-attested").says("--attest zone1=");
    lab.requorum(&["recover", "--confirm", name()]).exits(3).says("nothing-serves");
    lab.requorum(&["initiate-dr", "--confirm", "prod", "--attest", "zone1=off"])
        .exits(3)
        .says("is not the cluster's name");
    let bad = lab.state("bad.db");
    std::fs::write(&bad, b"").expect("a file");
    let with = |file: &str| [&attest()[..], &["--snapshot", file]].concat().join("\u{1f}");
    let run = |line: String| lab.requorum(&line.split('\u{1f}').collect::<Vec<_>>());
    run(with(&bad.display().to_string())).exits(3).says("is empty");
    std::fs::write(&bad, vec![7u8; 512 * 40 + 32]).expect("a file");
    run(with(&bad.display().to_string())).exits(3).says("does not match the hash at its end");
    assert_eq!(before, lab.fingerprint("m3"));

    lab.on("m3", "mkdir -p /var/lib/requorum && mount -t tmpfs -o size=1m tmpfs /var/lib/requorum").exits(0);
    lab.requorum(&attest()).exits(3).says("[space]");
    lab.on("m3", "umount /var/lib/requorum").exits(0);

    let drop_in = "mkdir -p /etc/systemd/system/etcd.service.d && printf '[Service]\\nExecStart=\\n\
                   ExecStart=/usr/local/bin/etcd --initial-cluster-token=x\\n' \
                   >/etc/systemd/system/etcd.service.d/flags.conf && systemctl daemon-reload";
    lab.on("m3", drop_in).exits(0);
    lab.requorum(&attest()).exits(3).says("config-style").says("--initial-cluster-token=x");
    lab.on("m3", "rm /etc/systemd/system/etcd.service.d/flags.conf && systemctl daemon-reload").exits(0);

    let known = lab.state("ssh/known_hosts");
    let good = std::fs::read_to_string(&known).expect("known hosts");
    let others: Vec<&str> = good.lines().filter(|line| !line.contains("10.77.2.11")).collect();
    std::fs::write(&known, others.join("\n") + "\n").expect("written");
    lab.requorum(&attest()).exits(3).says("host key");
    std::fs::write(&known, &good).expect("written");

    // With everything mended the same command does its work.
    lab.requorum(&attest()).exits(0).says("its first write is revision");
    assert_eq!(lab.count("m3", "before"), 3);
}

#[test]
fn a_zone_that_is_only_cut_off_is_named_and_fenced_first() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    // The bastion still sees zone1, whose two members go on serving: m3 alone has lost quorum.
    lab.lab(&["isolate", "zone1", "--keep-bastion"]).exits(0);
    lab.wait_for_write("m1", "later");
    lab.requorum(&["initiate-dr", "--confirm", name(), "--failed-zone", "zone1"]).exits(3).says("quorum-alive");
    lab.requorum(&["fence", "zone1", "--confirm", name()]).exits(3).says("fence-takes-quorum");
    lab.requorum(&["fence", "zone1", "--confirm", name(), "--override", "fence-takes-quorum=drill of the test"])
        .exits(0)
        .says("cannot start there");
    lab.on("m1", "systemctl start etcd; systemctl is-active etcd").exits(3);
    lab.requorum(&["fence", "zone1", "--confirm", name()]).exits(0).says("nothing to do");
    // Fenced and seen down over SSH, the zone needs no attestation.
    lab.requorum(&["initiate-dr", "--confirm", name(), "--failed-zone", "zone1"]).exits(0);
    assert_eq!(lab.count("m3", "before"), 3);
    lab.requorum(&["unfence", "zone1", "--confirm", name()]).exits(3).says("unfence-wakes-old-data");
    lab.lab(&["reconnect", "zone1"]).exits(0);
    lab.requorum(&["recover", "--confirm", name()]).exits(0);
    lab.requorum(&["status"]).exits(0);
}
