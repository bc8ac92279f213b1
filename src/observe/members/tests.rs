//! Tests who votes, with lists of every kind of member.

use proptest::prelude::*;

use super::*;
use crate::model::diagnostic::Source;
use crate::model::{MemberId, inventory, quorum};
use crate::observe::known_before::{KnownBefore, KnownMember, LastLook};
use crate::observe::proof::count;
use crate::observe::{Contact, Members, Read};

const CLUSTER: ClusterId = ClusterId(0xc1);

/// Masters m1 to m7 in three zones.
fn site() -> Cluster {
    let master = |number: u64| format!("      m{number}: {{ address: host{number}.example }}\n");
    let zone = |name: &str, numbers: &[u64]| {
        format!("  {name}:\n    masters:\n{}", numbers.iter().map(|number| master(*number)).collect::<String>())
    };
    let zones = [zone("a", &[1, 2, 3]), zone("b", &[4, 5]), zone("c", &[6, 7])].concat();
    let text = format!("cluster: test\nenvironment: lab\nzones:\n{zones}");
    inventory::read(&Source::new("inventory.yaml", text.as_str())).unwrap()
}

fn name(number: u64) -> MasterName {
    MasterName::new(format!("m{number}")).unwrap()
}

fn member(number: u64, started: bool) -> Member {
    Member {
        id: MemberId(number),
        name: if started { format!("etcd{number}") } else { String::new() },
        peer_urls: vec![format!("https://10.0.0.{number}:2380")],
        client_urls: Vec::new(),
        learner: Some(false),
    }
}

fn unclear() -> Unclear {
    Unclear::text("asking", "no answer")
}

/// A master that answers: with its etcd down, or running as this member and serving.
fn answers(number: u64, runs: bool, list: &Members) -> Contact {
    let Contact::Answers(mut seen) = count::tests::answers(number as usize, runs, 0) else { panic!("it answers") };
    if let Ok(status) = &mut seen.status {
        (status.cluster, status.member) = (CLUSTER, MemberId(number));
    }
    seen.traces = Err(unclear());
    seen.members = if runs { Ok(list.clone()) } else { Err(unclear()) };
    seen.read = if runs { Ok(Read::Answered) } else { Err(unclear()) };
    Contact::Answers(seen)
}

/// What a member of the list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Started,
    Down,
    Unstarted,
    Dark,
    Foreign,
    Learner,
}

/// The first member serves; the others are as told. A foreign one is on no master of the inventory.
fn observed(kinds: &[Kind]) -> Observation {
    let all: Vec<(u64, Kind)> = (1..).zip(std::iter::once(Kind::Started).chain(kinds.iter().copied())).collect();
    let list = Members {
        cluster: CLUSTER,
        list: all
            .iter()
            .map(|(number, kind)| match kind {
                Kind::Foreign => Member { name: "other".into(), ..member(number + 100, true) },
                Kind::Learner => Member { learner: Some(true), ..member(*number, true) },
                kind => member(*number, *kind != Kind::Unstarted),
            })
            .collect(),
    };
    let contact = |(number, kind): &(u64, Kind)| match kind {
        Kind::Started | Kind::Learner => Some(answers(*number, true, &list)),
        Kind::Down | Kind::Unstarted => Some(answers(*number, false, &list)),
        Kind::Dark => Some(Contact::Silent("off".into())),
        Kind::Foreign => None,
    };
    let masters = all.iter().filter_map(|one| Some((name(one.0), contact(one)?))).collect();
    Observation { masters, ..Observation::default() }
}

fn tally(observation: &Observation) -> Tally {
    membership(&site(), observation, &BTreeSet::from([name(1)])).tally().unwrap()
}

proptest! {
    /// Held against every way in which those that could not be asked may be alive or not: the cluster serves, so that
    /// only those count in which a majority is there.
    #[test]
    fn what_may_be_lost_is_right_for_every_list(kinds in prop::collection::vec(
        prop::sample::select(vec![Kind::Started, Kind::Down, Kind::Unstarted, Kind::Dark, Kind::Foreign, Kind::Learner]),
        0..7,
    )) {
        let count = |wanted: &[Kind]| kinds.iter().filter(|kind| wanted.contains(kind)).count();
        let voters = kinds.len() + 1 - count(&[Kind::Learner]);
        let present = 1 + count(&[Kind::Started]);
        let unseen = count(&[Kind::Dark, Kind::Foreign]);
        let possible: Vec<usize> = (0..=unseen)
            .filter(|alive| quorum::is_quorum(present + alive, voters))
            .map(|alive| (0..=present + alive).filter(|lost| quorum::is_quorum(present + alive - lost, voters)).max().unwrap())
            .collect();
        prop_assume!(!possible.is_empty());
        let found = tally(&observed(&kinds));
        prop_assert_eq!(found, Tally { voters, present, unseen });
        prop_assert_eq!(found.may_be_lost(), (*possible.first().unwrap(), *possible.last().unwrap()));
    }
}

