//! The scripts that change etcd's unit and files on a master, applied to the model as their shell text would do it.

use std::time::Duration;

use serde_json::json;

use crate::config::Form;
use crate::model::MasterName;
use crate::model::Supervisor;
use crate::model::digest::sha256;

use super::etcdctl::Reply;
use super::state::State;
use super::systemd::By;

/// A script's call: its arguments and what came on standard input.
pub(super) struct Call<'a> {
    pub(super) host: &'a MasterName,
    pub(super) words: &'a [String],
    pub(super) stdin: Vec<u8>,
    /// Ends in the middle, as a machine or a script may.
    pub(super) midway: bool,
}

impl Call<'_> {
    pub(super) fn word(&self, number: usize) -> &str {
        match self.words.get(number - 1) {
            Some(word) => word,
            None => panic!("${number} is missing in {:?}", self.words),
        }
    }

    /// What follows the first `number` words: another command.
    pub(super) fn rest(&self, number: usize) -> &[String] {
        &self.words[number..]
    }
}

impl State {
    /// Does a script; a name that the model does not know is a test's failure.
    pub(super) fn act(&mut self, script: &str, call: &Call<'_>) -> Reply {
        match script {
            "lock" => self.lock(call),
            "lock-held" => self.lock_held(call),
            "unlock" => self.unlock(call),
            "guard" => self.prepare_fence(call),
            "fence" => self.fence(call),
            "unfence" => self.unfence(call),
            "stop" => self.stop_script(call),
            "start" => self.start_script(call),
            "settle" => self.restart_learner(call),
            "settled" => self.learner_answers(call),
            "serve" => self.serve(call),
            "write" => self.write(call),
            "write list" => {
                self.watch.listed_anew.remove(call.host);
                self.write(call)
            }
            "park" => self.park(call),
            "unpark" => self.unpark(call),
            "api write" => self.api_write(call),
            "clear leases" => self.clear_leases(call),
            "cordon" => self.cordon(call),
            "record" => self.record(call),
            "join" => self.join(call),
            "promote" => self.promote(call),
            "drop learner" => self.drop_learner(call),
            "relieve" => self.clear_nospace(call),
            "snapshot" => self.snapshot(call),
            "receive" => self.receive(call),
            "return data" => self.return_data(call),
            "return file" => self.return_file(call),
            "return record" => self.return_record(call),
            "start own" => self.start_own(call),
            "replay" => self.replay(call),
            "retire" => self.retire(call),
            "restore" => self.restore(call),
            "close-ports" => self.close_ports(call),
            "open-ports" => self.open_ports(call),
            "start-again" => self.start_again(call),
            "receive tool" => self.machine(call.host).receive_tool(call),
            "keep tools" => self.machine(call.host).keep_tools(),
            _ => panic!("the model does not know the script {script} {:?}", call.words),
        }
    }

    fn fence(&mut self, call: &Call<'_>) -> Reply {
        let machine = self.machine(call.host);
        if let Supervisor::Kubelet(_) = machine.supervisor() {
            return machine.fence_pod(call);
        }
        let (marker, drop_in) = (call.word(2).to_owned(), call.word(3).to_owned());
        let want = format!("[Unit]\nConditionPathExists=!{marker}\n");
        let pid = machine.pid();
        let held = machine.docker.is_none_or(|docker| !docker.restarts);
        if held && machine.file(&drop_in).as_ref() == Some(&want) && machine.files.contains_key(&marker) && pid == 0 {
            machine.own_fence(call);
            return Reply::said("found: fenced before\n");
        }
        if pid != 0 {
            return Reply::failed(1, format!("etcd still runs as process {pid}: stop it first"));
        }
        machine.leave_alone();
        machine.put(drop_in, want);
        if call.midway {
            return Reply::default();
        }
        machine.mark_fenced(call)
    }

    fn prepare_fence(&mut self, call: &Call<'_>) -> Reply {
        let (marker, drop_in) = (call.word(2).to_owned(), call.word(3).to_owned());
        if self.seen(call.host).odd.iter().any(|line| line == "guard=fails") {
            return Reply::failed(1, "mkdir: cannot create directory: Read-only file system");
        }
        let machine = self.machine(call.host);
        if machine.form == Form::Manifest {
            return Reply::said("done: it is ready to be fenced\n");
        }
        machine.unit.patient = true;
        machine.put(drop_in.clone(), format!("[Unit]\nConditionPathExists=!{marker}\n"));
        Reply::said(format!("done: wrote {drop_in}\n"))
    }

    fn unfence(&mut self, call: &Call<'_>) -> Reply {
        match self.machine(call.host).files.remove(call.word(1)) {
            Some(_) => Reply::said("done: fence lifted\n"),
            None => Reply::said("found: no fence\n"),
        }
    }

