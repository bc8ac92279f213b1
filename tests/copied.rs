//! The scripts that copy a database in use and check what was restored, run for real beside an etcd that is played: whatever
//! changes meanwhile, a copy counts only where it holds what a save would have held.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const REAL: &[u8] = include_bytes!("databases/etcd-3.5.16.db");
const SNAPSHOT: &str =
    concat!(include_str!("../src/step/scripts/prelude/moving.sh"), include_str!("../src/step/scripts/snapshot.sh"));
const RESTORE: &str =
    concat!(include_str!("../src/step/scripts/prelude/moving.sh"), include_str!("../src/step/scripts/restore.sh"));

/// What etcdctl says: `applied` holds how far etcd has come, `page` what a save begins with.
const ETCDCTL: &str = r#"#!/bin/sh
here=${0%/*}
[ ! -e "$here/dead" ] || exit 1
case "$1 $2" in
"endpoint status")
  echo "[{\"Endpoint\":\"x\",\"Status\":{\"header\":{\"cluster_id\":1,\"member_id\":2,\"revision\":52,\"raft_term\":2},\"version\":\"3.5.16\",\"dbSize\":9,\"raftIndex\":60,\"raftTerm\":2,\"raftAppliedIndex\":$(cat "$here/applied")}}]" ;;
"snapshot save")
  case $3 in
  *.begun) cat "$here/page" >"$3.part"; exec sleep 60 ;;
  *) cat "$here/db" >"$3"; : >"$here/sent" ;;
  esac ;;
esac
"#;

/// What happens right after a copy was made is in `meanwhile`.
const CP: &str = "#!/bin/sh\n/bin/cp \"$@\" || exit 1\nhere=${0%/*}\n. \"$here/meanwhile\"\n";

/// `ends` is the revision of what was restored, `copy` that of the copy; `damaged` says that a page is.
const ETCDUTL: &str = r#"#!/bin/sh
here=${0%/*}
case "$2" in
status)
  [ ! -e "$here/damaged" ] || { echo "panic: page 7: unreachable unfreed" >&2; exit 2; }
  case $3 in */member/snap/db) ends=$(cat "$here/ends") ;; *) ends=$(cat "$here/copy") ;; esac
  echo "{\"hash\":1,\"revision\":$ends,\"totalKey\":3,\"totalSize\":4}" ;;
restore) for word; do :; done; mkdir -p "${word#--data-dir=}/member/snap"; echo x >"${word#--data-dir=}/member/snap/db" ;;
esac
"#;

struct Place(tempfile::TempDir);

