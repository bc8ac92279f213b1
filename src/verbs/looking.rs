//! The look that every verb begins with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, RunId};
use crate::observe::assess::assess;
use crate::observe::known_before::LastLook;
use crate::observe::{Observation, read};
use crate::run::look::Looking;
use crate::run::ports::{Event, Remote};

use super::Site;

/// Looks at every master; the first line is out before any connection is tried.
pub async fn look(cluster: &Cluster, remote: &Arc<dyn Remote>, site: &Site) -> Observation {
    let seen = begin(cluster, read::TIMEOUT, remote, site).finish().await;
    remember(cluster, &seen, site);
    seen
}

/// Begins to look at every master, with this limit for linearizable reads, and says so.
pub fn begin(cluster: &Cluster, limit: Duration, remote: &Arc<dyn Remote>, site: &Site) -> Looking {
    let count = cluster.masters().count();
    let text = format!("looking at the {count} masters of {}…", cluster.name);
    site.console.tell(Event::Said { text });
    Looking::reading_for(limit, cluster, remote).knowing(site.bastion.known_before(&cluster.name))
}

/// The same, with what this bastion knows of the runs that hold masters: those of its own that have ended.
#[must_use]
pub fn knowing_who_ended(mut seen: Observation, site: &Site) -> Observation {
    let holders: BTreeSet<String> = seen.locks().map(|(_, lock, _)| lock.run.clone()).collect();
    let ended = |run: &String| RunId::new(run).is_ok_and(|run| site.bastion.lives(&run) == Some(false));
    seen.known_before.ended = holders.into_iter().filter(ended).collect();
    seen
}

/// Keeps who is who of a good look: a master that is dark the next time cannot say so itself.
pub fn remember(cluster: &Cluster, seen: &Observation, site: &Site) {
    let look = LastLook::of(cluster, seen, &assess(cluster, seen));
    let Some(look) = look.filter(|look| seen.known_before.look.as_ref() != Some(look)) else { return };
    if let Err(error) = site.bastion.keep_look(&look) {
        let place = site.bastion.state();
        let text = format!("the observation could not be saved under {}: {error}", place.display());
        site.console.tell(Event::Warning { text });
    }
}
