//! Steps as data: one kind per file, each describing itself completely. Uses no host, clock or journal.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use effect::Effect;
pub use fact::{Fact, Facts, SnapshotFact};
pub use stop::HowStopped;
pub use undo::Undo;

use crate::model::{AbsPath, Command, MasterName, Output, Supervisor, WalDir};

pub mod clear_leases;
pub mod clear_nospace;
pub mod compare;
pub mod cordon;
pub mod distribute_snapshot;
pub mod drop_learner;
pub mod effect;
pub mod expect;
mod fact;
pub mod fence;
pub mod fetch_snapshot;
pub mod growth;
pub mod join;
pub mod keep_tools;
pub mod last_revision;
pub mod park;
pub mod promote;
pub mod record;
pub mod replay;
pub mod restart_learner;
pub mod restore;
pub mod retire;
pub mod return_data;
pub mod return_file;
pub mod return_record;
pub mod serve;
pub mod serve_api;
pub mod silent;
pub mod snapshot;
pub mod start;
pub mod start_own;
pub mod stop;
pub mod undo;
pub mod unfence;
pub mod vote;
pub mod write;
pub mod write_list;

/// What to do for one act of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Run a command on the step's master.
    #[serde(rename = "ask")]
    Run(Command),
    /// Stream a file from another master into a command on the step's master.
    Relay {
        from: MasterName,
        /// Writes the file to its standard output.
        read: Command,
        /// Reads it from its standard input, and checks it.
        write: Command,
    },
    /// Stream a file from the step's master to the bastion, under this name in the run's directory.
    #[serde(rename = "keep")]
    Fetch {
        /// Writes the file to its standard output.
        read: Command,
        /// The name on the bastion.
        name: String,
    },
    /// Stream a file of the bastion into a command on the step's master.
    Send {
        /// The path on the bastion.
        path: String,
        /// Reads it from its standard input, and checks it.
        write: Command,
    },
}

impl Doing {
    /// The command whose output is judged.
    #[must_use]
    pub fn command(&self) -> &Command {
        match self {
            Self::Run(command) => command,
            Self::Relay { write, .. } | Self::Send { write, .. } => write,
            Self::Fetch { read, .. } => read,
        }
    }
}

/// One act of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub doing: Doing,
    /// Whether it changes nothing, so that it may be asked again when the connection is lost.
    pub only_asks: bool,
    /// For how long it is done again while the answer is "not yet"; zero means once.
    pub limit: Duration,
    /// How long to wait between two tries.
    pub every: Duration,
    /// Whether its time is etcd's (an election), so that the report counts all of it as waiting.
    pub waits: bool,
    /// Whether its answer holds data of the cluster, so that it is written down nowhere.
    pub hidden: bool,
    /// What tells, as a number and where, whether what is waited for comes nearer: while it grows, the limit begins anew.
    pub growth: Option<(MasterName, Command)>,
    /// What tells how many KiB of its data have come, and how many bytes there will be, where that is known.
    pub moves: Option<(Command, Option<u64>)>,
}

impl Act {
    /// A command that changes something, run once.
    #[must_use]
    pub fn once(command: Command) -> Self {
        Self::doing(Doing::Run(command))
    }

    /// A question.
    #[must_use]
    pub fn ask(command: Command) -> Self {
        Self { only_asks: true, ..Self::once(command) }
    }

    /// A question whose answer holds data of the cluster.
    #[must_use]
    pub fn hidden(command: Command) -> Self {
        Self { hidden: true, ..Self::ask(command) }
    }

    /// Something else than one command, run once.
    #[must_use]
    pub fn doing(doing: Doing) -> Self {
        Self {
            doing,
            only_asks: false,
            limit: Duration::ZERO,
            every: Duration::from_millis(100), // Short against an election, long against a command.
            waits: false,
            hidden: false,
            growth: None,
            moves: None,
        }
    }

    /// Tries again for as long as this data directory and its log grow: a slow link or a large database is no failure.
    #[must_use]
    pub fn while_grows(
        mut self,
        master: Option<&MasterName>,
        data_dir: Option<&AbsPath>,
        wal_dir: Option<&WalDir>,
    ) -> Self {
        self.growth = master.zip(data_dir).map(|(master, dir)| (master.clone(), growth::command(dir, wal_dir)));
        self
    }

    /// Says where its data can be seen to come, and how much it will be.
    #[must_use]
    pub fn moves(mut self, path: &str, bytes: Option<u64>) -> Self {
        self.moves = Some((growth::of(path), bytes));
        self
    }

