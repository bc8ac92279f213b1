//! Where a host is and how a connection to it is opened. Knows nothing about what is run there.

mod trust;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::client::{self, Config};
use russh::{AlgorithmKind, ChannelOpenFailure, Preferred, cipher, compression, kex};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::Bastion;
use super::audible::Audible;
use super::cached::Cached;
use super::connection::{Connection, Ended, Fault, Watch};
use super::keyring::Identity;
use super::known_hosts::Known;
use super::login::{Login, Who};
use super::proxy;
use super::still::Still;
use crate::model::cluster::{AgentAt, ByConfig};
use crate::model::command::clean;
use crate::model::{Jump, SshSettings};
use crate::observe::proof::OFF_LIMIT;
use crate::run::ports::{Later, RemoteError};

/// Fast with AES in the processor; CHACHA20 beats AES-CTR without.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::AES_128_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

/// russh's own order, with the NIST curves, which are all that a host hardened after some catalogues offers.
const KEY_EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G17_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G15_SHA512,
    kex::DH_G14_SHA256,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// What a host may send before we must say "go on". A stream over a long way is as slow as this is small.
const CONTROL_WINDOW: u32 = 2 << 20;
const BULK_WINDOW: u32 = 32 << 20;

/// A silent host is given up after four of these.
const KEEPALIVE: Duration = Duration::from_secs(5);
const KEEPALIVES_MISSED: usize = 3;

/// How many times the connect time-out a host may take that goes on saying something.
const AT_MOST: u32 = 6;

/// A host to log in to.
pub(super) struct Target {
    address: String,
    port: u16,
    user: String,
    identity: Option<String>,
    /// Those of the OpenSSH configuration, where the inventory names none.
    identities: Vec<String>,
    certificates: Vec<String>,
    agent: AgentAt,
    /// Where nothing is named, the usual ones.
    known_hosts: Vec<String>,
    /// A list of host keys that are not believed.
    revoked: Option<String>,
    through: Option<Arc<Target>>,
    /// A command here whose input and output are the connection.
    command: Option<String>,
    /// Whether a person says that it is off.
    off: AtomicBool,
    control: Cached<Arc<Connection>>,
}

impl Target {
    /// A master. The command, if one is named, connects to the first host on the way.
    pub(super) fn new(address: &str, ssh: &SshSettings, through: Option<Arc<Target>>) -> Self {
        let host = ssh.by_config.host.as_ref().map_or_else(|| address.to_owned(), ToString::to_string);
        Self::at((host, ssh.port, ssh.user.to_string()), ssh, &ssh.by_config, through)
    }

    /// A jump host. Keys and known hosts are what the inventory names for the master behind it, or else what `by` says.
    pub(super) fn jump(jump: &Jump, ssh: &SshSettings, by: &ByConfig, through: Option<Arc<Target>>) -> Self {
        let mut target = Self::at((jump.address.to_string(), jump.port, jump.user.to_string()), ssh, by, through);
        target.command = ssh.by_config.proxy_command.clone().filter(|_| target.through.is_none());
        target
    }

    fn at(
        (address, port, user): (String, u16, String),
        ssh: &SshSettings,
        by: &ByConfig,
        through: Option<Arc<Target>>,
    ) -> Self {
        Self {
            address,
            port,
            user,
            identity: ssh.identity.clone(),
            identities: by.identities.clone(),
            certificates: by.certificates.clone(),
            agent: by.agent.clone(),
            known_hosts: ssh.known_hosts.as_ref().map_or_else(|| by.known_hosts.clone(), |path| vec![path.clone()]),
            revoked: by.revoked.clone(),
            command: by.proxy_command.clone().filter(|_| through.is_none()),
            through,
            off: AtomicBool::new(false),
            control: Cached::default(),
        }
    }

