//! Finds out whether a unit starts etcd in a container, and asks docker for its state then. Judges nothing.

use crate::config::container::Container;
use crate::model::{Master, Supervisor, supervisor};
use crate::observe::container::{self, Starts};
use crate::observe::{Answer, Settings, Tools, Unit, settings_place, tools, unit};

use super::answers;
use crate::run::ports::Questions;
use crate::run::settings::settings_of;

/// What is known of an etcd in a container.
pub(super) struct InContainer {
    pub(super) unit: Answer<Unit>,
    pub(super) settings: Answer<Settings>,
    /// Those of its image: of the running one, as a run has kept them, or out of its layers; else those on the master.
    pub(super) tools: Answer<Tools>,
}

/// The same master's etcd as docker has it; nothing where its unit starts etcd itself. `first` is what was read of the file
/// that was the likeliest one.
pub(super) async fn found(
    master: &Master,
    unit: &Unit,
    on_host: &Answer<Tools>,
    first: &Answer<Settings>,
    asking: &mut dyn Questions,
) -> Option<InContainer> {
    let starts = Starts::of(unit, on_host.as_ref().ok())?;
    let etcd = &master.etcd;
    let [files] = answers(asking, [Ok(container::command(&starts, &etcd.unit))]).await;
    let made = match files
        .map_err(container::of_files)
        .and_then(|output| container::parse(&etcd.unit, &etcd.data_dir, &output))
    {
        Ok(made) => made,
        // Its own process is not etcd's: whether that runs is not known either. It can be asked all the same.
        Err(why) => {
            let settings = settings_of(master, Some(unit), first.clone(), asking).await;
            return Some(InContainer { unit: Err(why), settings, tools: on_host.clone() });
        }
    };
    let Container { name, env_file, flags, .. } = made;
    let supervisor = Supervisor::Docker(supervisor::Container {
        unit: etcd.unit.clone(),
        container: name.clone(),
        data_dir: etcd.data_dir.clone(),
    });
    let [state] = answers(asking, [Ok(unit::command(&supervisor))]).await;
    let state = state.and_then(|output| unit::parse(&output)).map_err(container::of_docker);
    let program = state.as_ref().ok().and_then(Unit::program).map(str::to_owned);
    let in_it = |state: Unit| {
        let argv = std::iter::once(program.clone().unwrap_or_else(|| "etcd".to_owned())).chain(flags).collect();
        Unit { argv, environment: Vec::new(), environment_files: vec![env_file], container: Some(name), ..state }
    };
    let there = in_it(state.clone().unwrap_or_else(|_| unit.clone()));
    let settings = settings_of(master, Some(&there), first.clone(), asking).await.and_then(settings_place::for_docker);
    if let Err(why) = state {
        return Some(InContainer { unit: Err(why), settings, tools: on_host.clone() });
    }
    let tools = tools_of(program.as_deref(), &supervisor, asking).await;
    Some(InContainer { unit: Ok(there), settings, tools })
}

async fn tools_of(program: Option<&str>, supervisor: &Supervisor, asking: &mut dyn Questions) -> Answer<Tools> {
    let mut unopened = None;
    if program.is_none() {
        let [said] = answers(asking, [Ok(tools::of_image(supervisor))]).await;
        let tools = tools::parse(&said?)?;
        if tools.etcdctl.is_some() {
            return Ok(tools);
        }
        unopened = tools.unopened;
    }
    let kept = format!("{}/etcd", tools::KEPT);
    let [said] = answers(asking, [Ok(tools::command(Some(program.unwrap_or(&kept))))]).await;
    let tools = tools::parse(&said?)?;
    Ok(Tools { unopened: unopened.filter(|_| tools.etcdctl.is_none()), ..tools })
}

/// What is asked in the first round goes by the inventory, which knows no container.
pub(super) fn as_the_inventory_has_it(master: &Master) -> Master {
    let mut master = master.clone();
    master.etcd.container = None;
    master
}
