//! Tests of `playbook/order`.

use std::fmt::Write;

use crate::model::diagnostic::Source;
use crate::playbook::text;

/// `initiate_dr` in short.
const INITIATE: [&str; 10] = [
    "expect: quorum-lost",
    "fence: failed",
    "snapshot: seed",
    "restore: survivors",
    "expect: still-lost",
    "stop: { what: etcd, on: survivors }",
    "fence: survivors",
    "retire: survivors",
    "write: { template: etcd.env.j2, on: survivors }",
    "start: { what: etcd, on: survivors }",
];

/// `recover` in short: what comes before its `each`, and the steps in it.
const BEFORE: [&str; 2] = ["stop: { what: etcd, on: returned }", "fence: returned"];
const EACH: [&str; 6] = [
    "retire: joiner",
    "join: joiner",
    "write: { template: etcd.env.j2, on: joiner }",
    "start: { what: etcd, on: joiner }",
    "restart-learner: joiner",
    "promote: joiner",
];

/// The codes of the rules that a playbook of these steps breaks.
fn broken(steps: &[&str], each: &[&str]) -> Vec<&'static str> {
    let mut text = "playbook: p\nsummary: s\nsteps:\n".to_owned();
    for step in steps {
        writeln!(text, "  - {step}").unwrap();
    }
    if !each.is_empty() {
        text.push_str("  - each: returned\n    steps:\n");
    }
    for step in each {
        writeln!(text, "      - {step}").unwrap();
    }
    let read = text::read(&Source::new("p.yaml", text));
    read.map_or_else(|found| found.iter().map(|diagnostic| diagnostic.code).collect(), |_| Vec::new())
}

fn without(steps: &[&'static str], missing: &str) -> Vec<&'static str> {
    let left: Vec<_> = steps.iter().copied().filter(|step| *step != missing).collect();
    assert_eq!(left.len() + 1, steps.len(), "{missing} is one of the steps");
    left
}

fn with(steps: &[&'static str], at: usize, more: &'static str) -> Vec<&'static str> {
    let mut steps = steps.to_vec();
    steps.insert(at, more);
    steps
}

#[test]
fn a_safe_order_breaks_no_rule() {
    assert_eq!(broken(&INITIATE, &[]), [""; 0]);
    assert_eq!(broken(&BEFORE, &EACH), [""; 0]);
    // Settling only saves time.
    assert_eq!(broken(&BEFORE, &without(&EACH, "restart-learner: joiner")), [""; 0]);
}

#[test]
fn what_initiate_dr_cannot_do_without() {
    for (missing, codes) in [
        ("expect: quorum-lost", vec!["living-majority", "living-majority"]),
        ("fence: failed", vec!["two-clusters"]),
        ("expect: still-lost", vec!["moved-on"]),
        ("stop: { what: etcd, on: survivors }", vec!["retire-running"]),
        ("fence: survivors", vec!["retire-running"]),
        ("restore: survivors", vec!["restore-late", "start-unprepared"]),
        ("retire: survivors", vec!["start-unprepared"]),
        ("write: { template: etcd.env.j2, on: survivors }", vec!["start-unprepared"]),
    ] {
        assert_eq!(broken(&without(&INITIATE, missing), &[]), codes, "without {missing}");
    }
}

#[test]
fn what_recover_cannot_do_without() {
    for missing in BEFORE {
        assert_eq!(broken(&without(&BEFORE, missing), &EACH), ["retire-running"], "without {missing}");
    }
    for (missing, codes) in [
        ("retire: joiner", vec!["join-in-place", "start-unprepared"]),
        ("join: joiner", vec!["start-unprepared", "no-learner", "no-learner"]),
        ("write: { template: etcd.env.j2, on: joiner }", vec!["start-unprepared"]),
        ("start: { what: etcd, on: joiner }", vec!["no-learner", "no-learner"]),
    ] {
        assert_eq!(broken(&BEFORE, &without(&EACH, missing)), codes, "without {missing}");
    }
}

#[test]
fn a_voter_is_not_restarted_and_joins_are_one_by_one() {
    assert_eq!(broken(&BEFORE, &with(&EACH, 6, "restart-learner: joiner")), ["no-learner"]);
    assert_eq!(broken(&["join: returned"], &[]), ["join-in-place", "two-learners"]);
}

#[test]
fn a_stopped_etcd_is_not_asked_for_its_data() {
    let late = with(&INITIATE, 1, "stop: { what: etcd, on: survivors }");
    assert_eq!(broken(&late, &[]), ["snapshot-late"]);
    // The failed zone's etcd may be stopped at any time.
    assert_eq!(broken(&with(&INITIATE, 1, "stop: { what: etcd, on: failed }"), &[]), [""; 0]);
}

#[test]
fn an_etcd_that_could_start_between_is_not_retired() {
    let woken = with(&INITIATE, 7, "start: { what: etcd, on: survivors }");
    assert_eq!(broken(&woken, &[]), ["start-unprepared", "retire-running"]);
}

#[test]
fn the_last_look_is_right_before_the_stop() {
    let mut old = INITIATE;
    old.swap(3, 4);
    assert_eq!(broken(&old, &[]), ["moved-on"]);
}

/// The codes that a drill of these phases breaks.
fn drill(phases: &[&str], name: &str) -> Vec<&'static str> {
    let steps: String = phases.iter().map(|phase| format!("  - phase: {phase}\n")).collect();
    let source = Source::new("d.yaml", format!("playbook: {name}\nsummary: s\nsteps:\n{steps}"));
    text::read(&source).map_or_else(|found| found.iter().map(|told| told.code).collect(), |_| Vec::new())
}

#[test]
fn a_drill_brings_home_what_it_loses() {
    let whole =
        ["snapshot", "canaries", "outage", "detection", "initiate-dr", "verification", "return", "recover", "ledger"];
    assert_eq!(drill(&whole, "drill"), [""; 0]);
    assert_eq!(drill(&whole, "site"), ["drill"], "phases are a drill's");
    assert_eq!(drill(&whole[..6], "drill"), ["drill"], "it ends with the zone lost");
    // Without each of these the next one comes too early.
    for missing in ["snapshot", "canaries", "outage", "initiate-dr", "return", "recover"] {
        assert!(drill(&without(&whole, missing), "drill").contains(&"phase-early"), "{missing}");
    }
    let mixed = "playbook: drill\nsummary: s\nsteps:\n  - phase: doctor\n  - fence: failed\n";
    let found = text::read(&Source::new("d.yaml", mixed)).unwrap_err();
    assert_eq!(found.iter().map(|told| told.code).collect::<Vec<_>>(), ["drill"]);
}
