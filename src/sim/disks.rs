//! The scripts that move and make data directories on a master, applied to the model as their shell text would do it.

use std::time::Duration;

use crate::model::Token;
use crate::model::digest::sha256;

use super::acts::Call;
use super::data::{Data, Image, pairs};
use super::etcdctl::Reply;
use super::state::State;

/// What a story says of a machine whose etcd commits something whenever its database is copied.
const WRITTEN_MEANWHILE: &str = "written-while-copied";

impl State {
    /// The database as it lies there after a clean stop.
    pub(super) fn copy_database(&mut self, call: &Call<'_>, file: &str, from: &str) -> Result<(), Reply> {
        let machine = self.machine(call.host);
        if machine.process.is_some() {
            return Err(Reply::failed(1, "etcd runs: its database is not copied"));
        }
        if machine.unit.result != "success" || !machine.unit.ended {
            let why = "etcd did not end cleanly: its database may lack what only the write-ahead log has";
            return Err(Reply::failed(1, why));
        }
        let dir = from.trim_end_matches("/member/snap/db");
        let Some(data) = machine.dirs.get(dir).and_then(Option::as_ref) else {
            return Err(Reply::failed(1, format!("cp: cannot stat '{from}'")));
        };
        let bytes = data.database().to_bytes();
        machine.put(file, bytes);
        Ok(())
    }

    /// The file of a database in use: once etcd has committed what it has applied, and unless something is committed while
    /// it is copied.
    pub(super) fn copied_in_use(&mut self, call: &Call<'_>, file: &str, from: &str) -> Option<Reply> {
        let dir = from.strip_suffix("/member/snap/db")?;
        let words = [call.rest(6), &["endpoint", "status", "--write-out=json"].map(str::to_owned)].concat();
        let said = self.etcdctl(call.host, &words);
        let machine = self.machine(call.host);
        if !said.ok() || machine.odd.iter().any(|line| line == WRITTEN_MEANWHILE) {
            return None;
        }
        let data = machine.dirs.get_mut(dir).and_then(Option::as_mut)?;
        data.flush();
        let bytes = data.database().to_bytes();
        let (length, sum) = (bytes.len(), sha256(&bytes));
        machine.put(file, bytes);
        let member = said.output.stdout.trim_end().to_owned();
        Some(Reply::said(format!("{{\"bytes\":{length},\"sha256\":\"{sum}\",\"member\":{member}}}\n")))
    }

    /// The database as it would be had everything in the log been applied.
    pub(super) fn replay(&mut self, call: &Call<'_>) -> Reply {
        let (dir, file, wal) = (call.word(2), call.word(4), call.word(8));
        let machine = self.machine(call.host);
        if machine.process.is_some() {
            return Reply::failed(1, "etcd runs: its data is not copied");
        }
        let Some(data) = machine.dirs.get(dir).and_then(Option::as_ref) else {
            return Reply::failed(1, format!("du: cannot access '{dir}/member': No such file or directory"));
        };
        if machine.data_of_log(wal).map(|data| data.inode) != Some(data.inode) {
            return Reply::failed(1, format!("du: cannot access '{wal}': No such file or directory"));
        }
        let bytes = data.logged().to_bytes();
        if call.midway {
            return Reply::default();
        }
        machine.put(file, bytes);
        Reply::said(format!("done: the log's entries are in {file}\n")).after(Duration::from_secs(1))
    }

    pub(super) fn receive(&mut self, call: &Call<'_>) -> Reply {
        let (file, bytes, sha) = (call.word(2), call.word(3), call.word(4));
        let machine = self.machine(call.host);
        machine.put(format!("{file}.part"), call.stdin.clone());
        if call.stdin.len().to_string() != bytes {
            return Reply::failed(1, format!("only {} of {bytes} bytes came", call.stdin.len()));
        }
        if sha256(&call.stdin) != sha {
            return Reply::failed(1, "the file that came has another SHA-256");
        }
        if call.midway {
            return Reply::default();
        }
        machine.files.remove(&format!("{file}.part"));
        machine.put(file, call.stdin.clone());
        Reply::said(format!("done: received {bytes} bytes\n"))
    }

