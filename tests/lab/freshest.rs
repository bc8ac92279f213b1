//! Two survivors of five that were both restarted, of which one lacks what was acknowledged last.

use crate::support::{Lab, name};

const EVERYONE: [&str; 5] = ["m1", "m2", "m3", "m4", "m5"];

#[test]
fn of_two_restarted_survivors_the_one_that_has_every_acknowledged_write_is_the_seed() {
    let lab = Lab::up("3+2", "3.5");
    lab.put("m1", "before", 10);
    for node in EVERYONE {
        lab.wait_for_keys(node, "before", 10);
    }
    // m5 stands still; four of five go on without it.
    lab.on("m5", "systemctl kill -s STOP etcd").exits(0);
    // Where m5 led, nothing is written until the others have elected somebody.
    lab.wait_for_write("m1", "elected");
    lab.put("m1", "late", 30);
    lab.wait_for_keys("m4", "late", 30);
    lab.lab(&["power-off", "zone1"]).exits(0);
    // Killed as it stands, m5 never reads what lies in its sockets. Two of five elect nobody, so nothing is sent any more.
    for node in ["m5", "m4"] {
        lab.on(node, "systemctl kill -s KILL etcd").exits(0);
    }
    let in_log = "cat /var/lib/etcd/member/wal/*.wal | grep -aoE 'late-[0-9]+' | sort -u | wc -l";
    lab.on("m4", in_log).exits(0).says("30\n");
    lab.on("m5", in_log).exits(0).says("0\n");
    for node in ["m4", "m5"] {
        lab.wait_for(&format!("{node} runs again"), 30, || {
            lab.on(node, "systemctl show -p MainPID etcd | grep -vx MainPID=0").code == 0
        });
    }

    let attested = ["initiate-dr", "--confirm", name(), "--attest", "zone1=powered off by the test"];
    let untouched: Vec<String> = ["m4", "m5"].map(|node| lab.on(node, "ls -d /var/lib/etcd*").stdout).into();
    let refused = lab.requorum(&[&attested[..], &["--seed", "m5"]].concat()).exits(3).says("seed-not-freshest");
    println!("{}", refused.all());
    assert_eq!(untouched, ["m4", "m5"].map(|node| lab.on(node, "ls -d /var/lib/etcd*").stdout));
    let done = lab.requorum(&attested).exits(0).says("compared").says("m4 is taken");
    assert!(!done.all().contains("may-hold-more"), "{}", done.all());
    for node in ["m4", "m5"] {
        assert_eq!((lab.count(node, "before"), lab.count(node, "late")), (10, 30), "{node}");
    }
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.requorum(&["recover", "--confirm", name()]).exits(0).says("5 voters");
    lab.requorum(&["status"]).exits(0);
    for node in EVERYONE {
        assert_eq!((lab.count(node, "before"), lab.count(node, "late")), (10, 30), "{node}");
    }
}
