//! The question "where does the write-ahead log lie?", for a log that is not in the data directory. Judges nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output, WalDir};

use super::{Answer, Disk, Settings, Unclear};

/// The directory of such a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalPlace {
    /// Its real path.
    pub path: AbsPath,
    /// Whether `member/wal` points there; otherwise `wal-dir` names it.
    pub linked: bool,
    /// Where it lies in the data directory, where it does: `/wal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Whether the data directory lies in it.
    #[serde(default)]
    pub holds_data_dir: bool,
    /// Whether what `wal-dir` names is a symbolic link.
    #[serde(default)]
    pub symlink: bool,
    /// Whether it is a mount point, now or at the next boot.
    #[serde(default)]
    pub mount_point: bool,
    /// Whether the directory is there.
    #[serde(default)]
    pub exists: bool,
    /// Whether there is a log in it.
    #[serde(default)]
    pub holds_log: bool,
    /// What would be mounted over it at the next boot and is not mounted now.
    #[serde(default)]
    pub unmounted: Vec<String>,
    /// Places there that cannot be written.
    #[serde(default)]
    pub read_only: Vec<String>,
    /// What an ordinary write could still take on its file system, in bytes.
    pub free_bytes: u64,
}

impl WalPlace {
    /// As the steps are told it, of this data directory. Of one that is a mount point only `member` is moved.
    #[must_use]
    pub fn own(&self, data_dir: &AbsPath, mount_point: bool) -> Option<WalDir> {
        if self.linked {
            return Some(WalDir::Linked { to: self.path.clone(), mount_point: self.mount_point });
        }
        let inside = self.within.as_deref().filter(|rest| !mount_point || rest.starts_with("/member/"));
        match inside {
            Some("/member/wal") => None,
            Some(rest) => AbsPath::new(format!("{data_dir}{rest}")).ok().map(WalDir::Within),
            None => Some(WalDir::Set(self.path.clone())),
        }
    }
}

const WHAT: &str = "looking where the write-ahead log lies";

const SCRIPT: Script = Script {
    name: "wal place",
    text: concat!(include_str!("scripts/prelude/mounts.sh"), include_str!("scripts/wal-place.sh")),
};

/// Of a master that was looked at before this was asked: the log lay in the data directory, or the run was refused.
pub(super) fn not_asked() -> Answer<Option<WalPlace>> {
    Ok(None)
}

/// Whether the log is known to lie in the data directory.
pub(super) fn is_usual(place: &Answer<Option<WalPlace>>) -> bool {
    *place == Ok(None)
}

