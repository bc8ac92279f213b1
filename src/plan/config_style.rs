//! Whether etcd on a master takes its settings from one place, and from the one that is known here. Reads one master at a
//! time; changes nothing.

use crate::config::unit_file::{base, is_shell};
use crate::config::{Form, flags};
use crate::model::Master;
use crate::model::cluster::ConfigAt;
use crate::model::command::clean;
use crate::observe::{Settings, Unit};

use super::Rule;
use super::checks::{Refusals, listed};

/// Settings that decide which cluster a member belongs to and where its data lies.
const OWNED: [&str; 10] = [
    "name",
    "data-dir",
    "wal-dir",
    "config-file",
    "force-new-cluster",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "initial-advertise-peer-urls",
    "listen-peer-urls",
];

/// Of those, what an env file may leave to a variable of the unit: it is read with the file, and nothing rewrites it.
const OF_THE_UNIT: [&str; 4] = ["name", "data-dir", "initial-advertise-peer-urls", "listen-peer-urls"];

/// Those, and the whole family of discovery.
fn is_owned(flag: &str) -> bool {
    OWNED.contains(&flag) || flags::is_discovery(flag)
}

/// Refuses where the unit and the settings do not agree on where etcd is told its cluster.
pub(super) fn check(master: &Master, unit: &Unit, settings: Option<&Settings>, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    let file =
        settings.map_or_else(|| master.etcd.config.first_read().to_owned(), |settings| settings.file.path.clone());
    let form = settings.map(|settings| settings.file.form).unwrap_or_default();
    as_inventory_says(master, form, &file, refusals);
    match form {
        Form::UnitFlags | Form::UnitEnvFile => unit_of_others(master, &file, refusals),
        Form::EnvFile | Form::ConfigFile => {
            program(master, unit, refusals);
            set_beside(master, unit, form, &file, refusals);
            gone_at_boot(master, &file, refusals);
        }
        // What the pod's environment says beside its flags is refused where the manifest is read.
        Form::Manifest => {}
    }
    // Where the settings were not found and the inventory does not say where they are, nobody says that it is this file.
    let is_said = settings.is_some() || master.etcd.config != ConfigAt::default();
    if is_said && form == Form::EnvFile && !unit.environment_files.contains(&file) {
        let files = listed(&unit.environment_files);
        let why = format!("the unit on {name} does not read {file} (EnvironmentFile: {files})");
        refusals.add(Rule::InventoryContradicts, why, format!("correct `etcd.config` of {name}"));
    }
    for key in settings.map(set_and_not_handled).unwrap_or_default() {
        let why = format!("{file} on {name} sets {key}");
        refusals.add(Rule::ConfigStyle, why, format!("remove {key} from {file}; see docs/limits.md"));
    }
}

/// What is made at each boot is made with the old cluster.
fn gone_at_boot(master: &Master, file: &str, refusals: &mut Refusals<'_>) {
    if file.starts_with("/run/") {
        let why = format!(
            "{file} on {} is gone at the next boot, and whatever makes it anew knows the old cluster",
            master.name
        );
        refusals.add(Rule::ConfigStyle, why, "keep etcd's settings in a file below /etc that nothing makes anew");
    }
}

/// What is made at each boot cannot be written, and of a package's unit systemd must take a copy.
fn unit_of_others(master: &Master, file: &str, refusals: &mut Refusals<'_>) {
    let (name, unit) = (&master.name, &master.etcd.unit);
    let why = match file {
        _ if file.starts_with("/run/") => "is made anew, or gone, at the next reload or boot: with the old cluster",
        _ if ["/usr/", "/lib/"].iter().any(|place| file.starts_with(place))
            && Form::UnitFlags.beside_package(file).is_none() =>
        {
            "belongs to a package: its next update would write the old cluster into it again"
        }
        _ => return,
    };
    refusals.add(
        Rule::ConfigStyle,
        format!("{file} on {name} {why}"),
        format!("on {name}: systemctl edit --full {unit}"),
    );
}

