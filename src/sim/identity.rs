//! Which member is which on a site: members that are on no machine, names that only the bastion knows, a bastion that
//! has seen nothing yet, and what a bastion keeps of its looks and runs.

use crate::model::identity::bootstrap_member_id;
use crate::model::{Address, Token};
use crate::observe::traces::RECORD_VERSION;
use crate::observe::{Observation, assess::Assessment};
use crate::report;

use super::data::Entry;
use super::faults::Event;
use super::state::State;
use super::{Site, name};

impl State {
    pub(super) fn strange(&mut self, event: &Event) {
        match event {
            Event::Voter(through, url) => {
                let id = bootstrap_member_id(std::slice::from_ref(url), &Token("added by hand".to_owned()));
                let (name, url) = (name(through), url.clone());
                self.change(&name, |image| {
                    let entry = Entry { name: String::new(), peer_url: url, client_url: String::new(), learner: false };
                    image.members.insert(id, entry);
                });
            }
            Event::Fork(master) => {
                let left = self.image(&name(master)).cluster;
                let record = serde_json::json!({
                    "version": RECORD_VERSION, "run": "20270101-000000-ffff", "written_by": "20270101-000000-ffff",
                    "cluster": "f0f0f0f0", "token": "another", "fork_revision": 1, "ancestors": [left],
                    "generation": 1, "finished": true,
                });
                self.machine(&name(master)).put("/var/lib/requorum/cluster.json", record.to_string());
            }
            Event::NoMetrics(master) => self.machine(&name(master)).shows_metrics = false,
            Event::NoList(master) => self.machine(&name(master)).tells_members = false,
            Event::Revision(master, revision) => {
                if let Some(data) = self.machine(&name(master)).data_mut() {
                    data.image.revision = *revision;
                }
            }
            Event::Named(zone) => {
                let masters = self.cluster.zones.values_mut().filter(|known| known.name.as_str() == zone);
                for master in masters.flat_map(|zone| zone.masters.values_mut()) {
                    master.address = match Address::new(format!("{}.example", master.name)) {
                        Ok(address) => address,
                        Err(bad) => panic!("{bad}"),
                    };
                }
            }
            Event::Bastion { behind } => {
                self.bastion.files.clear();
                self.bastion.look = None;
                self.bastion.behind = *behind;
            }
            other => panic!("not strange: {other:?}"),
        }
    }
}

impl Site {
    /// What `requorum status` says below the table.
    #[must_use]
    pub fn words(&self, seen: &Observation, assessment: &Assessment) -> String {
        let cluster = self.cluster();
        let verdict = report::status::verdict(&cluster, seen, assessment, "requorum", None);
        verdict + &report::status::voters(&cluster, seen, assessment).unwrap_or_default()
    }
}
