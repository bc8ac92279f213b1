//! The scripts that restore, move and return data whose log lies elsewhere, run by a real shell and killed before each
//! command that changes something: data in its place always has its own log, and the same script then comes to its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use requorum::model::{AbsPath, Arg, MasterName, RunId, Supervisor, Token, UnitName, WalDir};
use requorum::observe::tools::RestoreTool;
use requorum::step::start::{Onto, Start};
use requorum::step::{Doing, Facts, Kind, SnapshotFact, restore::Restore, retire::Retire, return_data::ReturnData};
use tempfile::TempDir;

/// How data and log lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `wal-dir` names a directory.
    Set,
    /// The same, and the data directory is a mount point: `member` alone is moved.
    SetInMount,
    /// `member/wal` is a link.
    Linked,
}

const SHAPES: [Shape; 3] = [Shape::Set, Shape::SetInMount, Shape::Linked];

/// A master's directories, and programs that count what changes something and kill the script that calls them.
struct Node {
    dir: TempDir,
    shape: Shape,
}

/// Programs before which a script is killed.
const CHANGES: [&str; 5] = ["mv", "mkdir", "rmdir", "sync", "ln"];

impl Node {
    fn new(shape: Shape) -> Self {
        let node = Self { dir: tempfile::tempdir().unwrap(), shape };
        for place in ["bin", "state/runs/now", "wal/etcd"] {
            fs::create_dir_all(node.at(place)).unwrap();
        }
        node.data("data/member", "old");
        node.text("wal/etcd/0.wal", "old");
        if shape == Shape::Linked {
            symlink(node.at("wal/etcd"), node.at("data/member/wal")).unwrap();
        }
        node.text("state/fence-etcd", "");
        node.program("systemctl", "echo MainPID=0; echo User=; echo Group=; echo ActiveState=inactive");
        for program in CHANGES {
            let count = "n=$(($(cat \"$COUNT\") + 1)); echo $n >\"$COUNT\"; [ $n != \"$KILL_AT\" ] || kill -9 0";
            let then = if program == "sync" { String::new() } else { format!("exec /usr/bin/{program} \"$@\"") };
            node.program(program, &format!("{count}\n{then}"));
        }
        // As etcdutl does it: data and log, where it is told.
        node.program(
            "etcdutl",
            "for word; do case $word in --data-dir=*) d=${word#*=} ;; --wal-dir=*) w=${word#*=} ;; esac; done
             /usr/bin/mkdir -p \"$d/member/snap\" \"$w\"; echo new >\"$d/member/snap/db\"; echo new >\"$w/0.wal\"",
        );
        node.text("state/runs/now/snapshot.db", "new");
        node
    }

    fn at(&self, place: &str) -> PathBuf {
        self.dir.path().join(place)
    }

    fn path(&self, place: &str) -> AbsPath {
        AbsPath::new(self.at(place).to_str().unwrap()).unwrap()
    }

    fn text(&self, place: &str, text: &str) {
        fs::write(self.at(place), text).unwrap();
    }

