//! Whether each master could be logged in to now, and become root: host keys, private keys, the agent, sudo. Runs nothing
//! on a master but `true`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;

use super::sudo::Root;
use super::target::Target;
use super::{Bastion, Host, Ssh};
use crate::model::Become;
use crate::report::doctor::bastion::{Check, What};
use crate::run::ports::{Later, RemoteError};

impl Ssh {
    /// Everything, in the order in which a login needs it.
    pub(in super::super) async fn readiness(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut named = BTreeSet::new();
        for (name, host) in &self.hosts {
            for target in host.target.way().into_iter().rev() {
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

    /// The key files that the inventory names, or those at the usual places, and the agent.
    async fn keys(&self) -> Vec<Check> {
        let keyring = &self.bastion.keyring;
        let of_hosts = |named: bool| self.hosts.values().filter(move |host| host.target.is_named() == named);
        let identities =
            |named: bool| -> BTreeSet<&str> { of_hosts(named).flat_map(|host| host.target.identities()).collect() };
        let (named, of_config) = (identities(true), identities(false));
        let mut checks = Vec::new();
        // Those of the OpenSSH configuration need not be there.
        for path in &of_config {
            let file = match keyring.expanded(path) {
                Ok(file) => keyring.file(&file).await,
                Err(why) => Err(why),
            };
            checks.push(match file {
                Ok(Some(identity)) => Check::ok(What::Keys, *path, format!("loaded: {}", identity.shown)),
                Ok(None) => Check::ok(What::Keys, *path, "it is not there, and is passed over"),
                Err(why) => Check::warning(What::Keys, *path, why, "load it into the agent"),
            });
        }
        for path in &named {
            checks.push(match keyring.named(path).await {
                Ok(identity) => Check::ok(What::Keys, *path, format!("loaded: {}", identity.shown)),
                Err(why) => Check::error(What::Keys, *path, why, "name a key that is there, in `ssh.identity`"),
            });
        }
        let agent = keyring.in_agent(None).await;
        if of_hosts(false).any(|host| host.target.identities().next().is_none()) {
            let mut found = 0;
            for path in keyring.usual_files() {
                let shown = path.display().to_string();
                match keyring.file(&path).await {
                    Ok(None) => continue,
                    Ok(Some(_)) => checks.push(Check::ok(What::Keys, shown, "loaded")),
                    Err(why) => checks.push(Check::warning(What::Keys, shown, why, "load it into the agent")),
                }
                found += 1;
            }
            if found == 0 && agent.as_ref().is_ok_and(Vec::is_empty) {
                let said = "there is no key in the usual files and none in an agent";
                checks.push(Check::error(What::Keys, "this host", said, "make one, or name it in `ssh.identity`"));
            }
        }
        checks.push(match agent {
            Ok(held) if held.is_empty() => Check::ok(What::Agent, "this host", "no agent, or it holds no key"),
            Ok(held) => {
                let shown: Vec<String> = held.into_iter().map(|identity| identity.shown).collect();
                Check::ok(What::Agent, "this host", shown.join("; "))
            }
            Err(why) => Check::warning(What::Agent, "this host", why, "see SSH_AUTH_SOCK"),
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

impl Target {
    /// The hosts that a login goes through, this one first.
    fn way(&self) -> Vec<&Target> {
        std::iter::once(self).chain(self.through().map(Arc::as_ref)).collect()
    }
}
