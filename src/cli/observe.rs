//! `status`, and the looking and proving that other verbs begin with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::command::harmless;
use crate::model::{Cluster, quorum};
use crate::observe::assess::{assess, voters};
use crate::observe::proof::{Limits, Outcome};
use crate::observe::{Observation, Settings};
use crate::report;
use crate::run::ports::{Event, Remote};
use crate::run::prove::Witness;
use crate::run::{look, prove};
use crate::world::ssh::{Options, Ssh};
use crate::world::terminal;

use super::args::{Common, Form};
use super::{Bastion, Failure, again, exit, input};

/// The remote port for real.
pub(super) fn remote(cluster: &Cluster, common: &Common, bastion: &Bastion) -> Arc<dyn Remote> {
    let mut options = Options::new(bastion.home.clone(), bastion.agent_socket.clone());
    options.connect_timeout = Duration::from_secs(common.connect_timeout);
    options.sudo_password.clone_from(&bastion.sudo_password);
    Arc::new(Ssh::new(cluster, Arc::clone(&bastion.prompt), options))
}

/// Where runs are kept.
pub(super) fn state_dir(common: &Common, bastion: &Bastion) -> PathBuf {
    common.state_dir.clone().unwrap_or_else(|| bastion.state.clone())
}

/// Looks at every master; the first line is out before any connection is tried.
pub(super) async fn look(cluster: &Cluster, remote: &Arc<dyn Remote>, bastion: &Bastion) -> Observation {
    let count = cluster.masters().count();
    let text = format!("looking at the {count} masters of {}…", cluster.name);
    bastion.console.tell(Event::Said { text });
    look::look(cluster, remote).await
}

/// Takes the time to prove that quorum is lost, where nothing serves and somebody can be asked. What serves needs no
/// proof.
pub(super) async fn prove(cluster: &Cluster, seen: &mut Observation, remote: &Arc<dyn Remote>, bastion: &Bastion) {
    if seen.answering().any(|(_, seen)| seen.serves()) {
        return;
    }
    let witnesses = witnesses(cluster, seen);
    if witnesses.is_empty() {
        return;
    }
    let election = seen.answering().filter_map(|(_, seen)| seen.settings.as_ref().ok()).map(Settings::election_timeout);
    let limits = Limits::from_election_timeout(election.max().unwrap_or(Duration::from_secs(1)));
    let text = format!(
        "nothing serves; proving that quorum is lost takes {} to {} s, as etcd's election timeout asks",
        limits.window.as_secs(),
        limits.limit.as_secs()
    );
    bastion.console.tell(Event::Said { text });
    let (outcome, samples) = prove::prove(&witnesses, limits, remote, &bastion.console).await;
    let text = match &outcome {
        Outcome::Lost { leaderless_for, .. } => {
            format!("proved: quorum is lost, no leader for {:.1} s", leaderless_for.as_secs_f64())
        }
        Outcome::Alive { evidence } => format!("quorum is not lost: {evidence}"),
        Outcome::Unknown { last_seen } => format!("not proved: {last_seen}"),
    };
    bastion.console.tell(Event::Said { text: harmless(&text) });
    seen.take_proof(outcome, samples);
}

/// Everyone that answers and can be asked whether it has a leader.
fn witnesses(cluster: &Cluster, seen: &Observation) -> Vec<Witness> {
    let known = |master: &crate::model::Master| {
        let seen = seen.seen(&master.name)?;
        let etcdctl = seen.tools.as_ref().ok()?.etcdctl.clone()?;
        let access = seen.settings.as_ref().ok()?.client_access()?;
        Some(Witness { master: master.clone(), etcdctl, access })
    };
    cluster.masters().filter_map(known).collect()
}

/// `requorum status`.
pub(super) async fn status(common: &Common, bastion: &Bastion, quick: bool, output: Form) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let remote = remote(&cluster, common, bastion);
    let mut seen = look(&cluster, &remote, bastion).await;
    if output == Form::Text {
        terminal::print(&report::status::table(&cluster, &seen));
    }
    if !quick {
        prove(&cluster, &mut seen, &remote, bastion).await;
    }
    let assessment = assess(&cluster, &seen);
    match output {
        Form::Text => {
            let again = again(&common.inventory);
            let mut text = report::status::verdict(&cluster, &seen, &assessment, &again);
            if let [(_, serving)] = assessment.serving.iter().collect::<Vec<_>>()[..] {
                let voters = voters(&cluster, &seen, serving).len();
                text += &format!("voters: {voters}; {} of them may be lost\n", quorum::tolerance(voters));
            }
            terminal::print(&text);
        }
        Form::Json => {
            let json = report::status::json(&cluster, &seen, &assessment);
            terminal::print(&format!("{json:#}\n"));
        }
    }
    Ok(if seen.masters.is_empty() { exit::FAILED } else { assessment.verdict.exit_code() })
}
