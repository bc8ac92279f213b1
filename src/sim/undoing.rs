//! The scripts that take back what a run did to a master of the model, as their shell text would do it. Knows nothing
//! about plans.

use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::DATA_DIR;
use super::state::State;
use super::systemd::By;

impl State {
    /// Own data takes its place again; what the run put there is moved aside first.
    pub(super) fn return_data(&mut self, call: &Call<'_>) -> Reply {
        let (data, aside, unused) = (call.word(2), call.word(3), call.word(4));
        let (marker, marks) = (call.word(6), call.word(7));
        assert_eq!(data, DATA_DIR, "the model has one data directory a master");
        let machine = self.machine(call.host);
        if !machine.dirs.contains_key(aside) {
            let mark = machine.file(&format!("{marks}/restored"));
            let own = machine.data().is_some_and(|data| Some(data.inode.to_string()) != mark);
            return match own {
                true => Reply::said("found: its own data is in its place\n"),
                false => {
                    Reply::failed(1, format!("{aside} is not there, and {data} does not hold the data from before"))
                }
            };
        }
        if machine.process.is_some() {
            return Reply::failed(1, "etcd runs: its data is not moved");
        }
        if !machine.files.contains_key(marker) {
            return Reply::failed(1, format!("etcd is not fenced ({marker} is missing): its data is not moved"));
        }
        if let Some(made) = machine.dirs.remove(data) {
            let before = machine.dirs.insert(unused.to_owned(), made);
            assert!(before.is_none(), "{unused} is there already");
        }
        if call.midway {
            return Reply::default();
        }
        let (wal, wal_aside, wal_unused) = (call.word(8), call.word(9), call.word(10));
        if machine.logs.contains_key(wal_aside) {
            if let Some(made) = machine.logs.remove(wal) {
                assert!(!machine.logs.contains_key(wal_unused), "{wal_unused} is there already");
                machine.logs.insert(wal_unused.to_owned(), made);
            }
            let own = machine.logs.remove(wal_aside).flatten();
            machine.logs.insert(wal.to_owned(), own);
        }
        let own = machine.dirs.remove(aside).flatten();
        machine.dirs.insert(data.to_owned(), own);
        Reply::said("done: its own data is in its place again\n")
    }

    pub(super) fn return_file(&mut self, call: &Call<'_>) -> Reply {
        let (path, aside, unused) = (call.word(1), call.word(2), call.word(3));
        let machine = self.machine(call.host);
        if !machine.files.contains_key(aside) {
            return Reply::said("found: the previous file is in its place\n");
        }
        if let Some(made) = machine.files.get(path).filter(|_| !machine.files.contains_key(unused)).cloned() {
            machine.put(unused, made);
        }
        if call.midway {
            return Reply::default();
        }
        let own = machine.files.remove(aside).unwrap_or_default();
        machine.put(path, own);
        if path == machine.settings_path() {
            self.watch.written.remove(call.host);
        }
        Reply::said(format!("done: the previous file is in its place; what the run wrote is {unused}\n"))
    }

    pub(super) fn return_record(&mut self, call: &Call<'_>) -> Reply {
        let (path, run, kept, unused) = (call.word(1), call.word(2), call.word(3), call.word(4));
        let machine = self.machine(call.host);
        machine.put(format!("{kept}/undone"), "");
        let theirs = |text: &String| text.contains(&format!("\"written_by\":\"{run}\""));
        let Some(made) = machine.file(path).filter(theirs) else {
            return Reply::said("found: the record is not that run's\n");
        };
        machine.put(unused, made);
        let Some(earlier) = machine.files.get(&format!("{kept}/cluster.json")).cloned() else {
            machine.files.remove(path);
            return Reply::said(format!("done: there was no earlier record; that of the run is {unused}\n"));
        };
        if call.midway {
            return Reply::default();
        }
        machine.put(path, earlier);
        Reply::said(format!("done: the earlier record counts again; that of the run is {unused}\n"))
    }

    pub(super) fn start_own(&mut self, call: &Call<'_>) -> Reply {
        let marker = call.word(2);
        if self.seen(call.host).files.contains_key(marker) {
            return Reply::failed(1, format!("etcd is fenced ({marker}): it would not start"));
        }
        self.machine(call.host).release();
        self.start(call.host, By::Requorum);
        Reply::said("done: its start was begun\n")
    }
}
