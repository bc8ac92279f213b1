//! The second look: under the lock, whatever was seen before consent is asked once more, and the plan made again. What
//! was consented to is run only if it is still what would be planned.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Cluster, RunId};
use crate::observe::{Observation, Sight, standing};
use crate::plan::same::same;
use crate::plan::{Goal, Input, NoPlan, Plan, Request, plan};
use crate::playbook::Playbook;

use super::logs;
use super::look::Looking;
use super::ports::{Console, Event, Remote};
use super::prove;

/// What a plan was made from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// The playbook.
    pub playbook: &'a Playbook,
    /// Templates by name.
    pub templates: &'a BTreeMap<String, String>,
    /// What was asked for.
    pub request: &'a Request,
    /// What the masters said, and the proof.
    pub seen: &'a Observation,
}

/// What would be planned now, where that is not what was consented to.
pub type Changed = Result<Box<Plan>, NoPlan>;

/// Looks and plans again.
///
/// # Errors
/// What would be planned now, where it is something else.
pub async fn still(
    agreed: &Plan,
    basis: Basis<'_>,
    holder: &RunId,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Result<(), Changed> {
    console.tell(Event::Said { text: "the masters are locked; looking at them once more…".to_owned() });
    let own = |lock: &crate::observe::Holder| lock.run == holder.as_str();
    let silent = basis.seen.masters.iter().filter(|(_, sight)| matches!(sight, Sight::Silent(_)));
    let silent = silent.map(|(name, sight)| (name.clone(), sight.clone())).collect();
    let looking = Looking::begin(basis.cluster, remote).knowing(basis.seen.kept.clone());
    let mut seen = looking.finish_without(&silent).await.without_locks(own);
    if agreed.goal == Goal::InitiateDr {
        logs::read(basis.cluster, &mut seen, remote).await;
        if standing::stands(basis.seen, &seen) {
            seen.proof.clone_from(&basis.seen.proof);
        } else {
            prove::prove(basis.cluster, &mut seen, None, remote, console).await;
        }
    }
    let Basis { cluster, playbook, templates, request, .. } = basis;
    match plan(Input { cluster, playbook, templates, seen: &seen, request }) {
        Ok(now) if same(agreed, &now) => Ok(()),
        now => Err(now.map(Box::new)),
    }
}
