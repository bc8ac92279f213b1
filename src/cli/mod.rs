//! The verbs: flags in, exit code out. Each verb puts together what the other modules know.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch::Receiver;

use crate::model::kubespray::Zones;
use crate::run::ports::{Clock, Console, Prompt};
use crate::world::ssh::Unlocked;

pub mod args;
mod check;
mod diff;
mod doctor;
mod drill;
mod go;
mod import;
mod input;
mod observe;
mod runs;
mod status;
mod unlock;
mod watch;
mod wish;

use args::{Cli, InventoryVerb, Origin, PlanGoal, PlaybookVerb, ReportForm, RunsVerb, Verb};

pub use crate::run::exit;

/// What the bastion brings along; `main` reads it from the environment.
#[derive(Clone)]
pub struct Bastion {
    /// The person, for records.
    pub person: String,
    /// The host's name.
    pub host: String,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Keys and passwords, once somebody has unlocked them.
    pub unlocked: Unlocked,
    /// Where state is kept by default.
    pub state: PathBuf,
    /// Whether to colour standard output.
    pub colour: bool,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The console.
    pub console: Arc<dyn Console>,
    /// The person at the terminal.
    pub prompt: Arc<dyn Prompt>,
    /// Turns true at the first Ctrl-C.
    pub interrupted: Receiver<bool>,
    /// Whether something may be half done.
    pub acting: Acting,
}

/// Whether something may be half done, so that an interruption must wait. Until then it ends the program at once,
/// whatever that waits for: a file, git, a person, a master's answer.
#[derive(Clone, Default)]
pub struct Acting(Arc<Mutex<bool>>);

impl Acting {
    /// From here on an interruption waits.
    fn begin(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Ends by `end` where nothing has begun; nothing begins meanwhile.
    pub fn end_before(&self, end: impl FnOnce()) {
        let acting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*acting {
            end();
        }
    }
}

/// An end that is no success, with its exit code and what to say.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What to say on standard error.
    pub text: String,
}

impl Failure {
    /// A failure with this code.
    pub fn new(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// The command line is wrong.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(exit::USAGE, text)
    }
}

/// Does what the command line says.
///
/// # Errors
/// [`Failure`] carries the exit code.
pub async fn run(cli: Cli, bastion: Bastion) -> Result<u8, Failure> {
    let common = &cli.common;
    match cli.verb {
        Verb::Status(wish) => status::status(common, &bastion, &wish).await,
        Verb::Doctor { zone, no_measure, output } => doctor::doctor(common, &bastion, &zone, !no_measure, output).await,
        Verb::Plan { playbook, wish, save } => {
            let goal = match playbook {
                PlanGoal::InitiateDr => crate::plan::Goal::InitiateDr,
                PlanGoal::Recover => crate::plan::Goal::Recover,
            };
            go::show(common, &bastion, goal, &wish, save.as_deref()).await
        }
        Verb::InitiateDr { wish, consent } => {
            go::go(common, &bastion, crate::plan::Goal::InitiateDr, &wish, &consent).await
        }
        Verb::Recover { wish, consent } => go::go(common, &bastion, crate::plan::Goal::Recover, &wish, &consent).await,
        Verb::Fence { zones, consent, overrides } => {
            let wish = args::Wish { failed_zone: zones, overrides, ..args::Wish::default() };
            go::go(common, &bastion, crate::plan::Goal::Fence, &wish, &consent).await
        }
        Verb::Unfence { zones, consent, overrides } => {
            let wish = args::Wish { failed_zone: zones, overrides, ..args::Wish::default() };
            go::go(common, &bastion, crate::plan::Goal::Unfence, &wish, &consent).await
        }
        Verb::Undo { run, consent, overrides } => {
            let wish = args::Wish { undoes: Some(run), overrides, ..args::Wish::default() };
            go::go(common, &bastion, crate::plan::Goal::Undo, &wish, &consent).await
        }
        Verb::Drill { wish, consent } => drill::drill(common, &bastion, &wish, &consent).await,
        Verb::Runs { what: RunsVerb::List { output } } => runs::list(common, &bastion, output),
        Verb::Runs { what: RunsVerb::Show { run } } => runs::report(common, &bastion, &run, ReportForm::Text, None),
        Verb::Report { run: Some(run), output, out, .. } => {
            runs::report(common, &bastion, &run, output, out.as_deref())
        }
        Verb::Report { run: None, .. } => check::schema("report"),
        Verb::Unlock { run } => unlock::unlock(common, &bastion, &run).await,
        Verb::Inventory { what: InventoryVerb::Check { files, output } } => {
            let files = if files.is_empty() { vec![common.inventory.clone()] } else { files };
            check::inventories(common, &files, output, bastion.colour)
        }
        Verb::Inventory { what: InventoryVerb::Show { file, output } } => {
            check::show(file.as_deref().unwrap_or(&common.inventory), output, bastion.colour)
        }
        Verb::Inventory { what: InventoryVerb::Diff { old, new, output } } => {
            diff::diff(&old, new.as_deref(), output, bastion.colour)
        }
        Verb::Inventory {
            what: InventoryVerb::Import { from: Origin::Kubespray, path, zone_var, zone_group, environment },
        } => {
            let groups = || if zone_group.is_empty() { Zones::Unsaid } else { Zones::Groups(zone_group) };
            import::kubespray(&path, &zone_var.map_or_else(groups, Zones::Var), environment.as_deref())
        }
        Verb::Playbook { what: PlaybookVerb::Check { files, output } } => {
            check::playbooks(common, &files, output, bastion.colour)
        }
        Verb::Inventory { what: InventoryVerb::Schema } => check::schema("inventory"),
        Verb::Playbook { what: PlaybookVerb::Schema } => check::schema("playbook"),
        Verb::Init { directory } => check::init(&directory),
    }
}

/// The command line's beginning, for next commands.
fn again(inventory: &Path) -> String {
    let path = inventory.display().to_string();
    if path == "inventory.yaml" {
        return "requorum".to_owned();
    }
    let quoted = shlex::try_quote(&path).map_or_else(|_| path.clone(), |quoted| quoted.into_owned());
    format!("requorum -i {quoted}")
}
