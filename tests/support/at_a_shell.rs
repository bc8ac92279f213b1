//! A folder in which somebody sits at a shell, and the program there. Knows nothing of what is typed.

#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

pub const INVENTORY: &str = "\
cluster: prod
environment: lab
zones:
  east: { masters: { m1: { address: 127.0.0.1, ssh: { port: 1 } }, m2: { address: 127.0.0.2, ssh: { port: 2 } } } }
  west: { masters: { m3: { address: 127.0.0.3, ssh: { port: 3 } } } }
";

pub fn site() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("inventory.yaml"), INVENTORY).unwrap();
    fs::write(dir.path().join("other.yaml"), INVENTORY.replace("east", "north").replace("prod", "stage")).unwrap();
    fs::write(dir.path().join("values.yaml"), "a: 1\n").unwrap();
    fs::create_dir_all(dir.path().join("state/runs/20260101-000000-0001")).unwrap();
    fs::write(dir.path().join("state/runs/20260101-000000-0001/journal.jsonl"), "").unwrap();
    dir
}

pub fn program(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
    command.current_dir(dir).env("HOME", dir).env("REQUORUM_STATE", dir.join("state"));
    command.env_remove("NO_COLOR").env_remove("SSH_AUTH_SOCK");
    command
}

pub fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}
