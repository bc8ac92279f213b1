//! Commands on masters over SSH: the real implementation of the port [`Remote`]. Does not know what the commands mean.

mod asking;
mod audible;
mod cached;
mod connection;
mod frame;
mod handover;
mod keyring;
mod known_hosts;
mod login;
mod proxy;
mod quote;
mod readiness;
mod round;
mod still;
mod stream;
mod sudo;
mod talk;
mod target;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::model::cluster::ByConfig;
use crate::model::{Become, Cluster, Command, Jump, MasterName, Output, SshSettings};
use crate::run::ports::{Later, Pipes, Prompt, Questions, Remote, RemoteError};
use asking::Asking;
use cached::Cached;
use connection::Session;
use frame::Frame;
use handover::Handover;
use keyring::Keyring;
use quote::Rise;
use still::Still;
use sudo::{Password, Root, Trial};
use talk::{Answer, Talk};
use target::Target;

/// Handshakes at once over all hosts; each keeps a processor busy for some milliseconds.
const HANDSHAKES: usize = 8;

/// Hosts that are asked at once: each runs its questions side by side, and what comes of them is read here.
const ASKED_AT_ONCE: usize = 32;

/// What the bastion brings along. `main` reads it from the environment.
pub struct Options {
    /// How long nothing may come of a host until it has accepted a connection and proven who it is.
    pub connect_timeout: Duration,
    /// The known_hosts files consulted where the inventory names none.
    pub known_hosts: Vec<PathBuf>,
}

impl Options {
    /// The usual places below `home` and in `/etc/ssh`.
    #[must_use]
    pub fn new(home: Option<&Path>) -> Self {
        let user = home.iter().map(|home| home.join(".ssh/known_hosts"));
        let known_hosts = user.chain([PathBuf::from("/etc/ssh/ssh_known_hosts")]).collect();
        Self { connect_timeout: Duration::from_secs(5), known_hosts }
    }
}

/// The keys and the password of one person: each is asked for once, however many runs one process makes. A drill makes
/// several, and a question in the middle of one would be part of the outage.
#[derive(Clone)]
pub struct Unlocked {
    keyring: Arc<Keyring>,
    password: Arc<Password>,
}

impl Unlocked {
    /// Nothing is read or asked yet. `home` is for `~/` and the usual key files, `agent_socket` is `SSH_AUTH_SOCK`, and
    /// `sudo_password` is for where nobody is there to type it.
    #[must_use]
    pub fn new(
        prompt: Arc<dyn Prompt>,
        home: Option<PathBuf>,
        agent_socket: Option<PathBuf>,
        sudo_password: Option<Zeroizing<String>>,
    ) -> Self {
        let password = Arc::new(Password::new(Arc::clone(&prompt), sudo_password));
        Self { keyring: Arc::new(Keyring::new(prompt, home, agent_socket)), password }
    }

    /// sudo's passwords, supplied or typed by now: what must be shown nowhere.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.password.all().iter().map(|secret| secret.as_str().to_owned()).collect()
    }
}

/// What all connections share.
struct Bastion {
    options: Options,
    keyring: Arc<Keyring>,
    password: Arc<Password>,
    handshakes: Semaphore,
    asked: Semaphore,
}

/// One master.
struct Host {
    target: Target,
    elevate: Become,
    /// Where it stands that sudo is taken, if no inventory says so.
    sudo_by: Option<String>,
    root: Cached<Root>,
}

/// Runs commands on the masters of one cluster. Connections are made when first needed and kept.
pub struct Ssh {
    bastion: Bastion,
    hosts: BTreeMap<MasterName, Host>,
}

impl Ssh {
    /// Reads nothing and connects nowhere yet.
    #[must_use]
    pub fn new(cluster: &Cluster, unlocked: Unlocked, options: Options) -> Self {
        let Unlocked { keyring, password } = unlocked;
        let mut jumps: Vec<Arc<Target>> = Vec::new();
        let mut hosts = BTreeMap::new();
        for master in cluster.masters() {
            let ssh = &master.ssh;
            let through = way(ssh, &mut jumps);
            let target = Target::new(master.address.as_str(), ssh, through);
            let sudo_by = ssh.by_config.sudo_by.clone();
            hosts.insert(master.name.clone(), Host { target, elevate: ssh.elevate, sudo_by, root: Cached::default() });
        }
        let (handshakes, asked) = (Semaphore::new(HANDSHAKES), Semaphore::new(ASKED_AT_ONCE));
        Self { bastion: Bastion { options, keyring, password, handshakes, asked }, hosts }
    }
}

impl Remote for Ssh {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            match self.hosts.get(host) {
                Some(known) => known.run(&self.bastion, command, pipes).await,
                None => Err(RemoteError::Unreachable { why: format!("{host} is not in the inventory") }),
            }
        })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        Box::new(Asking::new(self, host))
    }

    fn said_to_be_off(&self, hosts: &BTreeSet<MasterName>) {
        self.hosts.iter().filter(|(name, _)| hosts.contains(*name)).for_each(|(_, host)| host.target.said_to_be_off());
    }
}

