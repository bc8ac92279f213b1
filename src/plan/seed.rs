//! Whose data the new cluster grows from, and by which way it is taken. Knows nothing of zones.

use crate::model::MasterName;
use crate::step::snapshot::Source;

use super::checks::Refusals;
use super::initiate::join;
use super::scene::Player;
use super::{Input, SnapshotFile, TrailingHash};

/// The survivor that has applied the most. Those that cannot say are not compared.
pub(super) fn seed<'a>(input: Input<'a>, survivors: &[Player<'a>], refusals: &mut Refusals<'_>) -> Option<Player<'a>> {
    if let Some(named) = &input.request.seed {
        return named_seed(named, survivors, refusals);
    }
    let said = survivors.iter().filter_map(|player| Some((player.seen.status.as_ref().ok()?, *player)));
    let freshest =
        said.max_by_key(|(status, player)| (status.applied, status.revision, std::cmp::Reverse(player.name().clone())));
    // One that holds data and cannot say how much may be the freshest of all.
    let mute = survivors
        .iter()
        .find(|player| player.seen.status.is_err() && player.seen.disk.as_ref().is_ok_and(|disk| disk.has_member));
    if let Some((_, player)) = freshest
        && (mute.is_none() || input.request.snapshot.is_some())
    {
        return Some(player);
    }
    match survivors {
        [only] => Some(*only),
        [] => None,
        several if input.request.snapshot.is_some() => several.first().copied(),
        several => {
            let names = join(several.iter().map(|player| player.name().as_str()));
            refusals.add_final(
                "which-seed",
                format!("not every one of {names} can say what it has applied (etcd was restarted or is down)"),
                "name the one to grow from: --seed NODE, or give a snapshot: --snapshot FILE",
            );
            None
        }
    }
}

/// The survivor that the operator named; one that has applied less than another is taken only by override.
fn named_seed<'a>(named: &MasterName, survivors: &[Player<'a>], refusals: &mut Refusals<'_>) -> Option<Player<'a>> {
    let found = survivors.iter().find(|player| player.name() == named).copied();
    let Some(seed) = found else {
        refusals.add_final(
            "seed",
            format!("{named} is not a survivor that answers"),
            "name one that is, or leave --seed away",
        );
        return None;
    };
    let applied = |player: &Player<'_>| player.seen.status.as_ref().ok().map(|status| status.applied);
    let fresher = survivors.iter().find(|player| applied(player) > applied(&seed));
    if let Some(other) = fresher {
        refusals.add(
            "seed-not-freshest",
            format!("{} is known to have applied more than {named}", other.name()),
            format!("take --seed {} or leave it away", other.name()),
        );
    }
    Some(seed)
}

/// Where the snapshot comes from: the operator's file, the running survivor, or a copy after a clean stop.
pub(super) fn source(input: Input<'_>, seed: Player<'_>, refusals: &mut Refusals<'_>) -> Source {
    if let Some(file) = &input.request.snapshot {
        file_is_fit(file, seed, refusals);
        return Source::File {
            path: file.path.clone(),
            bytes: file.bytes,
            sha256: file.sha256.clone(),
            at_least: seed.seen.status.as_ref().ok().map(|status| status.revision),
        };
    }
    if let (Ok(_), Ok(etcdctl), Ok(access)) = (&seed.seen.status, seed.etcdctl(), seed.client()) {
        return Source::Live { etcdctl, access };
    }
    if !seed.seen.disk.as_ref().is_ok_and(|disk| disk.has_member) {
        refusals.add_final(
            "no-data",
            format!("{} has no data in {}", seed.name(), seed.data_dir()),
            "give a snapshot: --snapshot FILE (an earlier run keeps its own on the bastion and in /var/lib/requorum/runs on its seed)",
        );
    } else if seed.seen.etcd_runs() != Some(true) {
        refusals.add(
            "survivor-down",
            format!("etcd on {} does not run: nobody knows since when, and who was served meanwhile", seed.name()),
            "if its data is what you want: --override survivor-down=REASON; else give a snapshot: --snapshot FILE",
        );
    }
    Source::StoppedCopy { data_dir: seed.data_dir().clone(), unit: seed.master.etcd.unit.clone() }
}

fn file_is_fit(file: &SnapshotFile, seed: Player<'_>, refusals: &mut Refusals<'_>) {
    let path = &file.path;
    if file.bytes == 0 {
        refusals.add_final("snapshot", format!("{path} is empty"), "give another one");
        return;
    }
    if file.taken_by.is_some() {
        // A run of this bastion took and verified this very file.
        return;
    }
    match file.hash {
        TrailingHash::Right => {}
        TrailingHash::Wrong => refusals.add_final(
            "snapshot",
            format!("{path} does not match the hash at its end: it is cut off or damaged"),
            "give another one",
        ),
        TrailingHash::Absent => refusals.add(
            "snapshot-unhashed",
            format!("{path} has no hash at its end: it is a copied database, not a snapshot"),
            "give a snapshot made by `etcdctl snapshot save`, or `--override snapshot-unhashed=REASON`",
        ),
    }
    match seed.member_id() {
        Some(id) if !file.member_ids.contains(&id.to_string()) => refusals.add(
            "snapshot-of-another-cluster",
            format!(
                "{path} does not know member {id} ({}): it is another cluster's, or older than that member",
                seed.name()
            ),
            "give a snapshot of this cluster",
        ),
        Some(_) if seed.seen.status.is_ok() => {}
        _ => refusals.add(
            "snapshot-unverified",
            format!("no run of this bastion took {path}, and {} cannot say how far its own data goes", seed.name()),
            "if you know that it is this cluster's newest: --override snapshot-unverified=REASON",
        ),
    }
}
