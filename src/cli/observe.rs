//! The looking that every verb begins with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::Cluster;
use crate::observe::Observation;
use crate::observe::assess::assess;
use crate::observe::kept::LastLook;
use crate::run::look::Looking;
use crate::run::ports::{Event, Remote};
use crate::world::last_look;
use crate::world::ssh::{Options, Ssh};

use super::Bastion;
use super::args::Common;

/// The remote port for real.
pub(super) fn remote(cluster: &Cluster, common: &Common, bastion: &Bastion) -> Arc<dyn Remote> {
    let mut options = Options::new(bastion.home.as_deref());
    options.connect_timeout = Duration::from_secs(common.connect_timeout);
    Arc::new(Ssh::new(cluster, bastion.unlocked.clone(), options))
}

/// Where runs are kept.
pub(super) fn state_dir(common: &Common, bastion: &Bastion) -> PathBuf {
    common.state_dir.clone().unwrap_or_else(|| bastion.state.clone())
}

/// Looks at every master; the first line is out before any connection is tried.
pub(super) async fn look(
    cluster: &Cluster,
    remote: &Arc<dyn Remote>,
    common: &Common,
    bastion: &Bastion,
) -> Observation {
    let seen = begin(cluster, remote, common, bastion).finish().await;
    remember(cluster, &seen, common, bastion);
    seen
}

/// Begins to look at every master, and says so.
pub(super) fn begin(cluster: &Cluster, remote: &Arc<dyn Remote>, common: &Common, bastion: &Bastion) -> Looking {
    let count = cluster.masters().count();
    let text = format!("looking at the {count} masters of {}…", cluster.name);
    bastion.console.tell(Event::Said { text });
    Looking::begin(cluster, remote).knowing(last_look::kept(&state_dir(common, bastion), &cluster.name))
}

/// Keeps who is who of a good look: a master that is dark the next time cannot say so itself.
pub(super) fn remember(cluster: &Cluster, seen: &Observation, common: &Common, bastion: &Bastion) {
    let look = LastLook::of(cluster, seen, &assess(cluster, seen));
    let Some(look) = look.filter(|look| seen.kept.look.as_ref() != Some(look)) else { return };
    let place = state_dir(common, bastion);
    if let Err(error) = last_look::keep(&place, &look) {
        let text = format!("what this look found is not kept under {}: {error}", place.display());
        bastion.console.tell(Event::Warning { text });
    }
}
