//! Masters that come home to a cluster that has grown meanwhile: more data than their start may take, or than their quota
//! holds. No scenario: the model has neither megabytes nor a slow link.

use crate::support::{Lab, name};

const RECOVER: &str = "recover";

fn attested() -> [&'static str; 5] {
    ["initiate-dr", "--confirm", name(), "--attest", "zone1=powered off by the test"]
}

/// Values of random letters, 1 MB each, which no database makes smaller.
fn write_megabytes(lab: &Lab, node: &str, count: u32) {
    let line = format!(
        "set -a; . /etc/etcd.env; for n in $(seq {count}); do head -c 750000 /dev/urandom | base64 -w0 | \
         etcdctl put big-$n >/dev/null || exit 1; done"
    );
    lab.on(node, &line).exits(0);
}

/// A setting of etcd's in a master's env file, in place of the one that is there.
fn set(lab: &Lab, node: &str, key: &str, value: &str) {
    lab.on(node, &format!("sed -i '/^{key}=/d' /etc/etcd.env && echo {key}={value} >>/etc/etcd.env")).exits(0);
}

/// What the peers send into zone 1 in a second, from now on; what is more is dropped. This kernel has no shaper.
fn narrow_the_way_to_zone_1(megabytes: u32) {
    let rules = format!(
        "table ip narrow {{ chain forward {{ type filter hook forward priority 1; ip daddr 10.77.1.0/24 tcp dport 2380 \
         limit rate over {megabytes} mbytes/second burst 1 mbytes drop; }}; }}"
    );
    let router = format!("requorum.{}.router", name());
    let done = std::process::Command::new("ip").args(["netns", "exec", &router, "nft", &rules]).status();
    assert!(done.expect("nft runs").success(), "{rules}");
}

/// How long the first start after requorum's drop-in came went on, in seconds, and what systemd said of the unit since.
fn first_start(lab: &Lab, node: &str) -> (f64, String) {
    let drop_in = "/run/systemd/system/etcd.service.d/zz-requorum-start.conf";
    let words = "Starting etcd|Started etcd|Stopping etcd|Stopped etcd|operation timed out";
    let line = format!("journalctl -o short-unix -u etcd --since @$(stat -c %Y {drop_in}) | grep -E '{words}'");
    let said = lab.on(node, &line).exits(0).stdout;
    let times: Vec<f64> = said
        .lines()
        .skip_while(|line| !line.contains("Starting etcd"))
        .map(|line| line.split(' ').next().and_then(|time| time.parse().ok()).expect("a time"))
        .collect();
    (times[1] - times[0], said)
}

#[test]
fn a_join_that_takes_longer_than_the_units_start_may_is_not_ended_by_systemd() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    // With the name `zzz-short.conf` it would be read after requorum's own: the join never ends then.
    let drop_in = "10-short.conf";
    for node in ["m1", "m2", "m3"] {
        let dir = "/etc/systemd/system/etcd.service.d";
        let short = "[Service]\\nTimeoutStartSec=5s\\n";
        lab.on(node, &format!("mkdir -p {dir} && printf '{short}' >{dir}/{drop_in} && systemctl daemon-reload"))
            .exits(0);
    }
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&attested()).exits(0);
    write_megabytes(&lab, "m3", 150);
    lab.lab(&["power-on", "zone1"]).exits(0);
    narrow_the_way_to_zone_1(6);
    lab.requorum(&[RECOVER, "--confirm", name()]).exits(0).says("3 voters");
    for node in ["m1", "m2"] {
        let (took, said) = first_start(&lab, node);
        println!("{node}: {took:.1} s\n{said}");
        assert!(took > 5.0, "{node}: {said}");
        assert!(!said.contains("timed out"), "{node}: {said}");
        assert_eq!((lab.count(node, "before"), lab.count(node, "big")), (10, 150), "{node}");
    }
}

#[test]
fn a_returned_master_with_a_smaller_quota_is_refused_until_it_is_put_right() {
    const QUOTA: &str = "ETCD_QUOTA_BACKEND_BYTES";
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&attested()).exits(0);
    set(&lab, "m3", QUOTA, "67108864");
    lab.on("m3", "systemctl restart etcd").exits(0);
    lab.wait_for_write("m3", "restarted");
    write_megabytes(&lab, "m3", 12);
    lab.lab(&["power-on", "zone1"]).exits(0);
    for node in ["m1", "m2"] {
        set(&lab, node, QUOTA, "8388608");
    }
    for node in ["m1", "m2"] {
        lab.wait_for(&format!("{node}'s old etcd"), 60, || lab.on(node, "systemctl is-active etcd").code == 0);
    }
    let before: Vec<String> = ["m1", "m2", "m3"].map(|node| lab.fingerprint(node)).into();
    let refused = lab.requorum(&[RECOVER, "--confirm", name()]).exits(3).says("quota-below-data");
    let refused = refused
        .says("its quota is 8 MiB")
        .says("set ETCD_QUOTA_BACKEND_BYTES to 67108864 or more (/etc/etcd.env on m1)");
    println!("{}", refused.all());
    let after: Vec<String> = ["m1", "m2", "m3"].map(|node| lab.fingerprint(node)).into();
    assert_eq!(before, after);
    lab.wait_for_write("m3", "still-serves");
    for node in ["m1", "m2"] {
        set(&lab, node, QUOTA, "67108864");
    }
    lab.requorum(&[RECOVER, "--confirm", name()]).exits(0).says("3 voters");
    lab.requorum(&["status"]).exits(0);
    for node in ["m1", "m2", "m3"] {
        assert_eq!(lab.etcdctl(node, &["alarm", "list"]).exits(0).stdout, "", "{node}");
        lab.wait_for_write(node, &format!("through-{node}"));
        assert_eq!((lab.count(node, "before"), lab.count(node, "big")), (10, 12), "{node}");
    }
}
