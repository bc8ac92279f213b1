//! Planning `initiate_dr`: who failed, who survives, whose data is the freshest. Reads what was seen; asks nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::identity::{bootstrap_cluster_id, bootstrap_member_id};
use crate::model::{ClusterId, Master, MasterName, ZoneName};
use crate::observe::assess::{Severity, assess};
use crate::observe::{Finding, Sight, proof};
use crate::step::snapshot::Source;

use super::build::Builder;
use super::checks::{self, Refusals};
use super::scene::{Player, Scene};
use super::{After, Input, NoPlan, Plan, PlannedMember, SnapshotFile, TrailingHash};

/// Plans.
///
/// # Errors
/// Nothing to do, or every rule that forbids it.
pub fn plan(input: Input<'_>) -> Result<Plan, NoPlan> {
    let mut refusals = Refusals::new(input.request);
    if let Some(done) = done_before(input) {
        return Err(NoPlan::NothingToDo(done));
    }
    quorum_is_lost(input, &mut refusals);
    let failed_zones = failed_zones(input, &mut refusals);
    if failed_zones.is_empty() {
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::NothingToDo("no zone failed".into())));
    }
    the_failed_are_down(input, &failed_zones, &mut refusals);
    let outside: Vec<&Master> = input.cluster.outside(&failed_zones).collect();
    for master in &outside {
        checks::attested(master, input.seen, input.request, &mut refusals);
    }
    let survivors = Player::all(input, outside.iter().map(|master| &master.name));
    if survivors.is_empty() {
        refusals.add_final(
            "no-survivor",
            "no master outside the failed zone answers",
            "reach one of them over SSH, or restore from a snapshot by hand",
        );
    }
    survivors_are_fit(&survivors, &mut refusals);
    let seed = seed(input, &survivors, &mut refusals);
    let (Some(seed), true) = (seed, refusals.is_empty()) else {
        return Err(refusals.done().err().unwrap_or_else(|| NoPlan::Refused(vec![])));
    };
    let source = source(input, seed, &mut refusals);
    refusals.done()?;
    build(input, failed_zones, survivors, seed, source)
}

fn build<'a>(
    input: Input<'a>,
    failed_zones: BTreeSet<ZoneName>,
    survivors: Vec<Player<'a>>,
    seed: Player<'a>,
    source: Source,
) -> Result<Plan, NoPlan> {
    let token = input.request.token.clone();
    let members: Vec<PlannedMember> = survivors.iter().map(Player::member).collect::<Result<_, _>>()?;
    let ids: Vec<_> = members.iter().map(|member| bootstrap_member_id(&member.peer_urls, &token)).collect();
    let findings = findings(input, &source);
    let names: BTreeSet<MasterName> = survivors.iter().map(|player| player.name().clone()).collect();
    let left_out =
        input.cluster.masters().map(|master| &master.name).filter(|name| !names.contains(name)).cloned().collect();
    let scene = Scene {
        input,
        failed: Player::all(input, input.cluster.within(&failed_zones).map(|master| &master.name)),
        survivors,
        seed,
        returned: Vec::new(),
        cluster: bootstrap_cluster_id(&ids),
        token: token.clone(),
        source: Some(source),
        record: None,
        members: members.clone(),
        texts: BTreeMap::new(),
    };
    let (stages, scene) = Builder::unroll(scene, &input.playbook.lines)?;
    Ok(Plan {
        version: 1,
        goal: input.request.goal,
        run: input.request.run.clone(),
        cluster: input.cluster.name.clone(),
        summary: input.playbook.summary.clone(),
        failed_zones,
        survivors: names,
        seed: Some(seed.name().clone()),
        returned: BTreeSet::new(),
        left_out,
        attested: input.request.attested.clone(),
        overrides: input.request.overrides.clone(),
        after: Some(After { cluster: scene.cluster, token, members }),
        findings,
        stages,
    })
}

