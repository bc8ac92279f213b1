//! Key files on the bastion and keys in its agent, each read and unlocked once. Knows nothing about hosts.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::keys::agent::client::AgentClient;
use russh::keys::agent::{AgentIdentity, AgentSessionBinding};
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, decode_secret_key, load_openssh_certificate};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::regular;
use super::ask;
use crate::model::cluster::AgentAt;
use crate::model::command::clean;
use crate::run::ports::Prompt;

/// The files tried where the inventory names none, in this order.
const USUAL_FILES: [&str; 3] = [".ssh/id_ed25519", ".ssh/id_ecdsa", ".ssh/id_rsa"];

/// How often a passphrase may be mistyped.
const TRIES: usize = 3;

/// How long the agent may take to list its keys; a forwarded one is far away.
const AGENT_LIMIT: Duration = Duration::from_secs(5);

/// Something to log in with.
#[derive(Clone)]
pub(super) struct Identity {
    /// What the operator calls it.
    pub(super) shown: String,
    /// Where its private half is.
    pub(super) secret: Secret,
    /// The user certificate over it, tried first.
    pub(super) certificate: Option<Certificate>,
}

/// Where a private key is.
#[derive(Clone)]
pub(super) enum Secret {
    /// Here, unlocked.
    Held(Arc<PrivateKey>),
    /// In the agent, which signs for us; whether it holds the identity's certificate, too.
    InAgent { key: PublicKey, certified: bool },
}

impl Secret {
    /// The public half.
    pub(super) fn public(&self) -> KeyData {
        match self {
            Self::Held(key) => key.public_key().key_data().clone(),
            Self::InAgent { key, .. } => key.key_data().clone(),
        }
    }
}

/// The keys of the bastion.
pub(super) struct Keyring {
    prompt: Arc<dyn Prompt>,
    home: Option<PathBuf>,
    agent_socket: Option<PathBuf>,
    /// Held while a person is asked, so that a file is asked for once and one question stands at a time.
    files: Mutex<BTreeMap<(PathBuf, AgentAt), Result<Identity, String>>>,
}

impl Keyring {
    pub(super) fn new(prompt: Arc<dyn Prompt>, home: Option<PathBuf>, agent_socket: Option<PathBuf>) -> Self {
        Self { prompt, home, agent_socket, files: Mutex::default() }
    }

    /// The key in the file the inventory names. Where that file is encrypted and the agent holds the key, the agent
    /// signs and nobody is asked.
    pub(super) async fn named(&self, path: &str, agent: &AgentAt) -> Result<Identity, String> {
        let path = self.expanded(path)?;
        self.file(&path, agent)
            .await?
            .ok_or_else(|| format!("the identity {} does not exist on this machine", path.display()))
    }

    /// `~/x` within the person's home.
    pub(super) fn expanded(&self, path: &str) -> Result<PathBuf, String> {
        expanded(path, self.home.as_deref())
    }

    /// The certificate in a file.
    pub(super) fn certificate(&self, path: &str) -> Result<Certificate, String> {
        let file = self.expanded(path)?;
        load_openssh_certificate(file).map_err(|error| format!("certificate {path}: {error}"))
    }

    /// Where keys usually are.
    pub(super) fn usual_files(&self) -> Vec<PathBuf> {
        self.home.iter().flat_map(|home| USUAL_FILES.map(|file| home.join(file))).collect()
    }

    /// The keys in the agent. Those that it limits to certain hosts it shows to a bound conversation only.
    pub(super) async fn in_agent(
        &self,
        at: &AgentAt,
        binding: Option<&AgentSessionBinding>,
    ) -> Result<Vec<Identity>, String> {
        let Some(mut agent) = self.agent(at, binding).await? else { return Ok(Vec::new()) };
        match timeout(AGENT_LIMIT, agent.request_identities()).await {
            Ok(Ok(held)) => Ok(held.into_iter().map(from_agent).collect()),
            Ok(Err(error)) => Err(format!("agent: {error}")),
            Err(_) => Err(format!("the agent does not say within {AGENT_LIMIT:?} what it holds")),
        }
    }

    /// A fresh conversation with the agent, bound to a connection, `None` where there is no agent.
    pub(super) async fn agent(
        &self,
        at: &AgentAt,
        binding: Option<&AgentSessionBinding>,
    ) -> Result<Option<AgentClient<UnixStream>>, String> {
        let socket = match at {
            AgentAt::Usual => self.agent_socket.clone(),
            AgentAt::Nowhere => None,
            AgentAt::Socket(path) => Some(self.expanded(path)?),
        };
        let Some(socket) = socket else { return Ok(None) };
        let connected = AgentClient::connect_uds(&socket).await;
        let mut agent = connected.map_err(|error| format!("agent at {}: {error}", socket.display()))?;
        if let Some(binding) = binding {
            // Agents older than OpenSSH 8.9 refuse; their keys have no such limits. One that is silent is found out
            // by the next question.
            let _ = timeout(AGENT_LIMIT, agent.bind_session(binding, false)).await;
        }
        Ok(Some(agent))
    }

