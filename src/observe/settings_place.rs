//! Where a master's etcd finds its settings, by what its unit says, and the questions that read them there. Asks nothing
//! itself.

use serde::{Deserialize, Serialize};

use crate::config::unit_file::{base, given, is_shell};
use crate::config::{OWNED, SettingsFile, TextFile, flags};
use crate::model::cluster::{ConfigAt, EtcdSettings};
use crate::model::command::{Script, clean};
use crate::model::{Command, Output, UnitName};

use super::settings::{self, LARGEST};
use super::supervised::{Supervised, supervised};
use super::unit::flags_of;
use super::{Answer, Settings, Unclear, Unit, client_urls};

/// Where the settings are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// A file that the unit's environment is read from.
    EnvFile(String),
    /// One of several files that the unit's environment is read from.
    EnvFiles,
    /// The unit's own files, and the env files that its flags take variables from.
    UnitFlags,
    /// The file that `--config-file` names.
    ConfigFile(String),
    /// The manifest of its static pod.
    Manifest,
}

/// Where the unit has them. `first` is what was read of the file that was the likeliest one.
#[must_use]
pub fn place(unit: &Unit, at: &ConfigAt, first: &Answer<Settings>) -> Place {
    if matches!(at, ConfigAt::StaticPod(_)) {
        return Place::Manifest;
    }
    let in_first = || first.as_ref().ok().filter(|_| reads(unit, at.first_read()))?.get("config-file");
    let config_file =
        unit.flag("config-file").or_else(|| unit.variable(&flags::variable_of("config-file"))).or_else(in_first);
    if let Some(path) = config_file.filter(|path| !path.is_empty()) {
        return Place::ConfigFile(path);
    }
    let is_flag = |flag: &&str| unit.flag(flag).is_some();
    let in_unit = OWNED.iter().any(|flag| is_flag(flag) || unit.variable(&flags::variable_of(flag)).is_some());
    // Then its env files are read with the flags.
    let is_own =
        unit.container.is_none() && unit.program().is_some_and(|program| base(program) == "etcd" || is_shell(program));
    if in_unit || (is_own || unit.environment_files.is_empty()) && ["name", "data-dir"].iter().any(is_flag) {
        return Place::UnitFlags;
    }
    // A pattern is refused where the files are read.
    let is_pattern = |path: &String| path.contains(['*', '?', '[']);
    if unit.environment_files.len() > 1 || unit.environment_files.iter().any(is_pattern) {
        return Place::EnvFiles;
    }
    if reads(unit, at.first_read()) {
        return Place::EnvFile(at.first_read().to_owned());
    }
    match &unit.environment_files[..] {
        [] => Place::EnvFile(at.first_read().to_owned()),
        [path, ..] => Place::EnvFile(path.clone()),
    }
}

/// The settings of an etcd in a container, as docker gives them to it.
///
/// # Errors
/// When they are not in an env file, or docker reads it otherwise: with its line, and what to do.
pub fn for_docker(settings: Settings) -> Answer<Settings> {
    let reading = |why| Unclear { what: READING.to_owned(), why };
    if settings.file.form != crate::config::Form::EnvFile {
        let (path, form) = (&settings.file.path, settings.file.form.named());
        return Err(reading(format!(
            "{path}: etcd in a container has its settings in this {form}, and not in an env file"
        )));
    }
    let settings = Settings { file: settings.file.for_docker(), ..settings };
    settings.file.values().map_err(reading)?;
    Ok(settings)
}

fn reads(unit: &Unit, path: &str) -> bool {
    unit.environment_files.iter().any(|file| file == path)
}

pub(super) const UNIT_FILES: Script = Script {
    name: "unit files",
    text: concat!(include_str!("scripts/prelude/tell.sh"), include_str!("scripts/unit-files.sh")),
};
const MANIFEST: Supervised = supervised!("manifest", "scripts/manifest.sh");
const NAMES: Script = Script { name: "certificate names", text: include_str!("scripts/certificate-names.sh") };