    pub(super) fn retire(&mut self, call: &Call<'_>) -> Reply {
        let (data, aside, marker, marks, fresh) =
            (call.word(2), call.word(3), call.word(5), call.word(6), call.word(7));
        let (wal, wal_aside, fresh_wal) = (call.word(8), call.word(9), call.word(10));
        let machine = self.machine(call.host);
        if machine.process.is_some() {
            return Reply::failed(1, "etcd runs: its data is not moved");
        }
        assert!(machine.supervisor().fence_marker() == marker, "another marker than the fence's: {marker}");
        if !machine.files.contains_key(marker) {
            return Reply::failed(1, format!("etcd is not fenced ({marker} is missing): its data is not moved"));
        }
        let mark = machine.file(&format!("{marks}/restored"));
        let ours = |dir: &str| {
            let held = machine.dirs.get(dir).and_then(Option::as_ref);
            held.is_some_and(|data| Some(data.inode.to_string()) == mark)
        };
        let placed = !fresh.is_empty() && ours(data);
        if !placed && !fresh.is_empty() && !ours(fresh) {
            return Reply::failed(1, format!("{fresh} is not what this run restored: nothing is moved"));
        }
        let mut moved = false;
        if !placed && machine.dirs.get(data).is_some_and(Option::is_some) {
            if machine.dirs.contains_key(aside) {
                return Reply::failed(1, format!("{aside} is there already, and {data} has data again"));
            }
            let held = machine.dirs.remove(data).flatten();
            machine.dirs.insert(aside.to_owned(), held);
            moved = true;
            if call.midway {
                return Reply::default();
            }
        }
        if !placed && !wal.is_empty() {
            let mark = machine.file(&format!("{marks}/restored-wal"));
            let ours = |held: Option<u64>| held.is_some_and(|inode| Some(inode.to_string()) == mark);
            let held = machine.logs.get(wal).copied().flatten();
            if held.is_some() && !ours(held) {
                assert!(!machine.logs.contains_key(wal_aside), "{wal_aside} is there already");
                machine.logs.insert(wal_aside.to_owned(), held);
                machine.logs.insert(wal.to_owned(), None);
            }
            if !fresh_wal.is_empty() && !ours(held) {
                let new = machine.logs.remove(fresh_wal).flatten();
                assert!(ours(new), "{fresh_wal} is not what this run restored");
                machine.logs.insert(wal.to_owned(), new);
            }
            machine.logs.entry(wal.to_owned()).or_default();
        }
        if !placed {
            let new = machine.dirs.remove(fresh).flatten();
            machine.dirs.insert(data.to_owned(), new);
        }
        machine.put(format!("{marks}/retired"), "");
        Reply::said(match (moved, machine.dirs.contains_key(aside)) {
            (true, _) => format!("done: {aside}\n"),
            (false, true) => format!("found: {aside}\n"),
            (false, false) => "done: nothing to retire\n".to_owned(),
        })
    }

