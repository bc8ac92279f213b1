//! The forms in which a machine's settings may be written down beside an env file: the flags of its unit, variables that
//! these take, and a config file. A unit counts as systemd has read it.

use crate::config::{Form, SettingsFile, TextFile, flags};
use crate::model::cluster::ConfigAt;
use crate::model::{AbsPath, Container, ContainerName, MasterName, StaticPod, Supervisor};

use super::Site;
use super::etcdctl::Reply;
use super::machine::{BIN, DATA_DIR, ENV_FILE, MANIFEST, Machine, PACKAGE_UNIT, UNIT_FILE};
use super::pods::HELD;

const CONFIG_FILE: &str = "/etc/etcd/etcd.config.yml";

/// Flags that take their value from a variable of another name.
const NAMED: [(&str, &str); 4] = [
    ("name", "NODE"),
    ("initial-cluster", "LIST"),
    ("initial-cluster-state", "STATE"),
    ("initial-cluster-token", "TOKEN"),
];

impl Site {
    /// The same site with every master's settings written down in this form.
    #[must_use]
    pub fn written_as(self, form: Form) -> Self {
        self.write_as(form);
        self
    }

    /// The unit of every master is its package's.
    pub fn units_are_a_packages(&self) {
        self.write_as(Form::UnitFlags);
        self.with(|state| state.machines.values_mut().for_each(|machine| machine.rename(UNIT_FILE, PACKAGE_UNIT)));
    }

    /// The units take the cluster from variables that they set themselves.
    pub fn units_set_variables(&self) {
        self.write_as(Form::UnitFlags);
        self.with(|state| state.machines.values_mut().for_each(Machine::set_in_unit));
    }

    /// The unit of a master runs something beside etcd: `ExecStartPre=…`.
    pub fn unit_also_runs(&self, master: &str, line: &str) {
        self.with(|state| {
            let machine = state.machine(&super::name(master));
            machine.unit.beside.push(line.to_owned());
            if let Some(text) = machine.file(UNIT_FILE) {
                machine.put(UNIT_FILE, text.replace("[Service]\n", &format!("[Service]\n{line}\n")));
            }
        });
    }

    /// The unit of a master runs nothing beside etcd any more.
    pub fn unit_runs_etcd_alone(&self, master: &str) {
        self.with(|state| {
            let machine = state.machine(&super::name(master));
            let lines = std::mem::take(&mut machine.unit.beside);
            if let Some(text) = machine.file(UNIT_FILE) {
                machine.put(UNIT_FILE, lines.iter().fold(text, |text, line| text.replace(&format!("{line}\n"), "")));
            }
        });
    }

    /// The unit of a master reads one env file more, after those before.
    pub fn env_file_beside(&self, master: &str, path: &str, text: &str) {
        self.with(|state| {
            let machine = state.machine(&super::name(master));
            machine.unit.environment_files.push(path.to_owned());
            machine.put(path, format!("{text}\n"));
        });
    }

    /// From now on every master's settings are written down in this form.
    pub fn write_as(&self, form: Form) {
        self.with(|state| {
            state.machines.values_mut().for_each(|machine| machine.write_as(form));
            if let (Form::Manifest, Ok(path)) = (form, AbsPath::new(MANIFEST)) {
                let masters = state.cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut());
                masters.for_each(|master| master.etcd.config = ConfigAt::StaticPod(path.clone()));
            }
        });
    }
}

const POD_BEGIN: &str = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - command:\n    - etcd\n";
const POD_END: &str = "    volumeMounts:\n    - { mountPath: /var/lib/etcd, name: data }\n    - { mountPath: /wal, name: wal }\n  volumes:\n  - { hostPath: { path: /var/lib/etcd }, name: data }\n  - { hostPath: { path: /wal }, name: wal }\n";

impl Machine {
    pub(super) fn supervisor(&self) -> Supervisor {
        let unit = self.unit_name.clone();
        let Ok(data_dir) = AbsPath::new(DATA_DIR) else { return Supervisor::Systemd(unit) };
        match (self.form, AbsPath::new(MANIFEST), ContainerName::new(self.container())) {
            (Form::Manifest, Ok(manifest), _) => Supervisor::Kubelet(StaticPod { manifest, data_dir }),
            (_, _, Ok(container)) if self.docker.is_some() => {
                Supervisor::Docker(Container { unit, container, data_dir })
            }
            _ => Supervisor::Systemd(unit),
        }
    }

