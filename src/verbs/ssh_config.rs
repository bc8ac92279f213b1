//! What the OpenSSH configuration of this host adds to an inventory: how a master is reached, where the inventory does not
//! say. Does not know where its files are.

use crate::model::cluster::{Become, Cluster, Jump, Master};
use crate::model::diagnostic::Source;
use crate::model::inventory::places::Places;
use crate::model::name::{Address, UserName};
use crate::model::ssh_config::{Said, SshConfig};
use crate::report::resolved::Added;
use crate::run::exit::Kind;

use super::{Failure, Site};

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
        for master in cluster.zones.values_mut().flat_map(|zone| zone.masters.values_mut()) {
            let mut one = One { own: master.clone(), places: &places, site, added: Vec::new(), warnings: Vec::new() };
            one.apply(master)?;
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
    site: &'a Site,
    added: Vec<Added>,
    warnings: Vec<String>,
}

/// Why a path is passed over.
const NO_PATH: &str = "a path that is not from / or ~/, or holds what is not replaced here";

impl One<'_> {
    fn says(&self, key: &str) -> bool {
        self.places.setting(&self.own, &["ssh", key]).is_some()
    }

    fn add(&mut self, setting: &'static str, value: impl ToString, said: &Said) {
        let (master, value, said) = (self.own.name.to_string(), value.to_string(), said.clone());
        self.added.push(Added { master, setting, value, said });
    }

    fn warn(&mut self, said: &Said, why: &str) {
        self.warnings.push(format!("{}:{}: {}: {why}", said.file, said.line, said.value));
    }

    /// The path of a file, where it can be told.
    fn path(&mut self, said: &Said, master: &Master) -> Option<String> {
        let path = file(&said.value, self.own.address.as_str(), master.ssh.user.as_str());
        if path.is_none() {
            self.warn(said, NO_PATH);
        }
        path
    }

    fn apply(&mut self, master: &mut Master) -> Result<(), Failure> {
        let user = self.says("user").then(|| self.own.ssh.user.to_string());
        let config = of_host(self.site, self.own.address.as_str(), user.as_deref())?;
        for said in &config.passed_over {
            self.warn(said, "not done by requorum, and passed over");
        }
        self.host(&config, master);
        if user.is_none() {
            self.user(&config, master);
        }
        if !self.says("identity") {
            for said in config.all("identityfile").iter().filter(|said| said.value != "none") {
                if let Some(path) = self.path(said, master) {
                    self.add("ssh.identity", &path, said);
                    master.ssh.by_config.identities.push(path);
                }
            }
        }
        for said in config.all("certificatefile") {
            self.warn(said, "only the certificate beside a key (KEY-cert.pub) is used");
        }
        if let Some(said) = config.one("identityagent").filter(|said| said.value != "SSH_AUTH_SOCK") {
            self.warn(said, "the agent of SSH_AUTH_SOCK is used");
        }
        if !self.says("known_hosts") {
            self.known_hosts(&config, master);
        }
        if let Some(said) = config.one("proxyjump").filter(|said| !self.says("jump") && said.value != "none") {
            match jump(self.site, &said.value)? {
                Ok(jump) => {
                    self.add("ssh.jump", &jump, said);
                    master.ssh.jump = Some(jump);
                }
                Err(why) => self.warn(said, why),
            }
        }
        Ok(())
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
            self.add("ssh.become", if is_root { "none" } else { "sudo" }, said);
        }
        master.ssh.user = name;
    }

    /// The user's files or the system's: whichever are named, the others stay the usual ones.
    fn known_hosts(&mut self, config: &SshConfig, master: &mut Master) {
        let (user, system) = (config.all("userknownhostsfile"), config.all("globalknownhostsfile"));
        if user.is_empty() && system.is_empty() {
            return;
        }
        let usual = |said: &[Said], usual: &[&str]| -> Vec<String> {
            if said.is_empty() { usual.iter().map(|path| (*path).to_owned()).collect() } else { Vec::new() }
        };
        let mut paths = usual(user, &["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]);
        for said in user.iter().chain(system).filter(|said| said.value != "none") {
            if let Some(path) = self.path(said, master) {
                self.add("ssh.known_hosts", &path, said);
                paths.push(path);
            }
        }
        paths.extend(usual(system, &["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]));
        master.ssh.by_config.known_hosts = paths;
    }
}

fn of_host(site: &Site, host: &str, user: Option<&str>) -> Result<SshConfig, Failure> {
    let config = site.bastion.ssh_config(host, user);
    config.map_err(|error| Failure::new(Kind::BadInput, format!("the OpenSSH configuration of this host: {error}")))
}

/// A file of the bastion, with what can be replaced; nothing where more stands in it.
fn file(value: &str, host: &str, user: &str) -> Option<String> {
    let value = value.replace("%d", "~").replace("%h", host).replace("%r", user);
    let rooted = value.starts_with('/') || value.starts_with("~/");
    (rooted && !value.contains(['%', '$'])).then_some(value)
}

/// `[user@]host[:port]`, with what the files say of that host; or why it is not done.
fn jump(site: &Site, value: &str) -> Result<Result<Jump, &'static str>, Failure> {
    if value.contains(',') {
        return Ok(Err("only one jump host is done; the host is reached directly"));
    }
    let value = value.strip_prefix("ssh://").unwrap_or(value);
    let (user, rest) = value.rsplit_once('@').map_or((None, value), |(user, rest)| (Some(user), rest));
    let (host, port) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let config = of_host(site, host, user)?;
    let said = |keyword: &str| config.one(keyword).map(|said| said.value.clone());
    let address = config.hostname(host);
    let port = port.map(str::to_owned).or_else(|| said("port")).unwrap_or_else(|| "22".to_owned());
    let user = user.map(str::to_owned).or_else(|| said("user")).unwrap_or_else(|| config.local_user.clone());
    let jump = (Address::new(address), port.parse().ok().filter(|port| *port > 0), UserName::new(user));
    Ok(match jump {
        (Ok(address), Some(port), Ok(user)) => Ok(Jump { address, port, user }),
        _ => Err("this is no USER@HOST:PORT; the host is reached directly"),
    })
}
