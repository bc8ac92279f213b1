//! The ready jobs of `docs/ci`: their scripts are taken out and run against a real git repository. `gh` and `curl` are
//! stand-ins that write down what they are given; the services themselves are not asked.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/repository.rs"]
mod repository;
use repository::{OLD, git};

/// Writes each call's arguments into `calls`, what a file argument holds into `sent`, and answers with `notes.json`.
const STAND_IN: &str = r#"#!/bin/bash
cd "$STAND_IN"
printf '%s\n' "$0 $*" >>calls
for argument; do
    case $argument in body=@*|body@*) cat "$WORK/${argument#*@}" >sent ;; esac
done
case "$*" in *PATCH*|*POST*|*PUT*) ;; *jq*) jq -r "${@: -1}" notes.json ;; *) cat notes.json ;; esac
"#;

struct Site {
    dir: TempDir,
}

impl Site {
    /// A repository in which HEAD's inventory is `new`, with the stand-ins beside it.
    fn new(new: &str) -> Self {
        let site = Self { dir: TempDir::new().unwrap() };
        let work = site.work();
        fs::create_dir_all(work.join("inventory")).unwrap();
        fs::create_dir_all(site.bin()).unwrap();
        for name in ["gh", "curl"] {
            fs::write(site.bin().join(name), STAND_IN).unwrap();
            fs::set_permissions(site.bin().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::os::unix::fs::symlink(assert_cmd::cargo::cargo_bin!("requorum"), site.bin().join("requorum")).unwrap();
        site.notes("[]");
        git(&work, &["init", "-q"]);
        for text in [OLD, new] {
            fs::write(work.join("inventory/prod.yaml"), text).unwrap();
            git(&work, &["add", "-A"]);
            git(&work, &["commit", "-q", "--allow-empty", "-m", "x"]);
        }
        site
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    fn notes(&self, json: &str) {
        fs::write(self.dir.path().join("notes.json"), json).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    fn run(&self, script: &str) -> Output {
        let base = git(&self.work(), &["rev-parse", "HEAD~1"]);
        let path = format!("{}:{}", self.bin().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.args(["-eo", "pipefail", "-c", script]).current_dir(self.work()).env("PATH", path);
        command.env("STAND_IN", self.dir.path()).env("WORK", self.work()).env("INVENTORIES", "inventory");
        command.envs([("BASE", base.as_str()), ("PULL", "7"), ("GH_REPO", "o/r"), ("GH_TOKEN", "secret-token")]);
        command.envs([
            ("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.as_str()),
            ("CI_API_V4_URL", "https://gitlab.example/api/v4"),
            ("CI_PROJECT_ID", "3"),
            ("CI_MERGE_REQUEST_IID", "7"),
            ("REQUORUM_NOTE_TOKEN", "secret-token"),
        ]);
        command.output().unwrap()
    }
}

/// A ready job as a value.
fn job(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ci").join(name);
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn github() -> (String, String) {
    let steps = &job("github-review.yaml")["jobs"]["review"]["steps"];
    let script = |name: &str| {
        let step = steps.as_array().unwrap().iter().find(|step| step["name"] == name).unwrap();
        step["run"].as_str().unwrap().to_owned()
    };
    (script("check"), script("comment"))
}

fn gitlab() -> String {
    let lines = &job("gitlab-review.yaml")["inventory"]["script"];
    lines.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned() + "\n").collect()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].concat().iter().map(|byte| char::from(*byte)).collect()
}

#[test]
fn github_gets_a_comment_once_and_then_the_same_one_anew() {
    let site = Site::new(&OLD.replace("10.0.1.2", "10.0.1.9"));
    let (check, comment) = github();
    let checked = site.run(&check);
    assert!(
        checked.status.success() && said(&checked).contains("::notice file=inventory/prod.yaml,line=4"),
        "{checked:?}"
    );
    let done = site.run(&comment);
    assert!(done.status.success(), "{done:?}");
    assert!(site.read("calls").contains("--method POST repos/o/r/issues/7/comments"), "{}", site.read("calls"));
    assert!(
        site.read("sent")
            .starts_with("<!-- requorum inventory diff -->\n### inventory/prod.yaml: cluster prod changes")
    );
    site.notes(r#"[{"id": 5, "body": "hello"}, {"id": 61, "body": "<!-- requorum inventory diff -->\nold"}]"#);
    assert!(site.run(&comment).status.success());
    assert!(site.read("calls").contains("--method PATCH repos/o/r/issues/comments/61 "), "{}", site.read("calls"));
}

#[test]
fn gitlab_gets_a_note_once_and_then_the_same_one_anew_and_no_token_in_an_argument() {
    let site = Site::new(&OLD.replace("10.0.1.2", "10.0.1.9"));
    let done = site.run(&gitlab());
    assert!(done.status.success(), "{done:?}");
    assert!(
        site.read("calls")
            .contains("-X POST --data-urlencode body@comment.md https://gitlab.example/api/v4/projects/3/")
    );
    site.notes(
        r#"[{"id": 5, "body": "hello"}, {"id": 61, "type": null, "body": "<!-- requorum inventory diff -->\nold"}]"#,
    );
    assert!(site.run(&gitlab()).status.success());
    assert!(site.read("calls").contains("/merge_requests/7/notes/61"), "{}", site.read("calls"));
    assert!(!site.read("calls").contains("secret-token"));
    assert!(!site.work().join("curl.conf").exists());
    let report: Value = serde_json::from_str(&site.read("work/codequality.json")).unwrap();
    assert_eq!(report[0]["location"]["path"], "inventory/prod.yaml");
}

#[test]
fn both_fail_on_a_broken_rule_and_on_a_mistake_and_still_comment() {
    for (new, code, words) in
        [(OLD.replace("production", "lab"), 3, "production-unmarked"), (OLD.replace("zones", "zonse"), 65, "Mistakes")]
    {
        for script in [github().1, gitlab()] {
            let site = Site::new(&new);
            let done = site.run(&script);
            assert_eq!(done.status.code(), Some(code), "{done:?}");
            assert!(site.read("sent").contains(words), "{}", site.read("sent"));
        }
    }
}

#[test]
fn without_a_change_there_is_nothing_to_say() {
    let site = Site::new(OLD);
    for script in [github().1, gitlab()] {
        assert!(site.run(&script).status.success());
        assert_eq!(site.read("sent"), "");
    }
}
