//! The real host that we run on: its connections, its files under the state directory, its random numbers.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::model::ssh_config::SshFiles;
use crate::model::{Cluster, ClusterName, RunId, Token};
use crate::observe::StateDirectory;
use crate::observe::known_before::{KnownBefore, LastLook};
use crate::plan::SnapshotFile;
use crate::report::doctor::bastion::Check;
use crate::run::ports::{Console, Later, Remote, Store};
use crate::verbs::Bastion;
use crate::verbs::site::{Diagnosed, StoredRun};

use super::ssh::{Options, Ssh, Unlocked};
use super::store::{self, RunDir};
use super::told::Told;
use super::{files, last_look, local, readiness, ssh_files, state};

/// This host.
pub struct ThisHost {
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Who runs us, as OpenSSH's `Match localuser` has it.
    pub login: String,
    /// Keys and passwords, once somebody has unlocked them.
    pub unlocked: Unlocked,
    /// Where state is kept.
    pub state: PathBuf,
    /// How long a connection is tried.
    pub connect_limit: Duration,
    /// The files of the OpenSSH configuration, once they were read.
    pub ssh_files: OnceLock<Arc<SshFiles>>,
    /// Who is told each command, if anybody is.
    pub told: Option<Arc<dyn Console>>,
}

/// The name that this host has for itself.
#[must_use]
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl ThisHost {
    fn ssh(&self, cluster: &Cluster) -> Ssh {
        let mut options = Options::new(self.home.as_deref());
        options.connect_timeout = self.connect_limit;
        Ssh::new(cluster, self.unlocked.clone(), options)
    }
}

impl Bastion for ThisHost {
    fn remote(&self, cluster: &Cluster) -> Arc<dyn Remote> {
        let ssh = Arc::new(self.ssh(cluster));
        match &self.told {
            Some(console) => Arc::new(Told { remote: ssh, console: Arc::clone(console) }),
            None => ssh,
        }
    }

    fn connect_limit(&self) -> Duration {
        self.connect_limit
    }

    fn secrets(&self) -> Vec<String> {
        self.unlocked.secrets()
    }

    fn run_id(&self, now: Timestamp) -> io::Result<RunId> {
        let random = Uuid::new_v4().simple().to_string();
        RunId::new(format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), &random[..4])).map_err(io::Error::other)
    }

    fn token(&self) -> Token {
        Token(format!("requorum-{}", Uuid::new_v4().simple()))
    }

    fn state(&self) -> PathBuf {
        self.state.clone()
    }

    fn create_run(&self, run: &RunId) -> io::Result<Arc<dyn Store>> {
        Ok(Arc::new(RunDir::create(&self.state, run)?))
    }

    fn runs(&self) -> io::Result<Vec<StoredRun>> {
        files::runs(&self.state)
    }

    fn lives(&self, run: &RunId) -> Option<bool> {
        store::lives(&self.state, run, &name())
    }

    fn known_before(&self, cluster: &ClusterName) -> KnownBefore {
        last_look::known_before(&self.state, cluster)
    }

    fn keep_look(&self, look: &LastLook) -> io::Result<()> {
        last_look::keep(&self.state, look)
    }

    fn state_directory(&self) -> io::Result<StateDirectory> {
        state::directory(&self.state)
    }

    fn diagnosis(&self, cluster: &ClusterName, which: Diagnosed) -> Option<String> {
        state::kept(&self.state, cluster, which)
    }

    fn keep_diagnosis(&self, cluster: &ClusterName, which: Diagnosed, text: &str) -> io::Result<()> {
        state::keep(&self.state, cluster, which, text).map(|_| ())
    }

    fn snapshot(&self, path: &Path, ids: &BTreeSet<String>) -> io::Result<SnapshotFile> {
        files::snapshot(path, ids)
    }

    fn is_there(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        files::text(path)
    }

    fn names_in(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        Ok(entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn program(&self, path: &Path) -> io::Result<Vec<u8>> {
        files::program(path)
    }

    fn write_private(&self, path: &Path, text: &str) -> io::Result<()> {
        files::write_private(path, text)
    }

    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        files::replace(path, text)
    }

    fn replaceable(&self, path: &Path) -> io::Result<()> {
        files::replaceable(path)
    }

    fn ssh_files(&self) -> io::Result<Arc<SshFiles>> {
        if let Some(read) = self.ssh_files.get() {
            return Ok(Arc::clone(read));
        }
        let read = Arc::new(ssh_files::read(self.home.as_deref(), &self.login)?);
        Ok(Arc::clone(self.ssh_files.get_or_init(|| read)))
    }

    fn readiness<'a>(&'a self, cluster: &'a Cluster, read: &'a [PathBuf]) -> Later<'a, Vec<Check>> {
        Box::pin(async move {
            let mut checks = readiness::checks(&self.state, read).await;
            checks.extend(self.ssh(cluster).readiness().await);
            checks
        })
    }

    fn command<'a>(&'a self, argv: &'a [String], limit: Duration) -> Later<'a, Result<(), String>> {
        Box::pin(local::run(argv, limit))
    }
}
