//! What a pull request may put where a file should be, and an interruption while something is waited for. Every command
//! ends, and shows nothing of what it should not have opened.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "support/repository.rs"]
mod repository;
use repository::OLD;

const CANARY: &str = "canary-in-the-environment";

fn begin(dir: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
    command.args(arguments).current_dir(dir).env("REQUORUM_SUDO_PASSWORD", CANARY).env("HOME", dir);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What came of it within `limit`.
fn ended(mut child: Child, limit: Duration, what: &str) -> Output {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > limit {
            child.kill().unwrap();
            panic!("{what}: it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap()
}

fn site() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("good.yaml"), OLD).unwrap();
    dir
}

#[test]
fn what_is_no_file_is_refused_by_every_command_and_nothing_of_it_is_shown() {
    let dir = site();
    let at = |name: &str| dir.path().join(name);
    assert!(Command::new("mkfifo").arg(at("pipe.yaml")).status().unwrap().success());
    symlink("/dev/zero", at("zero.yaml")).unwrap();
    symlink("/proc/self/environ", at("environ.yaml")).unwrap();
    symlink("loop.yaml", at("loop.yaml")).unwrap();
    fs::create_dir(at("dir.yaml")).unwrap();
    fs::File::create(at("sparse.yaml")).unwrap().set_len(64 << 30).unwrap();
    for name in ["pipe", "zero", "environ", "loop", "dir", "sparse"] {
        let file = format!("{name}.yaml");
        for arguments in [
            &["inventory", "check", &file][..],
            &["inventory", "check", "-o", "github", &file],
            &["inventory", "show", &file],
            &["inventory", "diff", "good.yaml", &file],
            &["inventory", "diff", &file, "good.yaml"],
            &["inventory", "import", "kubespray", &file],
            &["playbook", "check", &file],
            &["-i", &file, "status"],
            &["-i", &file, "plan", "initiate-dr"],
        ] {
            let done = ended(begin(dir.path(), arguments), Duration::from_secs(20), &format!("{arguments:?}"));
            let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
            assert_eq!(done.status.code(), Some(65), "{arguments:?}: {said}");
            assert!(!said.contains(CANARY) && said.len() < 2_000, "{arguments:?}: {said}");
        }
    }
}

#[test]
fn a_review_follows_no_link_out_of_the_tree() {
    let dir = site();
    let tree = dir.path().join("tree/inventory");
    fs::create_dir_all(&tree).unwrap();
    fs::write(tree.join("prod.yaml"), OLD).unwrap();
    fs::write(dir.path().join("id_ed25519"), format!("{CANARY}: 1\n")).unwrap();
    symlink("../../id_ed25519", tree.join("far.yaml")).unwrap();
    symlink("prod.yaml", tree.join("near.yaml")).unwrap();
    symlink("../..", dir.path().join("tree/up")).unwrap();
    let here = dir.path().join("tree");
    for (arguments, code) in [
        (&["inventory", "check", "inventory/near.yaml"][..], 0),
        (&["inventory", "check", "inventory/far.yaml"], 65),
        (&["inventory", "check", "up/id_ed25519"], 65),
        (&["inventory", "diff", "inventory/prod.yaml", "inventory/far.yaml"], 65),
        (&["inventory", "diff", "inventory", "inventory"], 65),
        (&["playbook", "check", "inventory/far.yaml"], 65),
    ] {
        let done = ended(begin(&here, arguments), Duration::from_secs(20), &format!("{arguments:?}"));
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert_eq!((done.status.code(), said.contains(CANARY)), (Some(code), false), "{arguments:?}: {said}");
    }
}

/// Before anything has begun an interruption ends it at once, whatever it waits for.
#[test]
fn an_interruption_ends_what_has_not_begun() {
    use std::os::unix::fs::PermissionsExt;
    let dir = site();
    // A host that accepts and says nothing, and a git that does not answer: it outlives the program, and so not for long.
    let silent = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let text =
        OLD.replace("10.0.", "127.0.").replace("zones:", &format!("ssh: {{ user: root, port: {port} }}\nzones:"));
    fs::write(dir.path().join("silent.yaml"), text).unwrap();
    fs::write(dir.path().join("git"), "#!/bin/sh\nexec sleep 30\n").unwrap();
    fs::set_permissions(dir.path().join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    for arguments in [
        &["inventory", "diff", "HEAD~1", "HEAD"][..],
        &["-i", "silent.yaml", "--connect-timeout", "60", "status", "--quick"],
        &["-i", "silent.yaml", "--connect-timeout", "60", "plan", "recover"],
        &["-i", "silent.yaml", "--connect-timeout", "60", "doctor"],
        &["-i", "silent.yaml", "--connect-timeout", "60", "recover", "--confirm", "prod"],
    ] {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
        command.args(arguments).current_dir(dir.path()).env("HOME", dir.path());
        command.env("PATH", format!("{}:/usr/bin:/bin", dir.path().display()));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        // It takes a moment until it waits; told before that, it ends by the signal itself.
        std::thread::sleep(Duration::from_millis(1_000));
        let signalled = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
        let done = ended(child, Duration::from_secs(10), &format!("{arguments:?}"));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(130), "{arguments:?}: {said}");
        assert!(said.contains("nothing was changed"), "{arguments:?}: {said}");
        assert!(signalled.elapsed() < Duration::from_secs(5), "{arguments:?}");
    }
}
