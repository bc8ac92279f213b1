//! One master of the model: power, systemd's unit, files, data directories, the etcd process. Knows nothing about other
//! masters.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::Form;
use crate::model::Supervisor;
use crate::model::{ClusterId, MasterName, MemberId, UnitName, ZoneName};

use super::containers::Docker;
use super::data::Data;

/// The env file of every master.
pub(super) const ENV_FILE: &str = "/etc/etcd.env";
/// The unit's file.
pub(super) const PACKAGE_UNIT: &str = "/usr/lib/systemd/system/etcd.service";
pub(super) const UNIT_FILE: &str = "/etc/systemd/system/etcd.service";
pub(super) const MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";
/// The data directory of every master.
pub(super) const DATA_DIR: &str = "/var/lib/etcd";
/// Where the unit's program and its tools lie.
pub(super) const BIN: &str = "/usr/local/bin";

/// The unit as systemd has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Whether a start failed; without a process it is `inactive` otherwise.
    pub(super) failed: bool,
    /// How it ended last: `success`, `signal`, `exit-code`.
    pub(super) result: &'static str,
    /// Whether it ended since the machine's boot: otherwise `result` says nothing.
    pub(super) ended: bool,
    /// Whether the machine starts it at boot.
    pub(super) enabled: bool,
    /// Whether the last start's conditions were met.
    pub(super) condition_met: bool,
    /// Its file as systemd has read it, where its flags are the settings.
    pub(super) read: String,
    /// The words of `ExecStart`.
    pub(super) argv: Vec<String>,
    /// What it runs beside etcd: `ExecStartPre=…`.
    pub(super) beside: Vec<String>,
    /// Settings in the unit itself.
    pub(super) environment: Vec<String>,
    /// The files it reads its environment from.
    pub(super) environment_files: Vec<String>,
    /// How long a graceful end takes: a client with an open watch makes it 15 s.
    pub(super) stop_takes: Duration,
    /// How long systemd lets a start take before it kills it, to start it again ten seconds later.
    pub(super) start_limit: Duration,
    /// Whether a drop-in in /run lets a start take as long as it takes.
    pub(super) patient: bool,
    /// When what systemd has killed is started again.
    pub(super) restart_at: Option<Instant>,
}

/// A running etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) started: Instant,
    pub(super) name: String,
    pub(super) election: Duration,
    /// Its words and variables, as lines of the answer that tells them.
    pub(super) given: String,
    /// Whether requorum started it, not the machine's boot.
    pub(super) by_us: bool,
    /// Whether it began on an empty directory: its first publish is lost then.
    pub(super) joiner: bool,
    /// When its data was the leader's; for a joiner a moment after its start.
    pub(super) in_sync: bool,
    /// When its client port opens, once that is certain.
    pub(super) ready_at: Option<Instant>,
    pub(super) ready: bool,
    /// Bytes by sender.
    pub(super) heard: BTreeMap<MemberId, u64>,
    /// Whom it names as leader, and since when that is no longer so.
    pub(super) leader: Option<MemberId>,
    pub(super) leader_lost: Option<Instant>,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Installed {
    pub(super) version: String,
    /// That of the tool to restore with.
    pub(super) restore_version: String,
    pub(super) etcdctl: bool,
    pub(super) etcdutl: bool,
    pub(super) bumps: bool,
    pub(super) curl: bool,
    pub(super) missing: Vec<String>,
}

/// Whether SSH lets us in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Open,
    /// Another host key than the known one.
    OtherKey,
}

/// Where clients and peers find a member on its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) client: u16,
    pub(super) peer: u16,
}

impl Ports {
    pub(super) fn peer_url(self, address: &str) -> String {
        format!("https://{address}:{}", self.peer)
    }
}

