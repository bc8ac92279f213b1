//! etcd in a container on a machine of the model: the unit, the script that it starts, and what docker does by itself.

use crate::model::{MasterName, Supervisor};

use super::Site;
use super::etcdctl::Reply;
use super::machine::{BIN, ENV_FILE, Machine, UNIT_FILE};
use super::state::State;
use super::systemd::By;

/// What docker keeps of a container that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Docker {
    /// Whether its policy has docker start it again after a failure.
    pub(super) restarts: bool,
    /// Whether it ended last by a failure, as with a loss of power.
    pub(super) failed: bool,
}

/// Where the script lies that the unit starts: in etcd's place.
fn script_path() -> String {
    format!("{BIN}/etcd")
}

impl Site {
    /// The same site with every master's etcd in a container, as kubespray does it with docker.
    #[must_use]
    pub fn in_containers(self) -> Self {
        self.run_in_containers();
        self
    }

    /// From now on every master's etcd is in a container.
    pub fn run_in_containers(&self) {
        self.with(|state| state.machines.values_mut().for_each(Machine::enter_container));
    }

    /// A line of the script that starts a master's container is another one.
    pub fn script_says(&self, master: &str, line: &str, other: &str) {
        self.with(|state| {
            let machine = state.machine(&super::name(master));
            let text = machine.file(&script_path()).unwrap_or_default();
            assert!(text.contains(line), "the script of {master} does not say {line:?}");
            machine.put(script_path(), text.replace(line, other));
        });
    }
}

impl Machine {
    fn enter_container(&mut self) {
        let member = self.setting("ETCD_NAME");
        let script = format!(
            "#!/bin/bash\n/usr/bin/docker run \\\n  --restart=on-failure:5 \\\n  --env-file={ENV_FILE} \\\n  --net=host \\\n  \
             -v /etc/ssl/etcd/ssl:/etc/ssl/etcd/ssl:ro \\\n  -v /var/lib/etcd:/var/lib/etcd:rw \\\n  --name={member} \\\n  \
             quay.io/coreos/etcd:v3.6.0 \\\n  {BIN}/etcd \\\n  \"$@\"\n"
        );
        let unit = format!(
            "[Service]\nEnvironmentFile=-{ENV_FILE}\nExecStart={BIN}/etcd\nExecStartPre=-/usr/bin/docker rm -f {member}\n\
             ExecStop=/usr/bin/docker stop {member}\nRestart=always\nRestartSec=15s\n"
        );
        self.put(script_path(), script);
        self.put(UNIT_FILE, unit);
        self.docker = Some(Docker { restarts: true, failed: self.process.is_none() });
    }

    /// The container's name: its member's.
    pub(super) fn container(&self) -> String {
        self.setting("ETCD_NAME")
    }

    /// docker starts it no more by itself.
    pub(super) fn leave_alone(&mut self) {
        if let Some(docker) = &mut self.docker {
            docker.restarts = false;
        }
    }

    /// The unit's files, and the script that it starts.
    pub(super) fn unit_and_script(&self, script: Option<&str>) -> Reply {
        let tell = |kind: &str, path: &str| {
            let text = self.file(path).unwrap_or_default();
            format!("{kind}\t{path}\troot root 755\t{}\n{text}\n", text.len())
        };
        let script = script.map(|path| tell("script", path)).unwrap_or_default();
        Reply::said(tell("unit", UNIT_FILE) + &script)
    }

    /// Whether the word by which a script is told of etcd means this one.
    pub(super) fn is_meant_by(&self, word: &str) -> bool {
        self.supervisor().word() == word || Supervisor::Systemd(self.unit_name.clone()).word() == word
    }
}

impl State {
    /// What docker does at boot, whatever condition the unit has.
    pub(super) fn boot_docker(&mut self, name: &MasterName) {
        if self.seen(name).docker.is_some_and(|docker| docker.restarts && docker.failed) {
            self.start(name, By::Docker);
        }
    }
}
