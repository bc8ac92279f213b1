//! Reads a master's settings from where its unit has them, and looks at what they name. Does not know what they say.

use crate::model::Master;
use crate::observe::{Answer, Disk, Node, Settings, Unit, WalPlace, own_commands, settings_place, wal_place};

use super::look::answers;
use super::ports::Questions;

/// The settings from where the unit has them: `first` is the file that was read before that was known.
pub(super) async fn settings_of(
    master: &Master,
    unit: Option<&Unit>,
    first: Answer<Settings>,
    asking: &mut dyn Questions,
) -> Answer<Settings> {
    let settings = match unit.filter(|unit| unit.loaded) {
        Some(unit) => settings_place::with_variables_of(unit, read(master, unit, first, asking).await?)?,
        None => first?,
    };
    Ok(Settings { client: master.etcd.client.clone(), ..settings })
}

async fn read(master: &Master, unit: &Unit, first: Answer<Settings>, asking: &mut dyn Questions) -> Answer<Settings> {
    let etcd = &master.etcd;
    let place = settings_place::place(unit, &etcd.config, &first);
    if place == settings_place::Place::EnvFile(etcd.config.first_read().to_owned()) {
        return first;
    }
    let [answer] = answers(asking, [Ok(settings_place::command(&place, etcd))]).await;
    let mut settings = settings_place::parse(&place, &etcd.unit, &answer?)?;
    if let Some(question) = settings_place::names_command(&settings) {
        let [answer] = answers(asking, [Ok(question)]).await;
        settings.names = answer.ok().and_then(|output| settings_place::names(&output));
    }
    Ok(settings)
}

/// Where the write-ahead log lies, where that is not in the data directory.
pub(super) async fn wal_place_of(
    master: &Master,
    settings: &Answer<Settings>,
    disk: &Answer<Disk>,
    asking: &mut dyn Questions,
) -> Answer<Option<WalPlace>> {
    let Some(question) = wal_place::command(&master.etcd.data_dir, settings, disk)? else { return Ok(None) };
    let [answer] = answers(asking, [Ok(question)]).await;
    wal_place::parse(&answer?).map(Some)
}

/// The node, with what its unit writes by itself. What was shown of its commands is not kept.
pub(super) async fn with_own_commands(
    master: &Master,
    node: Answer<Node>,
    (settings, unit): (&Answer<Settings>, &Answer<Unit>),
    asking: &mut dyn Questions,
) -> Answer<Node> {
    let mut node = node?;
    if let Ok(settings) = settings
        && let Some(question) = own_commands::command(&node.policy, settings, unit.as_ref().ok(), &master.etcd.unit)
    {
        let [answer] = answers(asking, [Ok(question)]).await;
        node.policy.writes = own_commands::parse(&node.policy, &settings.file.path, &master.etcd.unit, answer);
    }
    node.policy.commands.clear();
    Ok(node)
}