/// Asks where the log lies, where it is not in the data directory.
///
/// # Errors
/// When it is not known whether that is so.
pub fn command(data_dir: &AbsPath, settings: &Answer<Settings>, disk: &Answer<Disk>) -> Answer<Option<Command>> {
    let (Ok(settings), Ok(disk)) = (settings, disk) else {
        return Err(Unclear::not_put("its settings or its data directory are not known"));
    };
    let set = settings.get("wal-dir").unwrap_or_default();
    let set = if set.len() > 1 { set.trim_end_matches('/') } else { &set };
    if set.is_empty() && !disk.wal_link {
        return Ok(None);
    }
    if !set.is_empty() && !set.starts_with('/') {
        let why = "`wal-dir` is not an absolute path, and only etcd knows from which directory it is looked for";
        return Err(Unclear::text(WHAT, why));
    }
    Ok(Some(Command::script(SCRIPT).args([data_dir.as_str(), set])))
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run, or did not say all of it.
pub fn parse(output: &Output) -> Answer<WalPlace> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let (mut path, mut data, mut free) = (None, None, None);
    let is = |line: &str| output.stdout.lines().any(|said| said == line);
    let all = |name: &str| {
        let mut all: Vec<String> = Vec::new();
        for value in output.stdout.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')) {
            if !all.iter().any(|known| known == value) {
                all.push(value.to_owned());
            }
        }
        all
    };
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "path" => path = Some(value),
            "data" => data = Some(value),
            "free_bytes" => free = value.parse().ok(),
            _ => {}
        }
    }
    let (Some(path), Some(data), Some(free_bytes)) = (path, data, free) else {
        return Err(Unclear::text(WHAT, "the answer is not whole"));
    };
    let inside = |path: &str, dir: &str| path.strip_prefix(dir).filter(|rest| rest.starts_with('/')).map(str::to_owned);
    let within = inside(path, data);
    let holds_data_dir = path == data || inside(data, path).is_some();
    let real = AbsPath::new(path).map_err(|why| Unclear::text(WHAT, &format!("{path:?} {why}")))?;
    Ok(WalPlace {
        path: real,
        linked: is("linked=yes"),
        within,
        holds_data_dir,
        symlink: is("symlink=yes"),
        mount_point: is("mount_point=yes"),
        exists: is("exists=yes"),
        holds_log: is("holds_log=yes"),
        unmounted: all("unmounted"),
        read_only: all("read_only"),
        free_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;

    fn said(stdout: &str) -> Answer<WalPlace> {
        parse(&Output { stdout: stdout.into(), ..Output::default() })
    }

    fn data_dir() -> AbsPath {
        AbsPath::new("/var/lib/etcd").unwrap()
    }

    #[test]
    fn it_is_asked_only_where_the_log_lies_elsewhere() {
        let settings = |text: &str| Ok(Settings::of(SettingsFile::env_file("/etc/etcd.env", text)));
        let disk = |wal_link| Ok(Disk { wal_link, ..Disk::default() });
        let asked = |settings, disk| command(&data_dir(), &settings, &disk);
        assert_eq!(asked(settings("ETCD_NAME=m1\n"), disk(false)), Ok(None));
        assert_eq!(asked(settings("ETCD_WAL_DIR=\n"), disk(false)), Ok(None));
        assert!(asked(settings("ETCD_NAME=m1\n"), disk(true)).unwrap().is_some());
        let set = asked(settings("ETCD_WAL_DIR=/wal/etcd/\n"), disk(false)).unwrap().unwrap();
        assert_eq!(set.shown(), "[wal place] /var/lib/etcd /wal/etcd");
        assert!(asked(settings("ETCD_WAL_DIR=wal\n"), disk(false)).is_err(), "relative");
        assert!(asked(Err(Unclear::not_put("lost")), disk(false)).is_err(), "unknown is not in the data directory");
        assert!(asked(settings("ETCD_NAME=m1\n"), Err(Unclear::not_put("lost"))).is_err());
    }

    #[test]
    fn a_log_is_in_its_own_directory_in_the_data_directory_or_behind_a_link() {
        let own =
            |lines: &str| said(&format!("{lines}data=/var/lib/etcd\nfree_bytes=5\n")).unwrap().own(&data_dir(), false);
        let path = |text: &str| AbsPath::new(text).unwrap();
        assert_eq!(own("path=/wal/etcd\n"), Some(WalDir::Set(path("/wal/etcd"))));
        assert_eq!(own("path=/var/lib/etcd/wal\n"), Some(WalDir::Within(path("/var/lib/etcd/wal"))));
        assert_eq!(own("path=/var/lib/etcd-wal\n"), Some(WalDir::Set(path("/var/lib/etcd-wal"))));
        assert_eq!(own("path=/var/lib/etcd/member/wal\n"), None);
        let linked = own("linked=yes\npath=/wal\nmount_point=yes\n");
        assert_eq!(linked, Some(WalDir::Linked { to: path("/wal"), mount_point: true }));
        // A data directory that is a link is called by its own name.
        let real = said("path=/data/etcd/wal\ndata=/data/etcd\nfree_bytes=5\n").unwrap();
        assert_eq!(real.own(&data_dir(), false), Some(WalDir::Within(path("/var/lib/etcd/wal"))));
        assert_eq!(real.own(&data_dir(), true), Some(WalDir::Set(path("/data/etcd/wal"))));
        assert!(said("path=/var/lib\ndata=/var/lib/etcd\nfree_bytes=5\n").unwrap().holds_data_dir);
    }

    #[test]
    fn half_an_answer_is_none() {
        assert!(said("path=/wal/etcd\nfree_bytes=5\n").is_err());
        assert!(said("path=/wal/etcd\ndata=/d\n").is_err());
        assert!(said("path=/wal/e t\ndata=/d\nfree_bytes=5\n").is_err());
        let failed = Output { status: 1, stderr: "nothing is there".into(), ..Output::default() };
        assert!(parse(&failed).is_err_and(|why| why.why.contains("nothing is there")));
    }
}
