//! What must not be shown or stored: values of settings that are secret by their name. Knows no master.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::model::env_file::EnvFile;
use crate::observe::Observation;
use crate::plan::Plan;
use crate::step::Step;

use super::ports::{Console, Event};

/// Put in the place of a secret.
pub const REDACTED: &str = "<redacted>";

/// Secrets to be kept out of every text.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    secrets: Vec<Zeroizing<String>>,
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
        let settings = seen.answering().filter_map(|(_, seen)| seen.settings.as_ref().ok());
        Self::default().and(settings.flat_map(|settings| secrets_of(&settings.text)))
    }

    /// With these as well.
    #[must_use]
    pub fn and(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        for secret in secrets.into_iter().filter(|secret| secret.len() >= SHORTEST) {
            // A journal's line is JSON, in which quotes and backslashes of a secret are written otherwise.
            let json = serde_json::to_string(&secret).unwrap_or_default();
            let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
            self.secrets.extend([Zeroizing::new(inner.to_owned()), Zeroizing::new(secret)]);
        }
        self.secrets.retain(|secret| !secret.is_empty());
        self.secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.secrets.dedup();
        self
    }

    /// The text without secrets.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
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

/// A console that no secret reaches.
pub struct Discreet {
    console: Arc<dyn Console>,
    redactor: Redactor,
}

impl Discreet {
    /// Before this console.
    #[must_use]
    pub fn new(console: Arc<dyn Console>, redactor: Redactor) -> Self {
        Self { console, redactor }
    }
}

impl Console for Discreet {
    fn tell(&self, mut event: Event) {
        let words = words(&mut event);
        *words = self.redactor.clean(words);
        self.console.tell(event);
    }
}

/// What an event says, which may hold words of a master.
fn words(event: &mut Event) -> &mut String {
    match event {
        Event::Stage { title: words, .. }
        | Event::Begun { title: words, .. }
        | Event::Waiting { what: words, .. }
        | Event::Done { note: words, .. }
        | Event::Failed { why: words, .. }
        | Event::Warning { text: words }
        | Event::Said { text: words } => words,
    }
}

fn secrets_of(text: &str) -> Vec<String> {
    let file = EnvFile::parse(text);
    let settings = file.lines().iter().filter_map(|line| Some((line, line.setting.as_ref()?)));
    let both = settings.filter(|(_, (key, _))| is_secret(key)).flat_map(|(line, (_, value))| {
        // As systemd reads it, and as the file writes it, where quotes or backslashes make that another text.
        let written = line.text.split_once('=').map(|(_, text)| text.trim().trim_matches(['"', '\'']).to_owned());
        [Some(value.to_owned()), written.filter(|text| text != value)].into_iter().flatten()
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_and_the_cluster_token_stays() {
        let secrets =
            secrets_of("ETCDCTL_USER=root:hunter22\nETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd\nMY_PASSWORD=\"s3cret x\"\n");
        assert_eq!(secrets, ["root:hunter22", "s3cret x"]);
        let redactor = Redactor::default().and(secrets);
        assert_eq!(
            secrets_of("MY_SECRET=\"pa\\\"ss\\$1\"\n"),
            ["pa\"ss$1", "pa\\\"ss\\$1"],
            "as it is read and as it is written"
        );
        assert_eq!(redactor.clean("user root:hunter22 token k8s_etcd"), "user <redacted> token k8s_etcd");
    }

    #[test]
    fn what_a_console_is_told_holds_no_secret() {
        #[derive(Default)]
        struct Heard(std::sync::Mutex<Vec<Event>>);
        impl Console for Heard {
            fn tell(&self, event: Event) {
                self.0.lock().unwrap().push(event);
            }
        }
        let heard = Arc::new(Heard::default());
        let console = Discreet::new(heard.clone(), Redactor::default().and(["s3cret x".to_owned(), "no".to_owned()]));
        console.tell(Event::Warning { text: "sudo said s3cret x, no more".into() });
        let expected = Event::Warning { text: "sudo said <redacted>, no more".into() };
        assert_eq!(*heard.0.lock().unwrap(), [expected]);
    }
}
