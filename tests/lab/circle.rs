//! The whole circle on every etcd version: a zone is lost, quorum comes back, the zone comes home, every key accounted for.

use std::collections::BTreeSet;

use crate::support::{Lab, name};

/// The zone that is lost, the masters of the other, and everyone.
struct Layout {
    zones: &'static str,
    lost: &'static [&'static str],
    left: &'static [&'static str],
}

const TWO_AND_ONE: Layout = Layout { zones: "2+1", lost: &["m1", "m2"], left: &["m3"] };
const THREE_AND_TWO: Layout = Layout { zones: "3+2", lost: &["m1", "m2", "m3"], left: &["m4", "m5"] };

impl Layout {
    fn everyone(&self) -> impl Iterator<Item = &'static str> {
        self.lost.iter().chain(self.left).copied()
    }
}

fn circle(layout: &Layout, etcd: &str) {
    let lab = Lab::up(layout.zones, etcd);
    let survivor = layout.left[0];
    lab.put("m1", "before", 10);
    for node in layout.left {
        lab.wait_for_keys(node, "before", 10);
    }

    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=powered off by the test"])
        .exits(0)
        .says("must not serve again");
    for node in layout.left {
        assert_eq!(lab.count(node, "before"), 10, "{node}");
    }
    lab.put(survivor, "after", 10);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=again"]).exits(0).says("nothing to do");

    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.wait_for_write("m1", "stale-1");
    lab.requorum(&["status"]).exits(13).says("SPLIT BRAIN").says("fence zone1");
    lab.requorum(&["recover", "--confirm", name()]).exits(0).says("equal data");
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    lab.requorum(&["recover", "--confirm", name()]).exits(0).says("nothing to do");
    proof(&lab, layout);
}

/// Every key where it belongs, one cluster, one member list.
fn proof(lab: &Lab, layout: &Layout) {
    let mut clusters = BTreeSet::new();
    let mut lists = BTreeSet::new();
    for node in layout.everyone() {
        lab.wait_for_keys(node, "after", 10);
        assert_eq!(lab.count(node, "before"), 10, "{node}");
        assert_eq!(lab.count(node, "stale"), 0, "{node} has the stale write");
        let status = lab.etcdctl(node, &["endpoint", "status", "-w", "json"]).exits(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).expect("status is JSON");
        clusters.insert(status[0]["Status"]["header"]["cluster_id"].to_string());
        lists.insert(lab.on(node, "grep ^ETCD_INITIAL_CLUSTER /etc/etcd.env").stdout);
    }
    for node in layout.lost {
        lab.on(node, "grep -rqa stale-1 /var/lib/etcd.retired-*").exits(0);
    }
    // The control: the same look finds nothing where there is nothing.
    lab.on(layout.left[0], "grep -rqa stale-1 /var/lib/etcd.retired-*").exits(1);
    assert_eq!(clusters.len(), 1, "{clusters:?}");
    assert_eq!(lists.len(), 1, "{lists:?}");
    let list = lists.first().expect("one list");
    assert_eq!(list.matches("=https://").count(), layout.everyone().count(), "{list}");
    assert!(list.contains("STATE=existing"), "{list}");
    let members = lab.etcdctl(layout.left[0], &["member", "list", "-w", "json"]).exits(0).stdout;
    assert!(!members.contains("isLearner\":true"), "{members}");
    assert_eq!(members.matches("\"ID\":").count(), layout.everyone().count(), "{members}");
}

#[test]
fn a_zone_is_lost_and_comes_home_on_etcd_3_4() {
    circle(&TWO_AND_ONE, "3.4");
}

#[test]
fn a_zone_is_lost_and_comes_home_on_etcd_3_5() {
    circle(&TWO_AND_ONE, "3.5");
}

#[test]
fn a_zone_is_lost_and_comes_home_on_etcd_3_6() {
    circle(&TWO_AND_ONE, "3.6");
}

#[test]
fn a_zone_is_lost_and_comes_home_on_etcd_3_7() {
    circle(&TWO_AND_ONE, "3.7");
}

#[test]
fn two_survivors_of_five_serve_alone_and_take_three_back() {
    circle(&THREE_AND_TWO, "3.6");
}
