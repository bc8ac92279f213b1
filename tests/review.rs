//! `inventory diff` as a pull request's job calls it: files, directories and revisions of a real git repository.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[path = "support/repository.rs"]
mod repository;
use repository::{OLD, git};

/// A repository whose last commit changes an address and adds an inventory; other YAML lies beside.
fn repository() -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    git(dir.path(), &["init", "-q"]);
    write("inventory/prod.yaml", OLD);
    write("deploy/values.yaml", "cluster: x\n");
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "one"]);
    write("inventory/prod.yaml", &OLD.replace("10.0.1.2", "10.0.1.9"));
    write("inventory/new.yaml", &OLD.replace("prod", "new").replace("newuction", "staging"));
    write("deploy/values.yaml", "cluster: y\n");
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "two"]);
    dir
}

/// The exit code and what was said on standard output and error.
fn diff(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("requorum"));
    let done = command.args(["inventory", "diff"]).args(arguments).current_dir(dir).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.code().unwrap(), text(done.stdout), text(done.stderr))
}

#[test]
fn a_range_is_every_inventory_that_differs_in_it_and_nothing_else() {
    let dir = repository();
    for range in [&["HEAD~1..HEAD"][..], &["HEAD~1..."], &["HEAD~1", "HEAD"], &["HEAD~1..HEAD", "inventory"]] {
        let (code, said, _) = diff(dir.path(), range);
        assert_eq!(code, 2, "{range:?}: {said}");
        let titles: Vec<&str> = said.lines().filter(|line| line.contains(".yaml: ")).collect();
        let names = titles.iter().map(|title| title.trim_start_matches("inventory/")).collect::<Vec<_>>();
        assert_eq!(names, ["new.yaml: cluster new is new", "prod.yaml: cluster prod changes"], "{range:?}");
    }
    let (code, said, _) = diff(dir.path(), &["HEAD..HEAD"]);
    assert_eq!((code, said.starts_with("no inventory differs")), (0, true), "{said}");
}

#[test]
fn a_revision_is_compared_with_a_file_and_a_directory_with_a_directory() {
    let dir = repository();
    fs::write(dir.path().join("mine.yaml"), OLD).unwrap();
    assert_eq!(diff(dir.path(), &["HEAD~1:inventory/prod.yaml", "mine.yaml"]).0, 0);
    let (code, said, _) = diff(dir.path(), &["mine.yaml", "inventory/prod.yaml"]);
    assert_eq!((code, said.contains("m2: address 10.0.1.2 → 10.0.1.9")), (2, true), "{said}");
    let (code, said, _) = diff(dir.path(), &["HEAD~1:inventory", "inventory", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, json["inventories"].as_array().unwrap().len(), &json["format"]), (2, 2, &1.into()));
    // Against a safety rule.
    fs::write(dir.path().join("mine.yaml"), OLD.replace("production", "lab")).unwrap();
    assert_eq!(diff(dir.path(), &["inventory/prod.yaml", "mine.yaml"]).0, 3);
    // A mistake is told at its line, also in a revision.
    fs::write(dir.path().join("mine.yaml"), OLD.replace("zones", "zonse")).unwrap();
    let (code, said, error) = diff(dir.path(), &["HEAD:inventory/prod.yaml", "mine.yaml", "-o", "markdown"]);
    assert_eq!((code, said.contains("mine.yaml:3:1")), (65, true), "{said}");
    assert!(error.contains("--> mine.yaml:3:1"), "{error}");
    let (code, said, _) = diff(dir.path(), &["mine.yaml", "HEAD:inventory/prod.yaml"]);
    assert_eq!((code, said.contains("the old text is not a valid inventory")), (2, true), "{said}");
}