/// A machine.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) name: MasterName,
    pub(super) zone: ZoneName,
    pub(super) address: String,
    pub(super) ports: Ports,
    pub(super) unit_name: UnitName,
    pub(super) powered: bool,
    pub(super) door: Door,
    pub(super) unit: Unit,
    /// How its settings are written down.
    pub(super) form: Form,
    /// Where its etcd is in a container.
    pub(super) docker: Option<Docker>,
    /// What its API server answers to its own node, where that may ask nothing.
    pub(super) api_refuses: Option<String>,
    pub(super) installed: Installed,
    pub(super) free_bytes: u64,
    /// What a story says of its layout and unit: lines of the question that asks for them.
    pub(super) odd: Vec<String>,
    /// How long the leader's snapshot takes to it, where that is long.
    pub(super) sync: Option<Duration>,
    /// Whether its certificates have ended.
    pub(super) ended: bool,
    /// Whether it is kept from hearing its leader, so that it falls behind.
    pub(super) lags: bool,
    /// Whether the next entries reach its log, and it never hears that they are committed.
    pub(super) deaf: bool,
    /// How many milliseconds its clock is ahead.
    pub(super) clock_ms: i64,
    /// Whether its peer port tells its members.
    pub(super) tells_members: bool,
    /// Whether it shows its metrics.
    pub(super) shows_metrics: bool,
    /// Whether its files come at a snail's pace.
    pub(super) slow: bool,
    /// Whether nothing of its files comes at all.
    pub(super) stalls: bool,
    /// Whether a joiner ended before it had all of the leader's snapshot.
    pub(super) half_joined: bool,
    /// Until when its etcd ports are closed towards the other zones.
    pub(super) closed_until: Option<Instant>,
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// Data directories by path, those put aside too; empty ones hold nothing.
    pub(super) dirs: BTreeMap<String, Option<Data>>,
    /// Directories of write-ahead logs that lie elsewhere, by path: whose log each one holds.
    pub(super) logs: BTreeMap<String, Option<u64>>,
    pub(super) process: Option<Process>,
    /// When the lock on it was last renewed.
    pub(super) renewed: Option<Instant>,
}

/// Where the lock's holder is written.
pub(super) const HOLDER: &str = "/var/lib/requorum/lock/holder.json";

impl Machine {
    /// A tool is not installed any more.
    pub(super) fn lose(&mut self, tool: &str) {
        match tool {
            "etcdutl" => self.installed.etcdutl = false,
            "etcdctl" => self.installed.etcdctl = false,
            "curl" => self.installed.curl = false,
            other => self.installed.missing.push(other.to_owned()),
        }
    }

    /// Another version of a program is installed.
    pub(super) fn install(&mut self, tool: &str, version: &str) {
        let installed = &mut self.installed;
        let which = if tool == "etcdutl" { &mut installed.restore_version } else { &mut installed.version };
        version.clone_into(which);
    }

    /// A question about its layout or unit gets this line more; after `nothing` all are as they were.
    pub(super) fn answer_oddly(&mut self, line: &str) {
        match line {
            "nothing" => self.odd.clear(),
            line => self.odd.push(line.to_owned()),
        }
    }

    /// Renews the lock where `run` holds it; otherwise says what stands there.
    pub(super) fn renew(&mut self, run: &str) -> Result<(), String> {
        let holder = self.file(HOLDER).unwrap_or_default();
        if !holder.contains(&format!("\"run\":\"{run}\"")) {
            return Err(holder);
        }
        self.renewed = Some(Instant::now());
        Ok(())
    }

    /// How long ago the lock was renewed, as its own clock tells.
    pub(super) fn unrenewed(&self) -> Duration {
        self.renewed.map(|then| then.elapsed()).unwrap_or_default()
    }

    pub(super) fn peer_url(&self) -> String {
        self.ports.peer_url(&self.address)
    }

    /// Where clients are told to find it.
    pub(super) fn client_url(&self) -> String {
        format!("https://{}:{}", self.address, self.ports.client)
    }

