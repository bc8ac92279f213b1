//! The file that says which cluster a member belongs to, with all that must be known to read it. Knows no node.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::diagnostic::{Diagnostic, Source};

use super::config_file::ConfigFile;
use super::env_file::EnvFile;
use super::manifest::Manifest;
use super::unit_file::{Files, Setting, UnitFiles};
use super::{Form, Identity, OWNED, Values, flags};

/// Such a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsFile {
    #[serde(default, skip_serializing_if = "Form::is_env_file")]
    pub form: Form,
    /// Where it lies on the node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The whole text.
    pub text: String,
    /// What else systemd reads for the unit, where the settings are its flags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitTexts>,
    /// Variables that the unit itself and its other env files set, with their values. What this env file says of them counts
    /// instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Whether it is an env file that docker reads, which takes every value as it stands.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_by_docker: bool,
}

/// Everything that systemd reads for a unit, the settings file among it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitTexts {
    pub name: String,
    /// The unit's own file, then its drop-ins, as systemd reads them.
    pub files: Vec<TextFile>,
    /// The files of its environment.
    pub env_files: Vec<TextFile>,
}

/// A file's text and its path on the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFile {
    pub path: String,
    pub text: String,
}

/// Another identity than any: the file that changes with it is the one that says it.
fn another() -> Identity {
    let [initial_cluster, state, token] = ["requorum=http://127.0.0.1:1", "existing", "requorum"].map(str::to_owned);
    Identity { initial_cluster, state, token }
}

