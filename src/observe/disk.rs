//! The question "what is on the disk, and how much free space is beside it?". Knows nothing about etcd's process.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output};

use super::Unclear;

/// A data directory and the file system it lies on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Whether the data directory exists.
    pub exists: bool,
    /// Whether it holds a `member` directory: some etcd's data.
    pub has_member: bool,
    /// Whether it is itself a mount point, so that it cannot be renamed.
    pub mount_point: bool,
    /// Whether it is a symbolic link.
    pub symlink: bool,
    /// Where it really lies, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<AbsPath>,
    /// Whether `member/wal` in it is a symbolic link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wal_link: bool,
    /// Owner, group and mode, as `stat` prints them: `root root 700`.
    pub owner: String,
    /// The size of the database file, in bytes.
    pub db_bytes: u64,
    /// What an ordinary write could still take on the data directory's file system, in bytes.
    pub free_bytes: u64,
    /// The same for `/var/lib/requorum`'s file system, where snapshots are kept.
    pub free_state_bytes: u64,
}

const SCRIPT: Script = Script { name: "disk", text: include_str!("scripts/disk.sh") };

/// Asks about the data directory.
#[must_use]
pub fn command(data_dir: &AbsPath) -> Command {
    Command::script(SCRIPT).args([data_dir.as_str(), super::traces::STATE])
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run or `df` did not answer.
pub fn parse(output: &Output) -> Result<Disk, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("looking at the data directory", output));
    }
    let mut disk = Disk::default();
    let mut sizes = 0;
    let number = |value: &str| {
        value.parse::<u64>().map_err(|_| Unclear::text("looking at the data directory", "a size is not a number"))
    };
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "symlink" => disk.symlink = true,
            "real" => disk.real = AbsPath::new(value).ok(),
            "wal_link" => disk.wal_link = true,
            "exists" => disk.exists = true,
            "has_member" => disk.has_member = true,
            "mount_point" => disk.mount_point = true,
            "owner" => value.clone_into(&mut disk.owner),
            "db_bytes" => disk.db_bytes = number(value)?,
            "free_bytes" => {
                disk.free_bytes = number(value)?;
                sizes += 1;
            }
            "free_state_bytes" => {
                disk.free_state_bytes = number(value)?;
                sizes += 1;
            }
            _ => {}
        }
    }
    // A disk of which nothing was said is not a full one.
    if sizes == 2 {
        Ok(disk)
    } else {
        Err(Unclear::text("looking at the data directory", "the free space was not reported"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_must_be_numbers() {
        let say = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() });
        let disk =
            say("exists=yes\nowner=etcd etcd 700\nhas_member=yes\ndb_bytes=20480\nfree_bytes=5\nfree_state_bytes=6\n")
                .unwrap();
        assert_eq!((disk.db_bytes, disk.free_bytes, disk.free_state_bytes), (20480, 5, 6));
        assert!(disk.exists && disk.has_member && !disk.mount_point);
        assert!(say("free_bytes=\n").is_err());
        assert!(say("exists=yes\nfree_bytes=5\n").is_err() && say("").is_err());
    }
}
