//! Scripts that are the same whoever starts etcd: what differs are the functions that stand before them. Asks nothing.

use crate::model::command::{ANSWER_DEADLINE, Script};
use crate::model::{Command, Supervisor};

/// A script, with the functions before it for whatever starts etcd.
#[derive(Debug, Clone, Copy)]
pub struct Supervised {
    /// What the plan and the journal call it.
    pub name: &'static str,
    pub systemd: &'static str,
    pub kubelet: &'static str,
    pub docker: &'static str,
}

impl Supervised {
    /// The script for this etcd, which is told of it first.
    #[must_use]
    pub fn command(&self, supervisor: &Supervisor) -> Command {
        Command::script(self.of(supervisor)).arg(supervisor.word())
    }

    /// The same for a step that acts: a kubelet or docker may be waited for.
    #[must_use]
    pub fn act(&self, supervisor: &Supervisor) -> Command {
        self.command(supervisor).deadline(ANSWER_DEADLINE + supervisor.slack())
    }

    /// The script for this etcd.
    #[must_use]
    pub const fn of(&self, supervisor: &Supervisor) -> Script {
        let text = match supervisor {
            Supervisor::Systemd(_) => self.systemd,
            Supervisor::Kubelet(_) => self.kubelet,
            Supervisor::Docker(_) => self.docker,
        };
        Script { name: self.name, text }
    }
}

/// A name, and the files whose texts make the script, by their paths from the file that names them.
macro_rules! supervised {
    ($name:literal, $($file:literal),+) => {
        $crate::observe::supervised::Supervised {
            name: $name,
            systemd: concat!($crate::observe::supervised::prelude!("/src/observe/scripts/prelude/systemd.sh"), $(include_str!($file)),+),
            kubelet: concat!(
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/process.sh"),
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/held.sh"),
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/kubelet.sh"),
                $(include_str!($file)),+
            ),
            docker: concat!(
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/systemd.sh"),
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/process.sh"),
                $crate::observe::supervised::prelude!("/src/observe/scripts/prelude/docker.sh"),
                $(include_str!($file)),+
            ),
        }
    };
}
pub(crate) use supervised;

/// A file's text, by its path from the top of the repository.
macro_rules! prelude {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), $file))
    };
}
pub(crate) use prelude;
