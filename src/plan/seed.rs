//! Whose data the new cluster grows from, and how it is taken. Does not decide which zones failed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{MasterName, ZoneName};
use crate::observe::{Code, Finding, Severity, Status, records, speed};
use crate::plan::Rule;
use crate::step::snapshot::Source;

use super::checks::Refusals;
use super::draft::Participant;
use super::existing_snapshot;
use super::initiate::join;
use super::{Input, SnapshotFile, TrailingHash};

/// The survivor whose log is the most up to date; where not every log could be read, the one that has applied the most,
/// if all can say it.
pub(super) fn seed<'a>(
    input: Input<'a>,
    survivors: &[Participant<'a>],
    refusals: &mut Refusals<'_>,
) -> Option<Participant<'a>> {
    let holders: Vec<Participant<'a>> =
        survivors.iter().filter(|participant| participant.may_hold_data()).copied().collect();
    let of_several = several_clusters(&holders);
    // Named and of the newest cluster: what the others have is older.
    let newest = records::newest(input.seen, &BTreeMap::new()).known().map(|record| record.cluster);
    let is_newest = |participant: &Participant<'_>| newest.is_some() && participant.holds_data_of() == newest;
    let named = input.request.seed.as_ref();
    let named_is_newest = holders.iter().any(|holder| named == Some(holder.name()) && is_newest(holder));
    if let (Some(sides), None, false) = (&of_several, &input.request.snapshot, named_is_newest) {
        let next = match holders.iter().find(|holder| is_newest(holder)) {
            Some(holder) => {
                format!("the newest that a run recorded is that of {0}: --seed {0}; or {GIVE_A_FILE}", holder.name())
            }
            None => GIVE_A_FILE.to_owned(),
        };
        refusals.add(Rule::WhichSeed, format!("the survivors hold data of different clusters: {sides}"), next);
        return None;
    }
    if let Some(named) = &input.request.seed {
        return named_seed(named, survivors, refusals);
    }
    let freshest = freshest(&holders).filter(|_| of_several.is_none());
    match (freshest, survivors) {
        (Some(freshest), _) => Some(freshest),
        (None, [only]) => Some(*only),
        (None, []) => None,
        (None, [first, ..]) if input.request.snapshot.is_some() || holders.is_empty() => {
            let said = survivors.iter().filter(|participant| participant.seen.status.is_ok());
            said.max_by_key(|participant| applied(participant)).or(Some(first)).copied()
        }
        (None, _) => {
            let why = holders
                .iter()
                .filter_map(|participant| Some(format!("{}: {}", participant.name(), participant.unmeasured()?)));
            let why: Vec<String> = why.collect();
            // Each says how far it is, and yet one log goes on where another's could not be read.
            let why = if why.is_empty() { compared(&holders) } else { why.join("; ") };
            refusals.add(
                Rule::WhichSeed,
                format!("the survivors cannot be compared: {why}"),
                "name the seed: --seed NODE, or give a snapshot: --snapshot FILE",
            );
            None
        }
    }
}

const GIVE_A_FILE: &str =
    "give a snapshot: --snapshot FILE (a run keeps its own on the bastion and in /var/lib/requorum/runs on its seed)";

/// Of those that hold data the one that lacks nothing which another is known to hold.
fn freshest<'a>(holders: &[Participant<'a>]) -> Option<Participant<'a>> {
    let by_name = |participant: &Participant<'a>| std::cmp::Reverse(participant.name().clone());
    if holders.iter().all(|participant| participant.log_end().is_some()) {
        // Of two logs that are equal the one whose etcd runs is the quicker to take.
        let order = |participant: &&Participant<'a>| {
            (participant.log_end(), participant.seen.status.is_ok(), applied(participant), by_name(participant))
        };
        return holders.iter().max_by_key(order).copied();
    }
    if holders.iter().all(|participant| participant.seen.status.is_ok()) {
        let revision =
            |participant: &Participant<'a>| participant.seen.status.as_ref().ok().map(|status| status.revision);
        return holders
            .iter()
            .max_by_key(|participant| {
                (applied(participant), reach(participant), revision(participant), by_name(participant))
            })
            .copied()
            // A log that could be read may go on where what could be compared ends.
            .filter(|freshest| !holders.iter().any(|other| is_fresher(other, freshest)));
    }
    None
}

