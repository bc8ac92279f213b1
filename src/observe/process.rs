//! The question "what was the running etcd started with?", and in what its file has become another since. Judges nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Form;
use crate::model::command::clean;
use crate::model::{AbsPath, Command, Output, Supervisor};

use super::supervised::{Supervised, supervised};
use super::{Answer, Settings, Unclear, Unit, WalPlace};

/// A running etcd. Of its settings only those that are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its program; whatever else runs in its place (a container's client) has settings of its own.
    pub program: String,
    /// The real path of the data directory that the inventory names.
    pub data: String,
    /// The flags on its command line.
    pub flags: BTreeMap<String, String>,
    /// Its variables, by the flag that each sets.
    pub variables: BTreeMap<String, String>,
    /// The database that it has open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_db: Option<String>,
    /// The directory of the write-ahead log that it has open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_wal: Option<String>,
}

/// A setting that a file has otherwise than the running etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// By its flag.
    pub flag: &'static str,
    /// What the files say; nothing where they do not set it.
    pub written: Option<String>,
    /// What runs.
    pub runs: Option<String>,
    /// Whether it is told by what the process has open.
    pub open: bool,
}

impl Difference {
    /// Whether it decides who the member is or where its data lies. Client URLs do not.
    #[must_use]
    pub fn decides(&self) -> bool {
        !self.flag.contains("client")
    }

    /// One of the two, as it is shown.
    #[must_use]
    pub fn shown(value: Option<&String>) -> String {
        value.map_or_else(|| "nothing".to_owned(), |value| clean(value))
    }
}

/// What is compared. Member list, state and token are not: etcd reads them once, when its data is made, and a run writes them
/// while it runs.
const COMPARED: [&str; 8] = [
    "config-file",
    "name",
    "data-dir",
    "wal-dir",
    "listen-peer-urls",
    "initial-advertise-peer-urls",
    "listen-client-urls",
    "advertise-client-urls",
];

const WHAT: &str = "looking what the running etcd was started with";

const SCRIPT: Supervised = supervised!("process", "scripts/process.sh");

/// Stands in observations from before it was asked.
pub(super) fn not_asked() -> Answer<Option<Process>> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

/// Asks for it.
#[must_use]
pub fn command(supervisor: &Supervisor, data_dir: &AbsPath) -> Command {
    SCRIPT.command(supervisor).arg(data_dir.as_str())
}

/// Reads `name=value` lines; nothing where no etcd runs.
///
/// # Errors
/// When the script did not run, or the process could not be looked at.
pub fn parse(output: &Output) -> Answer<Option<Process>> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let (mut process, mut pid) = (Process::default(), None);
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        let pair = || value.split_once('=').map(|(flag, value)| (flag.to_owned(), value.to_owned()));
        match name {
            "pid" => pid = value.parse::<u32>().ok(),
            "program" => value.clone_into(&mut process.program),
            "data" => value.clone_into(&mut process.data),
            "flag" => process.flags.extend(pair()),
            "variable" => process.variables.extend(pair()),
            "open_db" => process.open_db = Some(value.to_owned()),
            "open_wal" => process.open_wal = Some(value.to_owned()),
            _ => {}
        }
    }
    match pid {
        Some(0) => Ok(None),
        Some(_) if !process.program.is_empty() && !process.data.is_empty() => Ok(Some(process)),
        _ => Err(Unclear::text(WHAT, "the answer is not whole")),
    }
}

impl Process {
    /// In what the files differ from this process. The unit's own words are read with the settings.
    #[must_use]
    pub fn differences(&self, settings: &Settings, unit: &Unit, place: Option<&WalPlace>) -> Vec<Difference> {
        if !self.program.trim_end_matches(" (deleted)").ends_with("/etcd") {
            return Vec::new();
        }
        let values = settings.values();
        let in_config = settings.file.form == Form::ConfigFile;
        let mut found = Vec::new();
        for flag in COMPARED {
            // A config file sets all, and nothing else says what it said at the start.
            if in_config && flag != "config-file" {
                continue;
            }
            let of_unit = || unit.flag(flag).or_else(|| unit.variable(&crate::config::flags::variable_of(flag)));
            let written = match flag {
                "config-file" if in_config => Some(settings.file.path.clone()),
                _ => values.get(flag).cloned().or_else(of_unit),
            };
            let runs = self.flags.get(flag).or_else(|| self.variables.get(flag)).cloned();
            let (written, runs) = (set(written), set(runs));
            // Only systemd could say what it has put there.
            let unknown = written.as_ref().is_some_and(|value| value.contains(['$', '%']));
            if !unknown && written.as_deref().map(plain) != runs.as_deref().map(plain) {
                found.push(Difference { flag, written, runs, open: false });
            }
        }
        self.elsewhere(place, &mut found);
        found
    }

