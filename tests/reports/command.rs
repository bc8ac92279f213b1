//! The verbs, on a state directory of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{drill_journals, journal_of, lost};

fn requorum(state: &std::path::Path, words: &[&str]) -> (i32, String, String) {
    let output = assert_cmd::Command::cargo_bin("requorum").unwrap().args(words).arg("--state-dir").arg(state).output();
    let output = output.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(start_paused = true)]
async fn runs_are_listed_shown_and_reported() {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    let (whole, state) = (journal_of(&site), tempfile::tempdir().unwrap());
    let lines: Vec<&str> = whole.lines().collect();
    let keep = |name: &str, text: &str| {
        let place = state.path().join("runs").join(name);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("journal.jsonl"), text).unwrap();
    };
    keep("20260101-a", &whole);
    keep("20260102-b", &(lines[..20].join("\n") + "\n"));
    keep("20260103-c", &format!("{}\nnonsense\n{}\n", lines[0], lines[1]));
    keep("20260104-d", "");
    let run = |words: &[&str]| requorum(state.path(), words);

    let (code, said, _) = run(&["runs", "list"]);
    assert!(code == 0 && said.lines().count() == 5, "{said}");
    assert!(said.contains("done") && said.contains("cut off") && said.contains("damaged"), "{said}");
    let (_, json, _) = run(&["runs", "list", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json[0]["exit"] == 0 && json[1]["exit"].is_null() && json[2]["damage"].is_string(), "{json:#}");

    assert_eq!(run(&["runs", "show", "20260101"]).0, 0);
    assert_eq!(run(&["report", "2026"]).0, 64, "more than one begins so");
    assert_eq!(run(&["report", "20270101"]).0, 64);
    assert_eq!(run(&["report"]).0, 64, "which run?");
    let (code, said, error) = run(&["report", "20260103-c"]);
    assert!(code == 65 && said.contains("damaged") && error.contains("line 2"), "{said}{error}");
    assert_eq!(run(&["report", "last"]).0, 65, "an empty journal");

    let out = state.path().join("report.html");
    let path = out.to_str().unwrap();
    assert_eq!(run(&["report", "20260101", "-o", "html", "--out", path]).0, 0);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(run(&["report", "20260101", "--out", path]).0, 1, "it is there already");
    for form in ["text", "markdown", "html", "json", "junit"] {
        assert_eq!(run(&["report", "20260101-a", "-o", form]).0, 0, "{form}");
    }
    let (code, schema, _) = run(&["report", "--schema"]);
    assert!(code == 0 && schema.starts_with("{\n  \"$schema\""));
}

#[test]
fn a_drill_is_listed_with_its_zone_and_reported_with_its_runs() {
    let (journals, state) = (drill_journals("isolate"), tempfile::tempdir().unwrap());
    for (run, text) in &journals {
        let place = state.path().join("runs").join(run);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("journal.jsonl"), text).unwrap();
    }
    let name = journals[0].0.as_str();
    let run = |words: &[&str]| requorum(state.path(), words);
    let (code, said, _) = run(&["runs", "list"]);
    let line = said.lines().find(|line| line.contains(name)).unwrap();
    assert!(code == 0 && line.contains("drill zone1") && line.contains("done"), "{said}");
    assert_eq!(said.lines().count(), 1 + journals.len(), "its runs stay listed: {said}");
    let (_, json, _) = run(&["runs", "list", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json[0]["verb"] == "drill" && json[0]["zone"] == "zone1" && json[1]["zone"].is_null(), "{json:#}");
    // What was begun last is a part of the drill.
    for words in [["runs", "show", name], ["report", name, "--output=text"], ["report", "last", "--output=text"]] {
        let (code, said, error) = run(&words);
        assert!(code == 0 && said.contains("time without writes (RTO)"), "{error}");
        assert!(journals[1..].iter().all(|(run, _)| said.contains(run.as_str())), "{said}");
        assert!(!said.contains("is not recorded"), "{said}");
    }
    // A run whose journal is damaged or gone is told, and the drill's report is still one.
    fs::write(state.path().join("runs").join(&journals[3].0).join("journal.jsonl"), "nonsense\n").unwrap();
    fs::remove_dir_all(state.path().join("runs").join(&journals[1].0)).unwrap();
    let (code, said, _) = run(&["report", name]);
    assert!(code == 0 && said.matches("is not recorded").count() == 2, "{said}");
}

#[test]
fn the_last_run_is_itself_where_no_drill_holds_it() {
    let (journals, state) = (drill_journals("isolate"), tempfile::tempdir().unwrap());
    for (run, text) in &journals[1..] {
        let place = state.path().join("runs").join(run);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("journal.jsonl"), text).unwrap();
    }
    let (code, said, error) = requorum(state.path(), &["report", "last"]);
    let last = &journals.iter().map(|(run, _)| run).max().unwrap();
    assert!(code == 0 && said.contains(last.as_str()) && !said.starts_with("drill"), "{said}{error}");
}