    /// From now on no answer of its kernel is waited for longer than [`OFF_LIMIT`].
    pub(super) fn said_to_be_off(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    /// How long its kernel may take to answer.
    fn kernel_limit(&self, limit: Duration) -> Duration {
        if self.off.load(Ordering::Relaxed) { limit.min(OFF_LIMIT) } else { limit }
    }

    /// Whether both are one login on one host, so that one connection serves both.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let login = |target: &Self| (target.address.clone(), target.port, target.user.clone());
        let files = |target: &Self| {
            (target.identity.clone(), target.identities.clone(), target.known_hosts.clone(), target.revoked.clone())
        };
        let proofs = |target: &Self| (target.certificates.clone(), target.agent.clone(), target.command.clone());
        let through = match (&self.through, &other.through) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (Some(_), None) | (None, Some(_)) => false,
        };
        through && login(self) == login(other) && files(self) == files(other) && proofs(self) == proofs(other)
    }

    /// How errors name it.
    pub(super) fn place(&self) -> String {
        let way: Vec<String> = self.way().skip(1).map(|jump| format!("{}:{}", jump.address, jump.port)).collect();
        let command = self.way().any(|target| target.command.is_some()).then(|| "a ProxyCommand".to_owned());
        // As one goes: the first to be connected to first.
        let through: Vec<String> = command.into_iter().chain(way.into_iter().rev()).collect();
        match through.is_empty() {
            true => format!("{}:{}", self.address, self.port),
            false => format!("{}:{} (through {})", self.address, self.port, through.join(", ")),
        }
    }

    /// The hosts that a login goes through, this one first.
    pub(super) fn way(&self) -> impl Iterator<Item = &Target> {
        std::iter::successors(Some(self), |target| target.through.as_deref())
    }

    /// Files with certificates over keys.
    pub(super) fn certificates(&self) -> impl Iterator<Item = &str> {
        self.certificates.iter().map(String::as_str)
    }

    /// Which agent is asked.
    pub(super) const fn agent(&self) -> &AgentAt {
        &self.agent
    }

    /// Whether the inventory names its key file.
    pub(super) const fn is_named(&self) -> bool {
        self.identity.is_some()
    }

    /// The key files that are named: by the inventory, or else by the OpenSSH configuration.
    pub(super) fn identities(&self) -> impl Iterator<Item = &str> {
        self.identity.iter().chain(self.identities.iter().filter(|_| self.identity.is_none())).map(String::as_str)
    }

    /// Who logs in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// The connection kept for the whole run.
    ///
    /// # Errors
    /// As [`Target::connect`]. A failure is not kept.
    pub(super) async fn control(&self, bastion: &Bastion) -> Result<Arc<Connection>, RemoteError> {
        self.control.get(|connection| connection.is_good(), self.connect(bastion, false)).await
    }

    /// A new connection. A bulk stream that stalls stalls everything on its connection, so it has its own all the
    /// way, through the jump host too.
    ///
    /// # Errors
    /// [`RemoteError`], never `OutcomeUnknown`.
    pub(super) fn connect<'a>(
        &'a self,
        bastion: &'a Bastion,
        bulk: bool,
    ) -> Later<'a, Result<Arc<Connection>, RemoteError>> {
        Box::pin(async move {
            // Before connecting: a person may take longer to type than a host waits.
            let named = self.named(bastion).await.map_err(|why| RemoteError::Denied { why })?;
            let known = self.known(bastion).await?;
            let through = match &self.through {
                None => None,
                Some(jump) if bulk => Some(jump.connect(bastion, true).await?),
                Some(jump) => Some(jump.control(bastion).await?),
            };
            let limit = bastion.options.connect_timeout;
            let ended = Ended::default();
            let config = config(&known, bulk);
            let watch = Watch { known, ended: ended.clone() };
            let mut handle = match (&through, &self.command) {
                (None, None) => {
                    let stream = self.tcp(limit).await?;
                    self.shake(bastion, stream, config, watch).await?
                }
                (None, Some(command)) => {
                    let (stream, said) = proxy::begin(command).map_err(|error| self.unasked(error))?;
                    match self.shake(bastion, stream, config, watch).await {
                        Ok(handle) => handle,
                        Err(error) => return Err(proxy::failed(error, said).await),
                    }
                }
                (Some(jump), _) => {
                    // A name is looked up by the jump host within the limit, and its name server may be slow.
                    let is_name = self.address.as_str().parse::<std::net::IpAddr>().is_err();
                    let limit = if is_name { limit } else { self.kernel_limit(limit) };
                    let stream = timeout(limit, self.tunnel(jump)).await.map_err(|_| self.silent(limit))??;
                    self.shake(bastion, stream, config, watch).await?
                }
            };
            let place = self.place();
            let who = Who { user: &self.user, place: &place, agent: &self.agent, certificates: &self.certificates };
            Login::new(&mut handle, &bastion.keyring, who, &ended).run(named).await?;
            Ok(Arc::new(Connection::new(handle, ended, through)))
        })
    }

    /// The name is looked up first: a slow name server says nothing of the host.
    async fn tcp(&self, limit: Duration) -> Result<TcpStream, RemoteError> {
        let begun = Instant::now();
        let addresses = timeout(limit, lookup_host((self.address.as_str(), self.port))).await;
        let addresses = addresses.map_err(|_| self.silent(limit))?.map_err(|error| self.unreachable(error))?;
        let left = self.kernel_limit(limit.saturating_sub(begun.elapsed()));
        let stream = timeout(left, TcpStream::connect(&addresses.collect::<Vec<_>>()[..])).await;
        let stream =
            stream.map_err(|_| self.silent(self.kernel_limit(limit)))?.map_err(|error| self.unreachable(error))?;
        // Without this every command waits some 40 ms for a delayed acknowledgement.
        stream.set_nodelay(true).map_err(|error| self.unreachable(error))?;
        Ok(stream)
    }

    async fn tunnel(
        &self,
        jump: &Connection,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + Send + use<>, RemoteError> {
        let channel = jump.handle.channel_open_direct_tcpip(&self.address, self.port.into(), "127.0.0.1", 0).await;
        channel.map(russh::Channel::into_stream).map_err(|error| match error {
            russh::Error::ChannelOpenFailure(ChannelOpenFailure::AdministrativelyProhibited) => {
                self.unreachable("the jump host does not forward; see AllowTcpForwarding in its sshd_config")
            }
            russh::Error::ChannelOpenFailure(_) => self.unreachable("the jump host could not connect to it"),
            _ => {
                jump.retire();
                self.unreachable(format_args!("the jump host: {}", jump.ended.reason()))
            }
        })
    }

    /// A host that is busy, or far away, takes its time over each answer; one that is silent says nothing at all. Whoever
    /// waits for a turn is not timed.
    async fn shake<S>(
        &self,
        bastion: &Bastion,
        stream: S,
        config: Config,
        watch: Watch,
    ) -> Result<client::Handle<Watch>, RemoteError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _turn = bastion.handshakes.acquire().await.map_err(|error| self.unreachable(error))?;
        let limit = bastion.options.connect_timeout;
        let still = Arc::new(Still::of(limit, true));
        let stream = Audible { stream, still: Arc::clone(&still) };
        let shaken = client::connect_stream(Arc::new(config), stream, watch);
        let shaken = timeout(limit * AT_MOST, still.bounds(shaken)).await.ok().flatten();
        shaken.ok_or_else(|| self.silent(limit))?.map_err(|fault| match fault {
            Fault::HostKey(why) => RemoteError::HostKey { why },
            Fault::Ssh(russh::Error::NoCommonAlgo { kind, ours, theirs }) => self.disagreed(&kind, &ours, &theirs),
            Fault::Ssh(error) => self.unreachable(error),
        })
    }

    /// The keys that this login is made with; none where the agent and the usual files are tried. The OpenSSH configuration
    /// may name files that are not there.
    async fn named(&self, bastion: &Bastion) -> Result<Vec<Identity>, String> {
        if let Some(path) = &self.identity {
            return Ok(vec![bastion.keyring.named(path, &self.agent).await?]);
        }
        let (mut named, mut wrong) = (Vec::new(), None);
        for path in &self.identities {
            match bastion.keyring.file(&bastion.keyring.expanded(path)?, &self.agent).await {
                Ok(identity) => named.extend(identity),
                Err(why) => wrong = wrong.or(Some(why)),
            }
        }
        wrong.filter(|_| named.is_empty()).map_or(Ok(named), Err)
    }

    /// Something answers there that speaks no algorithm of ours.
    fn disagreed(&self, kind: &AlgorithmKind, ours: &[String], theirs: &[String]) -> RemoteError {
        let (what, keyword) = match kind {
            AlgorithmKind::Kex => ("key exchange", "KexAlgorithms"),
            AlgorithmKind::Key => ("host key algorithm", "HostKeyAlgorithms"),
            AlgorithmKind::Cipher => ("cipher", "Ciphers"),
            AlgorithmKind::Mac => ("MAC", "MACs"),
            AlgorithmKind::Compression => ("compression", "Compression"),
        };
        let why = format!(
            "{} answers, but has no {what} in common with requorum: it offers {}; requorum supports {}; next: allow one of the \
             latter as {keyword} in its sshd_config",
            self.place(),
            clean(&theirs.join(", ")),
            ours.join(", "),
        );
        RemoteError::Denied { why }
    }

    fn silent(&self, limit: Duration) -> RemoteError {
        self.unreachable(format_args!("no answer within {limit:?}"))
    }

    /// Nobody has asked it anything, and why.
    fn unasked(&self, why: impl std::fmt::Display) -> RemoteError {
        RemoteError::Denied { why: format!("{}: {why}", self.place()) }
    }

    /// No connection, and why.
    pub(super) fn unreachable(&self, why: impl std::fmt::Display) -> RemoteError {
        RemoteError::Unreachable { why: format!("{}: {why}", self.place()) }
    }
}

fn config(known: &Known, bulk: bool) -> Config {
    Config {
        window_size: if bulk { BULK_WINDOW } else { CONTROL_WINDOW },
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_MISSED,
        preferred: Preferred {
            key: Cow::Owned(known.key_algorithms()),
            host_key_certificates: Cow::Owned(known.certificate_algorithms()),
            kex: Cow::Borrowed(KEY_EXCHANGES),
            cipher: Cow::Borrowed(CIPHERS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}
