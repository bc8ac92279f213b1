//! What etcd 3.4, 3.5, 3.6 and 3.7 really answered (`lab/record-answers`), read by the parsers and judges that requorum uses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "answers/meaning.rs"]
mod meaning;
#[path = "answers/questions.rs"]
mod questions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use questions::{Place, Recording, Site, TOKEN, cluster, judgement, places, question, restarting};
use requorum::model::Token;
use requorum::model::identity::bootstrap_member_id;
use requorum::observe::tools::Version;
use requorum::observe::{heard, status};
use requorum::step::{Facts, Kind, expect};
use serde_json::{Value, json};

const VERSIONS: [&str; 4] = ["3.4", "3.5", "3.6", "3.7"];

fn sites() -> BTreeMap<&'static str, Site> {
    VERSIONS.map(|version| (version, Site::of(version))).into()
}

fn recorded(question: &str, version: &str, state: &str) -> Recording {
    Recording::read(&questions::root().join(format!("{question}/{version}-{state}.json")))
}

/// What speaks against a recording: it answers another command than is asked today, or says something else.
fn complaint(site: &Site, place: &Place, recording: &Recording) -> Option<String> {
    let asked = question(site, place, recording);
    let facts = recording.known();
    let command = asked.command.filled(|placeholder| facts.word(placeholder)).shown();
    if command != recording.command {
        return Some(format!("the program now asks\n  {command}\nand this answers\n  {}", recording.command));
    }
    let answer = (asked.answer)(&recording.output(), &facts);
    (answer != recording.answer).then(|| format!("it is read as\n  {answer}\nand means\n  {}", recording.answer))
}

/// Writes what the parsers make of a recording into it. By way of Value, whose keys are sorted, as the script does it.
fn fill_in(site: &Site, place: &Place, mut recording: Recording) {
    let asked = question(site, place, &recording);
    recording.answer = (asked.answer)(&recording.output(), &recording.known());
    let text = serde_json::to_string_pretty(&json!(recording)).unwrap();
    fs::write(&place.path, text + "\n").unwrap();
}

