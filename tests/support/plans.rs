//! Plans of sites in memory, and the rules that a plan breaks. Knows nothing of what is tested.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeSet;
use std::time::Duration;

use requorum::plan::{Goal, Plan, safety};
use requorum::sim::{Event, Flags, Site};

use super::operator::{attest, lost};

/// A site that lost zone1, and the plan to go on without it.
pub async fn initiate_dr(zones: &[usize]) -> (Site, Plan) {
    let site = lost(zones).await;
    if zones.len() == 3 {
        // Two of three zones are needed here.
        site.happens(&Event::Off("zone3".into()));
        site.wait(Duration::from_secs(4)).await;
    }
    let plan = site.plan(Goal::InitiateDr, &ask(zones)).await.unwrap();
    (site, plan)
}

pub fn ask(zones: &[usize]) -> Flags {
    let gone = if zones.len() == 3 { vec!["zone1", "zone3"] } else { vec!["zone1"] };
    Flags { failed_zones: gone.iter().map(|zone| (*zone).to_owned()).collect(), ..attest(&gone) }
}

/// A site that has gone on without zone1, and the plan to bring it home.
pub async fn recover(zones: &[usize]) -> (Site, Plan) {
    let (site, _) = initiate_dr(zones).await;
    assert_eq!(site.initiate_dr(&ask(zones)).await.code, Some(0));
    site.happens(&Event::On("zone1".into()));
    if zones.len() == 3 {
        site.happens(&Event::On("zone3".into()));
    }
    site.wait(Duration::from_secs(4)).await;
    let plan = site.plan(Goal::Recover, &Flags::default()).await.unwrap();
    (site, plan)
}

pub fn rules(plan: &Plan) -> BTreeSet<String> {
    safety::check(plan).into_iter().map(|refusal| refusal.rule.to_string()).collect()
}
