//! Public set-ups of etcd in small, as a look reads them on a master, and what is expected of each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use requorum::model::cluster::ConfigAt;
use requorum::model::diagnostic::Source;
use requorum::model::{AbsPath, Master, Output, UnitName, inventory};
use requorum::observe::settings_place::{Place, parse, place, with_variables_of};
use requorum::observe::{Answer, Seen, Settings, Unclear, Unit, unit};
use requorum::plan::of_settings;

/// What is expected of a set-up.
pub enum Expected {
    /// Where the settings are, in which data directory, of which state and token.
    Read(&'static str, &'static str, &'static str, &'static str),
    /// No file can be read as etcd's settings, for this reason.
    Unread(&'static str),
    /// They are read, and what speaks against them.
    Refused(&'static str),
}

use Expected::{Read, Refused, Unread};

const UNIT: &str = "/etc/systemd/system/etcd.service";
const PACKAGE: &str = "/usr/lib/systemd/system/etcd.service";
const MANIFEST: &str = "/etc/kubernetes/manifests/etcd.yaml";
pub const LIST: &str = "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m3=https://10.0.0.3:2380";

/// The directory of a set-up, its files by their paths on the master, and what is expected.
pub type SetUp = (&'static str, &'static [(&'static str, &'static str)], Expected);

pub const SET_UPS: &[SetUp] = &[
    ("hard-way", &[("etcd.service", UNIT)], Read(UNIT, "/var/lib/etcd", "new", "etcd-cluster-0")),
    (
        "kubespray",
        &[("etcd.service", UNIT), ("etcd.env", "/etc/etcd.env")],
        Read("/etc/etcd.env", "/var/lib/etcd", "existing", "k8s_etcd"),
    ),
    (
        "patroni-env",
        &[("etcd.service", UNIT), ("etcd.env", "/etc/etcd/etcd.env")],
        Refused("/etc/etcd/etcd.env on m1 lacks peer URLs, client URLs or the TLS files that go with them"),
    ),
    (
        "rhel-package",
        &[("etcd.service", PACKAGE), ("etcd.conf", "/etc/etcd/etcd.conf")],
        Read("/etc/etcd/etcd.conf", "/var/lib/etcd/default.etcd", "new", "etcd-cluster"),
    ),
    (
        "rhel-package-flags",
        &[("etcd.service", PACKAGE), ("etcd.conf", "/etc/etcd/etcd.conf")],
        Unread("etcd.conf:7: etcd from 3.4 on does not start where `ETCD_NAME` is set beside `--name`"),
    ),
    (
        "rhel-all-flags",
        &[("etcd.service", PACKAGE), ("etcd.conf", "/etc/etcd/etcd.conf")],
        Unread("etcd.conf:7: etcd from 3.4 on does not start where `ETCD_NAME` is set beside `--name`"),
    ),
    (
        "debian-package",
        &[("etcd.service", PACKAGE), ("etcd", "/etc/default/etcd")],
        Read("/etc/default/etcd", "/var/lib/etcd/default", "new", "etcd-cluster-1"),
    ),
    // Its name is that of the machine, by the unit: m2 is the one on which systemd was asked.
    (
        "debian-own-name",
        &[("etcd.service", PACKAGE), ("etcd", "/etc/default/etcd")],
        Read("/etc/default/etcd", "/var/lib/etcd/default", "new", "etcd-cluster-1"),
    ),
    // Its write-ahead log lies elsewhere; so does that of the next one, within the data directory.
    ("kubeasz", &[("etcd.service", UNIT)], Read(UNIT, "/var/lib/etcd", "new", "etcd-cluster-0")),
    (
        "config-file",
        &[("etcd.service", PACKAGE), ("etcd.config.yml", "/etc/etcd/etcd.config.yml")],
        Read("/etc/etcd/etcd.config.yml", "/var/lib/etcd", "new", "etcd-k8s-cluster"),
    ),
    (
        "config-file-in-shell",
        &[("etcd.service", UNIT), ("etcd.conf.yaml", "/etc/etcd/etcd.conf.yaml")],
        Read("/etc/etcd/etcd.conf.yaml", "/var/lib/etcd", "new", "etcd-k8s-cluster"),
    ),
    (
        "variables-in-flags",
        &[("etcd.service", UNIT), ("etcd.env", "/etc/etcd/etcd.env")],
        Read(UNIT, "/var/lib/etcd", "new", "tkn"),
    ),
    (
        "flags-of-variables",
        &[("etcd.service", UNIT), ("etcd.env", "/etc/etcd/etcd.env")],
        Read("/etc/etcd/etcd.env", "/var/lib/etcd", "new", "etcd-cluster-0"),
    ),
    (
        "flags-of-variables-in-shell",
        &[("etcd.service", UNIT), ("etcd.env", "/etc/etcd/etcd.env")],
        Read("/etc/etcd/etcd.env", "/var/lib/etcd", "new", "etcd-cluster-0"),
    ),
    (
        "coreos-member",
        &[
            ("etcd-member.service", "/usr/lib/systemd/system/etcd-member.service"),
            ("40-etcd-cluster.conf", "/etc/systemd/system/etcd-member.service.d/40-etcd-cluster.conf"),
        ],
        Unread("etcd-member.service:9: the unit starts `/usr/lib/coreos/etcd-wrapper`, not etcd"),
    ),
    (
        "typhoon",
        &[("etcd-member.service", "/etc/systemd/system/etcd-member.service")],
        Unread("etcd-member.service:8: the unit starts `/usr/bin/podman`, not etcd"),
    ),
    (
        "openshift-3",
        &[
            ("etcd_container.service", "/etc/systemd/system/etcd_container.service"),
            ("etcd.conf", "/etc/etcd/etcd.conf"),
        ],
        Refused("the unit on m1 starts /usr/bin/docker, not etcd itself"),
    ),
    ("kubeadm-1.21", &[("etcd.yaml", MANIFEST)], Read(MANIFEST, "/var/lib/etcd", "", "")),
    ("kubeadm-1.31", &[("etcd.yaml", MANIFEST)], Read(MANIFEST, "/var/lib/etcd", "existing", "")),
    ("kubeadm-1.34", &[("etcd.yaml", MANIFEST)], Read(MANIFEST, "/var/lib/etcd", "existing", "")),
    ("gce", &[("etcd.manifest", MANIFEST)], Unread("etcd.yaml:11: this container starts `/bin/sh`, not etcd")),
    ("kops", &[("etcd-main.manifest", MANIFEST)], Unread("etcd.yaml:9: this container starts `/bin/sh`, not etcd")),
    ("openshift-4", &[("etcd-pod.yaml", MANIFEST)], Unread("etcd.yaml:12: this pod has not exactly one container")),
    ("rke2", &[("etcd.yaml", MANIFEST)], Unread("etcd.yaml:9: a pod whose etcd has a config file")),
];

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/set-ups")
}

/// A set-up on a master, as a look reads it.
pub struct OnMaster {
    pub files: Vec<(String, String)>,
    pub unit: Unit,
    pub name: UnitName,
    at: ConfigAt,
}

impl OnMaster {
    pub fn of(set_up: &SetUp) -> Self {
        let show = fs::read_to_string(directory().join(set_up.0).join("show"));
        Self::shown(set_up, &show.unwrap_or_else(|_| "LoadState=loaded\nActiveState=active\nMainPID=7\n".to_owned()))
    }