impl SettingsFile {
    /// An env file.
    #[must_use]
    pub fn env_file(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    /// That one of a unit's env files which says the cluster, with what the others set; the last one where none does. systemd
    /// takes of a variable what the last file says, so one that two files set otherwise has no one place.
    ///
    /// # Errors
    /// Which file says what another one says too.
    pub fn of_env_files(files: &[TextFile]) -> Result<Self, String> {
        let mut said: BTreeMap<String, (&str, String)> = BTreeMap::new();
        for file in files {
            let parsed = EnvFile::parse(&file.text);
            for (key, value) in parsed.settings() {
                match said.get(key).filter(|_| key.starts_with("ETCD")) {
                    Some((other, before)) if *other != file.path && before != value => {
                        return Err(format!("{} and {other} both set {key}: keep it in one of them", file.path));
                    }
                    _ => drop(said.insert(key.to_owned(), (&file.path, value.to_owned()))),
                }
            }
        }
        let places: BTreeSet<&str> =
            OWNED.iter().filter_map(|flag| said.get(&flags::variable_of(flag)).map(|(path, _)| *path)).collect();
        let mut places = places.into_iter();
        let own = match (places.next(), places.next()) {
            (Some(one), Some(other)) => {
                return Err(format!("the cluster's settings stand in {one} and in {other}: put them into one of them"));
            }
            (Some(one), None) => files.iter().find(|file| file.path == one),
            (None, _) => files.last(),
        };
        let own = own.ok_or_else(|| "the unit's env files are not there".to_owned())?;
        let others = said.into_iter().filter(|(_, (path, _))| *path != own.path);
        let environment = others.map(|(key, (_, value))| (key, value)).collect();
        Ok(Self { environment, ..Self::env_file(&own.path, &own.text) })
    }

    /// The YAML of `--config-file`.
    #[must_use]
    pub fn config_file(path: &str, text: &str) -> Self {
        Self { form: Form::ConfigFile, ..Self::env_file(path, text) }
    }

    /// The manifest of a static pod.
    #[must_use]
    pub fn manifest(path: &str, text: &str) -> Self {
        Self { form: Form::Manifest, ..Self::env_file(path, text) }
    }

    /// The same file, as docker reads it.
    #[must_use]
    pub fn for_docker(self) -> Self {
        Self { read_by_docker: true, ..self }
    }

    /// That one of a unit's files which says the cluster: the unit's own, a drop-in, or an env file.
    ///
    /// # Errors
    /// Where and why it cannot be read, or that it is more than one.
    pub fn unit(name: &str, files: Vec<TextFile>, env_files: Vec<TextFile>) -> Result<Self, String> {
        let texts = UnitTexts { name: name.to_owned(), files, env_files };
        let changed = texts.parsed(None).and_then(|unit| {
            unit.without_shadow()?;
            unit.with_identity(&another())
        });
        let changed = changed.map_err(|why| why.in_one_line())?;
        let mut paths = changed.into_keys();
        let (Some(path), None) = (paths.next(), paths.next()) else {
            return Err("the cluster's settings stand in several files: put them into one".to_owned());
        };
        let of = |files: &[TextFile]| files.iter().find(|file| file.path == path).map(|file| file.text.clone());
        let (form, text) = match of(&texts.files) {
            Some(text) => (Form::UnitFlags, text),
            None => (Form::UnitEnvFile, of(&texts.env_files).unwrap_or_default()),
        };
        Ok(Self { form, path, text, unit: Some(texts), environment: BTreeMap::new(), read_by_docker: false })
    }

    /// The same file, with what the unit sets beside it. What any env file says counts instead.
    #[must_use]
    pub fn beside(self, unit: impl IntoIterator<Item = (String, String)>) -> Self {
        let own = unit.into_iter().filter(|(name, _)| name.starts_with("ETCD_"));
        Self { environment: own.chain(self.environment.clone()).collect(), ..self }
    }

    /// The same file with another text.
    #[must_use]
    pub fn with(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    /// What it says, by flag.
    ///
    /// # Errors
    /// Where and why it cannot be read.
    pub fn values(&self) -> Result<Values, String> {
        match self.form {
            Form::EnvFile => {
                self.env()?;
                // etcd passes over an empty variable (`pkg/flags`), which hides one of the unit's all the same.
                let settings = self.named().into_iter().filter(|(_, value)| !value.is_empty());
                Ok(settings.filter_map(|(key, value)| Some((flags::of_variable(&key)?, value))).collect())
            }
            Form::UnitFlags | Form::UnitEnvFile => {
                let unit = self.parsed_unit().map_err(|why| why.in_one_line())?;
                match unit.unknown().find(|(flag, _)| !is_idle(flag)) {
                    None => Ok(unit.values().clone()),
                    Some((flag, Setting { place, unknown, .. })) => Err(format!(
                        "{}:{}: the value of {} contains {}, which only the node can know (write the value itself)",
                        place.file,
                        place.line,
                        self.key(flag),
                        unknown.as_deref().unwrap_or("a part")
                    )),
                }
            }
            Form::ConfigFile => self.parsed_config().map(|file| file.values().clone()).map_err(|why| why.in_one_line()),
            Form::Manifest => self.parsed_manifest().map(|file| file.values().clone()).map_err(|why| why.in_one_line()),
        }
    }

    /// Its settings under the names that it gives them, those of other programs too.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, String> {
        match self.form {
            Form::EnvFile => {
                let file = EnvFile::parse(&self.text);
                let own = file.settings().map(|(key, value)| (key.to_owned(), value.to_owned()));
                self.environment.clone().into_iter().chain(own).collect()
            }
            Form::UnitFlags | Form::UnitEnvFile => {
                let unit = self.parsed_unit();
                let of_etcdctl =
                    unit.iter().flat_map(|unit| unit.variables().filter(|(name, _)| name.starts_with("ETCDCTL_")));
                let of_etcdctl = of_etcdctl.map(|(name, value)| (name.to_owned(), value.to_owned()));
                self.values().unwrap_or_default().into_iter().chain(of_etcdctl).collect()
            }
            Form::ConfigFile | Form::Manifest => self.values().unwrap_or_default(),
        }
    }

    /// Its text with this identity, and every other byte as it is.
    ///
    /// # Errors
    /// Where and why it cannot be written.
    pub fn with_identity(&self, identity: &Identity) -> Result<String, String> {
        match self.form {
            Form::EnvFile => {
                let mut file = self.env()?;
                for (flag, value) in identity.settings() {
                    file.set(&self.form.key(flag), value).map_err(|why| format!("{}: {why}", self.path))?;
                }
                self.with(&file.to_string()).env().map(|file| file.to_string())
            }
            Form::UnitFlags | Form::UnitEnvFile => {
                let changed = self.parsed_unit().and_then(|unit| unit.with_identity(identity));
                let mut changed = changed.map_err(|why| why.in_one_line())?;
                let own = changed.remove(&self.path).unwrap_or_else(|| self.text.clone());
                match changed.keys().next() {
                    None => Ok(own),
                    Some(other) => Err(format!("{other} would have to be changed beside {}", self.path)),
                }
            }
            Form::ConfigFile => {
                self.parsed_config().and_then(|file| file.with_identity(identity)).map_err(|why| why.in_one_line())
            }
            Form::Manifest => {
                self.parsed_manifest().and_then(|file| file.with_identity(identity)).map_err(|why| why.in_one_line())
            }
        }
    }

    /// Whether a pod is given this directory of the master itself, not one above it.
    #[must_use]
    pub fn is_volume(&self, dir: &str) -> bool {
        self.form == Form::Manifest && self.parsed_manifest().is_ok_and(|file| file.is_volume(dir))
    }

    /// Its text and those that are read with it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let beside = self.unit.iter().flat_map(|unit| unit.files.iter().chain(&unit.env_files));
        std::iter::once(self.text.as_str()).chain(beside.map(|file| file.text.as_str()))
    }

