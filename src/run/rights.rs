//! Asks the members that serve whether etcd lets requorum do what only its role root may do. Judges nothing.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::model::{Command, MasterName};
use crate::observe::{Contact, Observation, Seen, Settings, denied};

use super::joined;
use super::look::ask;
use super::ports::Remote;

/// Asks each, side by side. A member that gives no answer keeps what is known of it: it may have been asked too early, and
/// the run's own commands ask again.
pub async fn ask_those_that_serve(seen: &mut Observation, remote: &Arc<dyn Remote>) {
    let mut tasks = JoinSet::new();
    for (name, command) in seen.answering().filter_map(|(name, seen)| Some((name.clone(), question(seen)?))) {
        let remote = Arc::clone(remote);
        tasks.spawn(async move {
            let answer = ask(&remote, &name, command).await;
            (name, answer)
        });
    }
    while let Some((name, answer)) = tasks.join_next().await.and_then(joined::<(MasterName, _)>) {
        if let (Ok(output), Some(Contact::Answers(seen))) = (answer, seen.masters.get_mut(&name)) {
            seen.denied = denied::of(&output).map(str::to_owned);
        }
    }
}

fn question(seen: &Seen) -> Option<Command> {
    let access = seen.settings.as_ref().ok().filter(|_| seen.serves()).and_then(Settings::client_access)?;
    Some(denied::command_of_root(seen.tools.as_ref().ok()?.etcdctl.as_ref()?, &access))
}
