//! The script that cordons nodes, put to a kubectl that tells what it was told.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process;

use requorum::model::RunId;
use requorum::step::cordon::{Cordon, Nodes};
use requorum::step::{Doing, Step};

/// Rows as the API server's answer is printed: name, mark, whether pods are placed there, zone, addresses in quotes.
const ROWS: &str = r#"m1 - on west "10.0.0.1"
m2 - off west "10.0.0.2" "m2"
w1 - on west "10.0.1.1"
m3 - on east "10.0.0.3"
w3 marked off east "10.0.1.3"
w4 - on - "10.0.0.14"
--server=x marked on west "10.0.0.1"
w5 - on north "10.0.0.1\" \"10.0.0.2" "10.0.0.1 "
* - on west "10.0.9.9""#;

/// What the step says and what kubectl was told, where it prints these rows and refuses this verb.
fn done(rows: &str, refuses: &str, nodes: Nodes) -> (String, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("rows"), format!("{rows}\n")).unwrap();
    fs::write(at("admin.conf"), "").unwrap();
    let stub = format!(
        "#!/bin/sh\ncase \"$*\" in *' {refuses} '*) exit 1 ;; *' get nodes '*) cat {0}/rows ;; *) shift 4; echo \"$*\" >>{0}/told ;; esac\n",
        dir.path().display()
    );
    fs::write(at("kubectl"), stub).unwrap();
    fs::set_permissions(at("kubectl"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = RunId::new("20260101-000000-0001").unwrap();
    let step: Step = Cordon { nodes, api: "127.0.0.1:6443".to_owned(), run }.into();
    let Some(Doing::Run(command)) = step.kind().acts().pop().map(|act| act.doing) else { panic!("no command") };
    let conf = at("admin.conf").display().to_string();
    let words = command.argv.iter().map(|word| word.to_string().replace("/etc/kubernetes/admin.conf", &conf));
    let words: Vec<String> = words.collect();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let ended = process::Command::new(&words[0]).args(&words[1..]).env("PATH", path).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let told = fs::read_to_string(at("told")).unwrap_or_default();
    (String::from_utf8(ended.stdout).unwrap(), told.lines().map(str::to_owned).collect())
}

fn cordon(lost: &[&str], kept: &[&str]) -> Nodes {
    let all = |those: &[&str]| those.iter().map(|one| (*one).to_owned()).collect();
    Nodes::Cordon { lost: all(lost), kept: all(kept) }
}

#[test]
fn only_nodes_of_the_lost_zone_are_cordoned_and_marked_first() {
    let (said, told) = done(ROWS, "nothing", cordon(&["10.0.0.1", "10.0.0.2"], &["10.0.0.3"]));
    assert_eq!(said, "done: cordoned m1 w1\n");
    assert_eq!(told, ["annotate --overwrite node m1 w1 requorum/cordoned-by=20260101-000000-0001", "cordon m1 w1",]);
    // Where no survivor's node is found, or one is in that zone, nobody but the lost masters is cordoned.
    for kept in [&[][..], &["10.0.9.1"], &["10.0.1.1"]] {
        let (said, _) = done(ROWS, "nothing", cordon(&["10.0.0.1", "10.0.0.2"], kept));
        assert_eq!(said, "done: cordoned m1\n", "{kept:?}");
    }
}

#[test]
fn what_was_marked_is_uncordoned_and_loses_its_mark_last() {
    let (said, told) = done(ROWS, "nothing", Nodes::Uncordon);
    assert_eq!(said, "done: uncordoned w3\n");
    assert_eq!(told, ["uncordon w3", "annotate --overwrite node w3 requorum/cordoned-by-"]);
    assert_eq!(done("m1 - on - \"10.0.0.1\"", "nothing", Nodes::Uncordon).0, "found: no node is to be uncordoned\n");
}

#[test]
fn a_refusal_is_told_and_ends_nothing() {
    let (said, told) = done(ROWS, "cordon", cordon(&["10.0.0.1"], &["10.0.0.3"]));
    assert!(said.starts_with("left=yes\ndone: not all of these nodes were cordoned"), "{said}");
    assert!(said.ends_with(": m1 w1; by hand: kubectl cordon NODE\n"), "{said}");
    assert_eq!(told.len(), 1);
    let (said, _) = done(ROWS, "get", cordon(&["10.0.0.1"], &[]));
    assert!(said.starts_with("left=yes\ndone: no node was cordoned"), "{said}");
}