    fn stop_script(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let machine = self.machine(call.host);
        machine.leave_alone();
        if machine.process.is_none() {
            let found = machine.fenced() || machine.form != Form::Manifest;
            machine.hold();
            return Reply::said(if found { "found: it was not running\n" } else { "done: ended gracefully\n" });
        }
        let grace = Duration::from_secs_f64(call.word(2).parse().unwrap_or(0.0));
        let takes = machine.unit.stop_takes;
        let by_force = takes > grace;
        if by_force && call.word(3) == "no" {
            return Reply::failed(1, format!("it did not stop within {} s and must end cleanly here", call.word(2)));
        }
        self.machine(call.host).hold();
        self.stop(call.host, !by_force);
        let how = if by_force { "by force" } else { "gracefully" };
        Reply::said(format!("done: ended {how}\n")).after(takes.min(grace))
    }

    fn start_script(&mut self, call: &Call<'_>) -> Reply {
        let (data_dir, marks, onto) = (call.word(2).to_owned(), call.word(3).to_owned(), call.word(4).to_owned());
        let machine = self.machine(call.host);
        if machine.process.is_some() {
            machine.files.remove(call.word(5));
            return Reply::said("found: it runs\n");
        }
        let held = machine.dirs.get(&data_dir);
        let wal = call.word(6);
        let own_log = |mark: Option<String>| {
            let dir = if wal.is_empty() { return true } else { wal };
            let there = match machine.data_of_log(dir).map(|data| data.inode) {
                None => return mark.is_none() && machine.logs.get(dir) == Some(&None),
                Some(inode) => inode.to_string(),
            };
            mark == Some(there)
        };
        let fit = match onto.as_str() {
            "restored" => {
                let inode = held.and_then(Option::as_ref).map(|data| data.inode.to_string());
                let log = machine.file(&format!("{marks}/restored-wal"));
                inode.is_some() && machine.file(&format!("{marks}/restored")) == inode && own_log(log)
            }
            "emptied" => {
                machine.files.contains_key(&format!("{marks}/retired")) && held == Some(&None) && own_log(None)
            }
            other => panic!("the model does not know to start onto {other}"),
        };
        if !fit {
            return Reply::failed(1, format!("{data_dir} is not what this run left ({onto}): not started"));
        }
        machine.files.remove(call.word(5));
        if call.midway {
            return Reply::default();
        }
        if self.seen(call.host).odd.iter().any(|line| line == "start=fails") {
            let why = "it has no process 5 s after its start; it is failed";
            return Reply::failed(1, why).after(Duration::from_secs(5));
        }
        self.machine(call.host).unit.patient = true;
        self.machine(call.host).release();
        self.start(call.host, By::Requorum);
        let machine = self.seen(call.host);
        match (machine.pid(), machine.unit.condition_met) {
            (0, false) => Reply::failed(1, "systemd did not start it: a condition is not met (a fence?)"),
            (0, true) => {
                Reply::failed(1, "it has no process 5 s after its start; it is failed").after(Duration::from_secs(5))
            }
            (pid, _) => Reply::said(format!("done: started as process {pid}\n")).after(Duration::from_millis(50)),
        }
    }

    /// One restart of the learner; not where its client port answers.
    fn restart_learner(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let machine = self.seen(call.host);
        if machine.process.as_ref().is_some_and(|process| process.ready) {
            return Reply::said("found: its client port answers\n");
        }
        if machine.form == Form::Manifest {
            return Reply::said("done: it is left alone\n");
        }
        self.watch_restart(call.host);
        self.stop(call.host, true);
        self.start(call.host, By::Requorum);
        Reply::said("done: learner restarted once\n")
    }

    fn learner_answers(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let machine = self.seen(call.host);
        if machine.process.as_ref().is_some_and(|process| process.ready) {
            let again = if machine.form == Form::Manifest { "" } else { "restarted once, " };
            return Reply::said(format!("done: {again}its client port answers\n"));
        }
        Reply::said("wait: its client port does not answer yet\n").after(Duration::from_secs(1))
    }

    fn serve(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let machine = self.seen(call.host);
        if machine.active_state() == "inactive" {
            return Reply::failed(1, "etcd has ended");
        }
        if machine.process.is_none() {
            self.start(call.host, By::Requorum);
        }
        if !self.seen(call.host).process.as_ref().is_some_and(|process| process.ready) {
            let state = self.seen(call.host).active_state();
            let text = format!("the client port does not answer yet; the unit is {state}");
            return Reply::failed(75, text).after(Duration::from_secs(1));
        }
        let words = call.rest(4).to_vec();
        let command = [&words[..], &["put", call.word(3), call.word(4), "-w", "json"].map(str::to_owned)].concat();
        let mut reply = self.etcdctl(call.host, &command);
        if !reply.ok() {
            reply.output.status = 75;
        }
        reply
    }