#[test]
fn what_is_no_revision_is_refused_and_no_option_reaches_git() {
    let dir = repository();
    for (arguments, why) in [
        (&["nope", "inventory"][..], "no such revision"),
        (&["HEAD~1..HEAD", "nope"], "no such revision, or no such path in it"),
        (&["HEAD"], "has nothing to be compared with"),
        (&["inventory/prod.yaml", "inventory"], "one is a file and the other is not"),
        (&["--", "--output=/tmp/x..HEAD"], "is not a revision"),
        (&["--", "--output=/tmp/x", "HEAD"], "is not a revision"),
        (&["HEAD..HEAD", "../../etc"], "is outside repository"),
    ] {
        let (code, _, error) = diff(dir.path(), arguments);
        assert_eq!((code, error.contains(why)), (65, true), "{arguments:?}: {error}");
    }
    let (code, _, error) = diff(Path::new("/"), &["HEAD~1", "HEAD"]);
    assert_eq!((code, error.contains("not a git repository")), (65, true), "{error}");
}

/// git must not run what a repository's own settings name.
#[test]
fn nothing_that_the_repository_names_is_run() {
    let dir = repository();
    let trap = dir.path().join("ran");
    let run = format!("touch {}; cat", trap.display());
    for setting in ["diff.trap.textconv", "filter.trap.smudge", "filter.trap.clean", "core.fsmonitor", "core.pager"] {
        git(dir.path(), &["config", setting, &run]);
    }
    fs::write(dir.path().join(".gitattributes"), "*.yaml diff=trap filter=trap\n").unwrap();
    assert_eq!(diff(dir.path(), &["HEAD~1..HEAD"]).0, 2);
    assert_eq!(diff(dir.path(), &["HEAD~1:inventory", "inventory"]).0, 2);
    assert!(!trap.exists());
}

/// A commit that calls production a lab, against a rule, beside what `beside` puts into the tree.
fn dangerous(beside: impl FnOnce(&Path)) -> TempDir {
    let dir = TempDir::new().unwrap();
    git(dir.path(), &["init", "-q"]);
    fs::create_dir(dir.path().join("inventory")).unwrap();
    fs::write(dir.path().join("inventory/prod.yaml"), OLD).unwrap();
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "one"]);
    fs::write(dir.path().join("inventory/prod.yaml"), OLD.replace("production", "lab")).unwrap();
    beside(dir.path());
    git(dir.path(), &["add", "-A"]);
    git(dir.path(), &["commit", "-qm", "two"]);
    dir
}

#[test]
fn a_side_that_cannot_be_read_is_no_side_without_files() {
    let many = |count: u32| {
        move |dir: &Path| (0..count).for_each(|n| fs::write(dir.join(format!("inventory/{n}.yaml")), "").unwrap())
    };
    let ranges = [&["HEAD~1...HEAD"][..], &["HEAD~1..HEAD", "inventory"], &["HEAD~1:inventory", "HEAD:inventory"]];
    let dir = dangerous(many(1));
    for range in ranges {
        assert_eq!(diff(dir.path(), range).0, 3, "the change itself is against a rule: {range:?}");
    }
    let dir = dangerous(many(20_001));
    for range in ranges.iter().chain([&["HEAD~1:inventory", "inventory"][..]].iter()) {
        let (code, said, error) = diff(dir.path(), range);
        assert_eq!(
            (code, said.as_str(), error.contains("too many files") || error.contains("more than 20000")),
            (65, "", true),
            "{range:?}: {error}"
        );
    }
}