/// Asks for what is there.
#[must_use]
pub fn command(place: &Place, etcd: &EtcdSettings) -> Command {
    match place {
        Place::Manifest => MANIFEST.command(&etcd.supervisor()),
        Place::EnvFile(path) | Place::ConfigFile(path) => settings::command(path),
        Place::UnitFlags | Place::EnvFiles => Command::script(UNIT_FILES).arg(etcd.unit.as_str()),
    }
}

/// Reads the answer.
///
/// # Errors
/// When the file is not there or says nothing that can be read: with its line, and what to do.
pub fn parse(place: &Place, unit: &UnitName, output: &Output) -> Answer<Settings> {
    let settings = match place {
        Place::EnvFile(path) => settings::parse(path, output)?,
        Place::ConfigFile(path) => {
            let Settings { file, owner, .. } = settings::parse(path, output)?;
            let file = SettingsFile::config_file(path, &file.text);
            Settings { owner, ..Settings::of(file) }
        }
        Place::UnitFlags => of_files(output, |units, env_files| SettingsFile::unit(unit.as_str(), units, env_files))?,
        Place::EnvFiles => of_files(output, |_, env_files| SettingsFile::of_env_files(&env_files))?,
        Place::Manifest => manifest(output)?,
    };
    settings.file.values().map_err(|why| Unclear { what: READING.to_owned(), why })?;
    Ok(settings)
}