#[test]
fn the_tally_says_who_votes_now() {
    let words = |kinds: &[Kind]| tally(&observed(kinds)).words();
    assert_eq!(words(&[Kind::Started; 2]), "voters: 3; the loss of 1 is tolerated");
    let fourth = words(&[Kind::Started, Kind::Started, Kind::Unstarted]);
    assert_eq!(fourth, "voters: 4; 3 vote now: no further loss is tolerated");
    let dark = words(&[Kind::Dark, Kind::Dark]);
    assert_eq!(dark, "voters: 3; 1 vote, 2 unknown: the loss of 0 or 1 more is tolerated");
}

fn votes(observation: &Observation) -> Vec<Vote> {
    let membership = membership(&site(), observation, &BTreeSet::from([name(1)]));
    (1..=4).map(|number| membership.vote(&name(number))).collect()
}

#[test]
fn a_dark_master_beside_a_member_that_nobody_knows_is_unknown() {
    use Vote::{None, Unknown, Votes};
    // m2 is etcd2 by its own word, m3 is dark at a host name that is in no URL, m4 is no member.
    let mut seen = observed(&[Kind::Started, Kind::Dark]);
    seen.masters.insert(name(4), answers(4, false, &Members { cluster: CLUSTER, list: Vec::new() }));
    assert_eq!(votes(&seen), [Votes, Votes, Unknown, None]);
    // From before: by ID in this cluster, by name in another.
    let known = |cluster, id| LastLook {
        version: 1,
        name: site().name,
        cluster,
        members: [(name(3), KnownMember { id: MemberId(id), name: "etcd3".into(), peer_urls: Vec::new() })].into(),
    };
    for look in [known(CLUSTER, 3), known(ClusterId(0xdead), 77)] {
        seen.known_before = KnownBefore { look: Some(look), ..KnownBefore::default() };
        assert_eq!(votes(&seen), [Votes, Votes, Votes, None]);
    }
}

#[test]
fn a_dark_master_is_known_by_its_host_in_any_url_and_by_others_lists() {
    use Vote::{None, Unknown, Votes};
    let change = |seen: &mut Observation, change: &dyn Fn(&mut Member)| {
        for contact in seen.masters.values_mut() {
            if let Contact::Answers(seen) = contact
                && let Ok(list) = &mut seen.members
            {
                list.list.iter_mut().filter(|member| member.id == MemberId(3)).for_each(change);
            }
        }
    };
    let mut seen = observed(&[Kind::Started, Kind::Dark]);
    change(&mut seen, &|member| member.client_urls = vec!["https://HOST3.example:12379".into()]);
    assert_eq!(votes(&seen), [Votes, Votes, Votes, None]);
    let mut seen = observed(&[Kind::Started, Kind::Dark]);
    change(&mut seen, &|member| member.name = "m3".into());
    assert_eq!(votes(&seen), [Votes, Votes, Votes, None]);
    // A name that two members have is no sign.
    let mut seen = observed(&[Kind::Started, Kind::Dark, Kind::Dark]);
    change(&mut seen, &|member| member.name = "etcd4".into());
    let look = LastLook {
        version: 1,
        name: site().name,
        cluster: ClusterId(0xdead),
        members: [(name(3), KnownMember { id: MemberId(9), name: "etcd4".into(), peer_urls: Vec::new() })].into(),
    };
    seen.known_before = KnownBefore { look: Some(look), ..KnownBefore::default() };
    assert_eq!(votes(&seen), [Votes, Votes, Unknown, Unknown]);
}

#[test]
fn without_a_list_only_those_that_serve_are_known() {
    use Vote::{Unknown, Votes};
    let mut seen = observed(&[Kind::Started, Kind::Down]);
    for contact in seen.masters.values_mut() {
        if let Contact::Answers(seen) = contact {
            seen.members = Err(unclear());
        }
    }
    let membership = membership(&site(), &seen, &BTreeSet::from([name(1), name(2)]));
    assert!(membership.members.is_err() && membership.tally().is_none());
    assert_eq!([1, 2, 3, 4].map(|number| membership.vote(&name(number))), [Votes, Votes, Unknown, Unknown]);
}
