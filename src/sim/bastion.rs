//! The bastion of a site, in memory: its files, its runs, its commands, the person who uses it. Does not know what a
//! verb does.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::cluster::ConfigAt;
use crate::model::digest::sha256;
use crate::model::ssh_config::SshFiles;
use crate::model::{Cluster, ClusterName, RunId, Token};
use crate::observe::StateDirectory;
use crate::observe::database::Ends;
use crate::observe::known_before::{KnownBefore, LastLook};
use crate::plan::{SnapshotFile, TrailingHash};
use crate::report::doctor::bastion::Check;
use crate::run::journal;
use crate::run::ports::{Later, Prompt, Remote, Store};
use crate::verbs::Bastion;
use crate::verbs::site::{Diagnosed, StoredRun};

use super::data::{HASH, Image};
use super::drive::{HOST, PLAYBOOKS, TEMPLATES};
use super::faults::Event;
use super::machine::DATA_DIR;
use super::run_files::{JOURNAL, RunFiles};
use super::state::BastionState;
use super::{Site, remote};

/// Where everything lies.
const STATE: &str = "/bastion";
/// The inventory's path.
pub(super) const INVENTORY: &str = "inventory.yaml";

/// Where the run of this number keeps its files.
pub(super) fn place(number: u32, known: &BastionState) -> String {
    let name =
        known.names.get(&number).cloned().unwrap_or_else(|| run_name(number, Timestamp::UNIX_EPOCH, known.behind));
    format!("{STATE}/runs/{name}")
}

/// Runs are named by the bastion's clock, to the hour.
fn run_name(number: u32, now: Timestamp, behind: bool) -> String {
    format!("{}0101-{}0000-{number:04}", if behind { 2025 } else { 2026 }, now.strftime("%H"))
}

