//! `init --from`: asks one master for its etcd and its members, and writes an inventory of their cluster. Changes nothing
//! on the master.

use std::io;
use std::sync::Arc;

use crate::import::draft::Said;
use crate::import::page;
use crate::model::command::{clean, harmless};
use crate::model::diagnostic::Source;
use crate::model::{ClusterName, Command, Output, ZoneName, inventory};
use crate::observe::etcds::{self, Meant};
use crate::observe::{Answer, Contact, Members, Seen, Unclear, node_zones, peers};
use crate::run::exit;
use crate::run::look;
use crate::run::ports::{Event, Pipes, Remote};
use crate::verbs::files::Files;
use crate::verbs::{Failure, InputPaths, Site, planning};

mod draft;
mod told;
mod zones;

use draft::Found;
pub use told::FromHost;
use told::Told;
use zones::Placed;

/// `requorum init --from HOST`.
///
/// # Errors
/// When the file is there already, the host cannot be asked, or its etcd is none that could be in an inventory.
pub async fn from_host(inputs: &InputPaths, site: &Site, files: &dyn Files, request: &FromHost) -> Result<u8, Failure> {
    let path = &inputs.inventory;
    if site.bastion.is_there(path) {
        return Err(Failure::unwritten(path, &io::ErrorKind::AlreadyExists.into()).note("no master was asked"));
    }
    let told = Told::read(request)?;
    let found = found(site, &told).await?;
    let mut placed = Placed::by_words(&told.zones, &found)?;
    if !placed.is_whole(&found) {
        placed.by_labels(&found);
    }
    let mut cluster = told.cluster.clone();
    let mut environment = told.environment.clone();
    if site.prompt.attended() {
        cluster = cluster.or_else(|| ask(site, "a name for the cluster, which is typed to consent:", is_cluster));
        environment = environment.or_else(|| ask(site, "production, staging or lab:", is_environment));
        for member in placed.open(&found) {
            let question = format!("the zone of {}:", found.shown(&member));
            if let Some(zone) = ask(site, &question, is_zone) {
                placed.put(member, zone);
            }
        }
    }
    let named = |value: Option<String>, open: &str| value.map_or_else(|| Said::open(open), Said::known);
    let cluster = named(cluster, "a name for the cluster, which is typed to consent");
    let environment = named(environment, "production, staging or lab");
    let draft = draft::draft(&told, &found, &placed, cluster, environment);
    let (text, open) = page::write(&format!("the etcd of {}", told.address), &draft);
    files.write_new(path, &text).map_err(|error| Failure::unwritten(path, &error))?;
    tell(inputs, site, &draft, &found, (text, open))
}

const UNWRITTEN: &str = "nothing was written";

/// What was written, what a person should know of it, and what comes next.
fn tell(
    inputs: &InputPaths,
    site: &Site,
    draft: &crate::import::draft::Draft,
    found: &Found,
    (text, open): (String, usize),
) -> Result<u8, Failure> {
    let zones: std::collections::BTreeSet<&String> =
        draft.masters.iter().filter_map(|master| master.zone.as_ref()).collect();
    let (count, path) = (draft.masters.len(), inputs.inventory.display());
    let s = |count: usize| if count == 1 { "" } else { "s" };
    // What is wrong with its settings is told with words of theirs.
    let redactor = &found.redactor;
    site.console.print(&redactor.clean(&harmless(&format!(
        "wrote {path}: {count} master{} in {} zone{}; {}",
        s(count),
        zones.len(),
        s(zones.len()),
        found.shape()
    ))));
    site.console.print("\n");
    for remark in &draft.remarks {
        site.console.say(&redactor.clean(&format!("remark: {}", harmless(remark))));
    }
    // The reader has the last word: it also sees what cannot be so, such as one address for two masters.
    let wrong = inventory::read(&Source::new("the inventory", text)).err().unwrap_or_default();
    let whole = draft.masters.iter().all(|master| master.zone.is_some());
    let told = |code| code == "left-open" || (code == "one-zone" && !whole);
    for mistake in wrong.iter().filter(|mistake| !told(mistake.code)) {
        site.console.say(&format!("line {}: {}", mistake.place.line, mistake.message));
    }
    let again = InputPaths { cluster: None, ..inputs.clone() }.again();
    if wrong.is_empty() {
        site.console.say(&harmless(&format!("next: {again} status      # looks at every master, changes nothing")));
        return Ok(exit::DONE);
    }
    if open > 0 {
        site.console.say(&format!("{open} value{} left to fill in, each a \"?\"", s(open)));
    }
    site.console.say(&harmless(&format!("next: edit {path}, then: {again} inventory check")));
    Ok(exit::CHANGES)
}