    /// Where its data is, whatever says so.
    fn elsewhere(&self, place: Option<&WalPlace>, found: &mut Vec<Difference>) {
        let usual = format!("{}/member/wal", self.data);
        let wal = place.map_or(usual.as_str(), |place| place.path.as_str()).to_owned();
        let db = format!("{}/member/snap/db", self.data);
        for (flag, written, open) in [("data-dir", db, &self.open_db), ("wal-dir", wal, &self.open_wal)] {
            if found.iter().all(|known| known.flag != flag)
                && let Some(open) = open
                && *open != written
            {
                found.push(Difference { flag, written: Some(written), runs: Some(open.clone()), open: true });
            }
        }
    }
}

/// An empty variable is none to etcd.
fn set(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// A value without what makes no difference: the order of a list, a slash at the end of a path.
fn plain(value: &str) -> Vec<&str> {
    let mut words: Vec<&str> = value.split(',').map(|word| word.trim().trim_end_matches('/')).collect();
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;

    fn said(lines: &str) -> Answer<Option<Process>> {
        parse(&Output { stdout: format!("pid=7\nprogram=/usr/bin/etcd\ndata=/d\n{lines}"), ..Output::default() })
    }

    fn differ(settings: &SettingsFile, argv: &[&str], lines: &str) -> Vec<(&'static str, String, String)> {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let unit = Unit { loaded: true, argv, ..Unit::default() };
        let process = said(lines).unwrap().unwrap();
        let all = process.differences(&Settings::of(settings.clone()), &unit, None);
        let shown = Difference::shown;
        all.into_iter().map(|one| (one.flag, shown(one.written.as_ref()), shown(one.runs.as_ref()))).collect()
    }

    #[test]
    fn an_edited_env_file_is_told_from_what_runs() {
        let file = |text: &str| SettingsFile::env_file("/etc/etcd.env", text);
        let runs = "variable=name=m1\nvariable=data-dir=/d\nvariable=listen-client-urls=https://a:1,https://b:1\n\
                    open_db=/d/member/snap/db\nopen_wal=/d/member/wal\n";
        let same = "ETCD_NAME=m1\nETCD_DATA_DIR=/d/\nETCD_LISTEN_CLIENT_URLS=https://b:1,https://a:1\nETCD_WAL_DIR=\n";
        assert_eq!(differ(&file(same), &["etcd"], runs), []);
        // What a run writes while etcd runs.
        assert_eq!(differ(&file(&format!("{same}ETCD_INITIAL_CLUSTER=m1=https://a:2\n")), &["etcd"], runs), []);
        let other = |from: &str, to: &str| differ(&file(&same.replace(from, to)), &["etcd"], runs);
        assert_eq!(other("=m1", "=m2"), [("name", "m2".into(), "m1".into())]);
        assert_eq!(other("WAL_DIR=", "WAL_DIR=/wal"), [("wal-dir", "/wal".into(), "nothing".into())]);
        assert_eq!(other("ETCD_DATA_DIR=/d/\n", ""), [("data-dir", "nothing".into(), "/d".into())]);
        // The unit's own words count too.
        let less = file(&same.replace("ETCD_NAME=m1\n", ""));
        assert_eq!(differ(&less, &["etcd", "--name=m1"], &runs.replace("variable=name", "flag=name")), []);
    }

    #[test]
    fn of_a_config_file_the_path_is_compared_and_where_the_data_is() {
        let file = SettingsFile::config_file("/etc/etcd/c.yml", "name: m1\ndata-dir: /d\n");
        let unit = ["etcd", "--config-file=/etc/etcd/c.yml"];
        let runs = "flag=config-file=/etc/etcd/c.yml\nopen_db=/d/member/snap/db\nopen_wal=/d/member/wal\n";
        assert_eq!(differ(&file, &unit, runs), []);
        let moved = runs.replace("open_db=/d", "open_db=/other");
        let expected = ("data-dir", "/d/member/snap/db".to_owned(), "/other/member/snap/db".to_owned());
        assert_eq!(differ(&file, &unit, &moved), [expected]);
        let old = runs.replace("c.yml", "old.yml");
        assert_eq!(differ(&file, &unit, &old)[0].0, "config-file");
        let log = runs.replace("open_wal=/d/member/wal", "open_wal=/wal");
        assert_eq!(differ(&file, &unit, &log)[0].0, "wal-dir");
    }

    #[test]
    fn whatever_is_no_etcd_is_not_compared_and_half_an_answer_is_none() {
        let file = SettingsFile::env_file("/etc/etcd.env", "ETCD_NAME=m1\n");
        let process = said("").unwrap().unwrap();
        let docker = Process { program: "/usr/bin/docker".into(), ..process };
        assert_eq!(docker.differences(&Settings::of(file), &Unit::default(), None), []);
        let text = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() });
        assert_eq!(text("pid=0\n"), Ok(None));
        assert!(text("").is_err() && text("pid=7\n").is_err() && text("pid=7\nprogram=/etcd\n").is_err());
        let failed = Output { status: 1, stderr: "Permission denied".into(), ..Output::default() };
        assert!(parse(&failed).is_err_and(|why| why.why.contains("denied")));
    }
}