impl Place {
    fn new(meanwhile: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in [("etcdctl", ETCDCTL), ("cp", CP), ("etcdutl", ETCDUTL)] {
            place.put(name, text.as_bytes());
            fs::set_permissions(place.at(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        place.put("meanwhile", meanwhile.as_bytes());
        place.put("applied", b"55");
        place.put("db", REAL);
        place.put("next", &next());
        place.put("page", &REAL[..4096]);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.at(name), bytes).unwrap();
    }

    fn sh(&self, script: &str, words: &[&str]) -> Output {
        let path = format!("{}:{}", self.0.path().display(), std::env::var("PATH").unwrap());
        Command::new("sh").args(["-c", script, "script"]).args(words).env("PATH", path).output().unwrap()
    }

    fn take(&self) -> Output {
        self.take_within("30")
    }

    /// `still` is how many seconds the script lets what moves data stand still.
    fn take_within(&self, still: &str) -> Output {
        let word = |name| self.at(name).display().to_string();
        let [marks, file, tool, db, ctl] = ["run", "run/snapshot.db", "etcdutl", "db", "etcdctl"].map(word);
        self.put("copy", b"52");
        self.sh(SNAPSHOT, &[&marks, &file, &tool, "live", &db, still, &ctl])
    }

    fn restore(&self, check: &str) -> Output {
        let word = |name| self.at(name).display().to_string();
        let [marks, file, tool] = ["run", "run/snapshot.db", "etcdutl"].map(word);
        let [data, fresh] = ["etcd", "etcd.fresh"].map(word);
        [&marks, &data].iter().for_each(|dir| fs::create_dir_all(dir).unwrap());
        fs::write(&file, "copy").unwrap();
        let words = [
            "etcd", &data, &fresh, &marks, &file, "4", "-", check, "1000", "30", "", "", "no", &tool, "snapshot",
            "restore",
        ];
        self.sh(RESTORE, &words)
    }
}

/// The same file after one more transaction: its number is in the other meta page.
fn next() -> Vec<u8> {
    let mut bytes = REAL.to_vec();
    let number = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
    let older = if number > u64::from_le_bytes(bytes[4096 + 64..4096 + 72].try_into().unwrap()) { 4096 } else { 0 };
    bytes[older + 64..older + 72].copy_from_slice(&(number + 1).to_le_bytes());
    bytes
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_copy_during_which_nothing_was_committed_counts() {
    let place = Place::new("");
    let output = place.take();
    assert!(output.status.success() && said(&output).contains("\"member\":"), "{}", said(&output));
    assert!(!place.at("sent").exists());
    assert_eq!(read(&place.at("run/snapshot.db")), REAL);
}

#[test]
fn a_copy_during_which_something_was_committed_or_applied_does_not_count() {
    let committed = "cat \"$here/next\" >\"$here/db\"";
    let applied = "echo $(($(cat \"$here/applied\") + 1)) >\"$here/applied\"";
    for meanwhile in [committed, applied] {
        let place = Place::new(meanwhile);
        let output = place.take();
        assert!(output.status.success() && said(&output).contains("\"status\":"), "{}", said(&output));
        assert!(place.at("sent").exists(), "{meanwhile}");
        assert_eq!(read(&place.at("run/snapshot.db")), read(&place.at("db")), "{meanwhile}");
    }
}

#[test]
fn a_copy_that_stands_still_is_ended_and_etcd_sends_the_database() {
    let place = Place::new("exec sleep 60");
    let output = place.take_within("2");
    assert!(output.status.success() && said(&output).contains("\"status\":"), "{}", said(&output));
    assert!(place.at("sent").exists() && said(&output).contains("neither read nor wrote for 2 s"), "{}", said(&output));
}

#[test]
fn a_file_that_is_not_the_one_in_use_is_not_copied() {
    let place = Place::new("touch \"$here/copied\"");
    place.put("page", &[7; 4096]);
    let output = place.take();
    assert!(output.status.success() && place.at("sent").exists(), "{}", said(&output));
    assert!(!place.at("copied").exists());
}

#[test]
fn an_etcd_that_died_during_the_copy_leaves_no_snapshot() {
    let place = Place::new("touch \"$here/dead\"");
    let output = place.take();
    assert!(!output.status.success() && output.stdout.iter().all(u8::is_ascii_whitespace), "{}", said(&output));
    assert!(said(&output).contains("etcd does not answer any more"), "{}", said(&output));
    assert!(!place.at("run/snapshot.db").exists());
}

#[test]
fn what_was_restored_counts_only_whole_and_at_its_revision() {
    // What etcd had, the copy's last key, what was restored; where a deletion was last, both lack its revision.
    for (check, copy, ends, good) in [
        ("52", "52", "1052", true),
        ("52", "51", "1051", true),
        ("52", "52", "1051", false),
        ("52", "53", "1053", false),
        ("52", "51", "1053", false),
    ] {
        let place = Place::new("");
        place.put("copy", copy.as_bytes());
        place.put("ends", ends.as_bytes());
        let output = place.restore(check);
        assert_eq!(output.status.success(), good, "{check} {copy} {ends}: {}", said(&output));
        assert_eq!(place.at("run/restored").exists(), good, "{check} {copy} {ends}");
    }
    let place = Place::new("");
    place.put("copy", b"52");
    place.put("ends", b"1052");
    place.put("damaged", b"");
    let output = place.restore("52");
    assert!(!output.status.success() && said(&output).contains("page 7"), "{}", said(&output));
    assert!(!place.at("run/restored").exists());
}
