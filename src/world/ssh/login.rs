//! Authenticates us to a host, with keys only. Knows nothing about what is run afterwards.

use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, Certificate, HashAlg, PrivateKeyWithHashAlg, PublicKey};
use russh::{AgentAuthError, Signer};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::connection::{Ended, Watch};
use super::keyring::{Identity, Keyring, Secret};
use crate::model::cluster::AgentAt;
use crate::run::ports::RemoteError;

/// How long one key may take: a host may ask a directory service, and a key in the agent may want a touch.
const KEY_LIMIT: Duration = Duration::from_secs(30);

/// One login.
pub(super) struct Login<'a> {
    handle: &'a mut Handle<Watch>,
    keyring: &'a Keyring,
    who: Who<'a>,
    ended: &'a Ended,
    /// Keys, and the certificate where by one.
    offered: Vec<(KeyData, Option<Certificate>)>,
    tried: Vec<String>,
}

/// Who logs in where.
pub(super) struct Who<'a> {
    pub(super) user: &'a str,
    /// The host, for errors.
    pub(super) place: &'a str,
    pub(super) agent: &'a AgentAt,
    /// Files with certificates over any of the keys.
    pub(super) certificates: &'a [String],
}

/// What became of one key.
enum Offer {
    Accepted,
    Refused(String),
}

/// Signs with a key that the agent holds, whatever is to be proved by it.
struct ByKey<'a> {
    agent: &'a mut AgentClient<UnixStream>,
    key: PublicKey,
}

impl Signer for ByKey<'_> {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _proved: &AgentIdentity,
        hash: Option<HashAlg>,
        to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        self.agent.auth_sign(&self.key.clone().into(), hash, to_sign).await
    }
}

impl<'a> Login<'a> {
    pub(super) fn new(handle: &'a mut Handle<Watch>, keyring: &'a Keyring, who: Who<'a>, ended: &'a Ended) -> Self {
        Self { handle, keyring, who, ended, offered: Vec::new(), tried: Vec::new() }
    }

    /// Logs in with `named` alone, or else with what the agent and the usual files hold.
    ///
    /// # Errors
    /// [`RemoteError::Denied`] with all that was tried; `Unreachable` when the connection was lost on the way.
    pub(super) async fn run(mut self, named: Vec<Identity>) -> Result<(), RemoteError> {
        let mut certificates = Vec::new();
        for path in self.who.certificates {
            match self.keyring.certificate(path) {
                Ok(certificate) => certificates.push(certificate),
                Err(why) => self.tried.push(why),
            }
        }
        for identity in &named {
            if self.offer(identity, &certificates).await? {
                return Ok(());
            }
        }
        if !named.is_empty() {
            return Err(self.denied());
        }
        match self.keyring.in_agent(self.who.agent, self.handle.agent_session_binding()).await {
            Ok(identities) => {
                for identity in identities {
                    if self.offer(&identity, &certificates).await? {
                        return Ok(());
                    }
                }
            }
            Err(why) => self.tried.push(why),
        }
        for file in self.keyring.usual_files() {
            match self.keyring.file(&file, self.who.agent).await {
                Ok(Some(identity)) => {
                    if self.offer(&identity, &certificates).await? {
                        return Ok(());
                    }
                }
                Ok(None) => {}
                Err(why) => self.tried.push(why),
            }
        }
        Err(self.denied())
    }

    /// Whether the host takes `identity`; the certificates over it first.
    async fn offer(&mut self, identity: &Identity, certificates: &[Certificate]) -> Result<bool, RemoteError> {
        let key = identity.secret.public();
        let over = certificates.iter().filter(|certificate| *certificate.public_key() == key);
        let ways = over.chain(&identity.certificate).cloned().map(Some).chain([None]);
        for certificate in ways {
            // A host counts refusals, so a key that is in the agent and in a file is offered once.
            let offer = (key.clone(), certificate.clone());
            if self.offered.contains(&offer) {
                continue;
            }
            self.offered.push(offer);
            let by_certificate = certificate.is_some();
            let shown =
                if by_certificate { format!("certificate of {}", identity.shown) } else { identity.shown.clone() };
            match timeout(KEY_LIMIT, self.try_one(identity, certificate)).await {
                Ok(Offer::Accepted) => return Ok(true),
                Ok(Offer::Refused(why)) => self.tried.push(format!("{shown} ({why})")),
                Err(_) => {
                    let why = format!("{}: no answer to {shown} within {} s", self.who.place, KEY_LIMIT.as_secs());
                    return Err(RemoteError::Unreachable { why });
                }
            }
            if self.handle.is_closed() {
                return Err(self.cut_off());
            }
        }
        Ok(false)
    }