    /// Whether its client port answers at that URL, as far as the way there goes.
    pub(super) fn answers_at(&self, url: &str) -> bool {
        let local = format!("https://127.0.0.1:{}", self.ports.client);
        let listens = url == local || url == self.client_url();
        listens && !self.odd.iter().any(|line| line.strip_prefix("refuses-at=") == Some(url))
    }

    pub(super) fn data(&self) -> Option<&Data> {
        self.dirs.get(DATA_DIR).and_then(Option::as_ref)
    }

    pub(super) fn data_mut(&mut self) -> Option<&mut Data> {
        self.dirs.get_mut(DATA_DIR).and_then(Option::as_mut)
    }

    /// The data that its running process serves from.
    pub(super) fn live(&self) -> Option<(&Process, &Data)> {
        self.process.as_ref().zip(self.data())
    }

    pub(super) fn cluster(&self) -> Option<ClusterId> {
        self.live().map(|(_, data)| data.image.cluster)
    }

    pub(super) fn file(&self, path: &str) -> Option<String> {
        self.files.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn put(&mut self, path: impl Into<String>, text: impl Into<Vec<u8>>) {
        self.files.insert(path.into(), text.into());
    }

    /// Moves a file that is there.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        if let Some(bytes) = self.files.remove(from) {
            self.files.insert(to.to_owned(), bytes);
        }
    }

    /// Gives a setting in its env file another value.
    pub(super) fn set(&mut self, key: &str, value: &str) {
        let text = self.file(ENV_FILE).unwrap_or_default();
        let kept: String = text
            .lines()
            .filter(|line| !line.starts_with(&format!("{key}=")))
            .fold(String::new(), |all, line| all + line + "\n");
        self.put(ENV_FILE, format!("{kept}{key}={value}\n"));
    }

    /// A setting as systemd would give it to etcd; nothing in the model's files is quoted.
    pub(super) fn setting(&self, key: &str) -> String {
        if self.form != Form::EnvFile {
            return self.setting_at_start(key);
        }
        let text = self.files.get(ENV_FILE).map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default();
        let value = text.lines().rev().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_default().to_owned()
    }

    /// What the running etcd took from its environment when it started.
    pub(super) fn election(&self) -> Duration {
        self.process.as_ref().map_or(Duration::ZERO, |process| process.election)
    }

    /// Whether systemd would refuse to start it: a marker does nothing without its drop-in. A kubelet starts what lies in
    /// its folder.
    pub(super) fn fenced(&self) -> bool {
        match self.supervisor() {
            Supervisor::Kubelet(_) => !self.files.contains_key(MANIFEST),
            systemd @ (Supervisor::Systemd(_) | Supervisor::Docker(_)) => {
                self.files.contains_key(&systemd.fence_marker()) && self.files.contains_key(&systemd.held_by())
            }
        }
    }

    pub(super) fn active_state(&self) -> &'static str {
        match &self.process {
            Some(process) if process.ready => "active",
            Some(_) => "activating",
            None if self.form == Form::Manifest => {
                if self.fenced() {
                    "inactive"
                } else {
                    "activating"
                }
            }
            None if self.unit.failed => "failed",
            None => "inactive",
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, |process| process.pid)
    }

    /// The process ends; a clean end flushes.
    pub(super) fn end(&mut self, cleanly: bool) {
        if let Some(process) = self.process.take() {
            self.half_joined = process.joiner && !process.in_sync;
            self.unit.result = if cleanly { "success" } else { "signal" };
            self.unit.ended = true;
            self.unit.failed = !cleanly;
            if let Some(docker) = &mut self.docker {
                docker.failed = !cleanly;
            }
            if let Some(data) = self.data_mut() {
                data.settle();
                // Killed before that, the rest stays in the write-ahead log until etcd reads it again.
                data.changed = None;
                if cleanly {
                    data.flush();
                }
            }
        }
    }
}