    /// Tries again for this long.
    #[must_use]
    pub fn for_up_to(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// What an answer means for the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// This act is done; the note says what it did.
    Done(String, Vec<Fact>),
    /// The same, of an act that ended etcd.
    Stopped(String, HowStopped),
    /// The whole step was already as wanted; its remaining acts are not needed.
    FoundDone(String, Vec<Fact>),
    /// Not yet; the text says what is waited for.
    Again(String),
    /// It is not as expected: the run ends here.
    Stop(String),
}

impl Judgement {
    /// Done, with nothing learnt.
    pub fn done(note: impl Into<String>) -> Self {
        Self::Done(note.into(), Vec::new())
    }

    /// Found done, with nothing learnt.
    pub fn found(note: impl Into<String>) -> Self {
        Self::FoundDone(note.into(), Vec::new())
    }

    /// For scripts that say `done: …`, `found: …` or `wait: …` in their last line and exit 0; anything else stops.
    #[must_use]
    pub fn spoken(output: &Output) -> Self {
        let last = output.stdout.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let note = |text: &str| crate::model::command::clean(text.trim());
        match (output.ok(), last.split_once(':')) {
            (true, Some(("done", text))) => Self::done(note(text)),
            (true, Some(("found", text))) => Self::found(note(text)),
            (true, Some(("wait", text))) => Self::Again(note(text)),
            _ => Self::Stop(output.complaint()),
        }
    }
}

/// What every kind of step answers. All answers are values.
pub trait Kind {
    /// What it does, as a person says it, without the master's name.
    fn title(&self) -> String;
    /// What is done, in order.
    fn acts(&self) -> Vec<Act>;
    /// What the answer to act number `act` means.
    fn judge(&self, act: usize, output: &Output, facts: &Facts) -> Judgement;
    /// Everything it does to its master or to the cluster, in order.
    fn effects(&self) -> Vec<Effect<'_>>;
    /// The way back.
    fn undo(&self) -> Undo;
    /// What starts the etcd on the step's master whose log tells why it failed.
    fn log_of(&self) -> Option<&Supervisor> {
        None
    }
}

macro_rules! steps {
    ($($(#[$stored:meta])? $name:ident($type:ty)),+ $(,)?) => {
        /// A step of any kind.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Step {
            $($(#[$stored])? $name($type)),+
        }

        impl Step {
            /// Whether it has such an effect.
            pub fn does(&self, wanted: impl Fn(&Effect<'_>) -> bool) -> bool {
                self.kind().effects().iter().any(wanted)
            }

            /// The one dispatch on kinds.
            #[must_use]
            pub fn kind(&self) -> &dyn Kind {
                match self {
                    $(Self::$name(step) => step),+
                }
            }
        }

        $(impl From<$type> for Step {
            fn from(step: $type) -> Self {
                Self::$name(step)
            }
        })+
    };
}

// Journals, plans and reports have had the names in `rename` since before the kinds were called as they are now.
steps! {
    Leaderless(expect::Leaderless),
    Silent(silent::Silent),
    NoVote(vote::NoVote),
    KeepTools(keep_tools::KeepTools),
    #[serde(rename = "guard")]
    PrepareFence(fence::PrepareFence),
    Fence(fence::Fence),
    Unfence(unfence::Unfence),
    Snapshot(snapshot::Snapshot),
    #[serde(rename = "share")]
    DistributeSnapshot(distribute_snapshot::DistributeSnapshot),
    #[serde(rename = "keep")]
    FetchSnapshot(fetch_snapshot::FetchSnapshot),
    AskRevision(last_revision::AskRevision),
    Stop(stop::Stop),
    Start(start::Start),
    Retire(retire::Retire),
    Restore(restore::Restore),
    Write(write::Write),
    Serve(serve::Serve),
    #[serde(rename = "relieve")]
    ClearNospace(clear_nospace::ClearNospace),
    DropLearner(drop_learner::DropLearner),
    Join(join::Join),
    #[serde(rename = "settle")]
    RestartLearner(restart_learner::RestartLearner),
    Promote(promote::Promote),
    ReturnData(return_data::ReturnData),
    ReturnFile(return_file::ReturnFile),
    ReturnRecord(return_record::ReturnRecord),
    StartOwn(start_own::StartOwn),
    #[serde(rename = "mark")]
    FixRevision(compare::FixRevision),
    Compare(compare::Compare),
    Record(record::Record),
    Park(park::Park),
    WriteList(write_list::WriteList),
    ReturnList(write_list::ReturnList),
    ClearLeases(clear_leases::ClearLeases),
    Cordon(cordon::Cordon),
    ServeApi(serve_api::ServeApi),
}

/// `/var/lib/requorum/runs/RUN`: what a run keeps on a master.
#[must_use]
pub fn run_dir(run: &crate::model::RunId) -> String {
    format!("{}/runs/{run}", crate::observe::traces::STATE)
}

/// Where a run's snapshot lies on a master.
#[must_use]
pub fn snapshot_path(run: &crate::model::RunId) -> String {
    format!("{}/snapshot.db", run_dir(run))
}

#[cfg(test)]
mod tests;