/// Asks until the answer is one; an empty one leaves it open.
fn ask(site: &Site, question: &str, is: fn(&str) -> Result<(), String>) -> Option<String> {
    loop {
        let answer = site.prompt.line(question).ok().filter(|answer| !answer.is_empty())?;
        match is(&answer) {
            Ok(()) => return Some(answer),
            Err(why) => site.console.say(&harmless(&format!("{} {why}", clean(&answer)))),
        }
    }
}

fn is_cluster(text: &str) -> Result<(), String> {
    ClusterName::new(text).map(|_| ()).map_err(|bad| bad.why.to_owned())
}

fn is_zone(text: &str) -> Result<(), String> {
    ZoneName::new(text).map(|_| ()).map_err(|bad| bad.why.to_owned())
}

fn is_environment(text: &str) -> Result<(), String> {
    match text {
        "production" | "staging" | "lab" => Ok(()),
        _ => Err("is none of production, staging, lab".to_owned()),
    }
}

/// Everything that the host says.
async fn found(site: &Site, told: &Told) -> Result<Found, Failure> {
    let remote = site.bastion.remote(&told.alone);
    site.console.tell(Event::Said { text: format!("asking {} which etcd it carries…", told.address) });
    let answer = remote.run(&told.host, &etcds::command(), Pipes::default()).await;
    let answer = answer.map_err(|error| not_asked(told, &error.to_string()))?;
    let etcds = etcds::parse(&answer).map_err(|why| not_asked(told, &why.to_string()))?;
    let Meant { mut etcd, beside } = etcds.meant().map_err(|none| {
        let failure = Failure::failed(format!("{}: {}", told.address, none.why)).note(UNWRITTEN);
        if none.next.is_empty() { failure } else { failure.hint(none.next) }
    })?;
    let cluster = told.cluster_of(&etcd);
    let mut looked = look::look(&cluster, &remote).await;
    let redactor = planning::redactor(&looked, site);
    let seen = match looked.masters.remove(&told.host) {
        Some(Contact::Answers(seen)) => *seen,
        Some(Contact::Silent(why) | Contact::Refused(why)) => return Err(not_asked(told, &why)),
        None => return Err(not_asked(told, "it gave no answer")),
    };
    if etcd.supervisor().unit().is_some()
        && let Some(data_dir) = seen.settings.as_ref().ok().and_then(|settings| settings.get("data-dir"))
    {
        etcd.data_dir = crate::model::AbsPath::new(data_dir.as_str()).map_err(|bad| {
            let why = format!("{}: etcd's data directory, {}, {}", told.address, clean(&bad.text), bad.why);
            Failure::failed(why).note(UNWRITTEN)
        })?;
    }
    let members = members(told, &seen, &remote).await;
    let mut members = members.map_err(|why| no_members(told, &seen, &why).cleaned(&redactor))?;
    members.list.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    let nodes = put(told, &remote, node_zones::command()).await.and_then(|output| node_zones::parse(&output));
    Ok(Found { host: etcds.host, etcd, beside, seen, members, nodes, redactor })
}

fn not_asked(told: &Told, why: &str) -> Failure {
    Failure::failed(format!("{} could not be asked: {why}", told.address))
        .note(UNWRITTEN)
        .hint("name another master, or say how SSH reaches it: --user, --port, --identity, --jump, --known-hosts")
}

fn no_members(told: &Told, seen: &Seen, why: &Unclear) -> Failure {
    if seen.etcd_runs() == Some(false) {
        return Failure::failed(format!("etcd on {} does not run, so that it names no members", told.address))
            .note(UNWRITTEN)
            .hint("name a master whose etcd runs; or write an inventory by hand: requorum init .");
    }
    let settings = seen.settings.as_ref().err().map(|why| format!(" ({why})")).unwrap_or_default();
    Failure::failed(format!("the member list could not be read on {}: {why}{settings}", told.address))
        .note(UNWRITTEN)
        .hint("name another master; or write an inventory by hand: requorum init .")
}

/// The member list of its own peer port. Where a read through it was answered by a quorum, it is asked for once more: what
/// the member says after that read is at least as new as the read.
async fn members(told: &Told, seen: &Seen, remote: &Arc<dyn Remote>) -> Answer<Members> {
    let access = seen.settings.as_ref().ok().and_then(|settings| settings.peer_access());
    match access.filter(|_| seen.serves()) {
        Some(access) => put(told, remote, peers::command(&access)).await.and_then(|output| peers::parse(&output)),
        None => seen.members.clone(),
    }
}

async fn put(told: &Told, remote: &Arc<dyn Remote>, question: Command) -> Answer<Output> {
    look::ask(remote, &told.host, question).await
}