    fn data(&self, place: &str, whose: &str) {
        fs::create_dir_all(self.at(place).join("snap")).unwrap();
        fs::write(self.at(place).join("snap/db"), whose).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn wal_dir(&self) -> Option<WalDir> {
        Some(match self.shape {
            Shape::Set | Shape::SetInMount => WalDir::Set(self.path("wal/etcd")),
            Shape::Linked => WalDir::Linked { to: self.path("wal/etcd"), mount_point: false },
        })
    }

    /// Runs a step's script, killed before the change of this number. How many there were, and how it ended.
    fn run(&self, step: &dyn Kind, kill_at: usize) -> (usize, Output) {
        let acts = step.acts();
        let Doing::Run(command) = &acts[0].doing else { panic!("no command") };
        let facts = SnapshotFact { bytes: 3, sha256: String::new(), revision: 1, hash: None, keys: None };
        let facts = Facts { snapshot: Some(facts), ..Facts::default() };
        let command = command.filled(|placeholder| facts.word(placeholder));
        let state = self.at("state");
        let words = command.argv.iter().map(|arg| match arg {
            Arg::Text(text) if text.starts_with("/var/lib/requorum") => {
                text.replace("/var/lib/requorum", state.to_str().unwrap())
            }
            arg => arg.to_string(),
        });
        let words: Vec<String> = words.collect();
        self.text("count", "0\n");
        let path = format!("{}:{}", self.at("bin").display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new(&words[0]);
        shell.args(&words[1..]).env("PATH", path).env("COUNT", self.at("count")).env("KILL_AT", kill_at.to_string());
        // It dies with every program that it has started.
        let ended = shell.process_group(0).output().unwrap();
        (fs::read_to_string(self.at("count")).unwrap().trim().parse().unwrap(), ended)
    }

    fn restore(&self) -> Restore {
        Restore {
            tool: RestoreTool { path: "etcdutl".into(), bumps: false },
            supervisor: unit(),
            data_dir: self.path("data"),
            mount_point: self.shape == Shape::SetInMount,
            wal_dir: self.wal_dir(),
            name: "m1".into(),
            peer_urls: vec![],
            initial_cluster: String::new(),
            token: Token("t".into()),
            hashed: true,
            checks: false,
            run: run(),
            limit: std::time::Duration::from_secs(5),
        }
    }

    fn retire(&self, onto: Onto) -> Retire {
        Retire {
            master: MasterName::new("m1").unwrap(),
            supervisor: unit(),
            data_dir: self.path("data"),
            mount_point: self.shape == Shape::SetInMount,
            wal_dir: self.wal_dir(),
            onto,
            run: run(),
        }
    }

    fn return_data(&self) -> ReturnData {
        let mount_point = self.shape == Shape::SetInMount;
        let (supervisor, data_dir) = (unit(), self.path("data"));
        let wal_dir = self.wal_dir().as_ref().and_then(WalDir::moved).cloned();
        ReturnData { supervisor, data_dir, mount_point, wal_dir, run: run() }
    }

    /// Whether the program would start etcd on what lies there.
    fn may_start(&self, onto: Onto) -> bool {
        let (supervisor, data_dir, wal_dir) = (unit(), self.path("data"), self.wal_dir());
        let start = Start { supervisor, data_dir, wal_dir, run: run(), onto, after: None };
        // Nothing starts here: whoever gets as far as asking systemd to wait is let through.
        let (_, ended) = self.run(&start, 0);
        !String::from_utf8_lossy(&ended.stderr).contains("not started")
    }

    /// Whose data is in its place, and whose log.
    fn there(&self) -> (Option<String>, Option<String>) {
        let read = |path: &Path| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let log = if self.shape == Shape::Linked { "data/member/wal/0.wal" } else { "wal/etcd/0.wal" };
        (read(&self.at("data/member/snap/db")), read(&self.at(log)))
    }

    /// Data without its own log is what etcd must never be given, whoever starts it.
    fn is_whole(&self, when: &str) {
        let (data, log) = self.there();
        assert!(data.is_none() || data == log, "{:?}, {when}: {data:?} with the log {log:?}", self.shape);
    }

    fn goes_through(&self, step: &dyn Kind, when: &str) {
        let (_, ended) = self.run(step, 0);
        assert!(ended.status.success(), "{:?}, {when}: {ended:?}", self.shape);
        self.is_whole(when);
    }
}

fn run() -> RunId {
    RunId::new("now").unwrap()
}

fn unit() -> Supervisor {
    Supervisor::Systemd(UnitName::new("etcd").unwrap())
}

fn of(whose: &str) -> (Option<String>, Option<String>) {
    (Some(whose.to_owned()), Some(whose.to_owned()))
}

/// Kills `step` everywhere on nodes that `before` has prepared, and lets `after` go on.
fn killed_everywhere(before: &dyn Fn() -> Node, step: &dyn Fn(&Node) -> Box<dyn Kind>, after: &dyn Fn(&Node, &str)) {
    let whole = before();
    let (changes, ended) = whole.run(&*step(&whole), 0);
    assert!(ended.status.success() && changes > 2, "{changes}: {ended:?}");
    for kill_at in 1..=changes {
        let node = before();
        node.run(&*step(&node), kill_at);
        let when = format!("killed before change {kill_at} of {changes}");
        node.is_whole(&when);
        after(&node, &when);
    }
}

fn restored(shape: Shape) -> Node {
    let node = Node::new(shape);
    node.goes_through(&node.restore(), "restored");
    assert_eq!(node.there(), of("old"), "what etcd uses is untouched");
    node
}

#[test]
fn a_killed_restore_is_made_anew_and_touches_nothing_that_etcd_uses() {
    for shape in SHAPES {
        killed_everywhere(&|| Node::new(shape), &|node| Box::new(node.restore()), &|node, when| {
            assert_eq!(node.there(), of("old"), "{shape:?}, {when}");
            assert!(!node.may_start(Onto::Restored));
            node.goes_through(&node.restore(), when);
            node.goes_through(&node.retire(Onto::Restored), when);
            assert_eq!(node.there(), of("new"), "{shape:?}, {when}");
            assert!(node.may_start(Onto::Restored), "{shape:?}, {when}");
        });
    }
}

#[test]
fn a_killed_retire_goes_on_and_nothing_starts_before_its_end() {
    for shape in SHAPES {
        killed_everywhere(&|| restored(shape), &|node| Box::new(node.retire(Onto::Restored)), &|node, when| {
            assert_eq!(node.may_start(Onto::Restored), node.there() == of("new"), "{shape:?}, {when}");
            node.goes_through(&node.retire(Onto::Restored), when);
            node.goes_through(&node.retire(Onto::Restored), "once more");
            assert_eq!(node.there(), of("new"), "{shape:?}, {when}");
        });
    }
}

#[test]
fn a_killed_retire_of_a_joiner_leaves_both_directories_empty_in_the_end() {
    for shape in SHAPES {
        killed_everywhere(&|| Node::new(shape), &|node| Box::new(node.retire(Onto::Emptied)), &|node, when| {
            node.goes_through(&node.retire(Onto::Emptied), when);
            node.goes_through(&node.retire(Onto::Emptied), "once more");
            assert!(node.may_start(Onto::Emptied), "{shape:?}, {when}");
            assert_eq!(node.there().0, None);
            let aside = if shape == Shape::SetInMount { "data/retired-now/member" } else { "data.retired-now/member" };
            assert_eq!(fs::read_to_string(node.at(aside).join("snap/db")).unwrap(), "old");
            if shape == Shape::Linked {
                // The old link goes with the old data and still points to its log.
                assert_eq!(fs::read_to_string(node.at(aside).join("wal/0.wal")).unwrap(), "old");
            } else {
                assert_eq!(fs::read_to_string(node.at("wal/etcd.retired-now/0.wal")).unwrap(), "old");
                assert_eq!(fs::read_dir(node.at("wal/etcd")).unwrap().count(), 0);
            }
        });
    }
}

#[test]
fn own_data_and_log_come_back_wherever_either_way_was_killed() {
    for shape in SHAPES {
        let half_way = |kill_at: usize| {
            let node = restored(shape);
            node.run(&node.retire(Onto::Restored), kill_at);
            node
        };
        let whole = restored(shape);
        let (changes, _) = whole.run(&whole.retire(Onto::Restored), 0);
        for kill_at in 0..=changes {
            let node = half_way(kill_at);
            node.goes_through(&node.return_data(), "returned");
            assert_eq!(node.there(), of("old"), "{shape:?}, retire killed at {kill_at}");
        }
        killed_everywhere(&|| half_way(0), &|node| Box::new(node.return_data()), &|node, when| {
            node.goes_through(&node.return_data(), when);
            node.goes_through(&node.return_data(), "once more");
            assert_eq!(node.there(), of("old"), "{shape:?}, {when}");
        });
    }
}

/// A log that another hand put there is no log of this run.
#[test]
fn nothing_starts_on_a_log_that_is_not_the_runs() {
    for shape in SHAPES {
        let node = restored(shape);
        node.goes_through(&node.retire(Onto::Restored), "retired");
        let log = node.at(if shape == Shape::Linked { "wal/etcd.of-now" } else { "wal/etcd" });
        fs::rename(&log, node.at("wal/taken")).unwrap();
        assert!(!node.may_start(Onto::Restored), "{shape:?}: none");
        fs::create_dir(&log).unwrap();
        fs::write(log.join("0.wal"), "other").unwrap();
        assert!(!node.may_start(Onto::Restored), "{shape:?}: another");
    }
    let node = Node::new(Shape::Set);
    node.goes_through(&node.retire(Onto::Emptied), "retired");
    node.text("wal/etcd/0.wal", "other");
    assert!(!node.may_start(Onto::Emptied), "not empty");
}
