//! What a change of an inventory means, case by case.

use super::*;
use crate::model::diagnostic::Source;
use crate::model::inventory;

const OLD: &str = "\
cluster: site
environment: production
zones:
  z1: { masters: { m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 } } }
  z2: { masters: { m3: { address: 10.0.2.1 } } }
";

fn cluster(text: &str) -> Cluster {
    inventory::read(&Source::new("i.yaml", text)).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn changed(from: &str, to: &str) -> Changes {
    assert!(OLD.contains(from), "{from}");
    Changes::between(Some(&cluster(OLD)), Some(&cluster(&OLD.replace(from, to)))).unwrap()
}

/// The rules that a change of [`OLD`] breaks.
fn broken(from: &str, to: &str) -> Vec<&'static str> {
    let changes = changed(from, to);
    assert!(!changes.is_empty(), "{from} → {to}");
    changes.dangers.iter().map(|danger| danger.rule).collect()
}

#[test]
fn the_same_written_otherwise_is_no_change() {
    let same = changed("environment: production", "ssh: { port: 22, user: root }\nenvironment: production");
    assert!(same.is_empty() && same.dangers.is_empty(), "{same:#?}");
}

#[test]
fn a_change_is_dangerous_by_what_it_does_to_the_quorum() {
    let added = "m3: { address: 10.0.2.1 }, m4: { address: 10.0.2.2 }";
    let both = "m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 }";
    for (from, to, rules) in [
        ("10.0.1.2", "10.0.1.9", vec![]),
        ("m2: { address: 10.0.1.2 }", "m2: { address: 10.0.1.2, ssh: { port: 23 } }", vec![]),
        ("m3: { address: 10.0.2.1 }", added, vec!["majority-moved"]),
        (
            both,
            "m1: { address: 10.0.1.2 }, m2: { address: 10.0.1.1 }",
            vec!["address-reused", "address-reused", "quorum-at-once"],
        ),
        ("m2: { address: 10.0.1.2 }", "m4: { address: 10.0.1.4 }", vec!["one-member-at-a-time"]),
        ("m2: { address: 10.0.1.2 }", "m4: { address: 10.0.1.2 }", vec!["address-reused", "one-member-at-a-time"]),
        (both, "m8: { address: 10.0.1.8 }, m9: { address: 10.0.1.9 }", vec!["quorum-at-once"]),
        ("production", "staging", vec!["production-unmarked"]),
        // A zone's new name moves nothing.
        ("z1:", "zone-a:", vec![]),
    ] {
        assert_eq!(broken(from, to), rules, "{from} → {to}");
    }
    let moved =
        OLD.replace(", m2: { address: 10.0.1.2 }", "").replace("10.0.2.1 }", "10.0.2.1 }, m2: { address: 10.0.1.2 }");
    let moved = Changes::between(Some(&cluster(OLD)), Some(&cluster(&moved))).unwrap();
    assert_eq!(moved.dangers.iter().map(|danger| danger.rule).collect::<Vec<_>>(), ["majority-moved"]);
}

#[test]
fn who_would_survive_is_told_of_both() {
    let changes = changed("m3: { address: 10.0.2.1 }", "m3: { address: 10.0.2.1 }, m4: { address: 10.0.2.2 }");
    let zone = |name: &str| ZoneName::new(name).unwrap();
    let names = |loss: &Loss| loss.survivors.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (before, after) = (changes.before.unwrap(), changes.after.unwrap());
    assert_eq!((before.tolerance, after.tolerance), (1, 1));
    assert_eq!(names(&before.zones[&zone("z1")]), ["m3"]);
    assert_eq!(names(&after.zones[&zone("z1")]), ["m3", "m4"]);
    assert!(before.zones[&zone("z2")].quorum_kept && !after.zones[&zone("z2")].quorum_kept);
}

#[test]
fn an_old_member_goes_after_the_new_one_votes_unless_its_address_is_wanted() {
    let order = |to: &str| -> Vec<String> {
        let follow = changed("m2: { address: 10.0.1.2 }", to).follow;
        let acts = ["member add", "member remove"];
        follow
            .iter()
            .filter_map(|step| acts.iter().find(|act| step.contains(**act)))
            .map(|act| (*act).to_owned())
            .collect()
    };
    assert_eq!(order("m4: { address: 10.0.1.4 }"), ["member add", "member remove"]);
    assert_eq!(order("m4: { address: 10.0.1.2 }"), ["member remove", "member add"]);
}

#[test]
fn an_inventory_that_comes_or_goes_is_a_change() {
    let cluster = cluster(OLD);
    let comes = Changes::between(None, Some(&cluster)).unwrap();
    let goes = Changes::between(Some(&cluster), None).unwrap();
    for changes in [&comes, &goes] {
        assert_eq!((changes.masters.len(), changes.dangers.len()), (3, 0));
    }
    assert!(Changes::between(None, None).is_none());
}
