//! Tests counting on every assignment of up to five voters: what it shows, what it leaves to time, and that it never calls
//! a living quorum lost.

use super::*;
use crate::config::SettingsFile;
use crate::model::diagnostic::Source;
use crate::model::{ClusterId, Output, inventory};
use crate::observe::{Member, Ports, Settings, Traces, Unclear, certificates, unit};

/// What became of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Voter {
    /// It runs and answers.
    Up,
    /// It is off, and attested.
    Off,
    /// It is off, and nobody says so.
    Silent,
    /// It runs, no survivor hears it, and nobody says that it is off.
    Cut,
    /// The same, and it is said to be off.
    CutAttested,
    /// It answers, has ended and is fenced.
    Fenced,
    /// It runs, survivors hear it, the bastion does not, and it is said to be off.
    Falsely,
    /// It answers, had ended and is not fenced when the masters were looked at, and has started since: survivors hear it.
    Started,
}

use Voter::{Cut, CutAttested, Falsely, Fenced, Off, Silent, Started, Up};

const ALL: [Voter; 8] = [Up, Off, Silent, Cut, CutAttested, Fenced, Falsely, Started];

/// Which signs of life reach us: any one of them must be enough.
#[derive(Debug, Clone, Copy)]
struct Signs {
    bytes: bool,
    ports: bool,
    reads: bool,
}

pub(crate) fn name(number: usize) -> MasterName {
    MasterName::new(format!("m{number}")).unwrap()
}

pub(crate) fn id(number: usize) -> MemberId {
    MemberId(number as u64 + 1)
}

pub(crate) fn site(voters: usize) -> Cluster {
    let zone = |number: usize| format!("  z{number}:\n    masters:\n      m{number}: {{ address: 10.0.0.{number} }}\n");
    let zones: String = (0..voters.max(2)).map(zone).collect();
    let text = format!("cluster: test\nenvironment: lab\nzones:\n{zones}");
    inventory::read(&Source::new("inventory.yaml", text.as_str())).unwrap()
}

fn peer(number: usize) -> String {
    format!("https://10.0.0.{number}:2380")
}

fn list(voters: usize) -> Members {
    let member = |number: usize| Member {
        id: id(number),
        name: format!("etcd{number}"),
        peer_urls: vec![peer(number)],
        client_urls: vec![format!("https://10.0.0.{number}:2379")],
        learner: None,
    };
    Members { cluster: ClusterId(1), list: (0..voters).map(member).collect() }
}

fn status(number: usize) -> Status {
    Status {
        cluster: ClusterId(1),
        member: id(number),
        revision: 9,
        term: 2,
        applied: 7,
        index: 7,
        leader: Some(id(0)),
        learner: false,
        version: "3.6.16".into(),
        db_bytes: 1,
        errors: vec![],
    }
}

pub(crate) fn answers(number: usize, runs: bool, voters: usize) -> Contact {
    let unclear = || Unclear::text("asking", "no answer");
    let state = if runs { "ActiveState=active\nMainPID=7\n" } else { "ActiveState=inactive\nMainPID=0\n" };
    let stdout = format!("LoadState=loaded\n{state}ConditionResult=yes\nResult=success\n");
    let text = format!("ETCD_NAME=etcd{number}\nETCD_INITIAL_ADVERTISE_PEER_URLS={}\n", peer(number));
    Contact::Answers(Box::new(Seen {
        unit: unit::parse(&Output { stdout, ..Output::default() }),
        settings: Ok(Settings::of(SettingsFile::env_file("/etc/etcd.env", &text))),
        tools: Err(unclear()),
        disk: Err(unclear()),
        wal_place: Ok(None),
        process: Ok(None),
        api_server: Ok(None),
        traces: Ok(Traces { fenced: !runs, drop_in: !runs, ..Traces::default() }),
        status: if runs { Ok(status(number)) } else { Err(unclear()) },
        members: if runs { Ok(list(voters)) } else { Err(unclear()) },
        read: Ok(Read::Failed("no leader".into())),
        denied: None,
        peer_ports: Ok(Ports::default()),
        certificates: certificates::not_asked(),
        log: crate::observe::log::not_asked(),
        node: crate::observe::node::not_asked(),
    }))
}