    async fn try_one(&mut self, identity: &Identity, certificate: Option<Certificate>) -> Offer {
        let answer = match (&identity.secret, certificate) {
            (Secret::Held(key), Some(certificate)) => {
                self.handle.authenticate_openssh_cert(self.who.user, Arc::clone(key), certificate).await
            }
            (Secret::Held(key), None) => {
                let hash = self.hash_for(&key.algorithm()).await;
                let key = PrivateKeyWithHashAlg::new(Arc::clone(key), hash);
                self.handle.authenticate_publickey(self.who.user, key).await
            }
            (Secret::InAgent { key, certified }, certificate) => {
                let mut agent = match self.keyring.agent(self.who.agent, self.handle.agent_session_binding()).await {
                    Ok(Some(agent)) => agent,
                    Ok(None) => return Offer::Refused("there is no agent".to_owned()),
                    Err(why) => return Offer::Refused(why),
                };
                let hash = self.hash_for(&key.algorithm()).await;
                let signed = match certificate {
                    // One that lies in a file the agent does not hold: its key signs.
                    Some(certificate) if !certified || identity.certificate.as_ref() != Some(&certificate) => {
                        let mut signer = ByKey { agent: &mut agent, key: key.clone() };
                        self.handle.authenticate_certificate_with(self.who.user, certificate, hash, &mut signer).await
                    }
                    Some(certificate) => {
                        self.handle.authenticate_certificate_with(self.who.user, certificate, hash, &mut agent).await
                    }
                    None => self.handle.authenticate_publickey_with(self.who.user, key.clone(), hash, &mut agent).await,
                };
                match signed {
                    Ok(answer) => Ok(answer),
                    Err(error) => return Offer::Refused(format!("the agent did not sign: {error}")),
                }
            }
        };
        match answer {
            Ok(AuthResult::Success) => Offer::Accepted,
            Ok(AuthResult::Failure { partial_success: true, remaining_methods }) => {
                Offer::Refused(format!("accepted, but the host wants more: {remaining_methods:?}"))
            }
            Ok(AuthResult::Failure { .. }) => Offer::Refused("refused".to_owned()),
            Err(error) => Offer::Refused(error.to_string()),
        }
    }

    /// RSA signs with what the host says it verifies, never with SHA-1.
    async fn hash_for(&self, algorithm: &Algorithm) -> Option<HashAlg> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return None;
        }
        let best = self.handle.best_supported_rsa_hash().await.ok().flatten().flatten();
        best.or(Some(HashAlg::Sha512))
    }

    fn tried(&self) -> String {
        if self.tried.is_empty() { "no key was found to try".to_owned() } else { self.tried.join("; ") }
    }

    fn denied(&self) -> RemoteError {
        let why = format!(
            "{} refuses the login as {}: {}; next: put the public key into that user's authorized_keys, \
             or name the right key as `identity` in the inventory",
            self.who.place,
            self.who.user,
            self.tried(),
        );
        RemoteError::Denied { why }
    }

    fn cut_off(&self) -> RemoteError {
        let why = format!(
            "{} ended the connection at the login as {}: {}; tried: {}",
            self.who.place,
            self.who.user,
            self.ended.reason(),
            self.tried(),
        );
        // A host that says goodbye has decided; with many keys in the agent it has had enough of them.
        if self.ended.by_host() { RemoteError::Denied { why } } else { RemoteError::Unreachable { why } }
    }
}