    /// Every etcd of the machine: its own, and those of which a story says so.
    pub(super) fn etcds(&self, host: &MasterName) -> Reply {
        let (runs, path) = (self.pid() != 0, self.settings_path());
        let mut said = format!("host={host}\nunit_file={}\n", self.unit_name);
        match self.form {
            Form::Manifest if path == HELD => said += &format!("held={MANIFEST}\t{DATA_DIR}\n"),
            Form::Manifest => said += &format!("pod={path}\t{DATA_DIR}\n"),
            _ if runs => said += &format!("unit={}\n", self.unit_name),
            _ => {}
        }
        if runs && self.form == Form::Manifest {
            said += &format!("process={}\tetcd --data-dir={DATA_DIR}\n", self.pid());
        }
        Reply::said(self.odd.iter().fold(said, |all, line| all + line + "\n"))
    }

    /// The file that says which cluster its member belongs to.
    pub(super) fn settings_path(&self) -> &'static str {
        match self.form {
            Form::EnvFile | Form::UnitEnvFile => ENV_FILE,
            Form::Manifest if self.files.contains_key(MANIFEST) => MANIFEST,
            Form::Manifest => HELD,
            Form::UnitFlags if self.files.contains_key(UNIT_FILE) => UNIT_FILE,
            Form::UnitFlags => PACKAGE_UNIT,
            Form::ConfigFile => CONFIG_FILE,
        }
    }

    fn write_as(&mut self, form: Form) {
        let text = self.file(ENV_FILE).unwrap_or_default();
        let values = SettingsFile::env_file(ENV_FILE, &text).values().unwrap_or_default();
        // The node's own etcdctl has no file of its own then: etcd's certificate opens its client port.
        let tls = [("trusted-ca-file", "ca"), ("cert-file", "member"), ("key-file", "member-key")];
        let tls = tls.map(|(flag, file)| (flag.to_owned(), format!("/etc/ssl/etcd/ssl/{file}.pem")));
        let peer = |flag: &str| flag.starts_with("peer-");
        let own = values.into_iter().chain(tls);
        let text = match form {
            Form::EnvFile => return,
            Form::UnitEnvFile => {
                let flags = NAMED.map(|(flag, variable)| format!("--{flag}=${{{variable}}}"));
                self.unit.argv = [format!("{BIN}/etcd")].into_iter().chain(flags).collect();
                let named = |flag: &str| NAMED.iter().find(|(own, _)| *own == flag).map(|(_, name)| (*name).to_owned());
                let line = |(flag, value): (String, String)| {
                    format!("{}={value}\n", named(&flag).unwrap_or_else(|| flags::variable_of(&flag)))
                };
                own.map(line).collect()
            }
            Form::Manifest => {
                self.unit.environment_files.clear();
                let flags: String = own.map(|(flag, value)| format!("    - --{flag}={value}\n")).collect();
                format!("{POD_BEGIN}{flags}{POD_END}")
            }
            Form::UnitFlags => {
                self.unit.environment_files.clear();
                let flags: String = own.map(|(flag, value)| format!(" \\\n  --{flag}={value}")).collect();
                format!(
                    "[Unit]\nDescription=etcd\n\n[Service]\nType=notify\nExecStart={BIN}/etcd{flags}\nRestart=always\n"
                )
            }
            Form::ConfigFile => {
                self.unit.environment_files.clear();
                self.unit.argv = vec![format!("{BIN}/etcd"), format!("--config-file={CONFIG_FILE}")];
                let (tls, plain): (Vec<_>, Vec<_>) = own.partition(|(flag, _)| flag.ends_with("-file"));
                let line = |(flag, value): &(String, String)| format!("{flag}: {value}\n");
                let within = |is_peer: bool| -> String {
                    let those = tls.iter().filter(|(flag, _)| peer(flag) == is_peer);
                    those.map(|(flag, value)| format!("  {}: {value}\n", flag.trim_start_matches("peer-"))).collect()
                };
                let plain: String = plain.iter().map(line).collect();
                let (client, peers) = (within(false), within(true));
                format!("# etcd\n{plain}client-transport-security:\n{client}peer-transport-security:\n{peers}")
            }
        };
        self.form = form;
        if form != Form::UnitEnvFile {
            self.files.remove(ENV_FILE);
        }
        let path = match form {
            Form::Manifest => MANIFEST,
            Form::UnitFlags => UNIT_FILE,
            Form::EnvFile | Form::UnitEnvFile | Form::ConfigFile => self.settings_path(),
        };
        self.put(path, text);
        self.reload();
        // As if it had always been so.
        let given = self.given();
        self.process.iter_mut().for_each(|process| process.given.clone_from(&given));
    }

    /// The flags of the cluster take their values from `Environment=` of the same file.
    fn set_in_unit(&mut self) {
        let text = self.file(UNIT_FILE).unwrap_or_default();
        let mut set = String::new();
        let line = |line: &str| {
            let flag = NAMED[1..].iter().find_map(|(flag, name)| {
                let value = line.trim().strip_prefix(&format!("--{flag}="))?;
                let value = value.trim_end_matches(" \\");
                set += &format!("Environment={name}={value}\n");
                Some(line.replace(value, &format!("${{{name}}}")))
            });
            flag.unwrap_or_else(|| line.to_owned()) + "\n"
        };
        let text: String = text.lines().map(line).collect();
        self.put(UNIT_FILE, text.replace("[Service]\n", &format!("[Service]\n{set}")));
        self.reload();
    }

    /// The unit as it starts etcd, where the model has no file of it.
    pub(super) fn unit_text(&self) -> String {
        let mut text = "[Service]\n".to_owned();
        text.extend(self.unit.environment_files.iter().map(|path| format!("EnvironmentFile={path}\n")));
        text.extend(self.unit.environment.iter().map(|pair| format!("Environment={pair}\n")));
        text.extend(self.unit.beside.iter().map(|line| format!("{line}\n")));
        text + &format!("ExecStart={}\n", self.unit.argv.join(" "))
    }

    /// `systemctl daemon-reload`, and what a boot does.
    pub(super) fn reload(&mut self) {
        if self.form == Form::UnitFlags {
            self.unit.read = self.file(self.settings_path()).unwrap_or_default();
            let pairs = self.unit.read.lines().filter_map(|line| line.strip_prefix("Environment="));
            self.unit.environment = pairs.map(str::to_owned).collect();
            let words = self.unit.read.lines().map(|line| line.trim().trim_end_matches(" \\"));
            let words = words.filter_map(|line| {
                line.strip_prefix("ExecStart=").or_else(|| Some(line).filter(|line| line.starts_with("--")))
            });
            self.unit.argv = words.map(str::to_owned).collect();
        }
    }

    /// A setting by its variable, as etcd would get it at a start.
    pub(super) fn setting_at_start(&self, key: &str) -> String {
        let text = match self.form {
            Form::UnitFlags => self.unit.read.clone(),
            Form::EnvFile | Form::UnitEnvFile | Form::ConfigFile | Form::Manifest => {
                self.file(self.settings_path()).unwrap_or_default()
            }
        };
        self.setting_in(&text, key)
    }

    /// The same, as the file has it now.
    pub(super) fn setting_written(&self, key: &str) -> String {
        self.setting_in(&self.file(self.settings_path()).unwrap_or_default(), key)
    }

    fn setting_in(&self, text: &str, key: &str) -> String {
        let file = match self.form {
            Form::EnvFile => Ok(SettingsFile::env_file(ENV_FILE, text)),
            Form::ConfigFile => Ok(SettingsFile::config_file(CONFIG_FILE, text)),
            Form::Manifest => Ok(SettingsFile::manifest(MANIFEST, text)),
            Form::UnitFlags => {
                let unit = TextFile { path: UNIT_FILE.to_owned(), text: text.to_owned() };
                SettingsFile::unit(self.unit_name.as_str(), vec![unit], Vec::new())
            }
            Form::UnitEnvFile => {
                let file = |path: &str, text: String| TextFile { path: path.to_owned(), text };
                let (unit, env) = (file(UNIT_FILE, self.unit_text()), file(ENV_FILE, text.to_owned()));
                SettingsFile::unit(self.unit_name.as_str(), vec![unit], vec![env])
            }
        };
        let values = file.and_then(|file| file.values()).unwrap_or_default();
        let flag = flags::of_variable(key).unwrap_or_default();
        values.get(&flag).cloned().unwrap_or_default()
    }
}
