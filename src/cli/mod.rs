//! The command line: reads the flags, calls the verb, returns its exit code. Does not know what a verb does.

use std::time::Duration;

use crate::import::Zones;
use crate::plan::Goal;
use crate::verbs::files::Files;
use crate::verbs::{
    Ask, Failure, Given, Site, doctor, drill, inventory, playbook, recovery, runs, shipped, status, unlock, watch,
};

pub mod args;

use args::{Cli, Common, Consent, InventoryVerb, Origin, PlanGoal, PlaybookVerb, ReportForm, RunsVerb, Verb};

/// Does what the command line says.
///
/// # Errors
/// [`Failure`] carries the exit code.
pub async fn run(cli: Cli, site: Site, files: &dyn Files) -> Result<u8, Failure> {
    let given = Given::of(&cli.common);
    match cli.verb {
        Verb::Status(wish) => see(&given, &site, wish).await,
        Verb::Doctor { zone, no_measure, output } => doctor::doctor(&given, &site, &zone, !no_measure, output).await,
        Verb::Plan { playbook, wish, save } => {
            let goal = match playbook {
                PlanGoal::InitiateDr => Goal::InitiateDr,
                PlanGoal::Recover => Goal::Recover,
            };
            recovery::show(&given, &site, goal, &wish.into(), save.as_deref()).await
        }
        Verb::InitiateDr { wish, consent } => go(&given, &site, Goal::InitiateDr, wish.into(), consent).await,
        Verb::Recover { wish, consent } => go(&given, &site, Goal::Recover, wish.into(), consent).await,
        Verb::Fence { zones, consent, overrides } => {
            go(&given, &site, Goal::Fence, Ask { failed_zones: zones, overrides, ..Ask::default() }, consent).await
        }
        Verb::Unfence { zones, consent, overrides } => {
            go(&given, &site, Goal::Unfence, Ask { failed_zones: zones, overrides, ..Ask::default() }, consent).await
        }
        Verb::Undo { run, consent, overrides } => {
            go(&given, &site, Goal::Undo, Ask { undoes: Some(run), overrides, ..Ask::default() }, consent).await
        }
        Verb::Drill { wish, consent } => drill::drill(&given, &site, &wish.into(), consent.confirm.as_deref()).await,
        Verb::Runs { what: RunsVerb::List { output } } => runs::list(&site, output),
        Verb::Runs { what: RunsVerb::Show { run } } => runs::report(&site, &run, ReportForm::Text, None),
        Verb::Report { run: Some(run), output, out, .. } => runs::report(&site, &run, output, out.as_deref()),
        Verb::Report { run: None, .. } => shipped::schema(&site, "report"),
        Verb::Unlock { run } => unlock::unlock(&given, &site, &run).await,
        Verb::Inventory { what } => on_inventories(what, &given, &site, files),
        Verb::Playbook { what: PlaybookVerb::Check { files: paths, output } } => {
            playbook::check(&given, &site, files, &paths, output)
        }
        Verb::Playbook { what: PlaybookVerb::Schema } => shipped::schema(&site, "playbook"),
        Verb::Init { directory } => shipped::init(&site, files, &directory),
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
