//! Tests of `playbook/text`.

use super::*;
use crate::playbook::shipped;

#[test]
fn the_shipped_playbooks_are_read() {
    let initiate = read(&shipped::playbook("initiate_dr").unwrap().source()).unwrap();
    assert_eq!(initiate.lines.len(), 21);
    assert_eq!(initiate.lines[1].action, Action::Expect(Expectation::QuorumLost));
    assert_eq!(initiate.lines[1].at, 9);
    assert_eq!(initiate.lines[1].why.as_deref(), Some("A living majority must be left alone."));
    let stop = Action::Stop { what: Service::Etcd, on: Role::Survivors };
    assert_eq!(initiate.lines[9].action, stop);

    let recover = read(&shipped::playbook("recover").unwrap().source()).unwrap();
    let Action::Each { role: Role::Returned, steps } = &recover.lines[5].action else { panic!("no each") };
    assert_eq!(steps.len(), 6);
    assert_eq!(steps[2].action, Action::Write { template: None, on: Role::Joiner });
}

/// A playbook without a mistake; a test spoils one part of it.
const GOOD: &str = "\
playbook: site
summary: Everything is well.
steps:
  - expect: one-writable-cluster
    why: Members can only join a cluster that serves.
  - stop: { what: etcd, on: returned }
  - fence: returned
  - each: returned
    steps:
      - retire: joiner
      - join: joiner
      - write: { template: etcd.env.j2, on: joiner }
      - start: { what: etcd, on: joiner }
      - promote: joiner
  - compare: everyone
";

/// Every mistake as `line:column message (hint)`.
fn mistakes(text: &str) -> Vec<String> {
    let told = |d: &Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        format!("{}:{} {}{hint}", d.place.line, d.place.column, d.message)
    };
    read(&Source::new("site.yaml", text)).map_or_else(|found| found.iter().map(told).collect(), |_| Vec::new())
}

const SPOILT: [(&str, &str, &str); 30] = [
    ("playbook: site", "", "2:1 the playbook lacks `playbook`"),
    ("playbook: site", "playbook: ../x", "1:11 `../x` is not a file name"),
    ("playbook: site", "playbok: site", "1:1 `playbok` is not a key of a playbook (did you mean `playbook`?)"),
    ("summary: Everything is well.", "", "1:1 the playbook lacks `summary`"),
    ("summary: Everything is well.", "summary: ' '", "2:10 `summary` must be words in one line"),
    (
        "expect: one-writable-cluster",
        "expect: one_writable_cluster",
        "4:13 `expect` cannot be `one_writable_cluster` (did you mean `one-writable-cluster`?)",
    ),
    (
        "expect: one-writable-cluster",
        "expect: luck",
        "(write `quorum-lost`, `still-lost`, `one-writable-cluster` or `everyone-serves`)",
    ),
    (
        "expect: one-writable-cluster",
        "expects: one-writable-cluster",
        "4:5 `expects` is not a kind of step (did you mean `expect`?)",
    ),
    (
        "expect: one-writable-cluster",
        "unfence: joiner",
        "4:5 `unfence` is not a kind of step (leave it out: `start` lifts",
    ),
    (
        "expect: one-writable-cluster",
        "run: reboot",
        "4:5 `run` is not a kind of step (known are `expect`, `prepare-fence`, ",
    ),
    ("why: Members can only join a cluster that serves.", "when: later", "5:5 `when` is not a key of this step"),
    (
        "why: Members can only join a cluster that serves.",
        "fence: failed",
        "5:5 one step does two things, `expect` and `fence`",
    ),
    ("why: Members can only join a cluster that serves.", "why: [a]", "5:10 `why` is a list, not a single value"),
    (
        "why: Members can only join a cluster that serves.",
        "steps: [ { fence: failed } ]",
        "5:5 `steps` is not a key of this step",
    ),
    (
        "stop: { what: etcd, on: returned }",
        "stop: returned",
        "6:11 `stop` is a single value, not a set of keys (write `stop: { what: etcd, on: survivors }`)",
    ),
    ("stop: { what: etcd, on: returned }", "stop: { what: etcd }", "6:5 `stop` lacks `on`"),
    (
        "stop: { what: etcd, on: returned }",
        "stop: { what: kubelet, on: returned }",
        "6:19 `what` cannot be `kubelet` (write `etcd`)",
    ),
    (
        "stop: { what: etcd, on: returned }",
        "stop: { what: etcd, on: returnd }",
        "6:29 `on` cannot be `returnd` (did you mean `returned`?)",
    ),
    (
        "stop: { what: etcd, on: returned }",
        "stop: { what: etcd, on: returned, force: true }",
        "6:39 `force` is not a key of `stop`",
    ),
    ("  - fence: returned", "  - fence: Returned", "7:12 `fence` cannot be `Returned` (did you mean `returned`?)"),
    ("  - fence: returned", "  - why: Nothing to do.", "7:5 the step does not say what to do"),
    ("  - fence: returned", "  - fence", "7:5 a step is a single value, not a set of keys (write `- fence: failed`)"),
    ("  - fence: returned", "  - fence: joiner", "7:12 `joiner` is known only within `each`"),
    ("  - each: returned", "  - each: survivors", "8:11 `each` cannot be `survivors` (write `returned`)"),
    ("      - join: joiner", "      - each: returned", "11:9 `each` cannot stand within `each`"),
    ("      - join: joiner", "      - join: { on: joiner }", "11:15 `join` is a set of keys, not a single value"),
    ("template: etcd.env.j2", "template: /etc/x", "12:28 `/etc/x` is not a file name"),
    ("template: etcd.env.j2, ", "", "12:9 `write` lacks `template`"),
    (
        "      - write: { template: etcd.env.j2, on: joiner }\n",
        "",
        "12:7 this starts an etcd that is not ready to start",
    ),
    (
        "  - compare: everyone\n",
        "  - compare: everyone\n  - compare: everyone\n    compare: seed\n",
        "17:5 `compare` is set twice",
    ),
];

