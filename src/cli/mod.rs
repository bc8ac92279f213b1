//! The command line: reads the flags, calls the verb, tells of its failure, returns its exit code. Does not know what a
//! verb does.

use std::time::Duration;

use crate::import::Zones;
use crate::model::json;
use crate::plan::Goal;
use crate::run::redact::Redactor;
use crate::verbs::files::Files;
use crate::verbs::forms::{CheckForm, DiffForm, DoctorForm, Form, ReportForm, StatusForm};
use crate::verbs::{
    Ask, Failure, Given, Site, doctor, drill, inventory, playbook, recovery, runs, shipped, status, unlock, watch,
};

pub mod args;

use args::{Cli, Common, Consent, InventoryVerb, Origin, PlanGoal, PlaybookVerb, RunsVerb, Verb};

/// Does what the command line says, tells of a failure, and returns the exit code.
pub async fn run(cli: Cli, site: &Site, files: &dyn Files) -> u8 {
    let in_json = answers_in_json(&cli.verb);
    match call(cli, site, files).await {
        Ok(code) => code,
        Err(failure) => {
            tell(&failure, in_json, site);
            failure.code()
        }
    }
}

/// A failure is told on standard error. Who asked for JSON finds it on standard output too, unless the answer is there.
fn tell(failure: &Failure, in_json: bool, site: &Site) {
    let redactor = Redactor::default().and(site.bastion.secrets());
    let failure = failure.clone().cleaned(&redactor);
    if in_json && !failure.answered {
        let mut value = failure.json();
        redactor.value(&mut value);
        site.console.print(&json::text(&value));
    }
    site.console.say(redactor.clean(&failure.text(site.console.coloured())).trim_end());
}

/// Whether standard output is JSON.
fn answers_in_json(verb: &Verb) -> bool {
    match verb {
        Verb::Status(wish) => wish.output == StatusForm::Json,
        Verb::Doctor { output, .. } => *output == DoctorForm::Json,
        Verb::Runs { what: RunsVerb::List { output } } => *output == Form::Json,
        Verb::Report { output, out, .. } => *output == ReportForm::Json && out.is_none(),
        Verb::Inventory { what: InventoryVerb::Check { output, .. } }
        | Verb::Playbook { what: PlaybookVerb::Check { output, .. } } => *output == CheckForm::Json,
        Verb::Inventory { what: InventoryVerb::Show { output, .. } } => *output == Form::Json,
        Verb::Inventory { what: InventoryVerb::Diff { output, .. } } => *output == DiffForm::Json,
        _ => false,
    }
}

async fn call(cli: Cli, site: &Site, files: &dyn Files) -> Result<u8, Failure> {
    let given = Given::of(&cli.common);
    match cli.verb {
        Verb::Status(wish) => see(&given, site, wish).await,
        Verb::Doctor { zone, no_measure, output } => doctor::doctor(&given, site, &zone, !no_measure, output).await,
        Verb::Plan { playbook, wish, save } => {
            let goal = match playbook {
                PlanGoal::InitiateDr => Goal::InitiateDr,
                PlanGoal::Recover => Goal::Recover,
            };
            recovery::show(&given, site, goal, &wish.into(), save.as_deref()).await
        }
        Verb::InitiateDr { wish, consent } => go(&given, site, Goal::InitiateDr, wish.into(), consent).await,
        Verb::Recover { wish, consent } => go(&given, site, Goal::Recover, wish.into(), consent).await,
        Verb::Fence { zones, consent, overrides } => {
            go(&given, site, Goal::Fence, Ask { failed_zones: zones, overrides, ..Ask::default() }, consent).await
        }
        Verb::Unfence { zones, consent, overrides } => {
            go(&given, site, Goal::Unfence, Ask { failed_zones: zones, overrides, ..Ask::default() }, consent).await
        }
        Verb::Undo { run, consent, overrides } => {
            let undoes = Some(runs::named(site, &run)?);
            go(&given, site, Goal::Undo, Ask { undoes, overrides, ..Ask::default() }, consent).await
        }
        Verb::Drill { wish, consent } => drill::drill(&given, site, &wish.into(), consent.confirm.as_deref()).await,
        Verb::Runs { what: RunsVerb::List { output } } => runs::list(site, output),
        Verb::Runs { what: RunsVerb::Show { run } } => runs::report(site, &run, ReportForm::Text, None),
        Verb::Report { run: Some(run), output, out, .. } => runs::report(site, &run, output, out.as_deref()),
        Verb::Report { run: None, .. } => shipped::schema(site, "report"),
        Verb::Unlock { run } => unlock::unlock(&given, site, &runs::named(site, &run)?).await,
        Verb::Inventory { what } => on_inventories(what, &given, site, files),
        Verb::Playbook { what: PlaybookVerb::Check { files: paths, output } } => {
            playbook::check(&given, site, files, &paths, output)
        }
        Verb::Playbook { what: PlaybookVerb::Schema } => shipped::schema(site, "playbook"),
        Verb::Init { directory } => shipped::init(site, files, &directory),
    }
}

async fn go(given: &Given, site: &Site, goal: Goal, ask: Ask, consent: Consent) -> Result<u8, Failure> {
    recovery::go(given, site, goal, &ask, consent.confirm.as_deref()).await
}

async fn see(given: &Given, site: &Site, wish: args::StatusWish) -> Result<u8, Failure> {
    let args::StatusWish { quick, output, watch: every, textfile } = wish;
    let ask = status::Ask { quick, output, textfile };
    match every {
        Some(seconds) => watch::watch(given, site, &ask, Duration::from_secs(seconds)).await,
        None => status::status(given, site, &ask).await,
    }
}

fn on_inventories(what: InventoryVerb, given: &Given, site: &Site, files: &dyn Files) -> Result<u8, Failure> {
    match what {
        InventoryVerb::Check { files: paths, output } => {
            let paths = if paths.is_empty() { vec![given.inventory.clone()] } else { paths };
            inventory::check::check(given, site, files, &paths, output)
        }
        InventoryVerb::Show { file, output } => {
            inventory::show(site, files, file.as_deref().unwrap_or(&given.inventory), output)
        }
        InventoryVerb::Diff { old, new, output } => inventory::diff::diff(site, files, &old, new.as_deref(), output),
        InventoryVerb::Import { from: Origin::Kubespray, path, zone_var, zone_group, environment } => {
            let groups = || if zone_group.is_empty() { Zones::Unsaid } else { Zones::Groups(zone_group) };
            let zones = zone_var.map_or_else(groups, Zones::Var);
            inventory::import::kubespray(site, files, &path, &zones, environment.as_deref())
        }
        InventoryVerb::Schema => shipped::schema(site, "inventory"),
    }
}

impl Given {
    fn of(common: &Common) -> Self {
        let Common { inventory, playbooks, templates, .. } = common;
        Self { inventory: inventory.clone(), playbooks: playbooks.clone(), templates: templates.clone() }
    }
}

impl From<args::Wish> for Ask {
    fn from(wish: args::Wish) -> Self {
        let args::Wish { failed_zone, attest, overrides, snapshot, seed, only } = wish;
        Self { failed_zones: failed_zone, attested: attest, overrides, snapshot, seed, only, undoes: None }
    }
}

impl From<args::DrillWish> for drill::Asked {
    fn from(wish: args::DrillWish) -> Self {
        let args::DrillWish { zone, outage, max_outage, textfile } = wish;
        Self { zone, outage, max_outage, textfile }
    }
}
