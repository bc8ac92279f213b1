//! Prometheus' own tool for tests: installed, or where `lab/ready` puts it. Knows nothing of what it is asked.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// promtool, not yet asked.
pub fn promtool() -> Command {
    let cache = std::env::var_os("REQUORUM_LAB_CACHE").map_or_else(|| "/var/cache/requorum-lab".into(), PathBuf::from);
    let kept = cache.join("promtool");
    Command::new(if kept.exists() { kept } else { "promtool".into() })
}

/// Whether these metrics pass, and what was said of them.
pub fn check(metrics: &str) -> (bool, String) {
    let mut child = promtool()
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is missing: run lab/ready");
    child.stdin.take().expect("a pipe").write_all(metrics.as_bytes()).expect("taken");
    let output = child.wait_with_output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    (output.status.success(), said.into_owned())
}