    pub(super) fn restore(&mut self, call: &Call<'_>) -> Reply {
        let (data, fresh, marks, snapshot) = (call.word(2), call.word(3), call.word(4), call.word(5));
        let inode = self.number();
        let machine = self.machine(call.host);
        let mark = format!("{marks}/restored");
        let made = [fresh, data].map(|dir| machine.dirs.get(dir).and_then(Option::as_ref));
        if made.into_iter().flatten().any(|made| machine.file(&mark) == Some(made.inode.to_string())) {
            return Reply::said("found: restored before\n");
        }
        let bytes = machine.files.get(snapshot).cloned().unwrap_or_default();
        if bytes.len().to_string() != call.word(6) {
            return Reply::failed(1, format!("{snapshot} has changed size"));
        }
        if call.word(7) != "-" && sha256(&bytes) != call.word(7) {
            return Reply::failed(1, format!("{snapshot} is not the verified one"));
        }
        if let Some(left) = machine.dirs.remove(fresh) {
            let number = (1..).find(|number| !machine.dirs.contains_key(&format!("{fresh}.partial-{number}")));
            machine.dirs.insert(format!("{fresh}.partial-{}", number.unwrap_or(0)), left);
        }
        let (fresh_wal, linked) = (call.word(12).to_owned(), call.word(13) == "yes");
        assert!(fresh_wal.is_empty() || call.rest(13).contains(&format!("--wal-dir={fresh_wal}")), "{:?}", call.words);
        if let Some(left) = machine.logs.remove(&fresh_wal) {
            let number = (1..).find(|number| !machine.logs.contains_key(&format!("{fresh_wal}.partial-{number}")));
            machine.logs.insert(format!("{fresh_wal}.partial-{}", number.unwrap_or(0)), left);
        }
        let image = match restored(call, &bytes, snapshot) {
            Ok(image) => image,
            Err(refused) => return refused,
        };
        let bump: u64 = call.word(9).parse().unwrap_or(0);
        let ends = (image.revision - bump).max(1);
        if call.word(8) != "-" && ends.to_string() != call.word(8) {
            return Reply::failed(
                1,
                format!("what was restored ends at revision {ends}, and etcd had {}", call.word(8)),
            );
        }
        if !self.watch.restored.contains(&image.cluster) {
            self.watch.restored.push(image.cluster);
        }
        let link = linked.then(|| fresh_wal.clone());
        let made = Data { restored: true, whole: !call.midway, link, ..Data::new(inode, image) };
        let machine = self.machine(call.host);
        if !fresh_wal.is_empty() {
            machine.logs.insert(fresh_wal, Some(inode));
        }
        machine.dirs.insert(fresh.to_owned(), Some(made));
        if call.midway {
            return Reply::default();
        }
        if !call.word(12).is_empty() {
            machine.put(format!("{marks}/restored-wal"), inode.to_string());
        }
        machine.put(mark, inode.to_string());
        Reply::said(format!("done: restored to {fresh}\n")).after(Duration::from_millis(50))
    }
}

/// `etcdutl snapshot restore FILE --flag=…`, without its data directory.
fn restored(call: &Call<'_>, bytes: &[u8], snapshot: &str) -> Result<Image, Reply> {
    let words = call.rest(13);
    assert!(
        words.len() > 4 && words[0].ends_with("/etcdutl") && words[1..4] == ["snapshot", "restore", snapshot],
        "the model does not know: {words:?}"
    );
    let flag = |name: &str| {
        let start = format!("--{name}=");
        words.iter().find_map(|word| word.strip_prefix(&start)).map(str::to_owned)
    };
    let is_snapshot = Image::from_bytes(bytes);
    let image = is_snapshot.ok_or_else(|| Reply::failed(1, "Error: expected sha256 […], got […]"))?;
    let hashed = bytes.ends_with(super::data::HASH);
    if !hashed && !words.iter().any(|word| word == "--skip-hash-check") {
        return Err(Reply::failed(1, "Error: snapshot missing hash but --skip-hash-check=false"));
    }
    let list = pairs(&flag("initial-cluster").unwrap_or_default());
    let token = Token(flag("initial-cluster-token").unwrap_or_default());
    let own_url = flag("initial-advertise-peer-urls").unwrap_or_default();
    let own_name = flag("name").unwrap_or_default();
    if !list.contains(&(own_name, own_url.clone())) {
        return Err(Reply::failed(1, "Error: couldn't find local name in the initial cluster configuration"));
    }
    let bump = flag("bump-revision").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(image.restored(&list, &token, &own_url, bump))
}
