//! Reads how far each member's write-ahead log goes, when nothing serves: a survivor's etcd that was restarted cannot
//! say so, and a running one may hold entries that it never learned were committed. Judges nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::model::{Cluster, Command, Master, MasterName, WalDir};
use crate::observe::{Answer, Contact, Log, Observation, Seen, Unclear, log};

use super::joined;
use super::look::ask;
use super::ports::Remote;

/// A log that is being written may be read in the middle of a record, or while a segment gets its name: such a failure passes.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(100);

/// Whether anybody's log was asked for, read or not.
#[must_use]
pub fn were_asked(seen: &Observation) -> bool {
    seen.answering().any(|(_, seen)| seen.log.as_ref().map_or_else(Unclear::was_asked, |_| true))
}

async fn one(remote: &Arc<dyn Remote>, name: &MasterName, command: &Command) -> Answer<Log> {
    ask(remote, name, command.clone()).await.and_then(|output| log::parse(&output))
}

/// Asks where its log lies; not where that is not known.
fn question(master: &Master, seen: &Seen) -> Option<Command> {
    let (place, data_dir) = (seen.wal_place.as_ref().ok()?, &master.etcd.data_dir);
    let mount_point = seen.disk.as_ref().is_ok_and(|disk| disk.mount_point);
    let own = place.as_ref().and_then(|place| place.own(data_dir, mount_point));
    Some(log::command(&WalDir::read_at(own.as_ref(), data_dir)))
}

/// Asks every master that has data, side by side; where somebody serves, only those that are down and whose new cluster was
/// to be started: their log says whether it ever had a leader.
pub async fn read(cluster: &Cluster, seen: &mut Observation, remote: &Arc<dyn Remote>) {
    let serves = seen.answering().any(|(_, seen)| seen.serves());
    let mut tasks = JoinSet::new();
    for master in cluster.masters() {
        let Some(own) = seen.seen(&master.name) else { continue };
        let holds = own.disk.as_ref().is_ok_and(|disk| disk.has_member);
        let begun = own.etcd_runs() == Some(false) && own.traces.as_ref().is_ok_and(|traces| traces.begun().is_some());
        if !holds || (serves && !begun) {
            continue;
        }
        let Some(command) = question(master, own) else { continue };
        let (remote, name) = (Arc::clone(remote), master.name.clone());
        tasks.spawn(async move {
            let mut answer = one(&remote, &name, &command).await;
            for _ in 1..TRIES {
                if answer.as_ref().map_or_else(Unclear::is_missing, |_| true) {
                    break;
                }
                sleep(PAUSE).await;
                answer = one(&remote, &name, &command).await;
            }
            (name, answer)
        });
    }
    while let Some((name, answer)) = tasks.join_next().await.and_then(joined) {
        if let Some(Contact::Answers(seen)) = seen.masters.get_mut(&name) {
            seen.log = answer;
        }
    }
}
