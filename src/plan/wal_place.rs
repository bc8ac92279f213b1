//! What must hold of a write-ahead log that lies elsewhere than in the data directory, before it is moved or made anew.
//! Reads one master's answers.

use crate::model::Master;
use crate::observe::{Code, Seen, WalPlace};
use crate::plan::Rule;

use super::conditions::Find;
use super::doctor::Check;

/// Everything that does not hold.
pub(super) fn conditions(master: &Master, seen: &Seen, find: &mut Find<'_>) {
    let Ok(Some(place)) = &seen.wal_place else { return };
    let mut say = |said: Rule, text: String, next: String| find(said.into(), Check::Data, text, next);
    let path = &place.path;
    if place.holds_data_dir {
        let text = format!(
            "the directory of the write-ahead log, {path}, holds the data directory too: they are moved one after the other"
        );
        say(Rule::WalDir, text, "give each a directory of its own".into());
    }
    if place.symlink {
        let text = format!(
            "`wal-dir` names a symbolic link to {path}: etcd puts a directory in its place when it makes a new log"
        );
        say(Rule::Symlink, text, "put the real path into etcd's settings".into());
    }
    if place.mount_point && !place.linked {
        let text = format!(
            "the directory of the write-ahead log, {path}, is a mount point, now or at the next boot: etcd cannot make a new log there (`device or resource busy`)"
        );
        let next = format!(
            "with etcd stopped, move the log to a directory on that file system ({path}/wal), and say so in `wal-dir`"
        );
        say(Rule::WalDir, text, next);
    }
    for mount in &place.unmounted {
        let text = format!(
            "fstab or a mount unit mounts {mount}, and it is not mounted now: at the next boot it would cover the write-ahead log in {path}"
        );
        say(
            Rule::MountWaiting,
            text,
            format!("mount {mount}, or remove it from fstab, and check the contents of {path}"),
        );
    }
    for place in &place.read_only {
        let text = format!("{place} cannot be written, and a run moves the write-ahead log there");
        say(Rule::ReadOnly, text, format!("make it writable (its file system: findmnt -T {place})"));
    }
    if is_handled_link(master, place) {
        let text = format!(
            "{}/member/wal is a symbolic link to {path}: an etcd that joins makes a directory in its place, so that its log lies on the data directory's file system",
            master.etcd.data_dir
        );
        let next =
            "set `wal-dir` instead; or, after a `recover`, stop etcd there, move the log and make the link again";
        find(Code::WalLink.into(), Check::Data, text, next.into());
    }
}

/// Whether a link that is `member/wal` is made again for what is restored. The container of a pod may see something else
/// where the master's link points.
pub(super) fn is_handled_link(master: &Master, place: &WalPlace) -> bool {
    place.linked && master.etcd.supervisor().pod().is_none()
}