    /// The key in a file, `None` where there is no such file. Asks for its passphrase where it has one.
    pub(super) async fn file(&self, path: &Path, agent: &AgentAt) -> Result<Option<Identity>, String> {
        let mut files = self.files.lock().await;
        let key = (path.to_owned(), agent.clone());
        if let Some(read) = files.get(&key) {
            return read.clone().map(Some);
        }
        let text = match read_private(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let identity = self.unlock(path, text, agent).await;
        files.insert(key, identity.clone());
        identity.map(Some)
    }

    async fn unlock(&self, path: &Path, text: zeroize::Zeroizing<String>, agent: &AgentAt) -> Result<Identity, String> {
        let shown = path.display().to_string();
        let mut beside = path.as_os_str().to_owned();
        beside.push("-cert.pub");
        let certificate = load_openssh_certificate(PathBuf::from(beside)).ok();
        let held = |key| Identity {
            shown: shown.clone(),
            secret: Secret::Held(Arc::new(key)),
            certificate: certificate.clone(),
        };
        if !is_encrypted(&text) {
            return decode_secret_key(&text, None).map(held).map_err(|error| format!("{shown}: {error}"));
        }
        if let Ok(locked) = PrivateKey::from_openssh(text.as_str())
            && let Ok(held) = self.in_agent(agent, None).await
            && held.iter().any(|held| held.secret.public() == *locked.public_key().key_data())
        {
            let secret = Secret::InAgent { key: locked.public_key().clone(), certified: false };
            return Ok(Identity { shown: format!("{shown} (by the agent)"), secret, certificate });
        }
        if !self.prompt.attended() {
            return Err(format!(
                "{shown} has a passphrase, and there is no terminal to type it at; load it into ssh-agent"
            ));
        }
        self.open(&shown, text).await.map(held)
    }

    async fn open(&self, shown: &str, text: zeroize::Zeroizing<String>) -> Result<PrivateKey, String> {
        let mut question = format!("Passphrase for {shown}: ");
        for _ in 0..TRIES {
            let passphrase = ask(&self.prompt, question).await.map_err(|error| format!("{shown}: {error}"))?;
            let text = text.clone();
            // Stretching a passphrase keeps a processor busy for up to a second.
            let opened = tokio::task::spawn_blocking(move || decode_secret_key(&text, Some(&passphrase))).await;
            match opened {
                Ok(Ok(key)) => return Ok(key),
                _ => question = format!("Wrong passphrase. Passphrase for {shown}: "),
            }
        }
        Err(format!("{shown}: none of {TRIES} passphrases opened it"))
    }
}

/// `~/x` within `home`.
fn expanded(path: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    match (path.strip_prefix("~/"), home) {
        (None, _) => Ok(PathBuf::from(path)),
        (Some(rest), Some(home)) => Ok(home.join(rest)),
        (Some(_), None) => Err(format!("{path}: the home directory is not known (is HOME set?)")),
    }
}

fn from_agent(held: AgentIdentity) -> Identity {
    let key = held.public_key().into_owned();
    let print = key.fingerprint(HashAlg::Sha256);
    let shown = format!("agent key {print} {}", clean(held.comment())).trim_end().to_owned();
    let certificate = match held {
        AgentIdentity::Certificate { certificate, .. } => Some(certificate),
        AgentIdentity::PublicKey { .. } => None,
    };
    let certified = certificate.is_some();
    Identity { shown, secret: Secret::InAgent { key, certified }, certificate }
}

/// The largest key file that is read.
const MOST_KEY: u64 = 1 << 20;

fn read_private(path: &Path) -> std::io::Result<zeroize::Zeroizing<String>> {
    let open = regular::open(path)?;
    let file = open.metadata()?;
    // As OpenSSH: whoever shares a key by another owner's will has chosen to.
    if file.uid() == rustix::process::geteuid().as_raw() && file.mode() & 0o077 != 0 {
        let why = format!("others may read this private key, so it is not used; next: chmod 600 {}", path.display());
        return Err(std::io::Error::new(ErrorKind::PermissionDenied, why));
    }
    let text = String::from_utf8(regular::read(open, MOST_KEY)?);
    text.map(zeroize::Zeroizing::new).map_err(|_| std::io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn is_encrypted(text: &str) -> bool {
    match PrivateKey::from_openssh(text) {
        Ok(key) => key.is_encrypted(),
        // The older PEM kinds say so in their headers.
        Err(_) => text.contains("ENCRYPTED"),
    }
}
