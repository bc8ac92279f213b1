//! Whether etcd, the tool that restores for it and the members it joins are of versions that go together. Reads what was
//! seen; what is not known is compared with nothing.

use crate::model::Master;
use crate::observe::tools::{Tools, Version};
use crate::observe::{Seen, Status};

use super::Rule;
use super::checks::{Refusals, sending};

/// What counts: within a minor version data and log have one form.
fn minor(version: Version) -> (u32, u32) {
    (version.0, version.1)
}

/// The tool that makes the new data must be of the server's minor version: what a newer one writes an older etcd need not be
/// able to read.
pub(super) fn tool(master: &Master, tools: &Tools, refusals: &mut Refusals<'_>) {
    let (Some(etcd), Some(tool), Some(restore)) = (tools.etcd, tools.restore_version, &tools.restore) else { return };
    if minor(etcd) != minor(tool) {
        let path = &restore.path;
        let why = format!("{} has etcd {etcd}, and {path}, which would make its data, is of {tool}", master.name);
        let next = format!("put the etcdutl or etcdctl of {}.{} there, or {}", etcd.0, etcd.1, sending(master));
        refusals.add(Rule::ToolVersion, why, next);
    }
}

/// etcd ends at its start where the cluster's version is above its own, and the cluster's is the lowest of its members'
/// (`server/etcdserver/cluster_util.go`, `isCompatibleWithVers`).
pub(super) fn joiner<'a>(
    master: &Master,
    seen: &Seen,
    serving: impl IntoIterator<Item = &'a Seen>,
    refusals: &mut Refusals<'_>,
) {
    let running = |status: &Status| Version::parse(&status.version);
    let lowest = serving.into_iter().filter_map(|one| one.status.as_ref().ok().and_then(running)).min();
    let own = seen.tools.as_ref().ok().and_then(|tools| tools.etcd);
    let (Some(own), Some(lowest)) = (own, lowest) else { return };
    if minor(own) < minor(lowest) {
        let name = &master.name;
        let why =
            format!("{name} has etcd {own}, and the cluster runs {lowest}: an older etcd ends at its start there");
        refusals.add(Rule::JoinerVersion, why, format!("install etcd {}.{} on {name}", lowest.0, lowest.1));
    }
}
