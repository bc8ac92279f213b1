//! The ready files of `docs/schedules`: the alert rules as promtool tries them, and the script that all of them call.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

fn schedules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedules")
}

/// Where `lab/ready` puts it, unless it is installed.
fn promtool() -> Command {
    let cache = std::env::var_os("REQUORUM_LAB_CACHE").map_or_else(|| "/var/cache/requorum-lab".into(), PathBuf::from);
    let kept = cache.join("promtool");
    let mut command = Command::new(if kept.exists() { kept } else { "promtool".into() });
    command.current_dir(schedules());
    command
}

#[test]
fn the_alerts_fire_when_they_should_and_not_before() {
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let done = promtool().args(arguments).output().expect("promtool");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{said}");
    }
}

/// Runs the script with a requorum that writes down how it is called and ends its drill with `code`.
fn run_drill(code: u8, environment: &[(&str, &str)]) -> (i32, String, String) {
    let dir = TempDir::new().unwrap();
    let stand_in = dir.path().join("requorum");
    let text =
        format!("#!/bin/sh\necho \"$*\" >>{0}/calls\n[ \"$1\" != drill ] || exit {code}\n", dir.path().display());
    fs::write(&stand_in, text).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(schedules().join("run-drill"));
    command.args(["zone1", "site"]).env("PATH", path).env("REPORTS", "/reports").envs(environment.iter().copied());
    let done = command.output().unwrap();
    let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
    (done.status.code().unwrap(), String::from_utf8(done.stdout).unwrap(), calls)
}

#[test]
fn the_exit_code_is_the_drills_and_its_report_is_kept() {
    for (code, word, reported) in [
        (0, "good", true),
        (1, "before anything was lost", true),
        (3, "refused", false),
        (4, "given up", true),
        (6, "objective", true),
        (7, "another run", false),
        (65, "inventory is wrong", false),
    ] {
        let (ended, said, calls) = run_drill(code, &[]);
        assert_eq!(ended, i32::from(code));
        assert!(said.contains(word), "{said}");
        assert!(calls.starts_with("drill --zone zone1 --confirm site --outage stop --max-outage 5m\n"), "{calls}");
        assert_eq!(calls.contains("report last-drill -o html --out /reports/drill-zone1-"), reported, "{calls}");
    }
    let (_, _, calls) = run_drill(0, &[("TEXTFILE", "/m/d.prom"), ("OUTAGE", "isolate"), ("MAX_OUTAGE", "2m")]);
    assert!(calls.contains("--outage isolate --max-outage 2m --textfile /m/d.prom\n"), "{calls}");
}

/// What is YAML is YAML, and each schedule calls the script with the same two words.
#[test]
fn every_schedule_calls_the_script() {
    for name in ["cronjob.yaml", "github-drill.yaml", "gitlab-drill.yaml", "requorum-drill.service"] {
        let text = fs::read_to_string(schedules().join(name)).unwrap();
        if name.ends_with(".yaml") {
            let _: serde_json::Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        let calls = text.contains("run-drill zone1 staging") || text.contains("[run-drill, zone1, staging]");
        assert!(calls, "{name} calls something else");
    }
}
