//! etcd as a static pod on a machine of the model: its manifest in the kubelet's folder or held, and its image's programs.

use crate::observe::tools::KEPT;

use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::{BIN, MANIFEST, Machine};

/// Where the manifest of a pod that must not run lies.
pub(super) const HELD: &str = "/var/lib/requorum/held/etcd.yaml";

impl Machine {
    /// Its manifest is taken out of the kubelet's folder; a unit has none.
    pub(super) fn hold(&mut self) {
        self.rename(MANIFEST, HELD);
    }

    /// A copy of its manifest is put back.
    pub(super) fn release(&mut self) {
        if let Some(text) = self.files.get(HELD).filter(|_| !self.files.contains_key(MANIFEST)).cloned() {
            self.put(MANIFEST, text);
        }
    }

    pub(super) fn fence_pod(&mut self, call: &Call<'_>) -> Reply {
        let marker = call.word(2).to_owned();
        if self.process.is_some() {
            return Reply::failed(1, "etcd still runs: stop it first");
        }
        if self.files.contains_key(&marker) && self.fenced() {
            self.own_fence(call);
            return Reply::said("found: fenced before\n");
        }
        self.hold();
        if call.midway {
            return Reply::default();
        }
        self.mark_fenced(call)
    }

    /// A survivor's fence is of the run that replaces its data, whoever fenced it before.
    pub(super) fn own_fence(&mut self, call: &Call<'_>) {
        let (marker, reason) = (call.word(2), call.word(4));
        if !reason.contains(" of a survivor run ") {
            return;
        }
        if let Some(text) = self.files.get_mut(marker) {
            let before = String::from_utf8_lossy(text).into_owned();
            let kept = before.lines().filter(|line| line.starts_with("last_revision="));
            *text =
                std::iter::once(reason).chain(kept).map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        }
    }

    /// The fence's marker, with who placed it and what etcd said last.
    pub(super) fn mark_fenced(&mut self, call: &Call<'_>) -> Reply {
        let marker = call.word(2).to_owned();
        self.own_fence(call);
        let text = self.files.entry(marker.clone()).or_insert_with(|| format!("{}\n", call.word(4)).into_bytes());
        if let Some(last_revision) = call.words.get(4).filter(|text| !text.is_empty()) {
            text.extend(format!("{last_revision}\n").into_bytes());
        }
        Reply::said(format!("done: etcd cannot start here until {marker} is gone\n"))
    }

    /// The programs of the running pod's image are kept on the master.
    pub(super) fn keep_tools(&mut self) -> Reply {
        if self.process.is_none() && !self.tools_kept() && !self.image_opens() {
            return Reply::failed(1, "etcd does not run: its tools cannot be taken from it");
        }
        self.put(format!("{KEPT}/etcd"), "");
        Reply::said("done: kept\n")
    }

    /// A program of the bastion's, as `requorum send-tools` gives it.
    pub(super) fn receive_tool(&mut self, call: &Call<'_>) -> Reply {
        let (kept, name) = (call.word(1), call.word(2));
        if call.stdin.len().to_string() != call.word(3) {
            return Reply::failed(1, format!("only {} of {} bytes came", call.stdin.len(), call.word(3)));
        }
        self.put(format!("{kept}/{name}"), call.stdin.clone());
        Reply::said("done: received\n")
    }

    /// The version of the tools that were sent.
    pub(super) fn sent(&self) -> Option<String> {
        self.file(&format!("{KEPT}/etcdctl"))?.strip_prefix("etcdctl ").map(str::to_owned)
    }

    /// Whether the image of its pod or container can be opened without a start.
    pub(super) fn image_opens(&self) -> bool {
        !self.installed.missing.iter().any(|tool| tool == "ctr")
    }

    pub(super) fn tools_kept(&self) -> bool {
        self.files.contains_key(&format!("{KEPT}/etcd"))
    }

    /// Where the programs of its etcd are, if anywhere.
    pub(super) fn bin(&self) -> Option<String> {
        match &self.process {
            _ if !self.supervisor().has_image() => Some(BIN.to_owned()),
            Some(process) => Some(format!("/proc/{}/root{BIN}", process.pid)),
            None => self.tools_kept().then(|| KEPT.to_owned()),
        }
    }

    /// As a kubelet's pod or a container is described.
    pub(super) fn pod(&self) -> Reply {
        let program = self.bin().map(|bin| format!("ExecStart={{ path={bin}/etcd ; argv[]={bin}/etcd ; }}\n"));
        let loaded = if self.files.contains_key(self.settings_path()) { "loaded" } else { "not-found" };
        let (state, pid) = (self.active_state(), self.pid());
        let said = format!("LoadState={loaded}\nActiveState={state}\nMainPID={pid}\nConditionResult=yes\n");
        Reply::said(said + &program.unwrap_or_default())
    }

    pub(super) fn manifest(&self) -> Reply {
        let path = self.settings_path();
        match self.file(path) {
            Some(text) => Reply::said(format!("root root 600\t{path}\n{text}")),
            None => Reply::failed(1, format!("stat: cannot statx '{path}': No such file or directory")),
        }
    }
}
