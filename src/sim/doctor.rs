//! `requorum doctor` on a site, and the answers that its questions get there.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::model::MasterName;
use crate::observe::Examination;
use crate::plan::doctor::Diagnosis;
use crate::run::look;
use crate::verbs::doctor;

use super::etcdctl::Reply;
use super::state::State;
use super::{Site, drive, run_files};

impl Site {
    /// `requorum doctor` with the shipped playbook and this template, or the shipped one.
    ///
    /// # Panics
    /// Where an input file is wrong.
    pub async fn doctor(&self, template: Option<&str>) -> (Examination, Diagnosis) {
        let (cluster, remote, site) = (self.cluster(), self.remote(), self.given_to_verbs());
        let mut inputs = self.inputs();
        if let Some(text) = template {
            let folder = PathBuf::from(drive::TEMPLATES);
            let kept = site.bastion.write_private(&folder.join(drive::TEMPLATE), text);
            kept.unwrap_or_else(|error| panic!("{error}"));
            inputs.templates = Some(folder);
        }
        let seen = look::look(&cluster, &remote).await;
        let what = doctor::Rehearsed { zones: &BTreeSet::new(), measure: true, timed_proof: false };
        let told = doctor::diagnosis(&inputs, &site, (&cluster, &remote), seen, what).await;
        told.unwrap_or_else(|failure| panic!("{failure}"))
    }
}

impl State {
    pub(super) fn time_at(&self, host: &MasterName) -> Reply {
        let ms = run_files::time(self.since).as_millisecond() + self.seen(host).clock_ms;
        Reply::said(format!("{}.{:03}000000\n", ms.div_euclid(1000), ms.rem_euclid(1000)))
    }

    /// A snapshot is taken and goes again.
    pub(super) fn measure(&mut self, host: &MasterName) -> Reply {
        self.tick();
        let machine = self.seen(host);
        let Some((process, data)) = machine.live() else { return Reply::failed(1, "Error: connection refused") };
        let bytes = data.image.to_snapshot().len() as u64;
        if machine.free_bytes < bytes * 2 {
            return Reply::failed(1, format!("only {} bytes are free", machine.free_bytes));
        }
        if !process.ready {
            return Reply::failed(1, "Error: context deadline exceeded");
        }
        let lines = format!(
            "status={{\"revision\":{}}}\nbytes={bytes}\nsave_ns=30000000\nverify_ns=20000000\n",
            data.image.last_key()
        );
        Reply::said(lines).after(std::time::Duration::from_millis(50))
    }
}
