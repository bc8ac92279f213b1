//! `doctor`: checks in peace time whether `initiate-dr` would work if a zone were lost now. Changes nothing on a
//! master.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{Cluster, ClusterName, ZoneName, json};
use crate::observe::{Examination, Observation, Unclear};
use crate::plan::Goal;
use crate::plan::doctor::{Diagnosis, diagnose};
use crate::plan::rehearse;
use crate::report::doctor as report;
use crate::run::examine::{Through, examine};
use crate::run::exit;
use crate::run::ports::{Event, Remote};

use super::forms::DoctorForm;
use super::site::Diagnosed;
use super::{Failure, InputPaths, Site, inputs, looking, other_bastion, planning, request};

/// `requorum doctor`.
pub async fn doctor(
    inputs: &InputPaths,
    site: &Site,
    zones: &[String],
    measure: bool,
    output: DoctorForm,
) -> Result<u8, Failure> {
    let cluster = inputs::cluster_told(inputs, site)?;
    let zones: BTreeSet<ZoneName> = zones.iter().map(|name| request::zone(&cluster, name)).collect::<Result<_, _>>()?;
    let remote = site.bastion.remote(&cluster);
    let seen = looking::look(&cluster, &remote, site).await;
    if seen.answering().next().is_none() {
        let why = seen.masters.iter().map(|(name, contact)| format!("  {name}: {}", silence(contact)));
        let failure = Failure::failed("no master answers, so nothing could be checked");
        return Err(why.fold(failure, Failure::note));
    }
    let what = Rehearsed { zones: &zones, measure, timed_proof: false };
    let (_, diagnosis) = diagnosis(inputs, site, (&cluster, &remote), seen, what).await?;
    let result = report::Report::new(diagnosis, site.clock.now());
    let json = json::text(&result.json());
    // What was only looked at in part must not pass for a whole look.
    if zones.is_empty() {
        keep(site, &result, &json);
    }
    site.console.print(&match output {
        DoctorForm::Text => report::text(&result.diagnosis),
        DoctorForm::Json => json,
        DoctorForm::Junit => report::junit(&result.diagnosis),
    });
    Ok(if result.diagnosis.good { exit::DONE } else { exit::REFUSED })
}

/// `requorum doctor --bastion`.
///
/// # Errors
/// When the inventory cannot be read, or no host is named by `other`.
pub async fn bastion(inputs: &InputPaths, site: &Site, other: Option<&str>, output: DoctorForm) -> Result<u8, Failure> {
    let cluster = inputs::cluster_told(inputs, site)?;
    let read = [Some(&inputs.inventory), inputs.playbooks.as_ref(), inputs.templates.as_ref()];
    let read: Vec<PathBuf> = read.into_iter().flatten().cloned().collect();
    let other = other.map(|place| other_bastion::named(place, site)).transpose()?;
    let mut checks = site.bastion.readiness(&cluster, &read).await;
    if let Some(other) = &other {
        checks.push(other_bastion::check(other, site).await);
    }
    site.console.print(&match output {
        DoctorForm::Text => report::bastion::text(&checks),
        DoctorForm::Json => json::text(&report::bastion::json(&cluster.name, &checks)),
        DoctorForm::Junit => report::bastion::junit(&cluster.name, &checks),
    });
    Ok(if report::bastion::is_good(&checks) { exit::DONE } else { exit::REFUSED })
}

/// What the doctor rehearses.
#[derive(Debug, Clone, Copy)]
pub struct Rehearsed<'a> {
    /// The loss of these zones, of all where none is named.
    pub zones: &'a BTreeSet<ZoneName>,
    /// Whether the snapshot is measured.
    pub measure: bool,
    /// Whether quorum is to be proved lost by waiting.
    pub timed_proof: bool,
}

/// What the doctor says of a cluster that was looked at.
pub async fn diagnosis(
    inputs: &InputPaths,
    site: &Site,
    (cluster, remote): (&Cluster, &Arc<dyn Remote>),
    seen: Observation,
    what: Rehearsed<'_>,
) -> Result<(Examination, Diagnosis), Failure> {
    let playbook = inputs::playbook(inputs, site, Goal::InitiateDr.playbook())?;
    let templates = inputs::templates(inputs, site, &playbook, cluster)?;
    let redactor = planning::redactor(&seen, site);
    let Rehearsed { zones, measure, timed_proof } = what;
    let rehearsed = rehearse::RehearsalInput { cluster, playbook: &playbook, templates: &templates, timed_proof };
    let connect_limit = site.bastion.connect_limit();
    let through = Through { remote, clock: &site.clock, connect_limit };
    let (mut found, rehearsals) = examine(rehearsed, seen, zones, measure, through).await;
    let place = site.bastion.state();
    let directory = site.bastion.state_directory();
    found.state_directory =
        Some(directory.map_err(|error| Unclear::text(&place.display().to_string(), &error.to_string())));
    let told = diagnose(rehearsed, &found, &rehearsals).cleaned(|text| redactor.clean(text));
    Ok((found, told))
}

fn silence(contact: &crate::observe::Contact) -> String {
    match contact {
        crate::observe::Contact::Silent(why) | crate::observe::Contact::Refused(why) => {
            crate::model::command::clean(why)
        }
        crate::observe::Contact::Answers(_) => String::new(),
    }
}

/// Keeps the result, so that `status` can say how old it is; a good one beside it, for as long as no better is there.
fn keep(site: &Site, result: &report::Report, json: &str) {
    let kinds: &[Diagnosed] =
        if result.diagnosis.good { &[Diagnosed::Last, Diagnosed::LastGood] } else { &[Diagnosed::Last] };
    for which in kinds {
        if let Err(error) = site.bastion.keep_diagnosis(&result.diagnosis.cluster, *which, json) {
            let place = site.bastion.state();
            let text = format!("the result could not be saved under {}: {error}", place.display());
            site.console.tell(Event::Warning { text });
            return;
        }
    }
}

/// For `status`: how old the doctor's last results are, as a line and for machines.
pub fn last(site: &Site, cluster: &ClusterName) -> (String, serde_json::Value) {
    let [newest, good] = [Diagnosed::Last, Diagnosed::LastGood].map(|which| site.bastion.diagnosis(cluster, which));
    let (newest, good) = (newest.as_deref(), good.as_deref());
    (report::last(newest, good, site.clock.now()), report::last_json(newest, good))
}
