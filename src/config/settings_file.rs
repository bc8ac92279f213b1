//! The file that says which cluster a member belongs to, with all that must be known to read it. Knows no node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::env_file::EnvFile;
use super::{Form, Identity, Values, flag_of};

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
}

impl SettingsFile {
    /// An env file.
    #[must_use]
    pub fn env_file(path: &str, text: &str) -> Self {
        Self { form: Form::EnvFile, path: path.to_owned(), text: text.to_owned() }
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
                let file = EnvFile::parse(&self.text);
                let settings = file.settings().filter_map(|(key, value)| Some((flag_of(key)?, value.to_owned())));
                Ok(settings.collect())
            }
            Form::UnitFlags | Form::ConfigFile => Err(self.not_yet()),
        }
    }

    /// Its settings under the names that it gives them, those of other programs too.
    #[must_use]
    pub fn named(&self) -> BTreeMap<String, String> {
        match self.form {
            Form::EnvFile => {
                let file = EnvFile::parse(&self.text);
                file.settings().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            }
            Form::UnitFlags | Form::ConfigFile => self.values().unwrap_or_default(),
        }
    }

    /// Its text with this identity, and every other byte as it is.
    ///
    /// # Errors
    /// Where and why it cannot be written.
    pub fn with_identity(&self, identity: &Identity<'_>) -> Result<String, String> {
        match self.form {
            Form::EnvFile => {
                let mut file = EnvFile::parse(&self.text);
                for (flag, value) in identity.settings() {
                    file.set(&self.form.key(flag), value).map_err(|why| format!("{}: {why}", self.path))?;
                }
                Ok(file.to_string())
            }
            Form::UnitFlags | Form::ConfigFile => Err(self.not_yet()),
        }
    }

    fn not_yet(&self) -> String {
        format!("{}: not yet", self.path)
    }

    /// A setting as the file names it.
    #[must_use]
    pub fn key(&self, flag: &str) -> String {
        self.form.key(flag)
    }
}
