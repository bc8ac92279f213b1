//! What this host needs for a recovery beside SSH: room, permissions, a clock that somebody sets. Contacts no master.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::state;
use crate::model::size::Size;
use crate::report::doctor::bastion::{Check, What};

/// Less than this is soon full: a snapshot of etcd's usual quota is 2 GiB.
const ROOM: u64 = 3 << 30;

/// Without this the journal has no place, and no run begins.
const JOURNAL: u64 = 16 << 20;

/// How long systemd may take to tell of the clock.
const CLOCK_LIMIT: Duration = Duration::from_secs(5);

/// Everything. `read` are the files and directories that a run takes its orders from.
pub async fn checks(state: &Path, read: &[PathBuf]) -> Vec<Check> {
    let own = rustix::process::geteuid().as_raw();
    let mut checks = vec![disk(state), kept(state)];
    checks.extend(read.iter().filter_map(|path| orders(path, own)));
    checks.push(clock().await);
    checks
}

fn disk(state: &Path) -> Check {
    let found = match state::directory(state) {
        Ok(found) => found,
        Err(error) => {
            let shown = state.display().to_string();
            return Check::error(What::Disk, shown, error.to_string(), "name another one with --state-dir");
        }
    };
    let free = format!("{} free", Size(found.free_bytes));
    if !found.writable {
        let next = "make it writable, or name another one with --state-dir";
        return Check::error(What::Disk, found.place, "it cannot be written: no run could keep its journal", next);
    }
    match found.free_bytes {
        free_bytes if free_bytes < JOURNAL => Check::error(What::Disk, found.place, free, "make room"),
        free_bytes if free_bytes < ROOM => {
            let said = format!("{free}; a run goes on without the snapshot's copy where that does not fit");
            Check::warning(What::Disk, found.place, said, "make room")
        }
        _ => Check::ok(What::Disk, found.place, free),
    }
}

/// Snapshots lie there, and whoever can write there can make a report of their own.
fn kept(state: &Path) -> Check {
    let shown = state.display().to_string();
    match fs::metadata(state) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(What::Permissions, shown, "not there yet; it will be its owner's only")
        }
        Err(error) => Check::error(What::Permissions, shown, error.to_string(), "make it readable"),
        Ok(there) if there.permissions().mode() & 0o022 != 0 => {
            let next = format!("chmod go-w {}", quoted(state));
            Check::error(What::Permissions, shown, "others may write it", &next)
        }
        Ok(_) => Check::ok(What::Permissions, shown, "only its owner may write it"),
    }
}

/// Whoever can write an inventory, playbook or template decides what is done on every master as root.
fn orders(path: &Path, own: u32) -> Option<Check> {
    let there = fs::metadata(path).ok()?;
    let shown = path.display().to_string();
    Some(if there.mode() & 0o022 != 0 {
        let said = "others may write it, and so decide what is done on the masters as root";
        Check::error(What::Permissions, shown, said, &format!("chmod go-w {}", quoted(path)))
    } else if there.uid() != own && there.uid() != 0 {
        let said = format!("it belongs to another user (uid {})", there.uid());
        Check::warning(What::Permissions, shown, said, "make sure that you trust that user with the masters")
    } else {
        Check::ok(What::Permissions, shown, "only its owner may write it")
    })
}

fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    shlex::try_quote(&shown).map(std::borrow::Cow::into_owned).unwrap_or_default()
}

async fn clock() -> Check {
    const ABOUT: &str = "this host";
    let mut command = Command::new("timedatectl");
    command.args(["show", "--property=NTPSynchronized", "--value"]).stdin(Stdio::null()).kill_on_drop(true);
    let unknown = "whether the clock is right is not known";
    let next = "compare it with a clock that you trust; the doctor compares it with the masters' clocks";
    match tokio::time::timeout(CLOCK_LIMIT, command.output()).await {
        Ok(Ok(output)) if output.status.success() => match output.stdout.trim_ascii() {
            b"yes" => Check::ok(What::Clock, ABOUT, "its clock is kept right over the network"),
            b"no" => {
                let said = "nobody keeps its clock right; journals and reports have its time";
                Check::warning(What::Clock, ABOUT, said, "start chrony or systemd-timesyncd")
            }
            _ => Check::warning(What::Clock, ABOUT, unknown, next),
        },
        _ => Check::warning(What::Clock, ABOUT, format!("{unknown}: timedatectl does not tell"), next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::doctor::bastion::State;

    fn with_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn who_may_write_what_is_read_decides() {
        let dir = tempfile::tempdir().unwrap();
        let (file, own) = (dir.path().join("i.yaml"), rustix::process::geteuid().as_raw());
        assert_eq!(orders(&file, own), None);
        fs::write(&file, "").unwrap();
        for (mode, state) in [(0o644, State::Ok), (0o600, State::Ok), (0o664, State::Error), (0o646, State::Error)] {
            with_mode(&file, mode);
            assert_eq!(orders(&file, own).unwrap().state, state, "{mode:o}");
        }
        assert_eq!(kept(&dir.path().join("none")).state, State::Ok);
        with_mode(dir.path(), 0o700);
        assert_eq!(kept(dir.path()).state, State::Ok);
        with_mode(dir.path(), 0o770);
        assert_eq!(kept(dir.path()).state, State::Error);
        assert!(disk(dir.path()).said.ends_with(" free") || disk(dir.path()).state != State::Ok);
    }
}
