//! What must be refused on real machines, each with its rule's name, and that nothing is changed by it. No scenario: a mount,
//! a drop-in, a known_hosts and a typed name are put right again one after the other, on one lab.

use crate::support::{Lab, name};

fn attest() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=off, says the test"]
}

#[test]
fn an_unfit_survivor_a_spoiled_file_and_a_wrong_name_are_refused() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    lab.lab(&["power-off", "zone1"]).exits(0);
    let before = lab.fingerprint("m3");
    lab.requorum(&["initiate-dr"]).exits(3).says("no-consent");
    lab.requorum(&["fence", "nowhere", "--confirm", name()]).exits(64).says("its zones are zone1, zone2");
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
    lab.requorum(&attest()).exits(3).says("config-style").says("is set beside `--initial-cluster-token`");
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
