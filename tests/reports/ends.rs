//! How a run is told that made no cluster, or was killed early.

use requorum::report::text;
use serde_json::Value;

use crate::kept_runs::{lost, report, text as journal_of};

/// Given again beside a cluster that serves, `initiate-dr` restores nothing.
#[tokio::test(start_paused = true)]
async fn an_initiate_dr_that_makes_no_cluster_is_told_as_none() {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    let mut records: Vec<Value> = journal_of(&site).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stages = records[0]["what"]["run"]["plan"]["stages"].as_array_mut().unwrap();
    let restores = |stage: &Value| stage["steps"][0]["step"].get("restore").is_some();
    let before = stages.len();
    stages.retain(|stage| !restores(stage));
    assert_eq!(before - stages.len(), 1);
    let journal: String = records.iter().map(|record| format!("{record}\n")).collect();
    let report = report(&journal);
    assert!(!report.quorum.lost_before && report.quorum.regained_ms.is_none());
    assert!(report.summary.contains("no new cluster was made"), "{}", report.summary);
}

/// Killed before it could write that it holds the lock.
#[tokio::test(start_paused = true)]
async fn a_run_that_was_killed_while_it_took_the_lock_may_hold_it() {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    let journal = journal_of(&site);
    let before: String = journal
        .lines()
        .take_while(|line| !line.contains("\"what\":\"locked\""))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(!before.is_empty() && before.len() < journal.len());
    let told = text::text(&report(&before));
    assert!(told.contains("The masters may be locked for run") && told.contains("requorum unlock 2026"), "{told}");
    assert!(!text::text(&report(&journal)).contains("may be locked"));
}