/// A finished run is only recognized by what it recorded: the cluster's ID and that its members are the survivors.
fn done_before(input: Input<'_>) -> Option<String> {
    let assessment = assess(input.cluster, input.seen);
    let (cluster, serving) = assessment.serving.iter().next().filter(|_| assessment.serving.len() == 1)?;
    let record = serving.iter().find_map(|name| input.seen.seen(name)?.marks.as_ref().ok()?.record.as_ref())?;
    let members = serving.iter().find_map(|name| input.seen.seen(name)?.members.as_ref().ok())?;
    let known = serving.len() == members.list.len() && members.list.iter().all(crate::observe::Member::votes);
    let whole_zones = input.cluster.zones.values().any(|zone| zone.masters.keys().all(|name| !serving.contains(name)));
    (record.cluster == *cluster && known && whole_zones).then(|| {
        format!(
            "run {} has done it: cluster {cluster} of {} serves",
            record.run,
            join(serving.iter().map(MasterName::as_str))
        )
    })
}

fn quorum_is_lost(input: Input<'_>, refusals: &mut Refusals<'_>) {
    let serving = input.seen.answering().find(|(_, seen)| seen.serves());
    if let Some((name, _)) = serving {
        refusals.add_final(
            "quorum-alive",
            format!("a linearizable read through {name} succeeded: a majority serves"),
            "leave it alone; `requorum status` shows what it is",
        );
        return;
    }
    match &input.seen.proof {
        Some(proof::Outcome::Lost { .. }) => {}
        Some(proof::Outcome::Alive { evidence }) => {
            refusals.add_final(
                "quorum-alive",
                format!("quorum is not lost: {evidence}"),
                "leave it alone; `requorum status` shows what it is",
            );
        }
        Some(proof::Outcome::Unknown { last_seen }) => {
            refusals.add(
                "quorum-unproved",
                format!("it could not be proved that quorum is lost: {last_seen}"),
                "run `requorum status` and mend what keeps the survivors from answering",
            );
        }
        None => refusals.add("quorum-unproved", "nobody answered that could prove it", "run `requorum status`"),
    }
}

/// The zones named by the operator; without that those in which no master is seen running etcd.
fn failed_zones(input: Input<'_>, refusals: &mut Refusals<'_>) -> BTreeSet<ZoneName> {
    if !input.request.failed_zones.is_empty() {
        return input.request.failed_zones.clone();
    }
    let attested = input.cluster.zones.keys().filter(|zone| input.request.attested.contains_key(zone.as_str()));
    let named: BTreeSet<ZoneName> = attested.cloned().collect();
    if !named.is_empty() {
        return named;
    }
    let down = |master: &Master| match input.seen.masters.get(&master.name) {
        Some(Sight::Answers(seen)) => seen.etcd_runs() == Some(false),
        _ => true,
    };
    let zones: BTreeSet<ZoneName> = input
        .cluster
        .zones
        .values()
        .filter(|zone| zone.masters.values().all(down))
        .map(|zone| zone.name.clone())
        .collect();
    if zones.is_empty() || zones.len() == input.cluster.zones.len() {
        let why = if zones.is_empty() { "every zone has a master that runs etcd" } else { "etcd runs in no zone" };
        refusals.add_final(
            "which-zone",
            format!("it is not clear which zone failed: {why}"),
            "name it: --failed-zone ZONE",
        );
        return BTreeSet::new();
    }
    zones
}

