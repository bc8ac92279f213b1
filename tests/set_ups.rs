//! Public ways to set etcd up: unit files, env files, config files and manifests as guides, packages and installers write
//! them, retyped in small. Each is read right, or refused with its line. `show` is what systemd 257 says of the unit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/set_ups.rs"]
mod set_ups;

use std::fs;

use requorum::config::SettingsFile;

use set_ups::Expected::{Read, Refused, Unread};
use set_ups::{LIST, OnMaster, SET_UPS, directory};

#[test]
fn each_set_up_is_read_right_or_refused_with_its_line() {
    let mut wrong = Vec::new();
    for set_up @ (name, _, expected) in SET_UPS {
        let there = OnMaster::of(set_up);
        let settings = there.settings();
        let refusals = settings.as_ref().map(|settings| there.refusals(settings)).unwrap_or_default();
        let said = match &settings {
            Err(why) => format!("unread: {}", why.why),
            Ok(settings) => {
                let [member, data, list, state, token] =
                    ["name", "data-dir", "initial-cluster", "initial-cluster-state", "initial-cluster-token"]
                        .map(|flag| settings.get(flag).unwrap_or_default());
                format!("read: {} {member} {data} {list} {state} {token}; refused: {refusals:?}", settings.file.path)
            }
        };
        let right = match (expected, &settings) {
            (Read(path, data, state, token), Ok(settings)) => {
                let get = |flag: &str| settings.get(flag).unwrap_or_default();
                let member = if *name == "debian-own-name" { "m2" } else { "m1" };
                let list = if *name == "kubeadm-1.21" { "m1=https://10.0.0.1:2380" } else { LIST };
                settings.file.path == *path
                    && [get("data-dir"), get("initial-cluster-state"), get("initial-cluster-token")]
                        == [*data, *state, *token]
                    && get("initial-cluster") == list
                    && settings.member_name() == member
                    && refusals.is_empty()
            }
            (Unread(words), Err(why)) => why.why.contains(words),
            (Refused(words), Ok(_)) => refusals.iter().any(|why| why.contains(words)),
            _ => false,
        };
        if !right {
            wrong.push(format!("{name}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), SET_UPS.len(), wrong.join("\n"));
}

#[test]
fn every_set_up_is_told_of() {
    let mut there: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    there.sort();
    let mut told: Vec<&str> = SET_UPS.iter().map(|(name, ..)| *name).collect();
    told.sort_unstable();
    assert_eq!(there, told);
}

/// What is rewritten is what was read: no other setting, and no other byte than it takes.
#[test]
fn each_one_that_is_read_can_be_given_another_cluster() {
    let identity = requorum::config::Identity {
        initial_cluster: "m9=https://10.0.0.9:2380".into(),
        state: "existing".into(),
        token: "requorum-1".into(),
    };
    for set_up in SET_UPS.iter().filter(|(_, _, expected)| matches!(expected, Read(..))) {
        let settings = OnMaster::of(set_up).settings().unwrap();
        let changed: SettingsFile = settings.file.with(&settings.file.with_identity(&identity).unwrap());
        let (mut before, mut after) = (settings.file.values().unwrap(), changed.values().unwrap());
        for (flag, value) in identity.settings() {
            before.remove(flag);
            assert_eq!(after.remove(flag).as_deref(), Some(value), "{}", set_up.0);
        }
        assert_eq!(before, after, "{}", set_up.0);
    }
}