fn unfenced(mut sight: Contact) -> Contact {
    if let Contact::Answers(seen) = &mut sight {
        seen.traces = Ok(Traces::default());
    }
    sight
}

fn seen(voters: &[Voter]) -> Observation {
    let sight = |voter: &Voter, number| match voter {
        Up => answers(number, true, voters.len()),
        Fenced => answers(number, false, voters.len()),
        Started => unfenced(answers(number, false, voters.len())),
        Off | Silent | Cut | CutAttested | Falsely => Contact::Silent("timed out".into()),
    };
    let sights = voters.iter().enumerate().map(|(number, voter)| (name(number), sight(voter, number)));
    Observation { masters: sights.collect(), ..Observation::default() }
}

fn attested(voters: &[Voter]) -> BTreeMap<String, String> {
    let said = voters.iter().enumerate().filter(|(_, voter)| matches!(voter, Off | CutAttested | Falsely));
    said.map(|(number, _)| (format!("m{number}"), "T-1: its plug was pulled".to_owned())).collect()
}

/// Who runs and hears the survivors.
fn heard(voters: &[Voter]) -> Vec<usize> {
    (0..voters.len()).filter(|number| matches!(voters[*number], Up | Falsely | Started)).collect()
}

fn majority(present: usize, voters: &[Voter]) -> bool {
    quorum::is_quorum(present, voters.len())
}

/// What the survivors would say, where this voter leads those that hear each other if they are a majority.
fn samples(voters: &[Voter], leader: usize, signs: Signs) -> BTreeMap<MasterName, Sample> {
    let together = heard(voters);
    let led = majority(together.len(), voters) && together.contains(&leader);
    let one = |number: usize| {
        let stand = |bytes: u64| {
            // Followers hear their leader, and a leader its followers' answers.
            let speaks =
                |other: &usize| led && signs.bytes && *other != number && (leader == *other || leader == number);
            let heard = together.iter().filter(|other| speaks(other)).map(|other| (id(*other), bytes));
            Stand::of(&status(number), heard.chain([(heard::LINK, bytes)]).collect())
        };
        let falsely = (0..voters.len()).filter(|other| voters[*other] == Falsely && signs.ports);
        let read = if led && signs.reads { Read::Answered } else { Read::Failed("no leader".into()) };
        Sample {
            before: Ok(stand(100)),
            after: Ok(stand(340)),
            open: Ok(falsely.map(peer).collect()),
            read: Some(read),
        }
    };
    let up = (0..voters.len()).filter(|number| voters[*number] == Up);
    up.map(|number| (name(number), one(number))).collect()
}

fn every(voters: usize) -> impl Iterator<Item = Vec<Voter>> {
    let digits = move |mut case: usize| {
        let digit = |_| {
            let voter = ALL[case % ALL.len()];
            case /= ALL.len();
            voter
        };
        (0..voters).map(digit).collect()
    };
    (0..ALL.len().pow(u32::try_from(voters).unwrap())).map(digits)
}

/// An assignment and what is counted of it.
struct Case {
    voters: Vec<Voter>,
    count: Result<Count, String>,
}

impl Case {
    fn of(cluster: &Cluster, voters: Vec<Voter>) -> Self {
        let count = count(cluster, &seen(&voters), &attested(&voters));
        Self { voters, count }
    }

    fn judged(&self, leader: usize, signs: Signs) -> Judged {
        match &self.count {
            Ok(count) => count.judge(&samples(&self.voters, leader, signs), Duration::from_secs(1)),
            Err(why) => Judged::Unclear(why.clone()),
        }
    }
}

fn says_lost(judged: &Judged) -> bool {
    matches!(judged, Judged::Over(outcome) if outcome.is_lost())
}

const ALL_SIGNS: Signs = Signs { bytes: true, ports: true, reads: true };

fn signs() -> impl Iterator<Item = Signs> {
    (0..8).map(|bits| Signs { bytes: bits & 1 != 0, ports: bits & 2 != 0, reads: bits & 4 != 0 })
}

