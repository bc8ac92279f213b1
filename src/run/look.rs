//! Looks at every master at once: asks the questions of `observe` and puts the answers together. Judges nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::model::{Cluster, Command, Master, MasterName, Output};
use crate::observe::assess::usual_peer_urls;
use crate::observe::{
    Asked, Observation, Seen, Sight, Unclear, disk, marks, peers, read, settings, status, tools, unit,
};

use super::joined;
use super::ports::{Pipes, Remote, RemoteError};

/// Asks every master of the cluster, side by side; a dark one costs no more than its connect time-out.
pub async fn look(cluster: &Cluster, remote: &Arc<dyn Remote>) -> Observation {
    let mut tasks = JoinSet::new();
    for master in cluster.masters().cloned() {
        let remote = Arc::clone(remote);
        let usual: Vec<String> = cluster
            .masters()
            .filter(|other| other.name != master.name)
            .filter_map(|other| usual_peer_urls(other).into_iter().next())
            .collect();
        tasks.spawn(async move {
            let sight = look_at(&master, &usual, &remote).await;
            (master.name, sight)
        });
    }
    let mut observation = Observation::default();
    while let Some((name, sight)) = tasks.join_next().await.and_then(joined) {
        observation.masters.insert(name, sight);
    }
    observation
}

/// Asks one master; `usual` are the others' peer URLs as the inventory has them.
pub async fn look_at(master: &Master, usual: &[String], remote: &Arc<dyn Remote>) -> Sight {
    let ask = |command: Command| ask(remote, &master.name, command);
    let first = remote.run(&master.name, &unit::command(&master.etcd.unit), Pipes::default()).await;
    let unit = match first {
        Ok(output) => unit::parse(&output),
        Err(RemoteError::Unreachable { why }) => return Sight::Silent(why),
        Err(error @ (RemoteError::HostKey { .. } | RemoteError::Denied { .. })) => {
            return Sight::Refused(error.to_string());
        }
        Err(error) => Err(Unclear::text("systemctl show", &error.to_string())),
    };
    let program = unit.as_ref().ok().and_then(|unit| unit.program().map(str::to_owned));
    let (settings, disk, marks, tools) = tokio::join!(
        ask(settings::command(&master.etcd.env_file)),
        ask(disk::command(&master.etcd.data_dir)),
        ask(marks::command(&master.etcd.unit)),
        ask(tools::command(program.as_deref())),
    );
    let settings = settings.and_then(|output| settings::parse(&output));
    let tools = tools.and_then(|output| tools::parse(&output));
    let runs = unit.as_ref().is_ok_and(unit::Unit::running);
    let etcdctl = tools.as_ref().ok().and_then(|tools| tools.etcdctl.clone());
    let client = settings.as_ref().ok().and_then(settings::Settings::client_access);
    let peer = settings.as_ref().ok().and_then(settings::Settings::peer_access);
    let by_client = runs.then_some(etcdctl.zip(client)).flatten();
    let mut others = settings.as_ref().map(other_peers).unwrap_or_default();
    others.extend(usual.iter().cloned());
    others.sort();
    others.dedup();
    let (status, members, read, open_peers) = tokio::join!(
        ask_if(ask, by_client.as_ref().map(|(path, access)| status::command(path, access)), runs),
        ask_if(ask, peer.filter(|_| runs).map(|access| peers::command(&access)), runs),
        ask_if(ask, by_client.as_ref().map(|(path, access)| read::command(path, access)), runs),
        ask_if(ask, Some(peers::reach_command(&others)), true),
    );
    Sight::Answers(Box::new(Seen {
        unit,
        settings,
        tools,
        disk: disk.and_then(|output| disk::parse(&output)),
        marks: marks.and_then(|output| marks::parse(&output)),
        status: status.and_then(|output| status::parse(&output)),
        members: members.and_then(|output| peers::parse(&output)),
        read: read.map(|output| read::parse(&output)),
        open_peers: open_peers.and_then(|output| peers::parse_reach(&output)),
    }))
}

/// Runs a question; a lost connection is an unknown answer.
pub async fn ask(remote: &Arc<dyn Remote>, host: &MasterName, command: Command) -> Asked<Output> {
    remote
        .run(host, &command, Pipes::default())
        .await
        .map_err(|error| Unclear::text(&command.shown(), &error.to_string()))
}

async fn ask_if<F: Future<Output = Asked<Output>>>(
    ask: impl Fn(Command) -> F,
    command: Option<Command>,
    runs: bool,
) -> Asked<Output> {
    match command {
        Some(command) => ask(command).await,
        None if runs => Err(Unclear::text("asking etcd", "its settings or tools are not known")),
        None => Err(Unclear::text("asking etcd", "it does not run")),
    }
}

/// The peer URLs of the other members, as this one's file lists them.
fn other_peers(settings: &settings::Settings) -> Vec<String> {
    let own = settings.peer_urls();
    let list = settings.get("ETCD_INITIAL_CLUSTER").unwrap_or_default();
    let urls = list.split(',').filter_map(|pair| pair.split_once('=').map(|(_, url)| url.to_owned()));
    urls.filter(|url| !own.contains(url)).collect()
}
