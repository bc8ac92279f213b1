//! Undoes what a run replaced on a master of the model, as the script does it. Knows nothing about plans.

use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::DATA_DIR;
use super::state::State;
use super::systemd::By;

impl State {
    /// Own data, env file and record take their places again; the fence goes, and etcd starts.
    pub(super) fn put_back(&mut self, call: &Call<'_>) -> Reply {
        let (data, env, run) = (call.word(2).to_owned(), call.word(3).to_owned(), call.word(4).to_owned());
        let (aside_env, aside_data) = (call.word(8).to_owned(), call.word(9).to_owned());
        let (marker, record, kept) = (call.word(5).to_owned(), call.word(6).to_owned(), call.word(7).to_owned());
        assert_eq!(data, DATA_DIR, "the model has one data directory a master");
        let machine = self.machine(call.host);
        if let Some(own) = machine.dirs.remove(&aside_data) {
            if machine.process.is_some() {
                return Reply::failed(1, "etcd runs: its data is not moved");
            }
            if let Some(made) = machine.dirs.insert(data.clone(), own) {
                machine.dirs.insert(format!("{data}.unused-{run}"), made);
            }
        }
        if call.midway {
            return Reply::default();
        }
        if let Some(own) = machine.files.remove(&aside_env)
            && let Some(made) = machine.files.insert(env.clone(), own)
        {
            machine.put(format!("{env}.unused-{run}"), made);
        }
        if machine.file(&record).is_some_and(|text| text.contains(&format!("\"run\":\"{run}\""))) {
            let made = machine.files.remove(&record).unwrap_or_default();
            machine.put(format!("{record}.unused-{run}"), made);
            if let Some(earlier) = machine.files.get(&format!("{kept}/cluster.json")).cloned() {
                machine.put(record, earlier);
            }
        }
        machine.files.remove(&marker);
        self.watch.written.remove(call.host);
        self.start(call.host, By::Requorum);
        Reply::said("done: etcd started\n")
    }
}
