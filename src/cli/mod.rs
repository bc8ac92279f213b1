//! The command line: reads the flags, calls the verb, tells of its failure, returns its exit code. Does not know what a
//! verb does.

use std::time::Duration;

use crate::import::Zones;
use crate::model::json;
use crate::plan::Goal;
use crate::run::exit;
use crate::run::redact::Redactor;
use crate::verbs::files::Files;
use crate::verbs::forms::{CheckForm, DiffForm, DoctorForm, Form, ReportForm, StatusForm};
use crate::verbs::{
    Failure, InputPaths, Site, UncheckedRequest, beside, clusters, doctor, drill, explain, inventory, playbook,
    recovery, request, runs, send_tools, shipped, status, unlock, watch,
};

pub mod args;
pub mod pages;

use args::{
    Cli, Common, Consent, InventoryVerb, Origin, Overrides, PlanGoal, PlanOutput, PlaybookVerb, RunsVerb, Verb,
};

/// The variable by which a shell asks the program what can follow the words typed so far: one of our own, since a stray
/// `COMPLETE` in somebody's environment must not take the place of a recovery.
pub const COMPLETION_VARIABLE: &str = "REQUORUM_COMPLETE";

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
        Verb::Status(args) => args.output == StatusForm::Json,
        Verb::Doctor { output, .. } => *output == DoctorForm::Json,
        Verb::Plan { playbook: PlanGoal::InitiateDr { plan, .. } | PlanGoal::Recover { plan, .. } } => {
            plan.output == Form::Json
        }
        Verb::InitiateDr { consent, .. }
        | Verb::Recover { consent, .. }
        | Verb::Fence { consent, .. }
        | Verb::Unfence { consent, .. }
        | Verb::Undo { consent, .. }
        | Verb::Drill { consent, .. } => consent.output == Form::Json,
        Verb::Explain { output, .. } | Verb::Unlock { output, .. } | Verb::SendTools { output } => {
            *output == Form::Json
        }
        Verb::Runs { what: RunsVerb::List { output } | RunsVerb::Show { output, .. } } => *output == Form::Json,
        Verb::Report { output, out, .. } => *output == ReportForm::Json && out.is_none(),
        Verb::Inventory { what: InventoryVerb::Check { output, .. } }
        | Verb::Playbook { what: PlaybookVerb::Check { output, .. } } => *output == CheckForm::Json,
        Verb::Inventory { what: InventoryVerb::Show { output, .. } } => *output == Form::Json,
        Verb::Inventory { what: InventoryVerb::Diff { output, .. } } => *output == DiffForm::Json,
        _ => false,
    }
}

async fn call(cli: Cli, site: &Site, files: &dyn Files) -> Result<u8, Failure> {
    let inputs = InputPaths::of(&cli.common);
    match cli.verb {
        Verb::Status(args) => see(&inputs, site, args).await,
        Verb::Doctor { bastion: true, other, output, .. } => {
            doctor::bastion(&inputs, site, other.as_deref(), output).await
        }
        Verb::Doctor { zone, no_measure, output, .. } => diagnose(&inputs, site, &zone, !no_measure, output).await,
        Verb::Plan { playbook: PlanGoal::InitiateDr { args, plan } } => {
            show(inputs, site, Goal::InitiateDr, args.into(), plan).await
        }
        Verb::Plan { playbook: PlanGoal::Recover { args, plan } } => {
            show(inputs, site, Goal::Recover, args.into(), plan).await
        }
        Verb::InitiateDr { args, consent } => go(&inputs, site, Goal::InitiateDr, args.into(), consent).await,
        Verb::Recover { args, consent } => go(&inputs, site, Goal::Recover, args.into(), consent).await,
        Verb::Fence { zones, consent, overrides } => {
            go(&inputs, site, Goal::Fence, of_zones(zones, overrides), consent).await
        }
        Verb::Unfence { zones, consent, overrides } => {
            go(&inputs, site, Goal::Unfence, of_zones(zones, overrides), consent).await
        }
        Verb::Undo { run, consent, overrides } => {
            let undoes = Some(runs::named_to_undo(&inputs, site, &run)?);
            let request = UncheckedRequest { undoes, overrides: overrides.overrides, ..UncheckedRequest::default() };
            go(&inputs, site, Goal::Undo, request, consent).await
        }
        Verb::Drill { args, consent } => drill_each(inputs, site, args.into(), consent).await,
        Verb::Runs { what: RunsVerb::List { output } } => runs::list(site, output),
        Verb::Runs { what: RunsVerb::Show { run, output } } => {
            let form = if output == Form::Json { ReportForm::Json } else { ReportForm::Text };
            runs::report(site, &run, form, None)
        }
        Verb::Report { run: Some(run), output, out, .. } => runs::report(site, &run, output, out.as_deref()),
        Verb::Report { run: None, .. } => shipped::schema(site, "report"),
        Verb::Unlock { run, output } => unlock::unlock(&inputs, site, &runs::named(site, &run)?, output).await,
        Verb::SendTools { output } => send(&inputs, site, output).await,
        Verb::Inventory { what } => on_inventories(what, &inputs, site, files),
        Verb::Playbook { what: PlaybookVerb::Check { files: paths, output } } => {
            playbook::check(&inputs, site, files, &paths, output)
        }
        Verb::Playbook { what: PlaybookVerb::Schema } => shipped::schema(site, "playbook"),
        Verb::Init(args) => init(&inputs, site, files, &args).await,
        Verb::Completions { shell } => {
            site.console.print(&pages::completions(shell, COMPLETION_VARIABLE));
            Ok(exit::DONE)
        }
        Verb::Explain { codes, output } => explain::explain(site, &codes, output),
        Verb::Manual { directory } => shipped::write(site, files, &directory, &pages::manual()),
    }
}