#[test]
fn every_mistake_is_told_at_its_place() {
    assert_eq!(mistakes(GOOD), [""; 0]);
    for (part, spoilt, said) in SPOILT {
        assert_eq!(GOOD.matches(part).count(), 1, "{part} stands once");
        let found = mistakes(&GOOD.replace(part, spoilt));
        assert!(found.iter().any(|mistake| mistake.contains(said)), "{spoilt:?} should say {said:?}, says {found:#?}");
    }
}

#[test]
fn a_playbook_without_steps_is_told() {
    assert_eq!(mistakes("playbook: p\nsummary: s\nsteps: []\n"), ["3:1 `steps` holds no step"]);
    assert_eq!(
        mistakes("playbook: p\nsummary: s\nsteps:\n"),
        ["3:1 `steps` is nothing, not a list (write `- expect: quorum-lost`)"]
    );
    let bare = GOOD.split("    steps:").next().unwrap();
    assert_eq!(mistakes(bare), ["8:5 `each` lacks `steps` (write `steps: [ … ]` below it)"]);
}

#[test]
fn mistakes_within_each_are_told_with_the_others() {
    let text = GOOD.replace("join: joiner", "jion: joiner").replace("compare: everyone", "compare: all");
    let found = mistakes(&text);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[0], "11:9 `jion` is not a kind of step (did you mean `join`?)");
}

#[test]
fn hostile_playbooks_are_refused() {
    for text in ["[".repeat(100_000), "a: &a *a\n".to_owned(), "x: y\n".repeat(400_000), String::new()] {
        assert_eq!(mistakes(&text).len(), 1);
    }
}

/// Every step kind and role is in the schema that editors use, with a word about it, and nothing else is.
#[test]
fn the_schema_knows_what_the_reader_knows() {
    let schema: serde_json::Value = serde_json::from_str(shipped::schema("playbook").unwrap().text).unwrap();
    let step = schema["$defs"]["step"]["properties"].as_object().unwrap();
    let known: std::collections::BTreeSet<&str> =
        KINDS.into_iter().chain(["why", "steps"]).chain(RENAMED.map(|(old, _)| old)).collect();
    assert_eq!(step.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), known);
    for (kind, said) in step {
        assert!(said["description"].is_string(), "{kind}");
        assert_eq!(said["deprecated"] == true, now(kind) != kind, "{kind}");
    }
    let roles: Vec<&str> =
        schema["$defs"]["role"]["enum"].as_array().unwrap().iter().filter_map(|role| role.as_str()).collect();
    assert_eq!(roles, ROLES.map(|(role, _)| role));
}

/// Playbooks written for earlier versions mean what they meant, and each old word is noted at its place.
#[test]
fn old_words_are_still_read_with_a_note() {
    for name in ["initiate_dr", "recover"] {
        let shipped = shipped::playbook(name).unwrap().source();
        let renamed = |text: &str| {
            RENAMED
                .iter()
                .fold(text.to_owned(), |text, (old, new)| text.replace(&format!("- {new}:"), &format!("- {old}:")))
        };
        let old = Source::new(shipped.name.clone(), renamed(&shipped.text));
        assert_ne!(old.text, shipped.text, "{name}");
        assert_eq!(read(&old).unwrap(), read(&shipped).unwrap(), "{name}");
        assert!(old_words(&shipped).is_empty());
        let notes = old_words(&old);
        let lines = old.text.lines().zip(shipped.text.lines()).filter(|(old, new)| old != new).count();
        assert_eq!(notes.len(), lines, "{notes:?}");
        for note in notes {
            let line = old.text.lines().nth(note.place.line - 1).unwrap();
            let word = note.message.split('`').nth(1).unwrap();
            assert!(line.contains(&format!("- {word}:")) && note.hint.is_some(), "{note:?}");
        }
    }
}
