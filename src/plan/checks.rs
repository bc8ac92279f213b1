//! What must be right on a master before anything is planned for it. Reads one master at a time; changes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::command::clean;
use crate::model::{Cluster, Container, Master, MasterName, Supervisor, Url};
use crate::observe::proof::count::is_said_off;
use crate::observe::tools::{KEPT, Tools};
use crate::observe::{Contact, Observation, Seen, Settings, Unclear, container, denied, settings_place, traces};

use super::{Refusal, Rule, config_style, versions};

/// Space left beside what is planned: logs, journals, other writers.
const SLACK_BYTES: u64 = 64 << 20;

/// Collects refusals, leaving out those that were set aside by name.
pub(super) struct Refusals<'a> {
    overrides: &'a BTreeMap<Rule, String>,
    list: Vec<Refusal>,
}

impl<'a> Refusals<'a> {
    pub(super) fn new(request: &'a super::Request) -> Self {
        Self { overrides: &request.overrides, list: Vec::new() }
    }

    /// One refusal more, unless the rule may be set aside and was.
    pub(super) fn add(&mut self, rule: Rule, why: impl Into<String>, next: impl Into<String>) {
        if !(rule.may_be_set_aside() && self.overrides.contains_key(&rule)) {
            self.list.push(Refusal::new(rule, why, next));
        }
    }

    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// What else can be done about the last of the first `count`.
    pub(super) fn or_else(&mut self, count: usize, instead: &str) {
        if let Some(last) = self.list.iter_mut().take(count).next_back() {
            last.next = format!("{}; {instead}", last.next);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn done(self) -> Result<(), super::NoPlan> {
        if self.list.is_empty() { Ok(()) } else { Err(super::NoPlan::Refused(self.list)) }
    }
}

/// Whether the node and the inventory speak of the same etcd, and whether etcd listens to its settings at all.
pub(super) fn agrees(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    match &seen.unit {
        Err(why) if why.what == settings_place::READING => not_understood(name, why, refusals),
        Err(why) => refusals.add(Rule::Unclear, format!("{name}: {why}"), why.next()),
        Ok(unit) if !unit.loaded => {
            let (why, next) = match master.etcd.supervisor() {
                Supervisor::Systemd(unit) | Supervisor::Docker(Container { unit, .. }) => {
                    (format!("{name} has no unit {unit}"), format!("correct `etcd.unit` of {name} in the inventory"))
                }
                Supervisor::Kubelet(pod) => (
                    format!("{name} has no manifest {}, nor is one held in {}", pod.manifest, pod.held()),
                    format!("correct `etcd.config` of {name} in the inventory"),
                ),
            };
            let other = seen.node.as_ref().ok().and_then(|node| node.other);
            let (why, next) = match other {
                None => (why, next),
                Some(other) => (format!("{why}; {}", other.shown()), other.next()),
            };
            refusals.add(Rule::InventoryContradicts, why, next);
        }
        Ok(unit) => config_style::check(master, unit, seen.settings.as_ref().ok(), refusals),
    }
    only_one_manifest(&master.name, seen, refusals);
    settings_agree(master, seen, refusals);
    member_name_agrees(master, seen, refusals);
}

/// Whether etcd, where it has users and roles, lets requorum in: else a run would stop at its first question of it.
pub(super) fn let_in(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    if let Some(word) = &seen.denied {
        let why = format!("etcd on {} does not let requorum in: {word}", master.name);
        refusals.add(Rule::Denied, why, denied::NEXT);
    }
}

/// Whether it is known what runs have left on a master: a record that cannot be read may be of the newest cluster.
pub(super) fn marks_are_read(master: &Master, seen: &Seen, may_be_off: bool, refusals: &mut Refusals<'_>) {
    let Err(why) = &seen.traces else { return };
    let (name, record) = (&master.name, &master.etcd.record);
    let next = match why.what == traces::RECORDED {
        true => format!(
            "use a requorum that reads it; or where another master has the right one, on {name}: mv {record} {record}.not-read"
        ),
        false => why.next().to_owned(),
    };
    let off = if may_be_off {
        format!("; or switch {name} off, and add --attest {name}=\"TICKET: how, confirmed by whom\"")
    } else {
        String::new()
    };
    refusals.add(Rule::Unclear, format!("{name}: {why}"), format!("{next}{off}"));
}

/// What speaks against a master by its unit and its settings alone.
#[must_use]
pub fn of_settings(master: &Master, seen: &Seen) -> Vec<Refusal> {
    let none = BTreeMap::new();
    let mut refusals = Refusals { overrides: &none, list: Vec::new() };
    agrees(master, seen, &mut refusals);
    refusals.list
}

/// Whether it is known how etcd is started on a master where nothing else is asked of its settings: a container is stopped
/// and held otherwise than a unit.
pub(super) fn starter_is_known(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    only_one_manifest(name, seen, refusals);
    let Err(why) = &seen.unit else { return };
    if why.what == settings_place::READING {
        not_understood(name, why, refusals);
    } else if container::is_unknown(why) {
        refusals.add(Rule::Unclear, format!("{name}: {why}"), why.next());
    }
}

/// A kubelet runs every file of its folder but those whose names begin with a dot (kubelet, `config/file.go`), also once
/// etcd's own manifest is held elsewhere.
fn only_one_manifest(name: &MasterName, seen: &Seen, refusals: &mut Refusals<'_>) {
    for second in seen.node.iter().flat_map(|node| &node.policy.second) {
        refusals.add(
            Rule::ConfigStyle,
            format!(
                "{name}: {second} starts an etcd on the same data as its manifest: the kubelet runs every file there"
            ),
            format!("on {name}, move {second} out of the folder; then try again"),
        );
    }
}

fn not_understood(name: &MasterName, why: &Unclear, refusals: &mut Refusals<'_>) {
    let next = "correct that line: what is not understood there cannot be rewritten; see docs/limits.md";
    refusals.add(Rule::ConfigStyle, format!("{name}: {}", why.why), next);
}

fn settings_agree(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    match &seen.settings {
        Err(why) if why.is_missing() => {
            let next =
                format!("put that file back on {name} (for a rebuilt master: as it was made at first), then try again");
            refusals.add(Rule::EnvFileMissing, format!("{name}: {why}"), next);
        }
        Err(why) if why.what == settings_place::READING => not_understood(name, why, refusals),
        Err(why) => refusals.add(Rule::Unclear, format!("{name}: {why}"), why.next()),
        Ok(settings) => {
            let file = &settings.file.path;
            let data_dir = settings.get("data-dir").unwrap_or_default();
            if data_dir.trim_end_matches('/') != master.etcd.data_dir.as_str() {
                let why = format!(
                    "etcd on {name} keeps its data in {data_dir:?}, the inventory says {}",
                    master.etcd.data_dir
                );
                refusals.add(Rule::InventoryContradicts, why, format!("correct `etcd.data_dir` of {name}"));
            }
            if let Err(why) = &seen.wal_place {
                refusals.add(Rule::Unclear, format!("{name}: {why}"), why.next());
            }
            if settings.file.text.contains('\u{fffd}') {
                refusals.add(Rule::ConfigStyle, format!("{file} on {name} is not UTF-8 text"), "make it plain text");
            }
            if settings.peer_urls().is_empty() || settings.client_access().is_none() {
                let why = format!("{file} on {name} lacks peer URLs, client URLs or the TLS files that go with them");
                refusals.add(Rule::InventoryContradicts, why, format!("compare {file} with the running etcd"));
            }
            address_agrees(master, &settings.peer_urls(), refusals);
        }
    }
}

fn address_agrees(master: &Master, urls: &[String], refusals: &mut Refusals<'_>) {
    let address = master.address.as_str();
    // A host name in the inventory may well stand for the IP address in the URL; only two literals can contradict.
    let Ok(ip) = address.parse::<IpAddr>() else { return };
    if urls.is_empty() {
        return;
    }
    let own: Option<Vec<IpAddr>> = urls.iter().map(|url| Url::parse(url)?.address()).collect();
    if own.is_some_and(|own| !own.contains(&ip)) {
        let why =
            format!("etcd on {} is known to its peers at {}, the inventory says {address}", master.name, listed(urls));
        refusals.add(
            Rule::PeerAddress,
            why,
            format!(
                "correct the address of {}, or `--override peer-address=REASON` where SSH uses another network",
                master.name
            ),
        );
    }
}

fn member_name_agrees(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    let (Ok(settings), Ok(members)) = (&seen.settings, &seen.members) else { return };
    let Some(entry) = members.by_peer_url(&settings.peer_urls()) else { return };
    if !entry.name.is_empty() && entry.name != settings.member_name() {
        let why = format!(
            "{} says {}={}, the member list {}",
            master.name,
            settings.file.key("name"),
            settings.member_name(),
            entry.name
        );
        refusals.add(
            Rule::InventoryContradicts,
            why,
            format!("set {} in {} to the member's name", settings.file.key("name"), settings.file.path),
        );
    }
}

/// Whether the tools are there.
pub(super) fn tools(master: &Master, seen: &Seen, restores: bool, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    match &seen.tools {
        Err(why) => refusals.add(Rule::Unclear, format!("{name}: {why}"), why.next()),
        Ok(tools) => {
            if tools.etcdctl.is_none() {
                let (why, next) = no_etcdctl(master, tools);
                refusals.add(Rule::ToolMissing, why, next);
            }
            if restores && tools.restore.is_none() && tools.unopened.is_none() {
                refusals.add(
                    Rule::ToolMissing,
                    format!("{name} has no tool to restore a snapshot with"),
                    format!("install the etcdutl that belongs to this etcd version, or {}", sending(master)),
                );
            }
            if restores {
                versions::tool(master, tools, refusals);
            }
            if !tools.curl && !tools.openssl {
                refusals.add(Rule::ToolMissing, format!("{name} has neither curl nor openssl"), "install one of them");
            }
            if !tools.missing.is_empty() {
                refusals.add(
                    Rule::ToolMissing,
                    format!("{name} lacks {}", tools.missing.join(", ")),
                    "install what is missing",
                );
            }
        }
    }
}

/// How a master comes to tools of the bastion's.
pub(super) fn sending(master: &Master) -> String {
    match &master.etcd.tools {
        Some(folder) => format!("send those in {folder}: requorum send-tools"),
        None => "name a folder of tools in the inventory (`etcd.tools`), then: requorum send-tools".to_owned(),
    }
}

/// Why there is none, and what to do.
fn no_etcdctl(master: &Master, tools: &Tools) -> (String, String) {
    let name = &master.name;
    match &tools.unopened {
        None => (
            format!("{name} has no etcdctl"),
            format!("install it in the directory of the etcd program, or {}", sending(master)),
        ),
        Some(why) => (
            format!("{name} has no etcdctl: etcd does not run, and its image cannot be opened: {}", clean(why)),
            format!("let etcd run once, or put etcd, etcdctl and etcdutl of its version into {KEPT} on {name}"),
        ),
    }
}

/// Whether a snapshot and a restored copy fit beside the old data.
pub(super) fn space(master: &Master, seen: &Seen, db_bytes: u64, refusals: &mut Refusals<'_>) {
    match &seen.disk {
        Err(why) => refusals.add(Rule::Unclear, format!("{}: {why}", master.name), why.next()),
        Ok(disk) => {
            if disk.symlink && !link_is_followed(master, seen) {
                let why = format!("{} on {} is a symbolic link", master.etcd.data_dir, master.name);
                refusals.add(Rule::Symlink, why, "put the directory's real path into inventory and env file");
            }
            log_space(master, seen, refusals);
            // Snapshot and restored database each take the database's size; on one file system they add up. Half of
            // it more for the write-ahead log and what grows meanwhile.
            let needed = (db_bytes / 2).saturating_mul(5).saturating_add(SLACK_BYTES);
            for (what, free) in
                [(master.etcd.data_dir.as_str(), disk.free_bytes), ("/var/lib/requorum", disk.free_state_bytes)]
            {
                if free < needed {
                    let why =
                        format!("{}: {} MiB free for {what}, {} MiB needed", master.name, free >> 20, needed >> 20);
                    refusals.add(
                        Rule::Space,
                        why,
                        "make space on that file system (retired directories of earlier runs?)",
                    );
                }
            }
        }
    }
}

/// Whether the data directory's link is followed to what is moved. A pod must be given that directory itself: within a
/// larger volume its container would follow the link elsewhere.
fn link_is_followed(master: &Master, seen: &Seen) -> bool {
    let real = seen.disk.as_ref().is_ok_and(|disk| disk.real.is_some());
    let is_volume = |settings: &Settings| settings.file.is_volume(master.etcd.data_dir.as_str());
    real && (master.etcd.supervisor().pod().is_none() || seen.settings.as_ref().is_ok_and(is_volume))
}

/// A new log's first two segments, 64 MB each (etcd's `SegmentSizeBytes`), and as much again: etcd makes the next segment in
/// advance.
const LOG_BYTES: u64 = 256 << 20;

/// Whether a new log fits beside the old one, where it lies elsewhere than the data.
fn log_space(master: &Master, seen: &Seen, refusals: &mut Refusals<'_>) {
    let Ok(Some(place)) = &seen.wal_place else { return };
    if place.free_bytes < LOG_BYTES {
        let (path, free, needed) = (&place.path, place.free_bytes >> 20, LOG_BYTES >> 20);
        let why = format!("{}: {free} MiB free for the write-ahead log in {path}, {needed} MiB needed", master.name);
        refusals.add(Rule::Space, why, "make space on that file system (retired directories of earlier runs?)");
    }
}

/// Whether dark zones and masters may be taken for dead: only a person knows. Those that are attested together are told
/// together.
pub(super) fn attested<'a>(
    masters: impl Iterator<Item = &'a Master>,
    input: super::Input<'_>,
    refusals: &mut Refusals<'_>,
) {
    let (seen, request) = (input.seen, input.request);
    let mut dark: BTreeMap<(String, &str), Vec<(&str, String)>> = BTreeMap::new();
    for master in masters {
        let (name, zone) = (master.name.as_str(), master.zone.as_str());
        let attested = is_said_off(input.cluster, seen, &request.attested, master);
        if let Some(why) = dark_because(seen, &master.name).filter(|_| !attested) {
            dark.entry((to_attest(master, input.cluster, seen), zone)).or_default().push((name, why));
        }
    }
    for ((who, zone), masters) in dark {
        let (names, reasons) = silent(&masters);
        let does = if masters.len() == 1 { "does" } else { "do" };
        refusals.add(
            Rule::NotAttested,
            format!("{names} in {zone} {does} not answer, which proves nothing: {reasons}"),
            format!("make sure that {who} is off, then add --attest {who}=\"TICKET: how, confirmed by whom\""),
        );
    }
}

/// Why a master does not answer; nothing where it does.
pub(super) fn dark_because(seen: &Observation, name: &MasterName) -> Option<String> {
    match seen.masters.get(name) {
        Some(Contact::Answers(_)) => None,
        Some(Contact::Silent(why) | Contact::Refused(why)) => Some(why.clone()),
        None => Some("was not asked".to_owned()),
    }
}

/// Who does not answer, and why each of them does not.
pub(super) fn silent(masters: &[(&str, String)]) -> (String, String) {
    let names: Vec<&str> = masters.iter().map(|(name, _)| *name).collect();
    let reasons: Vec<&str> = masters.iter().map(|(_, why)| why.as_str()).collect();
    (names.join(", "), reasons.join("; "))
}

/// What is attested for a dark master: its zone, or itself where another master of the zone answers.
#[must_use]
pub(crate) fn to_attest(master: &Master, cluster: &Cluster, seen: &Observation) -> String {
    let zone_answers = seen.zone_answers(cluster, &master.zone);
    if zone_answers { master.name.to_string() } else { master.zone.to_string() }
}

/// Words for a message; `none` where there are none.
pub(super) fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { crate::model::command::clean(&words.join(", ")) }
}