    /// Where systemd says this of the unit.
    pub fn shown((directory_name, files, _): &SetUp, show: &str) -> Self {
        let directory = directory().join(directory_name);
        let text = |file: &str| fs::read_to_string(directory.join(file)).unwrap();
        let service = files.iter().find_map(|(file, _)| file.strip_suffix(".service"));
        Self {
            files: files.iter().map(|(file, path)| ((*path).to_owned(), text(file))).collect(),
            unit: unit::parse(&Output { stdout: show.to_owned(), ..Output::default() }).unwrap(),
            name: UnitName::new(service.unwrap_or("etcd")).unwrap(),
            at: match service {
                Some(_) => ConfigAt::AsUnitSays,
                None => ConfigAt::StaticPod(AbsPath::new(MANIFEST).unwrap()),
            },
        }
    }

    fn file(&self, path: &str) -> Output {
        match self.files.iter().find(|(known, _)| known == path) {
            Some((_, text)) => Output { stdout: format!("root root 640\n{text}"), ..Output::default() },
            None => {
                Output { status: 1, stderr: format!("stat: {path}: No such file or directory"), ..Output::default() }
            }
        }
    }

    /// Everything that systemd reads for the unit, as the question's script tells it.
    fn unit_files(&self) -> Output {
        let tell = |(path, text): &(String, String)| {
            let kind = if path.contains("/systemd/") { "unit" } else { "env" };
            format!("{kind}\t{path}\troot root 644\t{}\n{text}\n", text.len())
        };
        Output { stdout: self.files.iter().map(tell).collect(), ..Output::default() }
    }

    pub fn settings(&self) -> Answer<Settings> {
        let first = requorum::observe::settings::parse(self.at.first_read(), &self.file(self.at.first_read()));
        let place = place(&self.unit, &self.at, &first);
        let output = match &place {
            Place::EnvFile(path) | Place::ConfigFile(path) => self.file(path),
            Place::UnitFlags | Place::EnvFiles => self.unit_files(),
            Place::Manifest => {
                let (path, text) = &self.files[0];
                Output { stdout: format!("root root 600\t{path}\n{text}"), ..Output::default() }
            }
        };
        with_variables_of(&self.unit, parse(&place, &self.name, &output)?)
    }

    fn master(&self, data_dir: &str) -> Master {
        let text = "cluster: c\nenvironment: lab\nzones:\n  a: { masters: { m1: { address: 10.0.0.1 } } }\n  \
                    b: { masters: { m2: { address: 10.0.0.2 } } }\n";
        let cluster = inventory::read(&Source::new("inventory.yaml", text)).unwrap();
        let mut master = cluster.masters().next().unwrap().clone();
        master.etcd.unit = self.name.clone();
        master.etcd.config = self.at.clone();
        master.etcd.data_dir = AbsPath::new(data_dir).unwrap();
        master
    }

    pub fn refusals(&self, settings: &Settings) -> Vec<String> {
        let unasked = || Unclear::not_put("not asked");
        let seen = Seen {
            unit: Ok(self.unit.clone()),
            settings: Ok(settings.clone()),
            tools: Err(unasked()),
            disk: Err(unasked()),
            traces: Err(unasked()),
            status: Err(unasked()),
            members: Err(unasked()),
            read: Err(unasked()),
            denied: None,
            peer_ports: Err(unasked()),
            certificates: Err(unasked()),
            log: Err(unasked()),
            node: Err(unasked()),
            process: Ok(None),
            api_server: Ok(None),
            wal_place: Ok(None),
        };
        let data_dir = settings.get("data-dir").unwrap_or_default();
        of_settings(&self.master(&data_dir), &seen).into_iter().map(|refusal| refusal.why).collect()
    }
}