impl Host {
    async fn run(&self, bastion: &Bastion, command: &Command, pipes: Pipes) -> Result<Output, RemoteError> {
        let handover = self.handover(bastion, command.root).await?;
        let rise = rise(&handover);
        let frame = Frame::new();
        let talk = Talk {
            line: quote::shell_line(command, rise, &frame)?,
            frame,
            still: Still::of(command.deadline, command.moving),
            handover: handover.flatten(),
            stdin: command.stdin.clone().map(Bytes::from),
            pipes,
        };
        // Whoever takes streamed output may be slow, and on a shared connection every other command would wait too.
        if command.bulk || talk.pipes.stdout.is_some() {
            let connection = self.target.connect(bastion, true).await?;
            let session = connection.session(bastion.options.connect_timeout).await;
            let answer = talk::hold(session.map_err(|why| self.target.unreachable(why))?, talk).await;
            connection.close().await;
            return self.ran(answer?);
        }
        self.ran(self.talk(bastion, talk).await?)
    }

    /// Nothing where a command stays who logged in; else what sudo is given, where it wants something.
    async fn handover(&self, bastion: &Bastion, root: bool) -> Result<Option<Option<Handover>>, RemoteError> {
        Ok(match (root, self.elevate) {
            (true, Become::Sudo) => Some(self.root(bastion).await?.way()?),
            (true, Become::None) | (false, _) => None,
        })
    }

    /// The command's answer. A line that ended before the command began has run nothing, whatever its status says.
    fn ran(&self, answer: Answer) -> Result<Output, RemoteError> {
        match answer {
            Answer::Ran(output) => Ok(output),
            Answer::NotBegun(said) if quote::astray(&said).is_some() => Err(RemoteError::Denied {
                why: format!(
                    "{}: {} runs no command, since its answer would not come: {}; next: take that out, or let it do so at \
                     a terminal only ([ -t 1 ])",
                    self.target.place(),
                    self.target.user(),
                    quote::astray(&said).unwrap_or_default(),
                ),
            }),
            Answer::NotBegun(said) => Err(RemoteError::Denied {
                why: format!(
                    "{}: the login of {} ended before the command began ({}); next: look at that user's shell, its \
                     files (~/.bashrc) and sudo",
                    self.target.place(),
                    self.target.user(),
                    said.complaint(),
                ),
            }),
        }
    }

    /// Over the kept connection.
    async fn talk(&self, bastion: &Bastion, talk: Talk) -> Result<Answer, RemoteError> {
        talk::hold(self.session(bastion).await?, talk).await
    }

    /// A session of the kept connection. One that turns out to be dead, or full, is replaced once: nothing was sent.
    async fn session(&self, bastion: &Bastion) -> Result<Session, RemoteError> {
        let limit = bastion.options.connect_timeout;
        let connection = self.target.control(bastion).await?;
        if let Ok(session) = connection.session(limit).await {
            return Ok(session);
        }
        connection.retire();
        let connection = self.target.control(bastion).await?;
        connection.session(limit).await.map_err(|why| self.target.unreachable(why))
    }

    async fn root(&self, bastion: &Bastion) -> Result<Root, RemoteError> {
        self.root.get(|_| true, self.way_to_root(bastion)).await
    }

    /// Finds out how commands become root here.
    async fn way_to_root(&self, bastion: &Bastion) -> Result<Root, RemoteError> {
        // Where nobody has said that sudo works there, what it was concluded from is said.
        let concluded = |by: &String| format!(" (a user by {by}; ssh.become in the inventory says otherwise)");
        let concluded = self.sudo_by.as_ref().map(concluded).unwrap_or_default();
        let who = format!("{}@{}{concluded}", self.target.user(), self.target.place());
        bastion.password.root(&who, &On { host: self, bastion }).await
    }
}

/// The last host on the way to a master; masters with the same way share its hosts.
fn way(ssh: &SshSettings, jumps: &mut Vec<Arc<Target>>) -> Option<Arc<Target>> {
    let mut hops: Vec<(&Jump, &ByConfig)> = ssh.by_config.hops.iter().map(|hop| (&hop.jump, &hop.by_config)).collect();
    if hops.is_empty() {
        hops.extend(ssh.jump.iter().map(|jump| (jump, &ssh.by_config)));
    }
    hops.into_iter().fold(None, |through, (jump, by)| {
        let target = Target::jump(jump, ssh, by, through);
        let known = jumps.iter().find(|known| known.is_same(&target)).map(Arc::clone);
        Some(known.unwrap_or_else(|| {
            jumps.push(Arc::new(target));
            Arc::clone(&jumps[jumps.len() - 1])
        }))
    })
}

fn rise(handover: &Option<Option<Handover>>) -> Rise<'_> {
    match handover {
        None => Rise::Stay,
        Some(None) => Rise::Sudo,
        Some(Some(handover)) => Rise::SudoWithPassword(handover),
    }
}

/// A shell on one host.
struct On<'a> {
    host: &'a Host,
    bastion: &'a Bastion,
}

impl sudo::Shell for On<'_> {
    async fn run(&self, line: Trial, handover: Option<Handover>, deadline: Duration) -> Result<Output, RemoteError> {
        let Trial { line, frame } = line;
        let talk =
            Talk { line, frame, still: Still::of(deadline, false), handover, stdin: None, pipes: Pipes::default() };
        Ok(match self.host.talk(self.bastion, talk).await? {
            Answer::Ran(output) | Answer::NotBegun(output) => output,
        })
    }
}

/// Asks a person without holding up the rest of the run.
async fn ask(prompt: &Arc<dyn Prompt>, question: String) -> std::io::Result<Zeroizing<String>> {
    let prompt = Arc::clone(prompt);
    tokio::task::spawn_blocking(move || prompt.secret(&question)).await.map_err(std::io::Error::other)?
}
