//! Reads how far each member's write-ahead log goes, when nothing serves: a survivor's etcd that was restarted cannot
//! say so, and a running one may hold entries that it never learned were committed. Judges nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::model::Cluster;
use crate::observe::{Contact, Observation, log};

use super::joined;
use super::look::ask;
use super::ports::Remote;

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
        let (remote, name, command) = (Arc::clone(remote), master.name.clone(), log::command(&master.etcd.data_dir));
        tasks.spawn(async move {
            let answer = ask(&remote, &name, command).await.and_then(|output| log::parse(&output));
            (name, answer)
        });
    }
    while let Some((name, answer)) = tasks.join_next().await.and_then(joined) {
        if let Some(Contact::Answers(seen)) = seen.masters.get_mut(&name) {
            seen.log = answer;
        }
    }
}
