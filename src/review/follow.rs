//! What has to be done on the cluster to follow a change of its inventory, in a safe order. Contacts no master.
//!
//! The order is etcd's (runtime reconfiguration guide): one member at a time; a new one is added as a learner, which
//! costs no quorum, and promoted before an old one is removed; an address is announced before the member moves to it.

use crate::model::name::MasterName;

use super::{Change, Changes, Setting};

/// The steps, each a sentence.
pub(super) fn steps(changes: &Changes) -> Vec<String> {
    let mut steps = Vec::new();
    if changes.after.is_none() {
        return vec![format!("nothing on the cluster; while {} lives, keep an inventory of it", changes.cluster)];
    }
    if changes.before.is_none() {
        return vec!["`requorum status`: every master answers, and inventory and nodes agree".to_owned()];
    }
    let each = |found: &mut dyn FnMut(&MasterName, &Change) -> Option<String>| -> Vec<String> {
        changes.each().filter_map(|(name, change)| found(name, change)).collect()
    };
    steps.extend(each(&mut |name, change| arrival(name, change)));
    // Whoever leaves an address that somebody else takes goes first; else nobody goes before the new ones vote.
    let first = changes.dangers.iter().any(|danger| danger.rule == "address-reused");
    let removals = each(&mut |name, change| removal(name, change));
    let additions = each(&mut |name, change| addition(name, change));
    let moves = each(&mut |name, change| readdressing(name, change));
    let membership = !(removals.is_empty() && additions.is_empty() && moves.is_empty());
    let (early, late) = if first { (removals, Vec::new()) } else { (Vec::new(), removals) };
    steps.extend(early.into_iter().chain(additions).chain(moves).chain(late));
    steps.extend(each(&mut |name, change| elsewhere(name, change)));
    if membership {
        steps.push(
            "env file of every node: `ETCD_INITIAL_CLUSTER` with the new members; no restart is needed".to_owned(),
        );
        steps.push("`--etcd-servers` of every API server: voters only, one API server after the other".to_owned());
    }
    steps.push("`requorum status`: every master is a voter of one cluster".to_owned());
    steps.extend(drills(changes));
    steps
}

/// What a new machine or address needs before etcd hears of it.
fn arrival(name: &MasterName, change: &Change) -> Option<String> {
    let address = match change {
        Change::Added { address, .. } => address.as_str(),
        other => other.readdressed()?.1,
    };
    Some(format!(
        "{name}: peer and server certificates with {address} among their names, from the same CA; its SSH host key in \
         known_hosts; its client and peer ports (2379 and 2380, unless set otherwise) open to the other masters"
    ))
}

fn addition(name: &MasterName, change: &Change) -> Option<String> {
    let Change::Added { address, .. } = change else { return None };
    Some(format!(
        "{name}: `etcdctl member add {name} --learner --peer-urls=https://{}:2380` (or the peer port that is set), its env file with \
         `ETCD_INITIAL_CLUSTER_STATE=existing` and the list that was answered, start it, `etcdctl member promote` once \
         it is in sync",
        bracketed(address.as_str())
    ))
}

fn removal(name: &MasterName, change: &Change) -> Option<String> {
    matches!(change, Change::Removed { .. }).then(|| {
        format!(
            "{name}: `etcdctl move-leader` if it leads; only while every other voter serves (`requorum status`): `etcdctl \
             member remove` with its ID; then stop and disable its etcd and move its data aside"
        )
    })
}

fn readdressing(name: &MasterName, change: &Change) -> Option<String> {
    let (from, to) = change.readdressed()?;
    Some(format!(
        "{name}: if etcd's own address changes too (SSH may use another): `etcdctl member update` with its ID and \
         `--peer-urls=https://{}:2380`, then its listen and advertise URLs in its env file, then restart it; {from} is \
         free only after that",
        bracketed(to)
    ))
}

/// Changes that are no change of membership.
fn elsewhere(name: &MasterName, change: &Change) -> Option<String> {
    match change {
        Change::Moved { from, to } => Some(format!(
            "{name}: nothing on etcd; make sure that the machine is in {to} and does not share a failure domain with {from}"
        )),
        Change::Set(Setting { setting, to, .. }) => {
            let to = to.as_deref().unwrap_or("null");
            match *setting {
                "etcd.data_dir" | "etcd.unit" | "etcd.config" => Some(format!(
                    "{name}: `{setting}` must be what the node has: {to}; a run refuses where it is not, and changes \
                     nothing there by itself"
                )),
                "etcd.client" => Some(format!(
                    "{name}: `etcd.client` {to}: look with `requorum status` whether etcd lets it in, before the old one is \
                     taken away"
                )),
                "ssh.jump" if to == "null" => {
                    Some(format!("{name}: log in without a jump host before the old way is closed"))
                }
                "ssh.user" | "ssh.port" | "ssh.become" | "ssh.identity" | "ssh.known_hosts" | "ssh.jump" => {
                    Some(format!("{name}: log in with `{setting}` {to} before the old way is closed"))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whoever would survive another loss than the last drill proved should prove it again.
fn drills(changes: &Changes) -> Option<String> {
    let (before, after) = (changes.before.as_ref()?, changes.after.as_ref()?);
    let others: Vec<&str> = after
        .zones
        .iter()
        .filter(|(_, loss)| !loss.quorum_kept)
        .filter(|(zone, loss)| before.zones.get(*zone) != Some(*loss))
        .map(|(zone, _)| zone.as_str())
        .collect();
    (!others.is_empty())
        .then(|| format!("drill the loss of {} on staging: what it means has changed", others.join(", ")))
}

/// An address as a URL has it.
fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}