    /// A setting as the file names it.
    #[must_use]
    pub fn key(&self, flag: &str) -> String {
        match self.form {
            Form::UnitEnvFile => self.variable(flag).unwrap_or_else(|| self.form.key(flag)),
            Form::EnvFile | Form::UnitFlags | Form::ConfigFile | Form::Manifest => self.form.key(flag),
        }
    }

    /// The variables that flags of the unit take the cluster from, by flag.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, String> {
        let named = OWNED.iter().filter(|_| matches!(self.form, Form::UnitEnvFile | Form::UnitFlags));
        named.filter_map(|flag| Some(((*flag).to_owned(), self.variable(flag)?))).collect()
    }

    fn variable(&self, flag: &str) -> Option<String> {
        self.parsed_unit().ok()?.setting(flag)?.variable.clone()
    }

    fn env(&self) -> Result<EnvFile, String> {
        let file = EnvFile::parse(&self.text);
        let Some((line, why)) = file.otherwise_for_docker().filter(|_| self.read_by_docker) else { return Ok(file) };
        Err(format!(
            "{}:{line}: {why} (docker takes what stands after `=` as it is: write NAME=value, without quotes and blanks around)",
            self.path
        ))
    }

    fn parsed_unit(&self) -> Result<UnitFiles, Box<Diagnostic>> {
        let none = || UnitTexts { name: String::new(), files: Vec::new(), env_files: Vec::new() };
        self.unit.clone().unwrap_or_else(none).parsed(Some((&self.path, &self.text)))
    }

    fn parsed_manifest(&self) -> Result<Manifest, Box<Diagnostic>> {
        Manifest::parse(Source::new(&self.path, &self.text))
    }

    fn parsed_config(&self) -> Result<ConfigFile, Box<Diagnostic>> {
        ConfigFile::parse(Source::new(&self.path, &self.text))
    }
}

impl UnitTexts {
    /// Parsed, with another text in the place of one of the files.
    fn parsed(&self, other: Option<(&str, &str)>) -> Result<UnitFiles, Box<Diagnostic>> {
        let source = |file: &TextFile| match other {
            Some((path, text)) if path == file.path => Source::new(path, text),
            _ => Source::new(&file.path, &file.text),
        };
        UnitFiles::parse(Files {
            unit: self.name.clone(),
            unit_files: self.files.iter().map(source).collect(),
            env_files: self.env_files.iter().map(source).collect(),
            specifiers: BTreeMap::new(),
        })
    }
}

/// Settings that nothing here depends on.
fn is_idle(flag: &str) -> bool {
    flag.starts_with("log-") || flag.starts_with("experimental-") || ["logger", "metrics", "debug", "v"].contains(&flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "ETCD_NAME=m1\nETCD_INITIAL_CLUSTER=m1=http://10.0.0.1:2380\n";

    fn of(files: &[(&str, &str)]) -> Result<SettingsFile, String> {
        let file = |(path, text): &(&str, &str)| TextFile { path: (*path).to_owned(), text: (*text).to_owned() };
        SettingsFile::of_env_files(&files.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn of_several_env_files_the_one_that_says_the_cluster_is_rewritten() {
        let site = "ETCD_DATA_DIR=/data\nETCDCTL_CACERT=/ca.pem\nGOMAXPROCS=2\n";
        for files in [[("/a", CLUSTER), ("/b", site)], [("/b", site), ("/a", CLUSTER)]] {
            let file = of(&files).unwrap().beside([("ETCD_DATA_DIR".to_owned(), "/of-the-unit".to_owned())]);
            assert_eq!((file.path.as_str(), file.values().unwrap()["data-dir"].as_str()), ("/a", "/data"));
            assert_eq!(file.named()["ETCDCTL_CACERT"], "/ca.pem");
            let changed = file.with_identity(&another()).unwrap();
            assert!(
                changed.contains("ETCD_INITIAL_CLUSTER_STATE=existing") && !changed.contains("DATA_DIR"),
                "{changed}"
            );
        }
        assert_eq!(of(&[("/a", "ETCD_NAME=m1\n"), ("/b", site)]).unwrap().path, "/b", "the last one counts");
    }

    #[test]
    fn what_two_env_files_say_has_no_place() {
        let token = "ETCD_INITIAL_CLUSTER_TOKEN=t\n";
        for (other, why) in [
            ("ETCD_NAME=m2\n", "/b and /a both set ETCD_NAME: keep it in one of them"),
            (token, "the cluster's settings stand in /a and in /b: put them into one of them"),
        ] {
            assert_eq!(of(&[("/a", CLUSTER), ("/b", other)]).unwrap_err(), why);
        }
        assert!(of(&[("/a", CLUSTER), ("/b", "ETCD_NAME=m1\n")]).is_ok(), "the same twice is the same");
        assert!(of(&[]).is_err());
    }
}
