//! The stages that park API servers, write their lists, and put them back. Does not know what speaks against it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::MasterName;
use crate::observe::ClusterRecord;
use crate::observe::api_server::Health;
use crate::plan::api_servers;
use crate::plan::draft::Participant;
use crate::plan::{NoPlan, Refusal, Rule, added_checks, cordoned};
use crate::playbook::{Action, Role};
use crate::step::{Step, clear_leases, cordon, park, record, serve_api};

use super::{Builder, Steps};

/// From its manifest's return an API server takes seconds; on a busy machine, with a large database behind it, many.
const READY: Duration = Duration::from_secs(180);

impl<'a> Builder<'a> {
    pub(super) fn api_line(
        &mut self,
        action: &Action,
        why: Option<&str>,
        joiner: Option<Participant<'a>>,
    ) -> Result<(), NoPlan> {
        let all = self.draft.masters_of(action.role(), joiner);
        match action {
            Action::Park(_) => {
                let look = added_checks::no_vote(&self.draft, &all)?;
                let steps = all.iter().filter_map(|one| self.park(one)).collect::<Steps>();
                if !steps.is_empty() {
                    self.stage(look, None, false);
                }
                self.stage(steps, why, false);
            }
            Action::Narrow(_) => {
                let steps = self.lists(&all)?;
                self.stage(steps, why, false);
            }
            // Leases and nodes are in the main cluster's etcd.
            Action::ClearLeases(_) | Action::Cordon(_) | Action::Uncordon(_) if self.draft.api.is_beside() => {}
            Action::ClearLeases(_) => {
                let steps = self.clear_leases()?;
                self.stage(steps, why, false);
            }
            Action::Cordon(_) | Action::Uncordon(_) => {
                let cordons = matches!(action, Action::Cordon(_));
                match self.cordon(&all, cordons) {
                    Ok(step) => {
                        self.stage(vec![step], why, false);
                        if !cordons {
                            self.record_uncordoned();
                        }
                    }
                    Err(why) => {
                        self.draft.api.idle.push(cordoned::idle(if cordons { "cordon" } else { "uncordon" }, why))
                    }
                }
            }
            Action::ServeApi(_) => self.serve_api(&all, why)?,
            _ => {}
        }
        Ok(())
    }

    /// Its etcd is about to be stopped.
    pub(super) fn park_first(&mut self, participant: Participant<'a>) {
        let steps = self.park(&participant).into_iter().collect();
        self.stage(steps, Some("An etcd with an API server attached takes long to stop."), false);
    }

    fn park(&mut self, participant: &Participant<'a>) -> Option<(MasterName, Step)> {
        let (api, _) = api_servers::of(participant)?;
        let name = participant.name().clone();
        if self.draft.api.is_anothers(api) || !self.draft.api.parked.insert(name.clone()) {
            return None;
        }
        let reason = self.draft.api.parked_text(self.draft.input.request);
        Some((name, park::Park { components: api.components(), reason }.into()))
    }

