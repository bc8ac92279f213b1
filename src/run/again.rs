//! The second look: under the lock, everything that was seen before consent is asked again, and the plan is made again.
//! The plan that was consented to runs only if it is still the plan that would be made.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::RunId;
use crate::observe::{Contact, read, since_proof};
use crate::plan::comparison::{do_the_same, with_silence_of};
use crate::plan::{Goal, Input, NoPlan, Plan, plan};

use super::count;
use super::logs;
use super::look::Looking;
use super::ports::{Console, Event, Remote};
use super::prove;
use super::still_tried::StillTried;

/// What would be planned now, where that is not what was consented to.
pub type Changed = Result<Box<Plan>, NoPlan>;

/// The plan is the one that was consented to.
pub struct Same {
    /// The silent masters that an `initiate-dr` goes on trying.
    pub tried: Option<StillTried>,
    /// The same plan, where quorum had to be proved lost once more.
    pub proved_again: Option<Plan>,
}

/// Looks and plans again.
///
/// # Errors
/// What would be planned now, where it is something else.
pub async fn still(
    agreed: &Plan,
    basis: Input<'_>,
    holder: &RunId,
    remote: &Arc<dyn Remote>,
    console: &Arc<dyn Console>,
) -> Result<Same, Changed> {
    console.tell(Event::Said { text: "the masters are locked; checking them once more…".to_owned() });
    let own = |lock: &crate::observe::Holder| lock.run == holder.as_str();
    let silent = basis.seen.masters.iter().filter(|(_, contact)| matches!(contact, Contact::Silent(_)));
    let silent: BTreeMap<_, _> = silent.map(|(name, contact)| (name.clone(), contact.clone())).collect();
    let read = if agreed.goal == Goal::InitiateDr { read::SHORT_TIMEOUT } else { read::TIMEOUT };
    let looking = Looking::reading_for(read, basis.cluster, remote).knowing(basis.seen.known_before.clone());
    let (seen, tried) = match agreed.goal {
        Goal::InitiateDr => looking.finish_but_for(&silent.into_keys().collect()).await,
        Goal::Recover | Goal::Fence | Goal::Unfence | Goal::Undo => (looking.finish_without(&silent).await, None),
    };
    let mut seen = seen.without_locks(own);
    if matches!(agreed.goal, Goal::InitiateDr | Goal::Undo) {
        logs::read(basis.cluster, &mut seen, remote).await;
    }
    let mut is_proved_again = false;
    if agreed.goal == Goal::InitiateDr {
        if since_proof::nothing_moved(basis.seen, &seen) && count::still_silent(basis.seen, &seen, remote).await {
            seen.proof.clone_from(&basis.seen.proof);
        } else {
            is_proved_again = true;
            let counts_with = basis.request.counts_with();
            prove::prove_and_tell(basis.cluster, &mut seen, None, counts_with, remote, console).await;
        }
    }
    match plan(Input { seen: &seen, ..basis }) {
        Ok(now) if do_the_same(agreed, &now) => {
            Ok(Same { tried, proved_again: is_proved_again.then(|| with_silence_of(agreed, &now)) })
        }
        now => Err(now.map(Box::new)),
    }
}
