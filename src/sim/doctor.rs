//! `requorum doctor` on a site, and what its questions get as answers there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::MasterName;
use crate::observe::Examination;
use crate::plan::Goal;
use crate::plan::doctor::{Diagnosis, diagnose};
use crate::plan::rehearse::Given;
use crate::playbook::shipped;
use crate::run::examine::{Through, examine};
use crate::run::look;
use crate::run::ports::{Clock, Remote};

use super::etcdctl::Reply;
use super::state::State;
use super::{Site, desk, drive};

impl Site {
    /// `requorum doctor` with the shipped playbook and this template, or the shipped one.
    pub async fn doctor(&self, template: Option<&str>) -> (Examination, Diagnosis) {
        let cluster = self.cluster();
        let playbook = drive::playbook(Goal::InitiateDr);
        let shipped = shipped::template("etcd.env.j2").map(|file| file.text).unwrap_or_default();
        let templates = BTreeMap::from([("etcd.env.j2".to_owned(), template.unwrap_or(shipped).to_owned())]);
        let given = Given { cluster: &cluster, playbook: &playbook, templates: &templates };
        let remote: Arc<dyn Remote> = self.remote();
        let clock: Arc<dyn Clock> = Arc::new(self.clone());
        let seen = look::look(&cluster, &remote).await;
        let through = Through { remote: &remote, clock: &clock, connect_limit: super::remote::CONNECT };
        let (found, rehearsals) = examine(given, seen, &BTreeSet::new(), true, through).await;
        let diagnosis = diagnose(given, &found, &rehearsals);
        (found, diagnosis)
    }
}

impl State {
    pub(super) fn time_at(&self, host: &MasterName) -> Reply {
        let ms = desk::time(self.since).as_millisecond() + self.seen(host).clock_ms;
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
            data.image.revision
        );
        Reply::said(lines).after(std::time::Duration::from_millis(50))
    }
}
