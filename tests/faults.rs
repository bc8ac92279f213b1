//! Drills broken at each of their phases on real machines: what they leave is named, and what requorum itself says comes
//! next makes the cluster serve again. So are `initiate-dr` and `recover`, at each step. Takes three hours: `make faults`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "lab/api_drills.rs"]
mod api_drills;
#[path = "lab/broken.rs"]
mod broken;
#[path = "lab/printed.rs"]
mod printed;
#[path = "lab/reboots.rs"]
mod reboots;
#[path = "lab/support.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use broken::{NODES, full, kills, lab, phase, said, spoiled, unplugged};
use printed::{Bastion, Zone1, table};
use support::Lab;

#[test]
fn a_drill_that_is_killed_before_the_new_cluster_is_finished_by_hand() {
    kills(&[
        ("isolate", phase("doctor", 1)),
        ("stop", phase("snapshot", 1)),
        ("isolate", phase("canaries", 1)),
        ("stop", phase("outage", 1)),
        ("stop", said("[fence] ", 1)),
        ("isolate", phase("detection", 1)),
        ("stop", phase("initiate-dr", 1)),
        ("stop", said("[stop] etcd", 2)),
        ("isolate", said("[retire] ", 1)),
    ]);
}

#[test]
fn a_drill_that_is_killed_after_it_is_finished_by_hand() {
    kills(&[
        ("stop", said("[start] ", 1)),
        ("isolate", phase("verification", 1)),
        ("isolate", phase("return", 1)),
        ("stop", phase("recover", 1)),
        ("isolate", said("[join] ", 1)),
        ("stop", phase("verification", 2)),
        ("stop", phase("ledger", 1)),
    ]);
}

#[test]
fn a_drill_whose_survivor_is_unplugged_is_finished_by_hand() {
    let lab = lab();
    unplugged(&lab, "stop", "m3", &phase("canaries", 1));
    unplugged(&lab, "isolate", "m3", &phase("detection", 1));
    unplugged(&lab, "stop", "m3", &said("[retire] ", 1));
    unplugged(&lab, "isolate", "m3", &said("first_write", 1));
    unplugged(&lab, "stop", "m3", &said("[join] ", 1));
}

#[test]
fn a_drill_whose_lost_zone_fails_once_more_is_finished_by_hand() {
    let lab = lab();
    unplugged(&lab, "isolate", "m2", &phase("detection", 1));
    unplugged(&lab, "isolate", "m2", &phase("return", 1));
    unplugged(&lab, "stop", "m2", &said("[join] ", 1));
    unplugged(&lab, "stop", "m1", &phase("verification", 2));
}

#[test]
fn a_drill_whose_disks_fill_or_whose_template_breaks_is_finished_by_hand() {
    let lab = lab();
    NODES.iter().for_each(|node| lab.own_disk(node));
    for (node, at) in [("m3", phase("initiate-dr", 1)), ("m1", phase("detection", 1)), ("m2", phase("recover", 1))] {
        full(&lab, node, &at);
    }
    // Just before it is read.
    for at in [phase("detection", 1), phase("return", 1)] {
        spoiled(&lab, &at);
    }
}

/// Kills one verb at each of its steps, and lets somebody follow what is printed.
fn only_what_is_printed(verb: &str, bastion: Bastion, zone: Zone1) {
    followed(&printed::lab(), verb, bastion, zone);
}

fn followed(lab: &Lab, verb: &str, bastion: Bastion, zone: Zone1) {
    let rows = match verb {
        "recover" => printed::recover(lab, bastion, zone),
        _ => printed::initiate_dr(lab, bastion, zone),
    };
    table(verb, bastion, zone, &rows);
    // The fourth is the same command again, with the attestation that a person at a terminal is asked for.
    // With API servers the survivor's is put back by one command more, and one that is not ready yet is waited for.
    let api_servers = if lab.state("kubeconfig").exists() { 2 } else { 0 };
    let most = api_servers + if zone == Zone1::StaysOff { 4 } else { 3 };
    assert!(rows.iter().all(|row| row.commands.len() <= most), "a long way");
}

#[test]
fn an_initiate_dr_killed_at_each_step_with_zone_1_back_is_finished_by_what_is_printed() {
    only_what_is_printed("initiate-dr", Bastion::Same, Zone1::Back);
}

#[test]
fn an_initiate_dr_killed_at_each_step_with_zone_1_back_is_finished_from_another_bastion() {
    only_what_is_printed("initiate-dr", Bastion::Another, Zone1::Back);
}

#[test]
fn an_initiate_dr_killed_at_each_step_while_zone_1_is_off_is_finished_by_what_is_printed() {
    only_what_is_printed("initiate-dr", Bastion::Same, Zone1::StaysOff);
}

#[test]
fn an_initiate_dr_killed_at_each_step_while_zone_1_is_off_is_finished_from_another_bastion() {
    only_what_is_printed("initiate-dr", Bastion::Another, Zone1::StaysOff);
}

#[test]
fn a_recover_killed_at_each_step_is_finished_by_what_is_printed() {
    only_what_is_printed("recover", Bastion::Same, Zone1::Back);
}

#[test]
fn a_recover_killed_at_each_step_is_finished_from_another_bastion() {
    only_what_is_printed("recover", Bastion::Another, Zone1::Back);
}

#[test]
fn an_initiate_dr_killed_with_api_servers_is_finished_by_what_is_printed() {
    followed(&printed::lab_with_api_servers(), "initiate-dr", Bastion::Same, Zone1::Back);
}

#[test]
fn a_recover_killed_with_api_servers_is_finished_by_what_is_printed() {
    followed(&printed::lab_with_api_servers(), "recover", Bastion::Same, Zone1::Back);
}

/// The survivor lost its power too: its kubelet has had no pods from an API server since, and gives none up by itself.
#[test]
fn a_rebooted_survivor_with_api_servers_serves_the_api_again() {
    let given = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let (shape, etcd) = (given("SHAPE", "env"), given("ETCD", "3.6"));
    let lab = Lab::up_with(&["--zones", "2+1", "--etcd", &etcd, "--shape", &shape, "--kubernetes"]);
    let write = |name: &str| lab.lab(&["kubectl", "m3", "-n", "default", "create", "configmap", name]).exits(0);
    write("before");
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.lab(&["power-off", "zone2"]).exits(0);
    lab.lab(&["power-on", "zone2"]).exits(0);
    lab.requorum(&["initiate-dr", "--attest", "zone1=powered off by the test", "--confirm", support::name()]).exits(0);
    write("between");
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.requorum(&["recover", "--confirm", support::name()]).exits(0);
    lab.requorum(&["status"]).exits(0);
    for node in NODES {
        lab.lab(&["kubectl", node, "-n", "default", "get", "configmap", "before", "between"]).exits(0);
    }
}
