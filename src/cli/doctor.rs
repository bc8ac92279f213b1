//! `doctor`: in peace time, would `initiate-dr` work if a zone were lost now? Changes nothing on a master.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Cluster, ClusterName, ZoneName, json};
use crate::observe::{Observation, Unclear};
use crate::plan::Goal;
use crate::plan::doctor::{Diagnosis, diagnose};
use crate::plan::rehearse::Given;
use crate::report::doctor as report;
use crate::run::examine::{Through, examine};
use crate::run::ports::{Event, Remote};
use crate::world::state::{self, Kept};
use crate::world::terminal;

use super::args::{Common, DoctorForm};
use super::{Bastion, Failure, exit, go, input, observe, wish};

/// `requorum doctor`.
pub(super) async fn doctor(
    common: &Common,
    bastion: &Bastion,
    zones: &[String],
    measure: bool,
    output: DoctorForm,
) -> Result<u8, Failure> {
    let cluster = input::cluster(common, bastion)?;
    let zones: BTreeSet<ZoneName> = zones.iter().map(|name| wish::zone(&cluster, name)).collect::<Result<_, _>>()?;
    let remote = observe::remote(&cluster, common, bastion);
    let seen = observe::look(&cluster, &remote, common, bastion).await;
    if seen.answering().next().is_none() {
        let why = seen.masters.iter().map(|(name, sight)| format!("  {name}: {}", silence(sight)));
        let text =
            format!("error: no master answers, nothing could be looked at\n{}", why.collect::<Vec<_>>().join("\n"));
        return Err(Failure::new(exit::FAILED, text));
    }
    let diagnosis = diagnosis(common, bastion, (&cluster, &remote), seen, &zones, measure).await?;
    let result = report::Report::new(diagnosis, bastion.clock.now());
    let json = json::text(&result.json());
    // What was only looked at in part must not pass for a whole look.
    if zones.is_empty() {
        keep(common, bastion, &result, &json);
    }
    terminal::print(&match output {
        DoctorForm::Text => report::text(&result.diagnosis),
        DoctorForm::Json => json,
        DoctorForm::Junit => report::junit(&result.diagnosis),
    });
    Ok(if result.diagnosis.good { exit::DONE } else { exit::REFUSED })
}

/// What the doctor says of a cluster that was looked at: of the loss of these zones, of all where none is named.
pub(super) async fn diagnosis(
    common: &Common,
    bastion: &Bastion,
    (cluster, remote): (&Cluster, &Arc<dyn Remote>),
    seen: Observation,
    zones: &BTreeSet<ZoneName>,
    measure: bool,
) -> Result<Diagnosis, Failure> {
    let playbook = input::playbook(common, bastion, Goal::InitiateDr.playbook())?;
    let templates = input::templates(common, &playbook, cluster)?;
    let redactor = go::redactor(&seen, bastion);
    let given = Given { cluster, playbook: &playbook, templates: &templates };
    let connect_limit = Duration::from_secs(common.connect_timeout);
    let through = Through { remote, clock: &bastion.clock, connect_limit };
    let (mut found, rehearsals) = examine(given, seen, zones, measure, through).await;
    let place = observe::state_dir(common, bastion);
    let desk = state::desk(&place);
    found.desk = Some(desk.map_err(|error| Unclear::text(&place.display().to_string(), &error.to_string())));
    Ok(diagnose(given, &found, &rehearsals).cleaned(|text| redactor.clean(text)))
}

fn silence(sight: &crate::observe::Sight) -> String {
    match sight {
        crate::observe::Sight::Silent(why) | crate::observe::Sight::Refused(why) => crate::model::command::clean(why),
        crate::observe::Sight::Answers(_) => String::new(),
    }
}

/// Keeps the result, so that `status` can say how old it is; a good one beside it, for as long as no better is there.
fn keep(common: &Common, bastion: &Bastion, result: &report::Report, json: &str) {
    let place = observe::state_dir(common, bastion);
    let kinds: &[Kept] = if result.diagnosis.good { &[Kept::Last, Kept::LastGood] } else { &[Kept::Last] };
    for which in kinds {
        if let Err(error) = state::keep(&place, &result.diagnosis.cluster, *which, json) {
            let text = format!("the result is not kept under {}: {error}", place.display());
            bastion.console.tell(Event::Warning { text });
            return;
        }
    }
}

/// For `status`: how old the doctor's last results are, as a line and for machines.
pub(super) fn last(common: &Common, bastion: &Bastion, cluster: &ClusterName) -> (String, serde_json::Value) {
    let place = observe::state_dir(common, bastion);
    let [newest, good] = [Kept::Last, Kept::LastGood].map(|which| state::kept(&place, cluster, which));
    let (newest, good) = (newest.as_deref(), good.as_deref());
    (report::last(newest, good, bastion.clock.now()), report::last_json(newest, good))
}
