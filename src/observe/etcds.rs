//! The question "which etcd is there?", asked of a master of which nothing is known yet: what starts it, and where its data
//! is. Judges which one is meant; asks nothing itself.

use crate::model::cluster::{ConfigAt, RecordAt};
use crate::model::command::{Script, clean};
use crate::model::{AbsPath, Command, EtcdSettings, Output, UnitName};

use super::other_etcd::{self, OtherEtcd};
use super::{Answer, Unclear};

const SCRIPT: Script = Script {
    name: "etcds",
    text: concat!(
        include_str!("scripts/prelude/embedded.sh"),
        include_str!("scripts/prelude/folders.sh"),
        include_str!("scripts/etcds.sh")
    ),
};

/// Asks for every etcd there.
#[must_use]
pub fn command() -> Command {
    Command::script(SCRIPT)
}

/// Where kubespray, kubeadm and etcd's packages keep the data.
const USUAL_DATA: &str = "/var/lib/etcd";

/// A static pod by its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    manifest: AbsPath,
    data_dir: AbsPath,
}

/// Every etcd of a master.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Etcds {
    /// What the machine calls itself.
    pub host: String,
    other: Option<OtherEtcd>,
    /// Manifests in a kubelet's folder.
    pods: Vec<Pod>,
    /// Manifests that a fence or a run holds.
    held: Vec<Pod>,
    /// Units whose main process is etcd.
    units: Vec<UnitName>,
    /// Units that systemd knows by a name with etcd in it.
    unit_files: Vec<UnitName>,
    /// Processes that no unit started, with their words.
    processes: Vec<String>,
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run to its end.
pub fn parse(output: &Output) -> Answer<Etcds> {
    const WHAT: &str = "looking for etcd";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let mut found = Etcds { other: other_etcd::parse(&output.stdout), ..Etcds::default() };
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        let pod = || {
            let (manifest, data_dir) = value.split_once('\t')?;
            let data_dir = if data_dir.is_empty() { USUAL_DATA } else { data_dir };
            Some(Pod { manifest: AbsPath::new(manifest).ok()?, data_dir: AbsPath::new(data_dir).ok()? })
        };
        match name {
            "host" => found.host = clean(value),
            "pod" => found.pods.extend(pod()),
            "held" => found.held.extend(pod()),
            "unit" => found.units.extend(UnitName::new(value).ok()),
            "unit_file" => found.unit_files.extend(UnitName::new(value).ok()),
            "process" => found.processes.extend(value.split_once('\t').map(|(_, words)| clean(words.trim()))),
            _ => {}
        }
    }
    match found.host.is_empty() {
        true => Err(Unclear::text(WHAT, "the answer is not whole")),
        false => Ok(found),
    }
}

/// The etcd that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    pub etcd: EtcdSettings,
    /// Others that are there, as a person calls them.
    pub beside: Vec<String>,
}

/// What speaks against choosing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoneMeant {
    pub why: String,
    pub next: String,
}