/// With `REQUORUM_ANSWERS=fill`, after new recordings, it also takes over what it finds: read every line of the
/// difference before you keep it.
#[test]
fn every_recorded_answer_is_read_as_it_is_meant() {
    let sites = sites();
    let mut wrong = Vec::new();
    for place in places() {
        let (site, recording) = (&sites[place.version.as_str()], Recording::read(&place.path));
        if let Some(why) = complaint(site, &place, &recording) {
            wrong.push(format!("{}: {why}", place.path.display()));
            if std::env::var("REQUORUM_ANSWERS").is_ok_and(|wish| wish == "fill") {
                fill_in(site, &place, recording);
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_state_of_every_question_is_recorded_of_every_version() {
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for place in places() {
        seen.entry((place.question, place.state)).or_default().insert(place.version);
    }
    assert!(seen.len() > 60, "only {} states are recorded", seen.len());
    let all: BTreeSet<String> = VERSIONS.map(str::to_owned).into();
    let short: Vec<_> = seen.iter().filter(|(_, versions)| **versions != all).collect();
    assert!(short.is_empty(), "not of every version: {short:?}");
}

/// Written by hand and apart from the recordings, so that an answer filled in unread does not pass.
#[test]
fn each_state_means_the_same_in_every_version() {
    for version in VERSIONS {
        for (question, state, pointer, expected) in meaning::table() {
            let answer = recorded(question, version, state).answer;
            let found = answer.pointer(pointer).unwrap_or(&Value::Null);
            assert!(expected.met_by(found), "{question}/{version}-{state} {pointer}: {found} is not {expected:?}");
        }
    }
    let stated: BTreeSet<(String, String)> =
        meaning::table().into_iter().map(|(question, state, ..)| (question.into(), state.into())).collect();
    let unstated: Vec<_> =
        places().into_iter().filter(|place| !stated.contains(&(place.question.clone(), place.state.clone()))).collect();
    assert!(unstated.is_empty(), "what these mean stands nowhere: {unstated:?}");
}

#[test]
fn each_version_was_recorded_from_that_version() {
    for (version, site) in sites() {
        let Version(major, minor, _) = site.tools().etcd.unwrap();
        assert_eq!(format!("{major}.{minor}"), version);
        let status = recorded("status", version, "leader").answer;
        assert_eq!(json!(site.tools().etcd.unwrap().to_string()), status["version"]);
    }
}

/// The IDs that a plan shows before anything is done are those that every version gives.
#[test]
fn ids_are_foretold() {
    for version in VERSIONS {
        let cluster_in = |state| recorded("status", version, state).answer["cluster"].clone();
        assert_eq!(cluster_in("leader"), json!(cluster(&["m1", "m2", "m3"], "k8s_etcd")), "{version}");
        assert_eq!(cluster_in("restored"), json!(cluster(&["m3"], TOKEN)), "{version}");
        for state in ["no-leader", "not-ready"] {
            let peer_port = recorded("peer-members", version, state).answer;
            assert_eq!(peer_port["cluster"], cluster_in("leader"), "{version} {state}");
        }
    }
}

#[test]
fn a_learner_is_restarted_only_once_it_has_the_snapshot_and_a_voter_never() {
    for (version, site) in sites() {
        let judged = |state| {
            let output = recorded("peer-members", version, state).output();
            judgement(restarting(&site, "m1").judge(0, &output, &Facts::default()))
        };
        assert!(judged("learner-early").get("again").is_some(), "{version}");
        assert!(judged("learner-applied").get("done").is_some(), "{version}");
        // etcd leaves `isLearner` out of a voter's entry, as it does out of every entry of the early list.
        assert!(judged("promoted").get("found").is_some(), "{version}");
    }
}

#[test]
fn a_stale_leader_stops_the_snapshot_and_none_lets_it_pass() {
    for version in VERSIONS {
        let judged = |state| {
            let recording = recorded("status", version, state);
            let output = recording.output();
            let ask = requorum::model::Command::new("asked");
            let step = expect::Leaderless {
                ask,
                by_status: true,
                applied: None,
                log: None,
                wal_dir: None,
                silence: None,
                unmoved: false,
            };
            (judgement(step.judge(0, &output, &Facts::default())), status::parse(&output).is_ok())
        };
        assert!(judged("stale-leader").0.get("stop").is_some(), "{version}");
        assert!(judged("no-leader").0.get("done").is_some(), "{version}");
        assert!(!judged("not-ready").1 && !judged("stopped").1, "{version}");
    }
}

/// A follower hears its leader by the leader's own ID, and another member's metrics are not its own.
#[test]
fn what_was_heard_is_said_by_sender_and_by_member() {
    let id = |master| bootstrap_member_id(&[questions::peer_url(master)], &Token("k8s_etcd".into()));
    for version in VERSIONS {
        let recording = recorded("heard", version, "follower");
        let said = heard::parse(&recording.output(), id("m3")).unwrap();
        assert!(said[&id("m1")] > 0, "{version}: {said:?}");
        assert!(heard::parse(&recording.output(), id("m1")).unwrap_err().why.contains("not of"), "{version}");
    }
}

/// The control: a recording that was tampered with anywhere does not pass.
#[test]
fn a_changed_recording_is_noticed() {
    let sites = sites();
    let place = places().into_iter().find(|place| place.path.ends_with("status/3.6-leader.json")).unwrap();
    let whole = Recording::read(&place.path);
    let notices = |change: &dyn Fn(&mut Recording)| {
        let mut changed = whole.clone();
        change(&mut changed);
        complaint(&sites["3.6"], &place, &changed)
    };
    assert_eq!(notices(&|_| {}), None);
    assert!(notices(&|it| it.answer["leader"] = Value::Null).unwrap().contains("it is read as"));
    assert!(notices(&|it| it.answer["revision"] = json!(0)).is_some());
    assert!(notices(&|it| it.stdout = it.stdout.replace("\"leader\"", "\"Leader\"")).is_some());
    assert!(notices(&|it| it.stdout.truncate(40)).is_some());
    assert!(notices(&|it| it.status = 1).is_some());
    assert!(notices(&|it| it.command = it.command.replace("2000ms", "9000ms")).unwrap().contains("now asks"));
    assert!(notices(&|it| it.on = "m3".into()).unwrap().contains("now asks"));
}

#[test]
fn no_key_or_certificate_is_recorded() {
    for place in places() {
        let text = fs::read_to_string(&place.path).unwrap();
        assert!(!text.contains("-----BEGIN"), "{}", place.path.display());
        assert!(text.len() < 12_000, "{} is large", place.path.display());
    }
}
