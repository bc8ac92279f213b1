//! Whether each master could be logged in to now, and become root: host keys, private keys, the agent, sudo. Runs nothing
//! on a master but `true`.

use std::collections::BTreeSet;
use std::task::Poll;

use super::sudo::Root;
use super::target::Target;
use super::{Bastion, Host, Ssh};
use crate::model::Become;
use crate::model::cluster::AgentAt;
use crate::report::doctor::bastion::{Check, What};
use crate::run::ports::{Later, RemoteError};

impl Ssh {
    /// Everything, in the order in which a login needs it.
    pub(in super::super) async fn readiness(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut named = BTreeSet::new();
        for (name, host) in &self.hosts {
            let way: Vec<&Target> = host.target.way().collect();
            for target in way.into_iter().rev() {
                if named.insert((target.place(), name.to_string())) {
                    checks.extend(known(&self.bastion, target, name.as_str()).await);
                }
            }
        }
        checks.extend(self.keys().await);
        let logins = self.hosts.iter().map(|(name, host)| {
            let asked: Later<'_, Check> = Box::pin(login(&self.bastion, host, name.as_str()));
            asked
        });
        checks.extend(all(logins.collect()).await);
        checks
    }

    /// The masters, and the hosts that are gone through.
    fn targets(&self) -> impl Iterator<Item = &Target> {
        self.hosts.values().flat_map(|host| host.target.way())
    }

    /// The key files that are named, or those at the usual places, the certificates and the agents.
    async fn keys(&self) -> Vec<Check> {
        let keyring = &self.bastion.keyring;
        let identities = |named: bool| -> BTreeSet<(&str, &AgentAt)> {
            let targets = self.targets().filter(|target| target.is_named() == named);
            targets.flat_map(|target| target.identities().map(|path| (path, target.agent()))).collect()
        };
        let mut checks = Vec::new();
        // Those of the OpenSSH configuration need not be there.
        for (path, agent) in identities(false) {
            let file = match keyring.expanded(path) {
                Ok(file) => keyring.file(&file, agent).await,
                Err(why) => Err(why),
            };
            checks.push(match file {
                Ok(Some(identity)) => Check::ok(What::Keys, path, format!("loaded: {}", identity.shown)),
                Ok(None) => Check::ok(What::Keys, path, "it is not there, and is passed over"),
                Err(why) => Check::warning(What::Keys, path, why, "load it into the agent"),
            });
        }
        for (path, agent) in identities(true) {
            checks.push(match keyring.named(path, agent).await {
                Ok(identity) => Check::ok(What::Keys, path, format!("loaded: {}", identity.shown)),
                Err(why) => Check::error(What::Keys, path, why, "name a key that is there, in `ssh.identity`"),
            });
        }
        for path in self.targets().flat_map(Target::certificates).collect::<BTreeSet<_>>() {
            checks.push(match keyring.certificate(path) {
                Ok(_) => Check::ok(What::Keys, path, "it is a certificate"),
                Err(why) => Check::warning(What::Keys, path, why, "see CertificateFile"),
            });
        }
        for agent in self.targets().map(Target::agent).collect::<BTreeSet<_>>() {
            let unnamed = self.targets().any(|target| target.agent() == agent && target.identities().next().is_none());
            checks.extend(self.in_agent(agent, unnamed).await);
        }
        checks
    }

    /// What is in an agent, and where a login relies on it, in the usual files.
    async fn in_agent(&self, agent: &AgentAt, unnamed: bool) -> Vec<Check> {
        let keyring = &self.bastion.keyring;
        let mut checks = Vec::new();
        let held = keyring.in_agent(agent, None).await;
        if unnamed {
            let mut found = 0;
            for path in keyring.usual_files() {
                let shown = path.display().to_string();
                match keyring.file(&path, agent).await {
                    Ok(None) => continue,
                    Ok(Some(_)) => checks.push(Check::ok(What::Keys, shown, "loaded")),
                    Err(why) => checks.push(Check::warning(What::Keys, shown, why, "load it into the agent")),
                }
                found += 1;
            }
            if found == 0 && held.as_ref().is_ok_and(Vec::is_empty) {
                let said = "there is no key in the usual files and none in an agent";
                checks.push(Check::error(What::Keys, "this host", said, "make one, or name it in `ssh.identity`"));
            }
        }
        let about = if let AgentAt::Socket(path) = agent { path.as_str() } else { "this host" };
        checks.push(match held {
            Ok(_) if *agent == AgentAt::Nowhere => {
                Check::ok(What::Agent, about, "IdentityAgent says that none is asked")
            }
            Ok(held) if held.is_empty() => Check::ok(What::Agent, about, "no agent, or it holds no key"),
            Ok(held) => {
                let shown: Vec<String> = held.into_iter().map(|identity| identity.shown).collect();
                Check::ok(What::Agent, about, shown.join("; "))
            }
            Err(why) => Check::warning(What::Agent, about, why, "see SSH_AUTH_SOCK and IdentityAgent"),
        });
        checks
    }
}

/// Whether a host's key is on file. What it shows is judged by the login.
async fn known(bastion: &Bastion, target: &Target, master: &str) -> Option<Check> {
    let about = format!("{master} ({})", target.place());
    Some(match target.known(bastion).await {
        Err(error) => Check::error(What::KnownHosts, about, error.to_string(), "repair that file"),
        Ok(known) => match known.lacks() {
            None => Check::ok(What::KnownHosts, about, "its key is on file"),
            Some(why) => {
                let next = "see its fingerprint on its console, then add the line that ssh-keyscan prints for it";
                Check::error(What::KnownHosts, about, why, next)
            }
        },
    })
}

async fn login(bastion: &Bastion, host: &Host, master: &str) -> Check {
    let about = format!("{master} ({}@{})", host.target.user(), host.target.place());
    let failed = |error: RemoteError| {
        let next = match &error {
            RemoteError::Unreachable { .. } => "make it answer over SSH; it would be missing in an incident",
            _ => "as the text says",
        };
        Check::error(What::Login, about.clone(), error.to_string(), next)
    };
    match host.elevate {
        Become::None => match host.target.control(bastion).await {
            Ok(_) => Check::ok(What::Login, about, "logged in; nothing is needed to become root"),
            Err(error) => failed(error),
        },
        Become::Sudo => match host.root(bastion).await {
            Ok(Root::Free) => Check::ok(What::Login, about, "logged in; sudo asks for no password"),
            Ok(Root::Password(_)) => {
                let said = "logged in; sudo wants a password, and took the one that it was given";
                let next = "have it at hand in an incident, or set REQUORUM_SUDO_PASSWORD for what runs by itself";
                Check::warning(What::Login, about, said, next)
            }
            Ok(Root::Barred(why)) => Check::error(What::Login, about, why, "see sudoers on that master"),
            Err(error) => failed(error),
        },
    }
}

/// Waits for all of them, which run side by side.
async fn all<T>(mut waiting: Vec<Later<'_, T>>) -> Vec<T> {
    let mut ended: Vec<Option<T>> = waiting.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, end) in waiting.iter_mut().zip(&mut ended) {
            if end.is_none()
                && let Poll::Ready(answer) = one.as_mut().poll(context)
            {
                *end = Some(answer);
            }
        }
        if ended.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    ended.into_iter().flatten().collect()
}
