//! `status`, and the looking and proving that other verbs begin with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, quorum};
use crate::observe::Observation;
use crate::observe::assess::{assess, voters};
use crate::report;
use crate::run::ports::{Event, Remote};
use crate::run::{look, prove};
use crate::world::ssh::{Options, Ssh};
use crate::world::terminal;

use super::args::{Common, Form};
use super::{Bastion, Failure, again, doctor, exit, input};

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

/// `requorum status`.
pub(super) async fn status(common: &Common, bastion: &Bastion, quick: bool, output: Form) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let remote = remote(&cluster, common, bastion);
    let mut seen = look(&cluster, &remote, bastion).await;
    if output == Form::Text {
        terminal::print(&report::status::table(&cluster, &seen));
    }
    if !quick {
        prove::prove(&cluster, &mut seen, &remote, &bastion.console).await;
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
            terminal::print(&(text + &doctor::last(common, bastion, &cluster.name).0));
        }
        Form::Json => {
            let mut json = report::status::json(&cluster, &seen, &assessment);
            json["doctor"] = doctor::last(common, bastion, &cluster.name).1;
            terminal::print(&format!("{json:#}\n"));
        }
    }
    Ok(if seen.masters.is_empty() { exit::FAILED } else { assessment.verdict.exit_code() })
}
