//! An inventory with two clusters on the command line: which one a command is about, and what it says where that is unclear.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::{Command, Output};

const INVENTORY: &str = "cluster: prod
environment: lab
zones:
  z1: { masters: { m1: { address: 127.0.0.1, ssh: { port: 1 } }, m2: { address: 127.0.0.2, ssh: { port: 1 } } } }
  z2: { masters: { m3: { address: 127.0.0.3, ssh: { port: 1 } } } }
clusters:
  events: { etcd: { unit: etcd-events, data_dir: /var/lib/etcd-events } }
";

/// Nothing answers on port 1, so that each command ends before it could do anything.
fn requorum(arguments: &[&str]) -> Output {
    requorum_with(INVENTORY, arguments)
}

fn requorum_with(inventory: &str, arguments: &[&str]) -> Output {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("inventory.yaml"), inventory).unwrap();
    Command::new(env!("CARGO_BIN_EXE_requorum"))
        .args(arguments)
        .args(["--state-dir", "state", "--connect-timeout", "1"])
        .current_dir(place.path())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[test]
fn a_look_is_at_all_clusters_or_at_the_one_that_is_named() {
    let all = said(&requorum(&["status"]));
    assert!(all.contains("cluster prod\n") && all.contains("cluster events\n"), "{all}");
    // One table, with a name where a cluster begins.
    let table: Vec<&str> = all.lines().filter(|line| line.contains("silent") && line.contains("m1 ")).collect();
    let begins = |name: &str| table.iter().any(|line| line.starts_with(name));
    assert!(all.matches("name    zone  master").count() == 1 && begins("prod") && begins("events"), "{all}");
    let one = said(&requorum(&["status", "--cluster", "events"]));
    assert!(!one.contains("━━━") && !one.contains("name "), "{one}");
}

#[test]
fn a_document_about_several_clusters_holds_one_of_each() {
    let of = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_slice(&requorum(&[&["status", "-o", "json"], arguments].concat()).stdout).unwrap()
    };
    let (all, one) = (of(&[]), of(&["--cluster", "events"]));
    let names: Vec<&str> =
        all["clusters"].as_array().unwrap().iter().map(|one| one["cluster"].as_str().unwrap()).collect();
    assert_eq!((names, &all["version"]), (vec!["prod", "events"], &serde_json::json!(1)));
    assert_eq!(one["cluster"], "events");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&all["clusters"][1]), keys(&one));
}

#[test]
fn what_is_about_one_cluster_asks_which() {
    for arguments in [
        &["status", "-o", "prometheus"][..],
        &["status", "--textfile", "requorum.prom"],
        &["status", "--watch"],
        &["doctor", "-o", "junit"],
        &["drill", "--zone", "z1", "--textfile", "requorum.prom"],
        &["drill", "--zone", "z1", "-o", "json", "--confirm", "prod"],
        &["plan", "recover", "--save", "plan.json"],
        &["initiate-dr", "--seed", "m3", "--confirm", "prod"],
        &["recover", "--only", "m1", "--confirm", "prod"],
        &["undo", "20261123-134443-449f", "--confirm", "prod"],
    ] {
        let output = requorum(arguments);
        let told = said(&output);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {told}");
        assert!(told.contains("add --cluster prod") && told.contains("prod, events"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_named_with_those_that_are() {
    let output = requorum(&["status", "--cluster", "event"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(said(&output).contains("it has prod, events"), "{}", said(&output));
}

#[test]
fn what_one_cluster_lacks_is_told_before_another_is_begun() {
    let z3 = "  z3: { masters: { m4: { address: 127.0.0.4, ssh: { port: 1 } } } }\nclusters:";
    let inventory = INVENTORY.replace("clusters:", z3).replace("events: {", "events: { masters: [m1, m3],");
    let output = requorum_with(&inventory, &["fence", "z3", "--confirm", "prod"]);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("events has no zone \"z3\"") && told.contains("--cluster prod"), "{told}");
    assert!(!told.contains("━━━"), "{told}");
}

#[test]
fn what_was_not_begun_is_said() {
    let output = requorum(&["recover", "--confirm", "prod"]);
    let told = said(&output);
    assert_ne!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("not begun: events (one alone: --cluster events)"), "{told}");
    assert!(told.contains("cluster prod\n") && !told.contains("cluster events\n"), "{told}");
    // A drill of one after the other, too.
    let told = said(&requorum(&["drill", "--zone", "z1", "--confirm", "prod"]));
    assert!(told.contains("not begun: events (one alone: --cluster events)"), "{told}");
    assert!(told.contains("cluster prod\n") && !told.contains("cluster events\n"), "{told}");
    // The consent names the main cluster; another name is the consent to none.
    let told = said(&requorum(&["recover", "--confirm", "events"]));
    assert!(told.contains("is not the cluster's name, prod"), "{told}");
}