async fn send(inputs: &InputPaths, site: &Site, output: Form) -> Result<u8, Failure> {
    match output {
        Form::Json => send_tools::as_json(inputs, site).await,
        Form::Text => {
            clusters::all(inputs, site, async |one: &InputPaths| send_tools::send_tools(one, site).await).await
        }
    }
}

/// One cluster after the other; what is asked for only once is about one of them.
async fn drill_each(
    inputs: InputPaths,
    site: &Site,
    request: drill::DrillRequest,
    consent: Consent,
) -> Result<u8, Failure> {
    let inputs = if request.textfile.is_some() { clusters::the_one(&inputs, site, "--textfile")? } else { inputs };
    let confirm = consent.confirm.as_deref();
    if consent.output == Form::Json {
        let one = clusters::the_one(&inputs, site, "-o json")?;
        return beside::reported(site, async |site: &Site| drill::drill(&one, site, &request, confirm).await).await;
    }
    clusters::in_turn(&inputs, site, confirm, async |one: &InputPaths, confirm: Option<&str>| {
        drill::drill(one, site, &request, confirm).await
    })
    .await
}

async fn diagnose(
    inputs: &InputPaths,
    site: &Site,
    zones: &[String],
    measure: bool,
    output: DoctorForm,
) -> Result<u8, Failure> {
    if output != DoctorForm::Text {
        let one = clusters::the_one(inputs, site, "this form of the doctor's answer")?;
        return doctor::doctor(&one, site, zones, measure, output).await;
    }
    clusters::all(inputs, site, async |one: &InputPaths| doctor::doctor(one, site, zones, measure, output).await).await
}

async fn show(
    inputs: InputPaths,
    site: &Site,
    goal: Goal,
    request: UncheckedRequest,
    plan: PlanOutput,
) -> Result<u8, Failure> {
    let PlanOutput { output, save } = plan;
    let inputs = if save.is_some() { clusters::the_one(&inputs, site, "--save")? } else { inputs };
    let inputs = if output == Form::Json { clusters::the_one(&inputs, site, "-o json")? } else { inputs };
    let inputs = of_one_only(inputs, site, &request)?;
    let to = (output, save.as_deref());
    clusters::all(&inputs, site, async |one: &InputPaths| recovery::show(one, site, goal, &request, to).await).await
}

async fn go(
    inputs: &InputPaths,
    site: &Site,
    goal: Goal,
    request: UncheckedRequest,
    consent: Consent,
) -> Result<u8, Failure> {
    let inputs = of_one_only(inputs.clone(), site, &request)?;
    let confirm = consent.confirm.as_deref();
    if consent.output == Form::Json {
        let one = clusters::the_one(&inputs, site, "-o json")?;
        let act = async |site: &Site| recovery::go(&one, site, goal, &request, confirm).await;
        return beside::reported(site, act).await;
    }
    clusters::each_fits(&inputs, site, |cluster| request::request(goal, &request, cluster, site).map(drop))?;
    clusters::in_turn(&inputs, site, confirm, async |one: &InputPaths, confirm: Option<&str>| {
        recovery::go(one, site, goal, &request, confirm).await
    })
    .await
}