fn the_failed_are_down(input: Input<'_>, failed_zones: &BTreeSet<ZoneName>, refusals: &mut Refusals<'_>) {
    let zones = join(failed_zones.iter().map(ZoneName::as_str));
    for master in input.cluster.within(failed_zones) {
        checks::attested(master, input.seen, input.request, refusals);
        let Some(seen) = input.seen.seen(&master.name) else { continue };
        if seen.etcd_runs() != Some(false) {
            refusals.add_final(
                "failed-zone-runs",
                format!("{} of the failed zone answers over SSH and runs etcd", master.name),
                format!("stop and fence it first: requorum fence {zones}"),
            );
        }
    }
    for (name, seen) in input.seen.answering() {
        let Ok(open) = &seen.open_peers else { continue };
        for master in input.cluster.within(failed_zones).filter(|master| &master.name != name) {
            if failed_zones.contains(&master.zone)
                && !failed_zones.iter().any(|zone| input.cluster.zones[zone].masters.contains_key(name))
                && let Some(url) = checks::owns_any(master, input.seen, open)
            {
                refusals.add_final(
                    "failed-zone-answers",
                    format!("{name} reaches {}'s peer port {url}: that etcd is alive", master.name),
                    format!("stop and fence it first: requorum fence {zones}"),
                );
            }
        }
    }
}

fn survivors_are_fit(survivors: &[Player<'_>], refusals: &mut Refusals<'_>) {
    let db_bytes = survivors.iter().map(Player::db_bytes).max().unwrap_or(0);
    let mut clusters: BTreeMap<ClusterId, &MasterName> = BTreeMap::new();
    for player in survivors {
        checks::agrees(player.master, player.seen, refusals);
        checks::tools(player.master, player.seen, true, refusals);
        checks::space(player.master, player.seen, db_bytes, refusals);
        if let Some(id) = player.seen.cluster() {
            clusters.insert(id, player.name());
        }
    }
    if clusters.len() > 1 {
        let sides = join(clusters.iter().map(|(id, name)| format!("{name} in {id}")));
        refusals.add_final(
            "two-clusters",
            format!("the survivors belong to different clusters: {sides}"),
            "one of them was recovered before; leave it out with --failed-zone or mend it by hand",
        );
    }
}

/// The survivor that has applied the most. Those that cannot say are not compared.
fn seed<'a>(input: Input<'a>, survivors: &[Player<'a>], refusals: &mut Refusals<'_>) -> Option<Player<'a>> {
    if let Some(named) = &input.request.seed {
        let found = survivors.iter().find(|player| player.name() == named).copied();
        if found.is_none() {
            refusals.add_final(
                "seed",
                format!("{named} is not a survivor that answers"),
                "name one that is, or leave --seed away",
            );
        }
        return found;
    }
    let said = survivors.iter().filter_map(|player| Some((player.seen.status.as_ref().ok()?, *player)));
    let freshest =
        said.max_by_key(|(status, player)| (status.applied, status.revision, std::cmp::Reverse(player.name().clone())));
    if let Some((_, player)) = freshest {
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
                format!("none of {names} can say what it has applied (etcd was restarted or is down)"),
                "name the one to grow from: --seed NODE, or give a snapshot: --snapshot FILE",
            );
            None
        }
    }
}

fn source(input: Input<'_>, seed: Player<'_>, refusals: &mut Refusals<'_>) -> Source {
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
            "give a snapshot: --snapshot FILE (an earlier run keeps its own under `runs` on the bastion)",
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
    if let Ok(status) = &seed.seen.status
        && !file.member_ids.contains(&status.member.to_string())
    {
        refusals.add(
            "snapshot-of-another-cluster",
            format!(
                "{path} does not know member {} ({}): it is another cluster's, or older than that member",
                status.member,
                seed.name()
            ),
            "give a snapshot of this cluster",
        );
    }
}

fn findings(input: Input<'_>, source: &Source) -> Vec<Finding> {
    let mut findings = assess(input.cluster, input.seen).findings;
    if matches!(source, Source::StoppedCopy { .. }) {
        findings.push(Finding {
            code: "restarted-survivor".into(),
            severity: Severity::Warning,
            master: None,
            text: "the survivor's etcd was restarted without quorum, so a live snapshot is impossible: its database is copied after a clean stop".into(),
        });
    }
    findings
}

/// Words with commas between them.
pub(super) fn join(words: impl IntoIterator<Item = impl ToString>) -> String {
    words.into_iter().map(|word| word.to_string()).collect::<Vec<_>>().join(", ")
}