impl Etcds {
    /// The only one that runs, or else the only one that is installed. Of several the one that is called `etcd`.
    ///
    /// # Errors
    /// Where it is none or part of something else, or where nobody can know which.
    pub fn meant(&self) -> Result<Meant, NoneMeant> {
        let none = |why: String, next: String| NoneMeant { why, next };
        if let Some(other) = self.other {
            return Err(none(other.shown().to_owned(), other.next()));
        }
        let runs = |pod: &&Pod| {
            let ways = ["=", " "].map(|way| format!(" --data-dir{way}{} ", pod.data_dir));
            self.processes.iter().any(|words| ways.iter().any(|way| format!(" {words} ").contains(way)))
        };
        let running: Vec<Candidate<'_>> =
            self.pods.iter().filter(runs).map(Candidate::Pod).chain(self.units.iter().map(Candidate::Unit)).collect();
        let installed = || {
            let pods = self.pods.iter().chain(self.held.iter().filter(|held| !self.pods.contains(held)));
            pods.map(Candidate::Pod).chain(self.unit_files.iter().map(Candidate::Unit)).collect()
        };
        if running.is_empty() && !self.processes.is_empty() {
            let why = format!(
                "etcd there is started neither by a unit of systemd's nor by a manifest in a kubelet's folder: {}",
                self.processes.join("; ")
            );
            return Err(none(why, "docs/shapes.md says which forms are handled".to_owned()));
        }
        let candidates: Vec<Candidate<'_>> = if running.is_empty() { installed() } else { running };
        let named: Vec<&Candidate<'_>> = candidates.iter().filter(|one| one.called() == "etcd").collect();
        let chosen = match (&candidates[..], &named[..]) {
            ([], _) => {
                let why = "there is no etcd: no process, no unit `etcd…`, and no manifest in a kubelet's folder";
                return Err(none(why.to_owned(), "name a host that carries etcd".to_owned()));
            }
            ([only], _) => only,
            (_, [named]) => *named,
            _ => {
                let all: Vec<String> = candidates.iter().map(Candidate::shown).collect();
                let why = format!("there is more than one etcd: {}", all.join(", "));
                return Err(none(
                    why,
                    "write one inventory by hand, with the others under `clusters`: requorum init .".to_owned(),
                ));
            }
        };
        let beside = candidates.iter().filter(|one| *one != chosen).map(Candidate::shown).collect();
        match chosen.settings() {
            Some(etcd) => Ok(Meant { etcd, beside }),
            None => Err(none(format!("{} cannot be named in an inventory", chosen.shown()), String::new())),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Candidate<'a> {
    Pod(&'a Pod),
    Unit(&'a UnitName),
}

impl Candidate<'_> {
    fn called(&self) -> &str {
        match self {
            Self::Unit(unit) => unit.as_str(),
            Self::Pod(pod) => {
                let file = pod.manifest.as_str().rsplit('/').next().unwrap_or_default();
                file.rsplit_once('.').map_or(file, |(name, _)| name)
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Unit(unit) => format!("the unit {unit}"),
            Self::Pod(pod) => format!("the static pod {}", pod.manifest),
        }
    }

    /// Where the data of a unit's etcd is, its settings say.
    fn settings(&self) -> Option<EtcdSettings> {
        let (unit, data_dir, config) = match self {
            Self::Unit(unit) => ((*unit).clone(), AbsPath::new(USUAL_DATA).ok()?, ConfigAt::AsUnitSays),
            Self::Pod(pod) => {
                (UnitName::new("etcd").ok()?, pod.data_dir.clone(), ConfigAt::StaticPod(pod.manifest.clone()))
            }
        };
        Some(EtcdSettings {
            unit,
            data_dir,
            config,
            template: None,
            record: RecordAt::default(),
            client: None,
            tools: None,
            container: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(lines: &str) -> Result<Meant, NoneMeant> {
        parse(&Output { stdout: format!("host=m1\n{lines}"), ..Output::default() }).unwrap().meant()
    }

    fn is(lines: &str) -> (String, String) {
        let etcd = meant(lines).unwrap().etcd;
        (etcd.supervisor().word(), etcd.data_dir.to_string())
    }

    const POD: &str = "pod=/etc/kubernetes/manifests/etcd.yaml\t/var/lib/etcd\n";
    const ITS_PROCESS: &str = "process=77\tetcd --data-dir=/var/lib/etcd --name=m1\n";

    #[test]
    fn what_runs_is_meant_before_what_is_installed() {
        let unit = |name: &str| (name.to_owned(), "/var/lib/etcd".to_owned());
        let pod = ("/etc/kubernetes/manifests/etcd.yaml /var/lib/etcd".to_owned(), "/var/lib/etcd".to_owned());
        assert_eq!(is("unit=etcd\nunit_file=etcd\n"), unit("etcd"));
        assert_eq!(is("unit=etcd-member\nunit_file=etcd\nunit_file=etcd-member\n"), unit("etcd-member"));
        assert_eq!(is("unit_file=etcd\n"), unit("etcd"), "it is down");
        assert_eq!(is(&format!("{POD}{ITS_PROCESS}unit_file=etcd\n")), pod, "a package's unit beside it is down");
        assert_eq!(is(&format!("{POD}unit=etcd\n")), unit("etcd"), "a manifest that was left behind");
        assert_eq!(is(POD), pod, "it is down");
        assert_eq!(is("held=/etc/kubernetes/manifests/etcd.yaml\t/var/lib/etcd\n"), pod, "it is fenced");
        assert_eq!(is("pod=/m/etcd.yaml\t/data/etcd\nprocess=7\tetcd --data-dir /data/etcd\n").1, "/data/etcd");
    }

    #[test]
    fn of_two_the_one_called_etcd_is_meant_and_the_other_is_told() {
        let both = meant("unit=etcd\nunit=etcd-events\n").unwrap();
        assert_eq!((both.etcd.unit.as_str(), &both.beside[..]), ("etcd", &["the unit etcd-events".to_owned()][..]));
        let unclear = meant("unit=etcd-a\nunit=etcd-b\n").unwrap_err();
        assert_eq!(unclear.why, "there is more than one etcd: the unit etcd-a, the unit etcd-b");
    }

    #[test]
    fn what_cannot_be_handled_is_refused_with_what_it_is() {
        let why = |lines: &str| meant(lines).unwrap_err().why;
        assert!(why("embedded_in=rke2-server\npod=/m/etcd.yaml\t/d\n").contains("RKE2"));
        assert!(why("process=9\tetcd --name x\n").contains("etcd --name x"));
        assert!(why("").starts_with("there is no etcd"));
        let hostile = why("process=9\tetcd \u{1b}[2J\n");
        assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
        assert!(meant("unit=../x\npod=/etc/../x\t/d\n").is_err(), "neither name is taken");
        assert!(parse(&Output::default()).is_err(), "half an answer");
    }
}
