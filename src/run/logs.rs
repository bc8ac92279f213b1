//! Reads how far each member's write-ahead log goes, where nothing serves: a survivor's etcd that was restarted cannot say
//! it, and one that runs has entries of which it never learnt that they were committed. Judges nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::model::Cluster;
use crate::observe::{Observation, Sight, log};

use super::joined;
use super::look::ask;
use super::ports::Remote;

/// Asks every master that has data, side by side; where somebody serves, nobody.
pub async fn read(cluster: &Cluster, seen: &mut Observation, remote: &Arc<dyn Remote>) {
    if seen.answering().any(|(_, seen)| seen.serves()) {
        return;
    }
    let mut tasks = JoinSet::new();
    for master in cluster.masters() {
        let holds = seen.seen(&master.name).is_some_and(|seen| seen.disk.as_ref().is_ok_and(|disk| disk.has_member));
        if !holds {
            continue;
        }
        let (remote, name, command) = (Arc::clone(remote), master.name.clone(), log::command(&master.etcd.data_dir));
        tasks.spawn(async move {
            let answer = ask(&remote, &name, command).await.and_then(|output| log::parse(&output));
            (name, answer)
        });
    }
    while let Some((name, answer)) = tasks.join_next().await.and_then(joined) {
        if let Some(Sight::Answers(seen)) = seen.masters.get_mut(&name) {
            seen.log = answer;
        }
    }
}
