//! What a run does with the lock that it has taken: each of its commands carries the lock, and the lock is renewed
//! while the run lives. Knows nothing about plans.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::model::command::{Script, clean};
use crate::model::{Arg, Command, MasterName, Output, RunId};
use crate::observe::traces::LOCK;

use super::lock::{self, holder_words};
use super::ports::{Later, OneByOne, Pipes, Questions, Remote, RemoteError};

/// How often a living run renews its lock. Each of its commands does so as well.
pub const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// A lock that was not renewed for so long is that of a run which has ended: four renewals are missing.
pub const LIVES: Duration = Duration::from_secs(45);

/// The exit status of a command that was not begun, since the run does not hold the master.
const LOST: u32 = 77;
/// What it says then, before the holder.
const LOST_WORDS: &str = "not begun: the lock is held by ";

const HELD: Script = Script { name: "held", text: include_str!("scripts/held.sh") };

/// The same command, begun on the master only while `run` holds its lock, which it renews.
#[must_use]
pub fn under(run: &RunId, command: &Command) -> Command {
    let guard = Command::script(HELD).arg(LOCK).arg(run.as_str());
    Command {
        argv: guard.argv.into_iter().chain(command.argv.iter().cloned()).collect(),
        script: guard.script,
        ..command.clone()
    }
}

/// The run and the command within, where a command carries a lock.
#[must_use]
pub fn within(command: &Command) -> Option<(String, Command)> {
    if command.script.as_deref() != Some(HELD.name) {
        return None;
    }
    let text = |at: usize| match command.argv.get(at) {
        Some(Arg::Text(word)) => Some(word.clone()),
        _ => None,
    };
    let argv: Vec<Arg> = command.argv.get(6..)?.to_vec();
    // `sh -c TEXT NAME …` is a script.
    let script = (text(6)? == "sh" && text(7).as_deref() == Some("-c")).then(|| text(9)).flatten();
    Some((text(5)?, Command { argv, script, ..command.clone() }))
}

/// Who holds the master instead, where a command was not begun for that.
#[must_use]
pub fn lost(run: &RunId, output: &Output) -> Option<String> {
    let holder =
        output.stderr.lines().find_map(|line| line.strip_prefix(LOST_WORDS)).filter(|_| output.status == LOST)?;
    Some(match clean(holder.trim()).is_empty() {
        true => format!("run {run} no longer holds the lock; it was released"),
        false => format!("run {run} no longer holds the lock; it is held by {}", holder_words(holder)),
    })
}

/// A remote port on which each command carries the lock.
pub struct UnderLock {
    remote: Arc<dyn Remote>,
    run: RunId,
}

impl UnderLock {
    /// The same port for what `run` does under its lock.
    #[must_use]
    pub fn over(remote: &Arc<dyn Remote>, run: &RunId) -> Arc<dyn Remote> {
        Arc::new(Self { remote: Arc::clone(remote), run: run.clone() })
    }
}

impl Remote for UnderLock {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move { self.remote.run(host, &under(&self.run, command), pipes).await })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        OneByOne::new(self, host)
    }

    fn said_to_be_off(&self, hosts: &BTreeSet<MasterName>) {
        self.remote.said_to_be_off(hosts);
    }
}

/// Renews the lock until it is dropped. A renewal that fails is no event: the next command looks for itself.
#[derive(Debug)]
pub struct Holding(#[expect(dead_code, reason = "dropped, it ends its tasks")] JoinSet<()>);

impl Holding {
    /// Renews the lock of `run` on `hosts`, on each by itself: one that is dark keeps no other waiting.
    #[must_use]
    pub fn begin(remote: &Arc<dyn Remote>, hosts: &BTreeSet<MasterName>, run: &RunId) -> Self {
        let mut tasks = JoinSet::new();
        for host in hosts.clone() {
            let (remote, one, run) = (Arc::clone(remote), BTreeSet::from([host]), run.clone());
            tasks.spawn(async move {
                loop {
                    tokio::time::sleep(RENEWED_EVERY).await;
                    lock::held_by(&remote, &one, &run).await;
                }
            });
        }
        Self(tasks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::new("20261123-134443-449f").unwrap()
    }

    #[test]
    fn a_command_under_the_lock_is_still_the_same_command() {
        let inner = Command::script(Script { name: "stop", text: "echo $1" }).arg("etcd").stdin(b"x".to_vec()).bulk();
        let outer = under(&run(), &inner);
        assert_eq!((outer.stdin.clone(), outer.bulk, outer.deadline), (inner.stdin.clone(), true, inner.deadline));
        assert_eq!(within(&outer), Some((run().to_string(), inner)));
        let plain = Command::new("etcdctl").args(["member", "list"]);
        assert_eq!(within(&under(&run(), &plain)), Some((run().to_string(), plain.clone())));
        assert_eq!(within(&plain), None);
    }

    /// Asks of every other master are answered at once, those of m1 never.
    #[derive(Default)]
    struct OneDark(std::sync::Mutex<Vec<MasterName>>);

    impl Remote for OneDark {
        fn run<'a>(&'a self, host: &'a MasterName, _: &'a Command, _: Pipes) -> Later<'a, Result<Output, RemoteError>> {
            self.0.lock().unwrap().push(host.clone());
            match host.as_str() {
                "m1" => Box::pin(std::future::pending()),
                _ => Box::pin(async { Ok(Output::default()) }),
            }
        }

        fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
            OneByOne::new(self, host)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dark_master_keeps_no_other_lock_from_being_renewed() {
        let hosts = ["m1", "m2", "m3"].map(|name| MasterName::new(name).unwrap());
        let asked = Arc::new(OneDark::default());
        let remote: Arc<dyn Remote> = asked.clone();
        let holding = Holding::begin(&remote, &BTreeSet::from(hosts.clone()), &run());
        tokio::time::sleep(LIVES).await;
        let count = |host: &MasterName| asked.0.lock().unwrap().iter().filter(|one| *one == host).count();
        assert_eq!(hosts.each_ref().map(count), [1, 4, 4]);
        drop(holding);
        tokio::time::sleep(LIVES).await;
        assert_eq!(hosts.each_ref().map(count), [1, 4, 4], "it is renewed no more");
    }

    #[test]
    fn a_lost_lock_is_told_from_a_failed_command() {
        let said = |status, stderr: &str| lost(&run(), &Output { status, stderr: stderr.into(), ..Output::default() });
        assert_eq!(said(77, "curl: (77) error setting certificate file"), None);
        assert_eq!(said(1, "not begun: the lock is held by x"), None);
        assert!(
            said(77, "not begun: the lock is held by \n")
                .unwrap()
                .ends_with("no longer holds the lock; it was released")
        );
        let holder = r#"{"run":"B","person":"p","host":"h","since":"s"}"#;
        let words = said(77, &format!("not begun: the lock is held by {holder}\n")).unwrap();
        assert!(words.ends_with("it is held by run B (p on h since s)"), "{words}");
    }
}
