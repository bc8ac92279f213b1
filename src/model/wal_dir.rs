//! Where a member's write-ahead log lies, where that is not `member/wal` of its data directory. Looks at no disk.

use serde::{Deserialize, Serialize};

use super::name::{AbsPath, RunId};

/// A log that lies elsewhere. Its path is the real one: no part of it is a symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalDir {
    /// `wal-dir` names a directory of its own. It is moved as the data directory is.
    Set(AbsPath),
    /// `wal-dir` names a directory inside the data directory, which is moved with it.
    Within(AbsPath),
    /// `member/wal` is a symbolic link to this directory. What is restored gets a directory and a link of its own, and the
    /// old one stays where it is: the old link, which is moved with the old data, still points there.
    Linked {
        to: AbsPath,
        /// Whether it is a mount point: then the new directory lies inside it.
        mount_point: bool,
    },
}

/// What a run restored as the log behind a link is called by this word and the run, and is never moved again.
const OF_RUN: &str = "of-";

impl WalDir {
    /// Where etcd reads its log.
    #[must_use]
    pub fn read_at(own: Option<&Self>, data_dir: &AbsPath) -> String {
        match own {
            Some(Self::Set(path) | Self::Within(path)) => path.to_string(),
            Some(Self::Linked { .. }) | None => format!("{data_dir}/member/wal"),
        }
    }

    /// The directory that is moved on its own.
    #[must_use]
    pub const fn moved(&self) -> Option<&AbsPath> {
        match self {
            Self::Set(path) => Some(path),
            Self::Within(_) | Self::Linked { .. } => None,
        }
    }

    /// Where a run restores the log to, beside data that it restores to `fresh`.
    #[must_use]
    pub fn fresh(&self, data_dir: &AbsPath, fresh: &str, run: &RunId) -> String {
        match self {
            Self::Set(path) => path.beside(&format!(".restore-{run}")),
            Self::Within(path) => {
                format!("{fresh}{}", path.as_str().strip_prefix(data_dir.as_str()).unwrap_or_default())
            }
            Self::Linked { to, mount_point: true } => format!("{to}/{OF_RUN}{run}"),
            Self::Linked { to, mount_point: false } => {
                // Of one that a run has made: not one name after the other.
                let first = to.as_str().rsplit_once(&format!(".{OF_RUN}")).map_or(to.as_str(), |(first, _)| first);
                let inside = to.as_str().rsplit_once(&format!("/{OF_RUN}"));
                inside.map_or_else(|| format!("{first}.{OF_RUN}{run}"), |(mount, _)| format!("{mount}/{OF_RUN}{run}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> AbsPath {
        AbsPath::new(text).unwrap()
    }

    #[test]
    fn what_is_restored_lies_on_the_file_system_of_what_it_replaces() {
        let (data, run) = (path("/var/lib/etcd"), RunId::imagined());
        let fresh = |own: &WalDir| own.fresh(&data, "/var/lib/etcd.restore-imagined", &run);
        let linked = |to: &str, mount_point| WalDir::Linked { to: path(to), mount_point };
        for (own, expected) in [
            (WalDir::Set(path("/wal/etcd")), "/wal/etcd.restore-imagined"),
            (WalDir::Within(path("/var/lib/etcd/wal")), "/var/lib/etcd.restore-imagined/wal"),
            (linked("/wal/etcd", false), "/wal/etcd.of-imagined"),
            (linked("/wal", true), "/wal/of-imagined"),
            // What an earlier run made.
            (linked("/wal/etcd.of-20261130-120000-aaaa", false), "/wal/etcd.of-imagined"),
            (linked("/wal/of-20261130-120000-aaaa", false), "/wal/of-imagined"),
        ] {
            assert_eq!(fresh(&own), expected, "{own:?}");
        }
    }

    #[test]
    fn etcd_reads_its_log_where_the_setting_or_the_link_says() {
        let data = path("/var/lib/etcd");
        let at = |own: Option<WalDir>| WalDir::read_at(own.as_ref(), &data);
        assert_eq!(at(None), "/var/lib/etcd/member/wal");
        assert_eq!(at(Some(WalDir::Set(path("/wal/etcd")))), "/wal/etcd");
        assert_eq!(at(Some(WalDir::Linked { to: path("/wal"), mount_point: true })), "/var/lib/etcd/member/wal");
    }
}
