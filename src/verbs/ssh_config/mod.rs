//! What the OpenSSH configuration of this host adds to an inventory: how a master is reached, where the inventory does not
//! say. Does not know where its files are.

mod lines;
mod way;

use crate::model::cluster::{AgentAt, Become, Cluster, Master};
use crate::model::diagnostic::Source;
use crate::model::inventory::places::Places;
use crate::model::name::{Address, UserName};
use crate::model::ssh_config::{Said, SshConfig, SshFiles};
use crate::report::resolved::Added;
use crate::run::exit::Kind;

use super::{Failure, Site};
use lines::Lines;

/// What became of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    pub cluster: Cluster,
    pub added: Vec<Added>,
    /// What stands there for a master and is not done, each with its place.
    pub warnings: Vec<String>,
}

/// The cluster with what the files say of its masters. What the inventory says wins, key by key.
///
/// # Errors
/// When a file is there and cannot be read, or others may write it.
pub fn apply(source: &Source, mut cluster: Cluster, site: &Site) -> Result<Reached, Failure> {
    let (mut added, mut warnings) = (Vec::new(), Vec::new());
    if let Some(places) = Places::of(source) {
        let files = site.bastion.ssh_files().map_err(|error| {
            Failure::new(Kind::BadInput, format!("the OpenSSH configuration of this host: {error}"))
        })?;
        for master in cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut()) {
            let mut one =
                One { own: master.clone(), places: &places, files: &files, added: Vec::new(), warnings: Vec::new() };
            one.apply(master);
            added.append(&mut one.added);
            warnings.append(&mut one.warnings);
        }
    }
    warnings.sort();
    warnings.dedup();
    Ok(Reached { cluster, added, warnings })
}

/// A master as the inventory has it, and what is made of the files for it.
struct One<'a> {
    own: Master,
    places: &'a Places<'a>,
    files: &'a SshFiles,
    added: Vec<Added>,
    warnings: Vec<String>,
}

impl One<'_> {
    fn says(&self, key: &str) -> bool {
        self.places.setting(&self.own, &["ssh", key]).is_some()
    }

    fn add(&mut self, setting: &'static str, value: impl ToString, said: &Said) {
        let (master, value, said) = (self.own.name.to_string(), value.to_string(), said.clone());
        self.added.push(Added { master, setting, value, said });
    }

    fn add_all(&mut self, setting: &'static str, paths: Vec<(String, &Said)>) -> Vec<String> {
        for (path, said) in &paths {
            self.add(setting, path, said);
        }
        paths.into_iter().map(|(path, _)| path).collect()
    }

    fn warn(&mut self, said: &Said, why: &str) {
        self.warnings.push(lines::warning(said, why));
    }

    fn apply(&mut self, master: &mut Master) {
        let named = self.own.address.to_string();
        let user = self.says("user").then(|| self.own.ssh.user.to_string());
        let config = self.files.of(&named, user.as_deref());
        self.host(&config, master);
        if user.is_none() {
            self.user(&config, master);
        }
        let host = master.ssh.by_config.host.clone().unwrap_or_else(|| self.own.address.clone());
        let user = master.ssh.user.to_string();
        let mut lines = Lines::new(&config, &named, host.as_str(), &user, master.ssh.port);
        let by = &mut master.ssh.by_config;
        if !self.says("identity") {
            by.identities = self.add_all("ssh.identity", lines.paths("identityfile"));
        }
        by.certificates = self.add_all("ssh.certificate", lines.paths("certificatefile"));
        if let Some((agent, said)) = lines.agent() {
            self.add("ssh.agent", if let AgentAt::Socket(path) = &agent { path.as_str() } else { "none" }, said);
            by.agent = agent;
        }
        if let Some((path, said)) = lines.revoked() {
            self.add("ssh.revoked_host_keys", &path, said);
            by.revoked = Some(path);
        }
        if !self.says("known_hosts") {
            let (all, named) = lines.known_hosts();
            self.add_all("ssh.known_hosts", named);
            by.known_hosts = all;
        }
        if !self.says("jump") {
            self.way(&config, &mut lines, master);
        }
        self.warnings.append(&mut lines.warnings);
    }

    /// How the connection is made, where it is not made from here to there.
    fn way<'a>(&mut self, config: &'a SshConfig, lines: &mut Lines<'a>, master: &mut Master) {
        if let Some((command, said)) = lines.command() {
            // It may hold a password.
            self.add("ssh.proxy_command", "the command of that line", said);
            master.ssh.by_config.proxy_command = Some(command);
        }
        let Some(said) = config.some("proxyjump") else { return };
        match way::hops(self.files, &said.value) {
            Ok(way) => {
                let shown: Vec<String> = way.hops.iter().map(|hop| hop.jump.to_string()).collect();
                self.add("ssh.jump", shown.join(","), said);
                master.ssh.jump = way.hops.last().map(|hop| hop.jump.clone());
                master.ssh.by_config.proxy_command = way.command;
                master.ssh.by_config.hops = way.hops;
                self.warnings.extend(way.warnings);
            }
            Err(why) => self.warn(said, why),
        }
    }

    /// Where it is.
    fn host(&mut self, config: &SshConfig, master: &mut Master) {
        if let Some(said) = config.one("hostname") {
            match Address::new(config.hostname(self.own.address.as_str())) {
                Ok(host) => {
                    self.add("ssh.host", &host, said);
                    master.ssh.by_config.host = Some(host);
                }
                Err(_) => self.warn(said, "this is no host name or address, and is passed over"),
            }
        }
        if let Some(said) = config.one("port").filter(|_| !self.says("port")) {
            match said.value.parse() {
                Ok(port) if port > 0 => {
                    self.add("ssh.port", port, said);
                    master.ssh.port = port;
                }
                _ => self.warn(said, "this is no port, and is passed over"),
            }
        }
    }

    /// Who logs in, and how that user becomes root where nobody says it.
    fn user(&mut self, config: &SshConfig, master: &mut Master) {
        let Some(said) = config.one("user") else { return };
        let Ok(name) = UserName::new(said.value.clone()) else {
            return self.warn(said, "this is no user's name here, and is passed over");
        };
        self.add("ssh.user", &name, said);
        if !self.says("become") {
            let is_root = name.as_str() == "root";
            master.ssh.elevate = if is_root { Become::None } else { Become::Sudo };
            master.ssh.by_config.sudo_by = (!is_root).then(|| format!("{}:{}", said.file, said.line));
            self.add("ssh.become", if is_root { "none" } else { "sudo" }, said);
        }
        master.ssh.user = name;
    }
}