/// The last entry that it says it has applied.
fn applied(participant: &Participant<'_>) -> Option<u64> {
    participant.seen.status.as_ref().ok().map(|status| status.applied)
}

/// Whether one is known to hold what another lacks: its log is more up to date (raft §5.4.1), or it goes further than the
/// other is known to.
fn is_fresher(one: &Participant<'_>, other: &Participant<'_>) -> bool {
    if let (Some(one), Some(other)) = (one.log_end(), other.log_end()) {
        return one > other;
    }
    reach(other).is_some_and(|reaches| reach(one) > Some(reaches))
}

/// The last entry that it is known to hold.
fn reach(participant: &Participant<'_>) -> Option<u64> {
    participant.log_end().map(|end| end.index).max(applied(participant))
}

/// Which survivors hold which cluster's data, where they differ: such logs cannot be compared.
fn several_clusters(holders: &[Participant<'_>]) -> Option<String> {
    let sides: Vec<_> =
        holders.iter().filter_map(|participant| Some((participant.holds_data_of()?, participant.name()))).collect();
    let differ = sides.windows(2).any(|two| two[0].0 != two[1].0);
    differ.then(|| join(sides.iter().map(|(id, name)| format!("{name} of {id}"))))
}

/// The survivor that the operator named; one that lacks what another is known to hold is taken only by override.
fn named_seed<'a>(
    named: &MasterName,
    survivors: &[Participant<'a>],
    refusals: &mut Refusals<'_>,
) -> Option<Participant<'a>> {
    let found = survivors.iter().find(|participant| participant.name() == named).copied();
    let Some(seed) = found else {
        refusals.add(
            Rule::Seed,
            format!("{named} is not a survivor that answers"),
            "name one that is, or run it without --seed",
        );
        return None;
    };
    // Logs of two clusters cannot be compared.
    let of_its_cluster = |other: &&Participant<'a>| {
        let both = other.holds_data_of().zip(seed.holds_data_of());
        both.is_none_or(|(other, own)| other == own)
    };
    let mut comparable = survivors.iter().filter(of_its_cluster);
    if let Some(other) = comparable.find(|participant| is_fresher(participant, &seed)) {
        refusals.add(
            Rule::SeedNotFreshest,
            format!("{} has data that {named} does not have: {}", other.name(), compared(&[*other, seed])),
            format!("use --seed {}, or run it without --seed", other.name()),
        );
    }
    Some(seed)
}

/// How far each is, in words.
fn compared(participants: &[Participant<'_>]) -> String {
    let far = |participant: &Participant<'_>| match (participant.log_end(), applied(participant)) {
        (Some(end), _) => format!("the log of {} ends with {end}", participant.name()),
        (None, Some(applied)) => format!("{} has applied entry {applied}", participant.name()),
        (None, None) => format!("{} cannot report how much it has applied", participant.name()),
    };
    join(participants.iter().map(far))
}