fn of_zones(failed_zones: Vec<String>, overrides: Overrides) -> UncheckedRequest {
    UncheckedRequest { failed_zones, overrides: overrides.overrides, ..UncheckedRequest::default() }
}

/// What a request names that only one cluster can have.
fn of_one_only(inputs: InputPaths, site: &Site, request: &UncheckedRequest) -> Result<InputPaths, Failure> {
    let UncheckedRequest { snapshot, seed, only, undoes, .. } = request;
    let named = [
        ("--snapshot", snapshot.is_some()),
        ("--seed", seed.is_some()),
        ("--only", !only.is_empty()),
        ("undo", undoes.is_some()),
    ];
    match named.into_iter().find(|(_, given)| *given) {
        Some((what, _)) => clusters::the_one(&inputs, site, what),
        None => Ok(inputs),
    }
}

async fn see(inputs: &InputPaths, site: &Site, args: args::StatusArgs) -> Result<u8, Failure> {
    let args::StatusArgs { quick, output, watch: every, textfile } = args;
    let request = status::StatusRequest { quick, output, textfile };
    if let Some(seconds) = every {
        let one = clusters::the_one(inputs, site, "--watch")?;
        return watch::watch(&one, site, &request, Duration::from_secs(seconds)).await;
    }
    let one = match () {
        () if request.textfile.is_some() => Some("--textfile"),
        () if request.output == StatusForm::Prometheus => Some("-o prometheus"),
        () => None,
    };
    let each = match one {
        Some(what) => vec![clusters::the_one(inputs, site, what)?],
        None => clusters::each(inputs, site)?,
    };
    status::of_all(&each, site, &request).await
}

fn on_inventories(what: InventoryVerb, inputs: &InputPaths, site: &Site, files: &dyn Files) -> Result<u8, Failure> {
    match what {
        InventoryVerb::Check { files: paths, output } => {
            let paths = if paths.is_empty() { vec![inputs.inventory.clone()] } else { paths };
            inventory::check::check(inputs, site, files, &paths, output)
        }
        InventoryVerb::Show { file, output } => {
            inventory::show(site, files, file.as_deref().unwrap_or(&inputs.inventory), output)
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

async fn init(inputs: &InputPaths, site: &Site, files: &dyn Files, args: &args::InitArgs) -> Result<u8, Failure> {
    match from_host(inputs, args) {
        Some(request) => inventory::from_host::from_host(inputs, site, files, &request).await,
        None => shipped::init(site, files, &args.directory),
    }
}

/// What is asked of `init --from`, by the inventory's keys.
fn from_host(inputs: &InputPaths, args: &args::InitArgs) -> Option<inventory::from_host::FromHost> {
    let ssh = [
        ("user", args.user.clone()),
        ("port", args.port.map(|port| port.to_string())),
        ("become", args.r#become.clone()),
        ("identity", args.identity.clone()),
        ("known_hosts", args.known_hosts.clone()),
        ("jump", args.jump.clone()),
    ];
    Some(inventory::from_host::FromHost {
        host: args.from.clone()?,
        ssh: ssh.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        cluster: inputs.cluster.as_ref().map(ToString::to_string),
        environment: args.environment.clone(),
        zones: args.zone.clone(),
    })
}

impl InputPaths {
    fn of(common: &Common) -> Self {
        let Common { inventory, cluster, playbooks, templates, .. } = common.clone();
        Self { inventory, cluster, playbooks, templates }
    }
}

impl From<args::InitiateArgs> for UncheckedRequest {
    fn from(args: args::InitiateArgs) -> Self {
        let args::InitiateArgs { failed_zone, attest, proof, overrides, snapshot, seed } = args;
        let timed_proof = proof == args::ProofBy::Timed;
        let (failed_zones, attested, overrides) = (failed_zone, attest, overrides.overrides);
        Self { failed_zones, attested, overrides, snapshot, seed, timed_proof, ..Self::default() }
    }
}

impl From<args::RecoverArgs> for UncheckedRequest {
    fn from(args: args::RecoverArgs) -> Self {
        Self { only: args.only, overrides: args.overrides.overrides, ..Self::default() }
    }
}

impl From<args::DrillArgs> for drill::DrillRequest {
    fn from(args: args::DrillArgs) -> Self {
        let args::DrillArgs { zone, outage, proof, max_outage, textfile } = args;
        Self { zone, outage, timed_proof: proof == args::ProofBy::Timed, max_outage, textfile }
    }
}