/// The inventory may name the place, and must name the right one then.
fn as_inventory_says(master: &Master, form: Form, file: &str, refusals: &mut Refusals<'_>) {
    let holds = match &master.etcd.config {
        ConfigAt::AsUnitSays => true,
        ConfigAt::EnvFile(path) => matches!(form, Form::EnvFile | Form::UnitEnvFile) && path.as_str() == file,
        ConfigAt::UnitFlags => matches!(form, Form::UnitFlags | Form::UnitEnvFile),
        ConfigAt::ConfigFile(path) => form == Form::ConfigFile && path.as_str() == file,
        // It may be held elsewhere now.
        ConfigAt::StaticPod(_) => form == Form::Manifest,
    };
    if !holds {
        let said = master.etcd.config.shown().unwrap_or_default();
        let (name, form) = (&master.name, form.named());
        let why = format!("etcd on {name} has its settings in the {form} {file}, the inventory says {said}");
        refusals.add(Rule::InventoryContradicts, why, format!("correct `etcd.config` of {name}, or leave it out"));
    }
}

/// Whether the unit starts etcd at all, by itself or by a shell: another program may give it other settings than those.
fn program(master: &Master, unit: &Unit, refusals: &mut Refusals<'_>) {
    let Some(program) = unit.program() else { return };
    let is_etcd = |word: &String| base(word) == "etcd";
    let starts = if is_shell(program) { unit.argv.iter().skip(1).any(is_etcd) } else { base(program) == "etcd" };
    if !starts {
        let why = format!("the unit on {} starts {}, not etcd itself", master.name, clean(program));
        refusals.add(
            Rule::ConfigStyle,
            why,
            "start etcd from the unit itself; docs/shapes.md says which forms are handled",
        );
    }
}

/// etcd ignores its environment and its flags where a config file is named, and dies where a flag and a variable say the
/// same.
fn set_beside(master: &Master, unit: &Unit, form: Form, file: &str, refusals: &mut Refusals<'_>) {
    let name = &master.name;
    let next = format!("keep each setting in one place, {file}; see docs/limits.md");
    let owned = |flag: &str| is_owned(flag) && !(form == Form::ConfigFile && flag == "config-file");
    let flag = unit.argv.iter().skip(1).find(|word| {
        let flag =
            word.strip_prefix('-').map(|word| word.trim_start_matches('-').split('=').next().unwrap_or_default());
        flag.is_some_and(owned)
    });
    if let Some(flag) = flag {
        let why = format!("the unit on {name} passes {}: etcd would ignore {file} or refuse to start", clean(flag));
        refusals.add(Rule::ConfigStyle, why, next.clone());
    }
    let read_with_it = |flag: &str| form == Form::EnvFile && OF_THE_UNIT.contains(&flag);
    let variable = |pair: &&String| {
        let flag = flags::of_variable(pair.split('=').next().unwrap_or_default());
        flag.is_some_and(|flag| owned(&flag) && !read_with_it(&flag))
    };
    if let Some(pair) = unit.environment.iter().find(variable) {
        let key = pair.split('=').next().unwrap_or_default();
        refusals.add(Rule::ConfigStyle, format!("the unit on {name} sets {} itself", clean(key)), next);
    }
}

/// The file's settings that would make etcd start otherwise than the file says, or not at all.
fn set_and_not_handled(settings: &Settings) -> Vec<String> {
    let not_handled = |flag: &str, value: &str| {
        let switch = flag == "config-file" || flag == "force-new-cluster";
        // These have a value where they are not used at all (`embed.NewConfig`).
        let idle = ["discovery-fallback", "discovery-failure-fallback"].contains(&flag)
            || flag.ends_with("-timeout")
            || flag.ends_with("-time");
        let off = value.is_empty() || switch && matches!(value, "false" | "0");
        (switch || flags::is_discovery(flag) && !idle) && !off
    };
    let values = settings.values();
    let those = values.iter().filter(|(flag, value)| not_handled(flag, value));
    those.map(|(flag, _)| settings.file.key(flag)).collect()
}