/// What the choice of the seed leaves to be known: how the survivors were compared, and who may hold more than the new
/// cluster will.
pub(super) fn findings(
    input: Input<'_>,
    failed_zones: &BTreeSet<ZoneName>,
    survivors: &[Participant<'_>],
    seed: Participant<'_>,
    source: &Source,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let holders: Vec<Participant<'_>> =
        survivors.iter().filter(|participant| participant.may_hold_data()).copied().collect();
    if holders.len() > 1 && !matches!(source, Source::File { .. }) {
        findings.push(finding(
            Code::Compared,
            Severity::Note,
            None,
            format!("{}; {} is taken", compared(&holders), seed.name()),
        ));
    }
    let text = "it may have acknowledged writes that the new cluster will not have; its data stays on its disk until recover \
                moves it aside, and is kept then";
    for master in input.cluster.outside(failed_zones) {
        match survivors.iter().find(|participant| participant.name() == &master.name) {
            None => {
                let text = format!("it is left out, and it is not known how far its data goes: {text}");
                findings.push(finding(Code::MayHoldMore, Severity::Warning, Some(&master.name), text));
            }
            Some(participant)
                if participant.name() != seed.name()
                    && participant.may_hold_data()
                    && !reaches(&seed, participant, source) =>
            {
                let text = format!("{}: {text}", compared(&[*participant, seed]));
                findings.push(finding(Code::MayHoldMore, Severity::Warning, Some(participant.name()), text));
            }
            Some(_) => {}
        }
    }
    if let Some(file) = &input.request.snapshot {
        let text = format!(
            "{}; it is restored, not the survivors' own data: {}",
            existing_snapshot::shown(file, &input.request.run),
            compared(&holders)
        );
        findings.push(finding(Code::FromAFile, Severity::Note, None, text));
    }
    findings.extend(way_found(seed, source));
    findings.extend(empty_found(seed).filter(|_| !matches!(source, Source::File { .. })));
    findings
}

/// Whether the cluster never took a write, as far as its own etcd, its log or the run that took the file knows. A survivor
/// that lost its data and was started anew holds no key either: its log has no entry of an elected leader.
pub(super) fn never_written(input: Input<'_>, seed: Participant<'_>, source: &Source) -> bool {
    match source {
        Source::Live { .. } => seed.seen.status.as_ref().is_ok_and(Status::never_written),
        Source::Replay { end, .. } => end.term > 1,
        Source::File { .. } => {
            let file = input.request.snapshot.as_ref();
            file.is_some_and(|file| file.origins.iter().any(|origin| origin.revision == 1))
        }
        Source::StoppedCopy { .. } => false,
    }
}

/// That the new cluster would begin without a key, as the one before was.
fn empty_found(seed: Participant<'_>) -> Option<Finding> {
    seed.seen.status.as_ref().ok().filter(|status| status.never_written())?;
    let text = "nothing was ever written to this cluster, by its own word: the new one begins without a key too";
    Some(finding(Code::SnapshotEmpty, Severity::Warning, Some(seed.name()), text.to_owned()))
}

/// What the way by which the data is taken leaves to be known.
fn way_found(seed: Participant<'_>, source: &Source) -> Option<Finding> {
    let (code, severity, text) = match source {
        Source::Replay { .. } if seed.seen.status.is_ok() => (
            Code::Replayed,
            Severity::Note,
            "its log has entries that it never applied, and the lost majority may have acknowledged them: its etcd is \
             stopped first and they are replayed",
        ),
        Source::Replay { .. } => (
            Code::RestartedSurvivor,
            Severity::Warning,
            "its etcd was restarted without quorum or is down, so a live snapshot is impossible: it is stopped, and its log \
             is replayed into a copy of its database",
        ),
        Source::StoppedCopy { .. } => (
            Code::NotReplayed,
            Severity::Warning,
            "its etcd was restarted without quorum, so a live snapshot is impossible, and its log cannot be read or replayed \
             there: its database is copied after a clean stop, without the entries that only the log has",
        ),
        Source::Live { .. } if has_unapplied(seed) => (
            Code::NotReplayed,
            Severity::Warning,
            "its log has entries that it never applied, which the lost majority may have acknowledged, and they cannot be \
             replayed there: the snapshot is taken without them",
        ),
        Source::Live { .. } | Source::File { .. } => return None,
    };
    Some(finding(code, severity, Some(seed.name()), text.to_owned()))
}

fn finding(code: Code, severity: Severity, master: Option<&MasterName>, text: String) -> Finding {
    Finding { code, severity, master: master.cloned(), text }
}

/// Whether the seed is known to hold every committed entry that the other does.
fn reaches(seed: &Participant<'_>, other: &Participant<'_>, source: &Source) -> bool {
    if matches!(source, Source::File { .. }) {
        return false;
    }
    match (seed.log_end(), other.log_end()) {
        (Some(seed), Some(other)) => seed >= other,
        _ => reach(seed).is_some() && reach(other).is_some() && reach(seed) >= reach(other),
    }
}

/// What it has not applied may be acknowledged all the same: a follower learns that only from the next message.
fn has_unapplied(seed: Participant<'_>) -> bool {
    seed.log_end().is_some_and(|end| Some(end.index) > applied(&seed))
}

/// Where the snapshot comes from: the operator's file, the running survivor, or a copy after a clean stop.
pub(super) fn source(input: Input<'_>, seed: Participant<'_>, refusals: &mut Refusals<'_>) -> Source {
    if let Some(file) = &input.request.snapshot {
        file_is_fit(file, refusals);
        return Source::File {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            at_least: seed.seen.status.as_ref().ok().map(|status| status.revision),
        };
    }
    let replay = replay(seed);
    if let (Ok(_), Ok(etcdctl), Ok(access)) = (&seed.seen.status, seed.etcdctl(), seed.client()) {
        let copied = (seed.db_bytes() >= speed::LARGE).then(|| seed.data_dir().clone());
        return replay.filter(|_| has_unapplied(seed)).unwrap_or(Source::Live { etcdctl, access, copied });
    }
    if !seed.seen.disk.as_ref().is_ok_and(|disk| disk.has_member) {
        refusals.add(
            Rule::NoData,
            format!("{} has no data in {}", seed.name(), seed.data_dir()),
            "give a snapshot: --snapshot FILE (an earlier run keeps its own on the bastion and in /var/lib/requorum/runs on its seed)",
        );
    } else if seed.seen.etcd_runs() != Some(true) {
        refusals.add(
            Rule::SurvivorDown,
            format!(
                "etcd on {} does not run; it is not known since when, or whether others acknowledged writes after that",
                seed.name()
            ),
            "if its data is what you want: --override survivor-down=REASON; else give a snapshot: --snapshot FILE",
        );
    }
    let (data_dir, supervisor) = (seed.data_dir().clone(), seed.master.etcd.supervisor());
    replay.unwrap_or(Source::StoppedCopy { data_dir, supervisor })
}

/// A copy of the stopped database with what only the log has, where the log could be read and can be replayed.
fn replay(seed: Participant<'_>) -> Option<Source> {
    let log = seed.seen.log.as_ref().ok().filter(|log| log.replays)?;
    let etcd = seed.etcd()?;
    Some(Source::Replay {
        data_dir: seed.data_dir().clone(),
        wal_dir: seed.wal_dir().ok()?,
        supervisor: seed.master.etcd.supervisor(),
        etcd,
        etcdctl: seed.etcdctl().ok()?,
        end: log.end,
    })
}

fn file_is_fit(file: &SnapshotFile, refusals: &mut Refusals<'_>) {
    let path = &file.path;
    if file.bytes == 0 {
        refusals.add(Rule::Snapshot, format!("{path} is empty"), "give another one");
        return;
    }
    if !file.origins.is_empty() {
        // A run of this bastion took and verified this very file. Whether it is the newest says `kept`.
        return;
    }
    match file.hash {
        TrailingHash::Right => {}
        TrailingHash::Wrong => refusals.add(
            Rule::Snapshot,
            format!("{path} does not match the hash at its end: it is truncated or damaged"),
            "give another one",
        ),
        TrailingHash::Absent => refusals.add(
            Rule::SnapshotUnhashed,
            format!("{path} has no hash at its end: it is a copied database, not a snapshot"),
            "give a snapshot made by `etcdctl snapshot save`, or `--override snapshot-unhashed=REASON`",
        ),
    }
}