#[test]
fn what_became_a_link_or_cannot_be_read_is_not_gone() {
    use std::os::unix::fs::symlink;
    let moved = |dir: &Path| {
        fs::rename(dir.join("inventory"), dir.join("elsewhere")).unwrap();
        symlink("elsewhere", dir.join("inventory")).unwrap();
    };
    let file = |dir: &Path| {
        fs::rename(dir.join("inventory/prod.yaml"), dir.join("inventory/prod.txt")).unwrap();
        symlink("prod.txt", dir.join("inventory/prod.yaml")).unwrap();
    };
    let latin = |dir: &Path| {
        let text = fs::read_to_string(dir.join("inventory/prod.yaml")).unwrap();
        fs::write(dir.join("inventory/prod.yaml"), [text.as_bytes(), b"# \xe9\n"].concat()).unwrap();
    };
    let large = |dir: &Path| {
        let text = fs::read_to_string(dir.join("inventory/prod.yaml")).unwrap();
        fs::write(dir.join("inventory/prod.yaml"), text + &"#".repeat(4 << 20)).unwrap();
    };
    let name = |dir: &Path| {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"inventory/prod\xe9.yaml");
        fs::rename(dir.join("inventory/prod.yaml"), dir.join(name)).unwrap();
    };
    type Change<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Change<'_>); 4] =
        [("link or a submodule", &moved), ("link or a submodule", &file), ("not UTF-8", &latin), ("4 MiB", &large)];
    for (why, change) in cases {
        let dir = dangerous(change);
        for range in [&["HEAD~1..HEAD"][..], &["HEAD~1..HEAD", "inventory/prod.yaml"], &["HEAD~1..HEAD", "inventory"]] {
            let (code, said, error) = diff(dir.path(), range);
            assert_eq!((code, error.contains(why)), (65, true), "{why}: {range:?}: {said} {error}");
        }
    }
    // Two such names might become one.
    let (code, _, error) = diff(dangerous(name).path(), &["HEAD~1..HEAD"]);
    assert_eq!((code, error.contains("the name is not UTF-8")), (65, true), "{error}");
}

#[test]
fn an_object_that_is_missing_is_not_an_absence() {
    let dir = dangerous(|_| ());
    let id = git(dir.path(), &["rev-parse", "HEAD:inventory/prod.yaml"]);
    fs::remove_file(dir.path().join(".git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    let (code, said, error) = diff(dir.path(), &["HEAD~1..HEAD", "inventory"]);
    assert_eq!((code, said.as_str(), error.contains("prod.yaml")), (65, "", true), "{error}");
    let tree = git(dir.path(), &["rev-parse", "HEAD:inventory"]);
    fs::remove_file(dir.path().join(".git/objects").join(&tree[..2]).join(&tree[2..])).unwrap();
    for range in [&["HEAD~1..HEAD", "inventory"][..], &["HEAD~1..HEAD", "inventory/prod.yaml"], &["HEAD~1..HEAD"]] {
        let (code, said, error) = diff(dir.path(), range);
        assert_eq!((code, said.as_str()), (65, ""), "{range:?}: {error}");
    }
}

/// git is given nothing that opens anything, and what it says without end does not stop it.
#[test]
fn git_knows_no_secret_and_is_never_waited_for() {
    use std::os::unix::fs::PermissionsExt;
    let dir = dangerous(|_| ());
    let bin = TempDir::new().unwrap();
    let real = Command::new("sh").args(["-c", "command -v git"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let script = format!(
        "#!/bin/sh\nenv >>{0}/env\nhead -c 3000000 /dev/zero | tr '\\0' x >&2\nexec {1} \"$@\"\n",
        bin.path().display(),
        real.trim()
    );
    fs::write(bin.path().join("git"), script).unwrap();
    fs::set_permissions(bin.path().join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let done = Command::new(assert_cmd::cargo::cargo_bin!("requorum"))
        .args(["inventory", "diff", "HEAD~1..HEAD"])
        .current_dir(dir.path())
        .env("PATH", path)
        .env("REQUORUM_SUDO_PASSWORD", "canary-1")
        .env("REQUORUM_NOTE_TOKEN", "canary-2")
        .env("GH_TOKEN", "canary-3")
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(3), "{done:?}");
    let known = fs::read_to_string(bin.path().join("env")).unwrap();
    assert!(known.contains("GIT_TERMINAL_PROMPT=0") && !known.contains("canary"), "{known}");
}