/// Every assignment of up to four voters, every leader, and every set of signs that may reach us.
#[test]
fn a_living_quorum_that_a_survivor_hears_is_never_called_lost() {
    for number in 1..=4 {
        let cluster = site(number);
        for case in every(number).map(|voters| Case::of(&cluster, voters)) {
            let voters = &case.voters;
            let together = heard(voters);
            let up = voters.iter().filter(|voter| matches!(voter, Up | Falsely | Cut | CutAttested | Started)).count();
            // Where enough of them may be up as far as is known, no sign is needed to refuse.
            let may_be_up = voters.iter().filter(|voter| matches!(voter, Up | Silent | Cut | Started)).count();
            for (leader, signs) in (0..number).flat_map(|leader| signs().map(move |signs| (leader, signs))) {
                let led = majority(together.len(), voters) && together.contains(&leader);
                let told = (signs.ports && voters.contains(&Falsely)) || (led && (signs.bytes || signs.reads));
                let lost = says_lost(&case.judged(leader, signs));
                assert!(!(lost && majority(up, voters) && told), "{voters:?}, led by m{leader}, {signs:?}");
                assert!(!(lost && majority(may_be_up, voters)), "{voters:?}");
            }
        }
    }
}

/// How many of the assignments with a survivor each proof decides, by the number of voters: counted lost, counted alive,
/// left to time; and among the lost those that nobody can tell, where a majority lives, is said to be off, and is cut off
/// from every survivor. No time would tell those either.
#[test]
fn how_many_cases_each_proof_decides() {
    let decided = |number: usize| {
        let cluster = site(number);
        let (mut lost, mut alive, mut time, mut untold) = (0, 0, 0, 0);
        for case in every(number).filter(|voters| voters.contains(&Up)).map(|voters| Case::of(&cluster, voters)) {
            let voters = &case.voters;
            let up = voters.iter().filter(|voter| matches!(voter, Up | Falsely | Cut | CutAttested | Started)).count();
            match case.judged(heard(voters)[0], ALL_SIGNS) {
                judged if says_lost(&judged) => {
                    assert!(!(majority(up, voters) && voters.contains(&Falsely)), "{voters:?}");
                    lost += 1;
                    untold += usize::from(majority(up, voters));
                }
                Judged::Over(_) | Judged::Moved(_) => alive += 1,
                Judged::Unclear(_) => time += 1,
            }
        }
        (lost, alive, time, untold)
    };
    let table: Vec<_> = (1..=5).map(decided).collect();
    let five = (2_295, 1_845, 11_821, 1_255);
    assert_eq!(table, [(0, 0, 1, 0), (6, 2, 7, 2), (27, 21, 121, 15), (486, 190, 1_019, 190), five]);
}

/// A client port behind a load balancer, or at a wrong URL, gives another member's account, and its metrics.
#[test]
fn another_members_account_is_not_counted() {
    let voters = [Off, Off, Up];
    let mut seen = seen(&voters);
    assert!(count(&site(3), &seen, &attested(&voters)).is_ok());
    let Some(Contact::Answers(own)) = seen.masters.get_mut(&name(2)) else { panic!("it answers") };
    own.status.as_mut().unwrap().member = id(0);
    let why = count(&site(3), &seen, &attested(&voters)).unwrap_err();
    assert_eq!(why, "m2 is member 3 by its peer URL, and 1 answers at its client port");
}

/// A survivor whose etcd had ended may start while the others are looked at; a member that was removed may not know it.
#[test]
fn who_is_heard_is_called_what_it_is() {
    let voters = [Off, Off, Off, Up, Up];
    let mut seen = seen(&voters);
    seen.masters.insert(name(4), unfenced(answers(4, false, voters.len())));
    let count = count(&site(5), &seen, &attested(&voters)).unwrap();
    assert!(!count.may_be_heard.contains(&id(4)), "it is not asked what it hears itself");
    let heard = |sender: MemberId| {
        let stand = |bytes| Ok(Stand::of(&status(3), [(sender, bytes)].into()));
        let read = Some(Read::Failed("no leader".into()));
        let sample = Sample { before: stand(100), after: stand(340), open: Ok(Vec::new()), read };
        match count.judge(&[(name(3), sample)].into(), Duration::from_secs(1)) {
            Judged::Moved(what) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(heard(id(0)), "m3 has just heard 240 bytes from m0 (1), which should be down");
    assert_eq!(
        heard(id(4)),
        "m3 has just heard 240 bytes from m4 (5), which did not run or did not answer when it was asked"
    );
    assert_eq!(heard(MemberId(0xa0b1)), "m3 has just heard 240 bytes from a0b1, which no survivor lists as a member");
}