    fn write(&mut self, call: &Call<'_>) -> Reply {
        let (path, before, after, aside) = (call.word(1), call.word(2), call.word(3), call.word(4));
        if sha256(&call.stdin) != after {
            return Reply::failed(1, "the text did not arrive whole");
        }
        let machine = self.machine(call.host);
        if let Some(package) = call.words.get(4).and_then(|package| machine.files.get(package)).cloned() {
            machine.files.entry(path.to_owned()).or_insert(package);
        }
        let Some(now) = machine.files.get(path).cloned() else {
            return Reply::failed(1, format!("sh: {path}: No such file"));
        };
        if sha256(&now) == after {
            self.written(call.host, path);
            return Reply::said("found: it says so already\n");
        }
        if sha256(&now) != before {
            return Reply::failed(1, format!("{path} is not the file that the plan was made for; nothing was changed"));
        }
        let mut kept = aside.to_owned();
        let mut number = 1;
        while machine.files.contains_key(&kept) {
            number += 1;
            kept = format!("{aside}-{number}");
        }
        machine.put(kept.clone(), now);
        if call.midway {
            return Reply::default();
        }
        machine.put(path, call.stdin.clone());
        self.written(call.host, path);
        Reply::said(format!("done: written; the previous file is {kept}\n"))
    }

    fn written(&mut self, host: &MasterName, path: &str) {
        if path == self.seen(host).settings_path() {
            self.watch.written.insert(host.clone());
        }
    }

    fn record(&mut self, call: &Call<'_>) -> Reply {
        let (path, fork, late) = (call.word(1), call.word(2), call.word(3));
        if call.words.len() > 4 && call.word(5).is_empty() {
            return Reply::said("found: nodes may still be cordoned, as the record says\n");
        }
        let text = String::from_utf8_lossy(&call.stdin).replace(late, fork);
        let (machine, kept) = (self.machine(call.host), format!("{}/cluster.json", call.word(4)));
        if let Some(earlier) = machine.files.get(path).filter(|_| !machine.files.contains_key(&kept)).cloned() {
            machine.put(kept, earlier);
        }
        machine.put(path, text);
        Reply::said(format!("done: recorded in {path}\n"))
    }

    fn clear_nospace(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let ready = self.seen(call.host).process.as_ref().is_some_and(|process| process.ready);
        if !ready || self.led_group(call.host).is_none() {
            return Reply::said("wait: the member does not answer yet\n").after(Duration::from_secs(1));
        }
        if !self.image(call.host).no_space {
            return Reply::said("found: no alarm\n");
        }
        self.change(call.host, |image| {
            image.compacted = image.revision;
            image.no_space = false;
        });
        let revision = self.image(call.host).revision;
        Reply::said(format!("done: compacted to {revision}, defragmented, alarm disarmed\n"))
    }

    fn snapshot(&mut self, call: &Call<'_>) -> Reply {
        let (marks, file, tool, how, from) = (call.word(1), call.word(2), call.word(3), call.word(4), call.word(5));
        let machine = self.seen(call.host);
        if !tool.ends_with("/etcdutl") || !machine.installed.etcdutl && machine.sent().is_none() {
            return Reply::failed(1, format!("sh: {tool}: not found"));
        }
        match how {
            "live" => {
                if let Some(copied) = self.copied_in_use(call, file, from) {
                    return copied;
                }
                let words = [call.rest(6), &["snapshot", "save", file].map(str::to_owned)].concat();
                let saved = self.etcdctl(call.host, &words);
                if !saved.ok() {
                    return saved;
                }
            }
            "copy" => {
                if let Err(refused) = self.copy_database(call, file, from) {
                    return refused;
                }
            }
            "file" => {}
            other => panic!("the model does not know snapshots {other}"),
        }
        let machine = self.machine(call.host);
        machine.put(format!("{marks}/snapshot.log"), "");
        let Some(bytes) = machine.files.get(file) else {
            return Reply::failed(1, format!("{file} is empty"));
        };
        let Some(image) = super::data::Image::from_bytes(bytes) else {
            return Reply::failed(1, "Error: snapshot file integrity check failed");
        };
        let status = json!({ "hash": image.hash(), "revision": image.last_key(), "totalKey": image.keys.len(), "totalSize": bytes.len() });
        Reply::said(format!("{{\"bytes\":{},\"sha256\":\"{}\",\"status\":{status}}}\n", bytes.len(), sha256(bytes)))
    }
}