/// An env file with what the unit itself sets beside it, by variables, as etcd's package on Debian does, or by flags. A config
/// file makes etcd pass over all variables; where the flags are the settings, the unit's files were read with them.
///
/// # Errors
/// Where a flag that decides the cluster stands in a variable: nothing there is rewritten.
pub fn with_variables_of(unit: &Unit, mut settings: Settings) -> Answer<Settings> {
    if settings.file.form != crate::config::Form::EnvFile {
        return Ok(settings);
    }
    let variables = unit.environment.iter().filter_map(|pair| pair.split_once('='));
    settings.file = settings.file.beside(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // Another program's flags are not etcd's (`docker run --name=…`).
    if unit.program().is_none_or(|program| base(program) != "etcd") {
        return Ok(settings);
    }
    let (written, passed) = (unit.flags(), flags_of(&expanded(unit, &settings.file)));
    let decides = |flag: &&String| {
        let is = OWNED.contains(&flag.as_str()) || ["config-file", "force-new-cluster"].contains(&flag.as_str());
        (is || flags::is_discovery(flag)) && !written.contains_key(*flag)
    };
    if let Some(flag) = passed.keys().find(decides) {
        let why = format!(
            "a variable in the unit's ExecStart gives etcd --{} beside {}: put the flags into ExecStart itself, or that setting into the file",
            clean(flag),
            settings.file.path
        );
        return Err(Unclear { what: READING.to_owned(), why });
    }
    settings.flags = passed.into_iter().filter(|(flag, _)| !OWNED.contains(&flag.as_str())).collect();
    Ok(settings)
}

/// The words that etcd gets. What an env file says counts before what the unit sets.
fn expanded(unit: &Unit, file: &SettingsFile) -> Vec<String> {
    let own = unit.environment.iter().filter_map(|pair| pair.split_once('='));
    let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
    given(&unit.argv, own.chain(file.named()).collect())
}

/// What is told of a file that cannot be read as etcd's settings.
pub const READING: &str = "reading etcd's settings";

/// Owner and path stand before the text.
fn manifest(output: &Output) -> Answer<Settings> {
    const WHAT: &str = "reading the pod's manifest";
    let (head, text) = Settings::answered(WHAT, output)?;
    let (owner, path) = head.split_once('\t').ok_or_else(|| Unclear::text(WHAT, "the answer is not whole"))?;
    Ok(Settings { owner: owner.to_owned(), ..Settings::of(SettingsFile::manifest(path, text)) })
}

/// One of the files that were told, and whose it is: `unit`, `env` or `script`.
pub(super) struct Told {
    pub(super) kind: String,
    pub(super) file: TextFile,
    owner: String,
}

/// The files that the question for a unit's files was answered with.
pub(super) fn files_told(output: &Output) -> Answer<Vec<Told>> {
    texts_told("reading the unit's files", &["unit", "env", "script"], output)
}

/// The texts of these kinds that a question was answered with (`prelude/tell.sh`).
pub(super) fn texts_told(what: &str, kinds: &[&str], output: &Output) -> Answer<Vec<Told>> {
    if !output.ok() {
        return Err(Unclear::failed(what, output));
    }
    if output.stdout.len() > LARGEST {
        return Err(Unclear::text(what, "they are larger than 256 KiB, which is too large for what they should be"));
    }
    let broken = || Unclear::text(what, "the answer is not whole");
    let mut all = Vec::new();
    let mut rest = output.stdout.as_str();
    while !rest.is_empty() {
        let (head, after) = rest.split_once('\n').ok_or_else(broken)?;
        let [kind, path, owner, length] = head.split('\t').collect::<Vec<_>>()[..] else { return Err(broken()) };
        let length: usize = length.parse().map_err(|_| broken())?;
        let text = after.get(..length).ok_or_else(broken)?;
        rest = after[length..].strip_prefix('\n').ok_or_else(broken)?;
        if !kinds.contains(&kind) {
            return Err(broken());
        }
        let file = TextFile { path: path.to_owned(), text: text.to_owned() };
        all.push(Told { kind: kind.to_owned(), file, owner: owner.to_owned() });
    }
    Ok(all)
}

/// What is made of the unit's own files and its env files.
fn of_files(
    output: &Output,
    found: impl FnOnce(Vec<TextFile>, Vec<TextFile>) -> Result<SettingsFile, String>,
) -> Answer<Settings> {
    let told = files_told(output)?;
    let of = |kind: &str| told.iter().filter(|one| one.kind == kind).map(|one| one.file.clone()).collect();
    let file = found(of("unit"), of("env")).map_err(|why| Unclear { what: READING.to_owned(), why })?;
    let owner = told.into_iter().find(|one| one.file.path == file.path).map(|one| one.owner).unwrap_or_default();
    Ok(Settings { owner, ..Settings::of(file) })
}

/// Asks which names the server's certificate is made out to, where an env file's question did not ask it yet.
#[must_use]
pub fn names_command(settings: &Settings) -> Option<Command> {
    let asked = settings.file.form == crate::config::Form::EnvFile && settings.names.is_some();
    let certificate = settings.get("cert-file").filter(|path| !asked && !path.is_empty())?;
    Some(Command::script(NAMES).arg(certificate))
}

/// Reads the names; none where they cannot be read.
#[must_use]
pub fn names(output: &Output) -> Option<Vec<String>> {
    (output.ok() && !output.stdout.trim().is_empty()).then(|| client_urls::names(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Form;
    use crate::model::ContainerName;

    fn unit(argv: &[&str], environment: &[&str], files: &[&str]) -> Unit {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (argv, environment, environment_files) = (words(argv), words(environment), words(files));
        Unit { loaded: true, argv, environment, environment_files, ..Unit::default() }
    }

    fn first(text: &str) -> Answer<Settings> {
        Ok(Settings::of(SettingsFile::env_file("/etc/etcd.env", text)))
    }

    #[test]
    fn the_unit_says_where_the_settings_are() {
        let (usual, none) = (["/etc/etcd.env"], first("ETCD_NAME=m1\n"));
        let at = ConfigAt::AsUnitSays;
        let env = |path: &str| Place::EnvFile(path.to_owned());
        let file = Place::ConfigFile("/etc/etcd/c.yml".to_owned());
        for (unit, expected) in [
            (unit(&["etcd", "--max-wals=5"], &[], &usual), env("/etc/etcd.env")),
            (unit(&["etcd"], &[], &["/etc/default/etcd"]), env("/etc/default/etcd")),
            (unit(&["etcd"], &[], &["/etc/etcd.d/*.env"]), Place::EnvFiles),
            (unit(&["etcd", "--initial-cluster", "m1=http://h:2380"], &[], &[]), Place::UnitFlags),
            (unit(&["etcd", "--name=m1", "--data-dir=/d"], &[], &[]), Place::UnitFlags),
            (unit(&["/usr/bin/etcd", "--name=m1"], &[], &usual), Place::UnitFlags),
            (unit(&["/bin/sh", "-c", "etcd", "--name=\"${N}\""], &[], &usual), Place::UnitFlags),
            (unit(&["/usr/bin/docker", "run", "--name=etcd1"], &[], &usual), env("/etc/etcd.env")),
            (
                Unit { container: ContainerName::new("etcd1").ok(), ..unit(&["etcd", "--name=m1"], &[], &usual) },
                env("/etc/etcd.env"),
            ),
            (unit(&["etcd"], &["ETCD_INITIAL_CLUSTER=m1=http://h:2380"], &[]), Place::UnitFlags),
            (unit(&["etcd", "--config-file=/etc/etcd/c.yml"], &[], &usual), file.clone()),
            (unit(&["etcd", "-config-file", "/etc/etcd/c.yml"], &[], &[]), file.clone()),
            (unit(&["etcd"], &["ETCD_CONFIG_FILE=/etc/etcd/c.yml"], &[]), file.clone()),
        ] {
            assert_eq!(place(&unit, &at, &none), expected, "{unit:?}");
        }
        let named = first("ETCD_CONFIG_FILE=/etc/etcd/c.yml\n");
        assert_eq!(place(&unit(&["etcd"], &[], &usual), &at, &named), file);
        // A file that the unit does not read says nothing.
        assert_eq!(place(&unit(&["etcd"], &[], &["/etc/other"]), &at, &named), env("/etc/other"));
    }

    fn answered(stdout: &str) -> Answer<Settings> {
        let unit = UnitName::new("etcd").unwrap();
        parse(&Place::UnitFlags, &unit, &Output { stdout: stdout.to_owned(), ..Output::default() })
    }

    fn told(kind: &str, path: &str, text: &str) -> String {
        format!("{kind}\t{path}\troot root 644\t{}\n{text}\n", text.len())
    }

    const UNIT: &str = "[Service]\nExecStart=/usr/bin/etcd --name m1 --initial-cluster m1=http://10.0.0.1:2380\n";

    #[test]
    fn the_file_in_which_the_flags_stand_is_found_among_all() {
        let drop_in =
            "[Service]\nExecStart=\nExecStart=/usr/bin/etcd --name m1 --initial-cluster m1=http://10.0.0.1:2380\n";
        let one = answered(&told("unit", "/etc/systemd/system/etcd.service", UNIT)).unwrap();
        assert_eq!((one.file.form, one.file.path.as_str()), (Form::UnitFlags, "/etc/systemd/system/etcd.service"));
        assert_eq!(one.get("name").as_deref(), Some("m1"));
        let all = told("unit", "/usr/lib/systemd/system/etcd.service", UNIT)
            + &told("unit", "/etc/systemd/system/etcd.service.d/a.conf", drop_in)
            + &told("env", "/etc/default/etcd", "ETCD_METRICS=basic\n");
        let two = answered(&all).unwrap();
        assert_eq!(two.file.path, "/etc/systemd/system/etcd.service.d/a.conf");
        assert_eq!(two.get("metrics").as_deref(), Some("basic"));
    }

    #[test]
    fn half_an_answer_and_a_line_that_is_not_understood_are_no_settings() {
        let whole = told("unit", "/etc/systemd/system/etcd.service", UNIT);
        for cut in [1, 20, whole.len() - 10] {
            assert!(answered(&whole[..cut]).is_err_and(|why| why.why.contains("not whole")), "{cut}");
        }
        let twice = UNIT.replace("--name", "--initial-cluster x=http://h:1 --name");
        let why = answered(&told("unit", "/etc/systemd/system/etcd.service", &twice)).unwrap_err();
        assert!(why.what == READING && why.why.contains("etcd.service:2"), "{why}");
    }

    #[test]
    fn a_value_that_only_the_node_can_know_is_no_value() {
        let at = |text: &str| answered(&told("unit", "/etc/systemd/system/etcd.service", text));
        let named = UNIT.replace("--name m1", "--name %H");
        let why = at(&named).unwrap_err();
        assert!(why.what == READING && why.why.contains("etcd.service:2: the value of --name contains %H"), "{why}");
        let logged = UNIT.replace("--name m1", "--name m1 --log-outputs=/var/log/%H.log");
        assert_eq!(at(&logged).unwrap().get("name").as_deref(), Some("m1"));
    }

    #[test]
    fn a_flag_beside_an_env_file_counts_first() {
        let argv = ["etcd", "--election-timeout=5000", "-heartbeat-interval", "250", "--quota-backend-bytes", "-1"];
        let argv = [&argv[..], &["--pre-vote", "--name=${ETCD_NAME}", "--initial-cluster-token=other"]].concat();
        let file = first("ETCD_NAME=m1\nETCD_ELECTION_TIMEOUT=1000\nETCD_INITIAL_CLUSTER_TOKEN=own\n").unwrap();
        let read = with_variables_of(&unit(&argv, &[], &["/etc/etcd.env"]), file).unwrap();
        assert_eq!(read.election_timeout().as_millis(), 5000);
        assert_eq!((read.heartbeat().as_millis(), read.quota_bytes()), (250, None));
        let said = ["pre-vote", "name", "initial-cluster-token"].map(|flag| read.get(flag).unwrap());
        assert_eq!(said, ["true", "m1", "own"]);
        let docker = unit(&["/usr/bin/docker", "run", "--name=etcd1"], &[], &["/etc/etcd.env"]);
        let read = with_variables_of(&docker, first("ETCD_NAME=m1\n").unwrap()).unwrap();
        assert_eq!(read.get("name").unwrap(), "m1");
    }

    #[test]
    fn flags_in_a_variable_beside_an_env_file_are_etcds_too() {
        let read = |argv: &[&str], text: &str| {
            with_variables_of(&unit(argv, &["DAEMON_ARGS="], &["/etc/etcd.env"]), first(text).unwrap())
        };
        let debian = ["/usr/bin/etcd", "$DAEMON_ARGS"];
        let timers = "ETCD_NAME=m1\nDAEMON_ARGS=\"--election-timeout=5000 --heartbeat-interval=250\"\nTIMEOUT=4000\n";
        let settings = read(&debian, timers).unwrap();
        assert_eq!((settings.election_timeout().as_millis(), settings.heartbeat().as_millis()), (5000, 250));
        let one = read(&["etcd", "--election-timeout=${TIMEOUT}"], timers).unwrap();
        assert_eq!(one.election_timeout().as_millis(), 4000);
        let empty = read(&debian, "ETCD_NAME=m1\n").unwrap();
        assert_eq!((empty.election_timeout().as_millis(), empty.get("name").as_deref()), (1000, Some("m1")));
        for owned in ["--initial-cluster-token t", "--config-file=/c.yml", "--force-new-cluster"] {
            let why = read(&debian, &format!("ETCD_NAME=m1\nDAEMON_ARGS={owned:?}\n")).unwrap_err();
            assert!(why.what == READING && why.why.contains("ExecStart"), "{owned}: {why}");
        }
    }
}
