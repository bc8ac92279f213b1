//! A git repository for tests, and an inventory to put into it.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

pub const OLD: &str = "\
cluster: prod
environment: production
zones:
  z1: { masters: { m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 } } }
  z2: { masters: { m3: { address: 10.0.2.1 } } }
";

/// Runs git there, as somebody.
pub fn git(dir: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").args(identity).args(arguments).current_dir(dir).output().expect("git is installed");
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