fn number(run: &RunId) -> u32 {
    run.as_str().rsplit('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The inventory as its file has it.
fn inventory_text(cluster: &Cluster) -> String {
    let tools = cluster.masters().find_map(|master| master.etcd.tools.as_ref());
    let tools = tools.map(|path| format!("etcd: {{ tools: {path} }}\n")).unwrap_or_default();
    // Beside another cluster's it has no more than its own: the main one's etcd is nowhere in the model.
    let (main, tools, own) = match cluster.record().is_main() {
        true => (cluster.name.to_string(), tools, String::new()),
        false => {
            let own = format!("clusters:\n  {}: {{ etcd: {{ unit: etcd, data_dir: {DATA_DIR} }} }}\n", cluster.name);
            ("main".to_owned(), "etcd: { unit: etcd-main, data_dir: /var/lib/etcd-main }\n".to_owned(), own)
        }
    };
    let mut text = format!("cluster: {main}\nenvironment: lab\n{tools}zones:\n");
    for zone in cluster.zones.values() {
        let name = &zone.name;
        let _ = writeln!(
            text,
            "  {name}:\n    power: {{ off: [power, off, {name}], on: [power, on, {name}] }}\n    masters:"
        );
        for master in zone.masters.values() {
            let pod = match &master.etcd.config {
                ConfigAt::StaticPod(path) => format!(", etcd: {{ config: {{ static_pod: {path} }} }}"),
                _ => String::new(),
            };
            let _ = writeln!(text, "      {}: {{ address: {}{pod} }}", master.name, master.address);
        }
    }
    text + &own
}

fn not_there() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Site {
    fn kept_file(&self, path: &Path) -> Option<Vec<u8>> {
        self.with(|state| state.bastion.files.get(&path.display().to_string()).cloned())
    }

    fn keep_file(&self, path: &Path, text: &str) {
        self.with(|state| state.bastion.files.insert(path.display().to_string(), text.as_bytes().to_vec()));
    }

    /// The next run's number.
    fn next_run(&self) -> (u32, bool) {
        self.with(|state| (state.bastion.runs + 1, state.bastion.behind))
    }
}

impl Bastion for Site {
    fn remote(&self, _cluster: &Cluster) -> Arc<dyn Remote> {
        Arc::new(self.clone())
    }

    fn connect_limit(&self) -> Duration {
        remote::CONNECT
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn run_id(&self, now: Timestamp) -> io::Result<RunId> {
        let (number, behind) = self.next_run();
        RunId::new(run_name(number, now, behind)).map_err(io::Error::other)
    }

    fn token(&self) -> Token {
        Token(format!("requorum-{:032x}", self.next_run().0))
    }

    fn state(&self) -> PathBuf {
        PathBuf::from(STATE)
    }

    fn create_run(&self, run: &RunId) -> io::Result<Arc<dyn Store>> {
        self.with(|state| {
            state.bastion.runs = state.bastion.runs.max(number(run));
            state.bastion.names.insert(number(run), run.to_string());
        });
        Ok(Arc::new(RunFiles { site: self.clone(), place: format!("{STATE}/runs/{run}") }))
    }

    fn runs(&self) -> io::Result<Vec<StoredRun>> {
        let journals = self.with(|state| state.bastion.files.clone()).into_iter();
        let journals = journals.filter(|(path, _)| path.ends_with(JOURNAL));
        Ok(journals
            .map(|(path, bytes)| {
                let path = PathBuf::from(path);
                let run = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
                StoredRun { run, path, bytes: Ok(bytes) }
            })
            .collect())
    }

    fn lives(&self, run: &RunId) -> Option<bool> {
        let runs = Bastion::runs(self).ok()?;
        let stored = runs.iter().find(|stored| stored.run == run.as_str())?;
        journal::is_over_unless_on(HOST, stored.bytes.as_deref().ok()?).then_some(false)
    }

    fn known_before(&self, cluster: &ClusterName) -> KnownBefore {
        let texts: Vec<String> = Bastion::runs(self).unwrap_or_default().iter().filter_map(StoredRun::text).collect();
        let records = texts.iter().filter_map(|text| journal::recorded(text, cluster)).collect();
        KnownBefore { look: self.with(|state| state.bastion.look.clone()), records, ..KnownBefore::default() }
    }

    fn keep_look(&self, look: &LastLook) -> io::Result<()> {
        self.with(|state| state.bastion.look = Some(look.clone()));
        Ok(())
    }

    fn state_directory(&self) -> io::Result<StateDirectory> {
        Ok(StateDirectory { place: STATE.to_owned(), free_bytes: 1 << 40, mode: Some(0o700), writable: true })
    }

    fn diagnosis(&self, cluster: &ClusterName, which: Diagnosed) -> Option<String> {
        String::from_utf8(self.kept_file(&diagnosis_path(cluster, which))?).ok()
    }

    fn keep_diagnosis(&self, cluster: &ClusterName, which: Diagnosed, text: &str) -> io::Result<()> {
        self.keep_file(&diagnosis_path(cluster, which), text);
        Ok(())
    }

    fn snapshot(&self, path: &Path, _ids: &BTreeSet<String>) -> io::Result<SnapshotFile> {
        let bytes = self.kept_file(path).unwrap_or_default();
        let image = Image::from_bytes(&bytes);
        let hash = match &image {
            Some(_) if bytes.ends_with(HASH) => TrailingHash::Right,
            Some(_) => TrailingHash::Absent,
            None => TrailingHash::Wrong,
        };
        let ends = image.as_ref().ok_or_else(|| "it is no database".to_owned()).map(|image| Ends {
            revision: image.revision,
            index: Some(image.applied),
            term: Some(image.term),
        });
        let member_ids = image.map(|image| image.members.keys().map(ToString::to_string).collect()).unwrap_or_default();
        let (sha256, path) = (sha256(&bytes), path.display().to_string());
        let bytes = bytes.len() as u64;
        Ok(SnapshotFile { path, bytes, sha256, hash, member_ids, origins: Vec::new(), ends, written: None })
    }

    fn is_there(&self, path: &Path) -> bool {
        [INVENTORY, PLAYBOOKS, TEMPLATES].iter().any(|known| path == Path::new(known)) || self.kept_file(path).is_some()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        if path == Path::new(INVENTORY) {
            return Ok(inventory_text(&self.cluster()));
        }
        String::from_utf8(self.kept_file(path).ok_or_else(not_there)?).map_err(io::Error::other)
    }

    fn names_in(&self, folder: &Path) -> io::Result<Vec<String>> {
        let paths = self.with(|state| state.bastion.files.keys().cloned().collect::<Vec<_>>());
        let below =
            |path: &String| Some(Path::new(path).strip_prefix(folder).ok()?.iter().next()?.to_str()?.to_owned());
        Ok(paths.iter().filter_map(below).collect())
    }

    fn program(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.kept_file(path).ok_or_else(not_there)
    }

    fn write_private(&self, path: &Path, text: &str) -> io::Result<()> {
        self.keep_file(path, text);
        Ok(())
    }

    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        self.keep_file(path, text);
        Ok(())
    }

    fn replaceable(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    /// Nobody has configured the model's ssh.
    fn ssh_files(&self) -> io::Result<Arc<SshFiles>> {
        Ok(Arc::default())
    }

    /// A model has neither keys nor a disk of its own.
    fn readiness<'a>(&'a self, _cluster: &'a Cluster, _read: &'a [PathBuf]) -> Later<'a, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }

    /// The keeper of the machines: `power off ZONE` and `power on ZONE`.
    fn command<'a>(&'a self, argv: &'a [String], _limit: Duration) -> Later<'a, Result<(), String>> {
        Box::pin(async move {
            self.alive().await;
            match argv {
                [_, on, zone] if on == "on" => self.happens(&Event::On(zone.clone())),
                [_, off, zone] if off == "off" => self.happens(&Event::Off(zone.clone())),
                other => return Err(format!("nobody knows {other:?}")),
            }
            Ok(())
        })
    }
}

fn diagnosis_path(cluster: &ClusterName, which: Diagnosed) -> PathBuf {
    PathBuf::from(format!("{STATE}/doctor/{cluster}-{which:?}.json"))
}

/// Nobody sits there: consent comes with the command.
impl Prompt for Site {
    fn attended(&self) -> bool {
        false
    }

    fn line(&self, _question: &str) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn secret(&self, _question: &str) -> io::Result<zeroize::Zeroizing<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
