//! A drill's result as a person reads it, and its metrics.

use std::time::Duration;

use super::*;
use crate::model::MasterName;
use crate::model::ledger::Lost;
use crate::model::measures::Objective;

fn measures() -> Measures {
    let promises = |host: &str, lost: Lost| Promises {
        host: MasterName::new(host).unwrap(),
        tried: 203,
        acknowledged: 142,
        lost: Some(lost),
    };
    let objective = |name: &str, allowed_ms, measured_ms| Objective { name: name.into(), allowed_ms, measured_ms };
    Measures {
        zone: ZoneName::new("zone1").unwrap(),
        outage: "isolate".into(),
        began: Timestamp::UNIX_EPOCH,
        detection_ms: Some(1230),
        decision_ms: Some(1880),
        initiate_dr_ms: Some(32_160),
        proof_ms: Some(17_640),
        recover_ms: Some(7790),
        full_redundancy_ms: Some(45_470),
        without_writes: Some(Gap { from: 0, to: 35_150_000_000 }),
        api: None,
        survivor: promises("m3", Lost::default()),
        lost_zone: promises("m1", Lost { writes: 18, time: Duration::from_millis(6650) }),
        revisions_lost: Some(18),
        split_read: Some(true),
        objectives: vec![objective("rto", 60_000, Some(35_150)), objective("rpo", 0, Some(6650))],
        expected_ms: Some(26_500),
    }
}

#[test]
fn a_missed_objective_stands_beside_its_number() {
    let (run, measures) = (RunId::new("20260101-000000-0001").unwrap(), measures());
    let left = ["m2 does not answer: it is not known what was left there".to_owned()];
    let drill = ReportedDrill {
        run: &run,
        measures: Some(&measures),
        trouble: None,
        left: &left,
        again: "requorum",
        prefix: "requorum/drill/20260101-000000-0001/",
    };
    insta::assert_snapshot!(text(&drill), @r"
    the drill completed, but missed an objective, lost a write of the surviving zone, or left something behind

    time without writes (RTO)               35.15 s
      detection                             1.23 s
      decision (a drill asks nobody)        1.88 s
      from there to the first write         32.04 s
    initiate-dr as a whole                  32.16 s
      the doctor expected                   26.50 s
      of it the proof                       17.64 s
    time to full redundancy                 45.47 s
      of it recover                         7.79 s
    survivor's canary                       m3: 142 of 203 writes acknowledged, all of them there
    lost zone's canary                      m1: 142 of 203 writes acknowledged, 18 of them gone
    lost (RPO)                              6.65 s, 18 acknowledged writes, 18 revisions
    while it was cut off                    clients in zone1 could still read
    objective rto                           met: 35.15 s of at most 60.00 s
    objective rpo                           MISSED: 6.65 s of at most 0.00 s

    left behind:
      m2 does not answer: it is not known what was left there
    next: requorum status

    report: requorum report 20260101-000000-0001 -o html --out drill.html
    the canaries' keys stay under requorum/drill/20260101-000000-0001/; to remove them, on a master, with the endpoint and certificates that etcdctl needs there: etcdctl del --prefix requorum/drill/20260101-000000-0001/
    ");
}

#[test]
fn the_time_without_the_api_stands_beside_the_time_without_etcd() {
    let host = MasterName::new("m3").unwrap();
    let without_writes = Some(Gap { from: 0, to: 38_900_000_000 });
    let api = ThroughApi { host, tried: 310, acknowledged: 120, without_writes };
    let told = numbers(&Measures { api: Some(api), ..measures() });
    for row in [
        "time without writes (RTO)               35.15 s\n",
        "time without writes through the API     38.90 s\n",
        "API server's canary                     m3: 120 of 310 writes acknowledged\n",
    ] {
        assert!(told.contains(row), "{row} is not in:\n{told}");
    }
}

#[test]
fn a_drill_that_gave_up_says_why_and_what_was_done() {
    let run = RunId::new("20260101-000000-0001").unwrap();
    let done = ["the zone's ports are open again".to_owned(), "undone: the old cluster serves".to_owned()];
    let trouble = Some(("detection: the outage lasted longer than 6 s", &done[..]));
    let drill =
        ReportedDrill { run: &run, measures: None, trouble, left: &[], again: "requorum -i i.yaml", prefix: "p/" };
    insta::assert_snapshot!(text(&drill), @r"
    the drill was given up: detection: the outage lasted longer than 6 s
      the zone's ports are open again
      undone: the old cluster serves

    report: requorum -i i.yaml report 20260101-000000-0001 -o html --out drill.html
    ");
}

#[test]
fn a_bad_drill_does_not_make_the_last_good_one_forgotten() {
    let (cluster, zone, measures) = (ClusterName::new("site").unwrap(), ZoneName::new("zone1").unwrap(), measures());
    let at = |second, good, before: &str| {
        let now = Timestamp::from_second(second).unwrap();
        metrics(&Gauges { cluster: &cluster, zone: &zone, now, measures: Some(&measures), good, before })
    };
    let good = at(1000, true, "");
    let bad = at(2000, false, &good);
    let success = "requorum_drill_last_success_timestamp_seconds{cluster=\"site\",zone=\"zone1\"}";
    assert!(bad.contains(&format!("{success} 1000\n")), "{bad}");
    assert!(at(3000, true, &bad).contains(&format!("{success} 3000\n")));
    assert!(!at(2000, false, "nonsense\n").contains(success));
    insta::assert_snapshot!(bad, @r#"
    # HELP requorum_drill_last_run_timestamp_seconds When the last drill ended.
    # TYPE requorum_drill_last_run_timestamp_seconds gauge
    requorum_drill_last_run_timestamp_seconds{cluster="site",zone="zone1"} 2000
    # HELP requorum_drill_last_success_timestamp_seconds When the last good drill ended.
    # TYPE requorum_drill_last_success_timestamp_seconds gauge
    requorum_drill_last_success_timestamp_seconds{cluster="site",zone="zone1"} 1000
    # HELP requorum_drill_success Whether the last drill was good.
    # TYPE requorum_drill_success gauge
    requorum_drill_success{cluster="site",zone="zone1"} 0
    # HELP requorum_drill_rto_seconds The time without writes.
    # TYPE requorum_drill_rto_seconds gauge
    requorum_drill_rto_seconds{cluster="site",zone="zone1"} 35.15
    # HELP requorum_drill_rto_objective_seconds The longest that is allowed.
    # TYPE requorum_drill_rto_objective_seconds gauge
    requorum_drill_rto_objective_seconds{cluster="site",zone="zone1"} 60
    # HELP requorum_drill_rpo_seconds The time whose acknowledged writes were lost.
    # TYPE requorum_drill_rpo_seconds gauge
    requorum_drill_rpo_seconds{cluster="site",zone="zone1"} 6.65
    # HELP requorum_drill_rpo_objective_seconds The longest that may be lost.
    # TYPE requorum_drill_rpo_objective_seconds gauge
    requorum_drill_rpo_objective_seconds{cluster="site",zone="zone1"} 0
    # HELP requorum_drill_full_redundancy_seconds The time until every master voted again.
    # TYPE requorum_drill_full_redundancy_seconds gauge
    requorum_drill_full_redundancy_seconds{cluster="site",zone="zone1"} 45.47
    "#);
}
