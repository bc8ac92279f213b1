//! The first questions of a look: what needs no etcd to answer. Judges nothing.

use crate::model::{ApiServerAt, Command, Master, Output, Supervisor};
use crate::observe::api_server::{self, Found};
use crate::observe::api_server_list::may_list;
use crate::observe::{
    Answer, ApiServer, Contact, Seen, Tools, Unclear, Unit, disk, log, node, process, settings, tools, traces, unit,
};
use crate::run::ports::{Questions, RemoteError};
use crate::run::settings::{settings_of, wal_place_of, with_own_commands};

use super::{NoAnswer, ask_all, in_container, known};

/// What needs no etcd to answer. etcd's own answers are still to come.
///
/// # Errors
/// What became of a master that cannot be asked at all.
pub(super) async fn at_first(master: &Master, asking: &mut dyn Questions) -> Result<Seen, Contact> {
    let master = &in_container::as_the_inventory_has_it(master);
    let etcd = &master.etcd;
    let [unit, settings, disk, traces, tools, node, process, api_server] = ask_all(asking, round(master)).await;
    let unit = match unit {
        Ok(output) => unit::parse(&output),
        Err(NoAnswer::Failed { error: RemoteError::Unreachable { why }, .. }) => return Err(Contact::Silent(why)),
        Err(NoAnswer::Failed { error: error @ (RemoteError::HostKey { .. } | RemoteError::Denied { .. }), .. }) => {
            return Err(Contact::Refused(error.to_string()));
        }
        Err(NoAnswer::Failed { error, .. }) => Err(Unclear::text("systemctl show", &error.to_string())),
        Err(NoAnswer::NotPut(why)) => Err(why),
    };
    let [settings, disk, traces, tools, node, process] = [settings, disk, traces, tools, node, process].map(known);
    let api_server = api_server_of(master, known(api_server), asking).await;
    let first = settings.and_then(|output| settings::parse(etcd.config.first_read(), &output));
    let tools = tools_of(&unit, &etcd.supervisor(), tools, asking).await;
    let in_container = match &unit {
        Ok(unit) => in_container::found(master, unit, &tools, &first, asking).await,
        Err(_) => None,
    };
    let (unit, settings, tools) = match in_container {
        Some(found) => (found.unit, found.settings, found.tools),
        None => {
            let settings = settings_of(master, unit.as_ref().ok(), first, asking).await;
            (unit, settings, tools)
        }
    };
    let disk = disk.and_then(|output| disk::parse(&output));
    let wal_place = wal_place_of(master, &settings, &disk, asking).await;
    let node = node.and_then(|output| node::parse(&output));
    let node = with_own_commands(master, node, (&settings, &unit), asking).await;
    // Of another cluster than the main one only those count that know it.
    let of_cluster = |api: &ApiServer| etcd.record.is_main() || may_list(api, settings.as_ref().ok());
    let api_server = api_server.map(|api| api.filter(of_cluster));
    let pending = || Unclear::not_put("it has not answered yet");
    Ok(Seen {
        unit,
        settings,
        tools,
        disk,
        wal_place,
        traces: traces.and_then(|output| traces::parse(&output)),
        status: Err(pending()),
        members: Err(pending()),
        read: Err(pending()),
        denied: None,
        peer_ports: Err(pending()),
        certificates: Err(pending()),
        log: log::not_asked(),
        node,
        process: process.and_then(|output| process::parse(&output)),
        api_server,
    })
}

/// The API server; of one that a unit starts the unit's files are asked for.
async fn api_server_of(master: &Master, said: Answer<Output>, asking: &mut dyn Questions) -> Answer<Option<ApiServer>> {
    if master.kubernetes == ApiServerAt::Nowhere {
        return Ok(None);
    }
    match said.and_then(|output| api_server::parse(&master.kubernetes, &output))? {
        Found::Nothing => Ok(None),
        Found::Pod(api) => Ok(Some(*api)),
        Found::Unit(unit, parts) => {
            let [files] = ask_all(asking, [Ok(api_server::unit_command(&unit))]).await;
            known(files).and_then(|output| api_server::parse_unit(unit, &parts, &output)).map(Some)
        }
    }
}

/// What is asked at once.
fn round(master: &Master) -> [Answer<Command>; 8] {
    let etcd = &master.etcd;
    let api_server = api_server::command(&master.kubernetes);
    [
        Ok(unit::command(&etcd.supervisor())),
        Ok(settings::command(etcd.config.first_read())),
        Ok(disk::command(&etcd.data_dir)),
        Ok(traces::command(&etcd.supervisor(), &etcd.data_dir, &etcd.record)),
        Ok(tools::command(None)),
        Ok(node::command(master)),
        Ok(process::command(&etcd.supervisor(), &etcd.data_dir)),
        api_server.ok_or_else(|| Unclear::not_put("the inventory has no API server there")),
    ]
}

/// Where etcd lies elsewhere than usual, its tools are looked for beside it; where its pod is down and no run has kept them,
/// in its image.
async fn tools_of(
    unit: &Answer<Unit>,
    supervisor: &Supervisor,
    usual: Answer<Output>,
    asking: &mut dyn Questions,
) -> Answer<Tools> {
    let question = match unit.as_ref().ok().map(|unit| (unit, unit.program())) {
        Some((_, Some(program))) if program != tools::USUAL => Some(tools::command(Some(program))),
        Some((unit, None)) if unit.loaded && supervisor.pod().is_some() => Some(tools::of_image(supervisor)),
        _ => None,
    };
    let tools = match question {
        Some(question) => {
            let [tools] = ask_all(asking, [Ok(question)]).await;
            known(tools)
        }
        None => usual,
    };
    tools.and_then(|output| tools::parse(&output))
}
