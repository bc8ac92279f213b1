//! The masters of a cluster, or of several, as a table by zone, no wider than the terminal if possible. Judges nothing.

use comfy_table::{ContentArrangement, Table};

use crate::model::{Cluster, Master, Size};
use crate::observe::{Answer, Certificates, Contact, Observation, Read, Seen};

/// The columns, and at which narrowing each is left out; the database's size is said in fewer words before it goes. That of
/// API servers is left out where no master has one, and the clusters' names where there is one cluster.
const COLUMNS: [(&str, usize); 15] = [
    (NAMES, NEVER),
    ("zone", NEVER),
    ("master", NEVER),
    ("etcd", NEVER),
    ("member", 4),
    ("cluster", 5),
    ("role", NEVER),
    ("revision", 6),
    ("term", 2),
    ("db", NEVER),
    ("alarms", NEVER),
    ("version", 3),
    ("certs", NEVER),
    ("fence", NEVER),
    (API_SERVERS, NEVER),
];
const NAMES: &str = "name";
const API_SERVERS: &str = "api";
const NEVER: usize = usize::MAX;
const NARROWEST: usize = 7;

/// The table. Without a width it is as wide as it wants to be.
#[must_use]
pub fn table(cluster: &Cluster, seen: &Observation, width: Option<usize>) -> String {
    of_all(&[(cluster, seen)], width)
}

/// The same of several clusters, one below the other.
#[must_use]
pub fn of_all(all: &[(&Cluster, &Observation)], width: Option<usize>) -> String {
    let fits = |text: &String| width.is_none_or(|width| text.lines().all(|line| line.chars().count() <= width));
    let narrower = (0..NARROWEST).map(|narrowing| drawn(all, narrowing)).find(fits);
    narrower.unwrap_or_else(|| drawn(all, NARROWEST))
}

fn drawn(all: &[(&Cluster, &Observation)], narrowing: usize) -> String {
    let has_api_server = |(_, seen): (_, &Seen)| matches!(seen.api_server, Ok(Some(_)));
    let with_api_servers = all.iter().any(|(_, seen)| seen.answering().any(has_api_server));
    let is_drawn = |(name, leaves): (&str, usize)| match name {
        NAMES => all.len() > 1,
        API_SERVERS => with_api_servers,
        _ => leaves > narrowing,
    };
    let stays = |cells: Vec<String>| -> Vec<String> {
        cells.into_iter().zip(COLUMNS).filter(|(_, column)| is_drawn(*column)).map(|(cell, _)| cell).collect()
    };
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(stays(COLUMNS.map(|(name, _)| name.to_owned()).into()));
    for (cluster, seen) in all {
        let (mut name, mut zone) = (cluster.name.to_string(), None);
        for master in cluster.masters() {
            let named = if zone == Some(&master.zone) { String::new() } else { master.zone.to_string() };
            zone = Some(&master.zone);
            let place = vec![std::mem::take(&mut name), named, master.name.to_string()];
            table.add_row(stays(row(place, master, seen.masters.get(&master.name), narrowing)));
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    super::harmless(&table.to_string()).lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn row(mut cells: Vec<String>, master: &Master, contact: Option<&Contact>, narrowing: usize) -> Vec<String> {
    match contact {
        None => cells.push("trying…".to_owned()),
        Some(Contact::Silent(_)) => cells.push("silent".to_owned()),
        Some(Contact::Refused(_)) => cells.push("refused".to_owned()),
        Some(Contact::Answers(seen)) => cells.extend(words(master, seen, narrowing)),
    }
    cells.resize(COLUMNS.len(), String::new());
    cells
}

fn words(master: &Master, seen: &Seen, narrowing: usize) -> Vec<String> {
    let status = seen.status.as_ref().ok();
    let version = status.map(|status| status.version.clone());
    let installed = || seen.tools.as_ref().ok().and_then(|tools| tools.etcd).map(|version| version.to_string());
    vec![
        unit(seen),
        seen.settings.as_ref().map_or_else(|_| dash(), |settings| settings.member_name()),
        cluster_id(seen),
        role(seen),
        status.map_or_else(dash, |status| status.revision.to_string()),
        status.map_or_else(dash, |status| status.term.to_string()),
        database(seen, narrowing),
        alarms(seen),
        version.or_else(installed).unwrap_or_else(|| format!("? ({})", master.etcd.unit)),
        days(&seen.certificates),
        fence(seen),
        api_server(seen),
    ]
}

/// Its API server.
pub(super) fn api_server(seen: &Seen) -> String {
    match &seen.api_server {
        Ok(Some(api)) if api.parked => "parked".to_owned(),
        Ok(Some(api)) => api.health.shown().to_owned(),
        Ok(None) => dash(),
        Err(_) => unknown(),
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn unknown() -> String {
    "?".to_owned()
}

/// The unit's state.
pub(super) fn unit(seen: &Seen) -> String {
    seen.unit.as_ref().map_or_else(|_| unknown(), |unit| unit.active_state.clone())
}

/// The cluster's ID, short.
pub(super) fn cluster_id(seen: &Seen) -> String {
    seen.cluster().map_or_else(dash, |id| id.to_string().chars().take(8).collect())
}

/// What a member is. While its linearizable read is out, nobody knows whether what it believes is stale.
pub(super) fn role(seen: &Seen) -> String {
    let status = match (seen.etcd_runs(), &seen.status) {
        (Some(false), _) => return dash(),
        (_, Err(_)) => return "no answer".to_owned(),
        (_, Ok(status)) => status,
    };
    let leads = status.leader == Some(status.member);
    match (status.leader, &seen.read) {
        _ if status.learner => "learner",
        (None, _) => "NO LEADER",
        (Some(_), Ok(Read::Answered)) if leads => "leader",
        (Some(_), Ok(Read::Answered)) => "follower",
        (Some(_), Ok(Read::Failed(_))) => "stale leader?",
        (Some(_), Err(_)) if leads => "leader?",
        (Some(_), Err(_)) => "follower?",
    }
    .to_owned()
}

/// The active alarms.
pub(super) fn alarms(seen: &Seen) -> String {
    let alarms = seen.status.as_ref().map(|status| status.alarms()).unwrap_or_default();
    if alarms.is_empty() { dash() } else { alarms.join(",") }
}

/// Whether it is fenced.
pub(super) fn fence(seen: &Seen) -> String {
    match &seen.traces {
        Ok(traces) if traces.fenced => "fenced".to_owned(),
        Ok(_) => dash(),
        Err(_) => unknown(),
    }
}

/// The database's size against its quota.
fn database(seen: &Seen, narrowing: usize) -> String {
    match (seen.db_bytes(), seen.db_of_quota()) {
        (None, _) => dash(),
        (Some(bytes), None) => Size(bytes).to_string(),
        (Some(_), Some((bytes, quota))) => {
            let percent = u128::from(bytes) * 100 / u128::from(quota);
            match narrowing {
                0 => format!("{} of {} ({percent} %)", Size(bytes), Size(quota)),
                1..NARROWEST => format!("{} ({percent} %)", Size(bytes)),
                _ => format!("{percent} %"),
            }
        }
    }
}

/// How long the first certificate to end still lasts; beyond three years nobody counts days.
fn days(certificates: &Answer<Certificates>) -> String {
    let Ok(certificates) = certificates else { return unknown() };
    match certificates.first_end().map(|end| certificates.days(end)) {
        None if certificates.ends.is_empty() => dash(),
        None => unknown(),
        Some(..0) => "ended".to_owned(),
        Some(days @ 0..1000) => format!("{days} d"),
        Some(days) => format!("{} y", days / 365),
    }
}