    fn lists(&mut self, all: &[Participant<'a>]) -> Result<Steps, NoPlan> {
        let input = self.draft.input;
        let members: Vec<MasterName> = self.draft.members.iter().map(|member| member.master.clone()).collect();
        let voters: Vec<&MasterName> =
            input.cluster.masters().map(|master| &master.name).filter(|name| members.contains(name)).collect();
        let mut steps = Steps::new();
        for participant in all {
            let refuse = |why: String| {
                let next =
                    "correct it, or have the run leave that API server alone: `--override api-server-unclear=REASON`";
                NoPlan::Refused(vec![Refusal::new(
                    Rule::ApiServerUnclear,
                    format!("{}: {why}", participant.name()),
                    next,
                )])
            };
            let step = self.draft.api.write(input, participant, &voters).map_err(refuse)?;
            steps.extend(step.map(|step| (participant.name().clone(), step.into())));
        }
        Ok(steps)
    }

    fn clear_leases(&self) -> Result<Steps, NoPlan> {
        let seed = self.draft.seed;
        let keys = self.draft.survivors.iter().find_map(api_servers::of);
        let Some((_, flags)) = keys else { return Ok(Steps::new()) };
        let addresses = self.lost_addresses();
        if addresses.is_empty() {
            return Ok(Steps::new());
        }
        let keys = format!("{}/masterleases", flags.prefix);
        let step = clear_leases::ClearLeases { keys, addresses, etcdctl: seed.etcdctl()?, access: seed.client()? };
        Ok(vec![(seed.name().clone(), step.into())])
    }

    /// Done by the first of them that has an API server, or by another survivor that has one.
    fn cordon(&self, all: &[Participant<'a>], cordons: bool) -> Result<(MasterName, Step), &'static str> {
        let mut any = all.iter().chain(&self.draft.survivors);
        let (by, (_, flags)) = any
            .find_map(|one| Some((one, api_servers::of(one)?)))
            .ok_or("no survivor has an API server that is handled")?;
        let members = self.draft.members.iter().map(|member| member.master.clone()).collect();
        let nodes = match (cordons, self.lost_addresses()) {
            (false, _) => cordon::Nodes::Uncordon,
            (true, none) if none.is_empty() => return Err("every master is a member"),
            (true, lost) => cordon::Nodes::Cordon { lost, kept: self.draft.api.addresses(&members) },
        };
        let (api, run) = (flags.address.clone(), self.draft.input.request.run.clone());
        Ok((by.name().clone(), cordon::Cordon { nodes, api, run }.into()))
    }

    /// Only then: whoever comes after a run that was interrupted knows by the record alone that nodes are cordoned.
    fn record_uncordoned(&mut self) {
        if !self.draft.record.cordons {
            return;
        }
        let all = self.draft.masters_of(Role::Everyone, None);
        let steps = all.iter().map(|participant| {
            let earlier = self.record(participant);
            let record = ClusterRecord { cordons: false, ..earlier.record };
            (participant.name().clone(), record::Record { record, once_uncordoned: true, ..earlier }.into())
        });
        let steps = steps.collect();
        self.stage(steps, None, false);
    }

    /// The addresses of masters that are no members.
    fn lost_addresses(&self) -> Vec<String> {
        let members: BTreeSet<&MasterName> = self.draft.members.iter().map(|member| &member.master).collect();
        let masters = self.draft.input.cluster.masters().map(|master| master.name.clone());
        self.draft.api.addresses(&masters.filter(|name| !members.contains(name)).collect())
    }

    /// Those that are parked come back together. Those that run and know other servers than they should are done one after the
    /// other, so that no two are down at once.
    fn serve_api(&mut self, all: &[Participant<'a>], why: Option<&str>) -> Result<(), NoPlan> {
        let is_parked = |draft: &super::PlanDraft<'a>, one: &Participant<'a>| {
            api_servers::of(one).is_some_and(|(api, _)| draft.api.is_parked(one, api))
        };
        let (parked, running): (Vec<_>, Vec<_>) = all.iter().copied().partition(|one| is_parked(&self.draft, one));
        let lists = self.lists(&parked)?;
        self.stage(lists, why, false);
        let is_anothers =
            |one: &Participant<'a>| api_servers::of(one).is_some_and(|(api, _)| self.draft.api.is_anothers(api));
        let parked: Vec<_> = parked.into_iter().filter(|one| !is_anothers(one)).collect();
        let served: Steps = parked.iter().filter_map(|one| self.served(one)).collect();
        self.stage(served, why, false);
        for one in running {
            let list = self.lists(&[one])?;
            if list.is_empty() && api_servers::of(&one).is_none_or(|(api, _)| !self.draft.api.is_held_back(api)) {
                continue;
            }
            if !list.is_empty() {
                let park = self.park(&one).into_iter().collect();
                self.stage(park, why, false);
                self.stage(list, why, false);
            }
            let served = self.served(&one).into_iter().collect();
            self.stage(served, why, false);
        }
        Ok(())
    }

    fn served(&mut self, participant: &Participant<'a>) -> Option<(MasterName, Step)> {
        let (api, flags) = api_servers::of(participant)?;
        let name = participant.name().clone();
        self.draft.api.parked.remove(&name);
        let value = format!("{} {name}", self.draft.input.request.run);
        // Without the main cluster's quorum it is not ready, whatever a run of another cluster does.
        let waits = !self.draft.api.is_beside() || matches!(api.health, Health::Ready | Health::ButOverrides(_));
        let ready = waits.then(|| serve_api::Ready { flags: flags.clone(), value, limit: READY });
        Some((name, serve_api::ServeApi { components: api.components(), ready }.into()))
    }
}
