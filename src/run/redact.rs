//! What must not be shown or stored: values of settings that are secret by their name. Knows no sink.

use crate::model::env_file::EnvFile;
use crate::observe::Observation;
use crate::plan::Plan;
use crate::step::Step;

/// Put in the place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Secrets to be kept out of every text.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

/// Shorter values would redact half the text and are no secrets worth the name.
const SHORTEST: usize = 4;

/// Whether a setting of this name holds a secret. The cluster's token is none, whatever its name.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    key != "ETCD_INITIAL_CLUSTER_TOKEN"
        && (["PASSWORD", "PASSWD", "SECRET", "AUTH_TOKEN", "ACCESS_KEY"].iter().any(|word| key.contains(word))
            || key.ends_with("_TOKEN")
            || key == "ETCDCTL_USER")
}

impl Redactor {
    /// From the env files that were seen.
    #[must_use]
    pub fn of(seen: &Observation) -> Self {
        let mut secrets: Vec<String> = seen
            .answering()
            .filter_map(|(_, seen)| seen.settings.as_ref().ok())
            .flat_map(|settings| secrets_of(&settings.text))
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self { secrets }
    }

    /// The text without secrets.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }

    /// The plan without secrets, to be shown or stored.
    #[must_use]
    pub fn plan(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        for planned in plan.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
            if let Step::Write(write) = &mut planned.step {
                write.before = self.clean(&write.before);
                write.after = self.clean(&write.after);
            }
        }
        plan
    }
}

fn secrets_of(text: &str) -> Vec<String> {
    let file = EnvFile::parse(text);
    let values = file.settings().filter(|(key, _)| is_secret(key));
    values.map(|(_, value)| value.to_owned()).filter(|value| value.len() >= SHORTEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_the_cluster_token_stays() {
        let secrets =
            secrets_of("ETCDCTL_USER=root:hunter22\nETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd\nMY_PASSWORD=\"s3cret x\"\n");
        assert_eq!(secrets, ["root:hunter22", "s3cret x"]);
        let redactor = Redactor { secrets };
        assert_eq!(redactor.clean("user root:hunter22 token k8s_etcd"), "user <redacted> token k8s_etcd");
    }
}
