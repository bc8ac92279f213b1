//! The remote port in memory: a command reaches its master and runs there, and its answer comes back or is lost.

use std::time::Duration;

use bytes::Bytes;

use crate::model::{Arg, Command, MasterName, Output};
use crate::observe::tools::KEPT;
use crate::run::hold;
use crate::run::ports::{Later, OneByOne, Pipes, Questions, Remote, RemoteError};

use super::Site;
use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::{BIN, Door};
use super::state::{Cut, State};

/// A command's way there and back.
const LATENCY: Duration = Duration::from_millis(5);
/// How long a file takes that comes at a snail's pace.
const SNAIL: Duration = Duration::from_secs(1200);
/// How long a connection to a dark machine is tried.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// Scripts that only ask.
const QUESTIONS: [&str; 34] = [
    "api server",
    "api ready",
    "etcd holders",
    "etcds",
    "node zones",
    "wal place",
    "process",
    "last revision",
    "client urls",
    "growth",
    "last log",
    "lock-held",
    "env file",
    "unit files",
    "pod",
    "container",
    "manifest",
    "certificate names",
    "disk",
    "marks",
    "tools",
    "image tools",
    "log",
    "peer members",
    "peer ports",
    "heard",
    "await peer",
    "settled",
    "certificates",
    "node",
    "measure",
    "environment",
    "canary-values",
    "drill-snapshot",
];

impl Remote for Site {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            self.alive().await;
            tokio::time::sleep(LATENCY).await;
            self.alive().await;
            self.connect(host).await?;
            if ["canary", "canary api"].contains(&name_of(command, &[]).as_str()) {
                return self.canary(host, command, pipes).await;
            }
            let mut stdin = command.stdin.clone().unwrap_or_default();
            if let Some(mut chunks) = pipes.stdin {
                while let Some(chunk) = chunks.recv().await {
                    stdin.extend_from_slice(&chunk);
                }
            }
            let (reply, cut) = self.with(|state| state.execute(host, command, stdin));
            self.tell_of_death();
            let given_up = reply.took > command.deadline && (!command.moving || reply.stands_still);
            tokio::time::sleep(LATENCY + if given_up { command.deadline } else { reply.took }).await;
            self.alive().await;
            if given_up {
                let why = format!("it did not end and nothing came or went for {:?}", command.deadline);
                return Err(RemoteError::OutcomeUnknown { why });
            }
            let gone = self.with(|state| !state.reachable(host));
            if cut.is_some() || gone {
                return Err(RemoteError::OutcomeUnknown { why: "the connection was lost".into() });
            }
            let mut output = reply.output;
            if let Some(out) = pipes.stdout {
                let bytes = reply.bytes.unwrap_or_else(|| std::mem::take(&mut output.stdout).into_bytes());
                for chunk in bytes.chunks(64) {
                    if out.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                        break;
                    }
                }
            }
            Ok(output)
        })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        OneByOne::new(self, host)
    }
}

impl Site {
    async fn connect(&self, host: &MasterName) -> Result<(), RemoteError> {
        let (reachable, door) = self.with(|state| (state.reachable(host), state.seen(host).door));
        if !reachable {
            tokio::time::sleep(CONNECT).await;
            return Err(RemoteError::Unreachable { why: format!("{host}: timed out after 5 s") });
        }
        match door {
            Door::Open => Ok(()),
            Door::OtherKey => Err(RemoteError::HostKey { why: format!("{host}: the host key has changed") }),
        }
    }
}

impl State {
    pub(super) fn reachable(&self, host: &MasterName) -> bool {
        let machine = self.seen(host);
        machine.powered && !self.hidden.contains(&machine.zone)
    }

    /// Runs a command with all that happens around it, and looks at the rules afterwards.
    fn execute(&mut self, host: &MasterName, command: &Command, stdin: Vec<u8>) -> (Reply, Option<Cut>) {
        let within = hold::within(command);
        let (holder, command) = match &within {
            Some((run, inner)) => (Some(run), inner),
            None => (None, command),
        };
        let words = words_of(command);
        let name = name_of(command, &words);
        self.happen(host, &name, true);
        self.tick();
        if !self.seen(host).powered || self.bastion.dead {
            return (Reply::default(), Some(Cut::NotDone));
        }
        if let Some(run) = holder
            && let Err(other) = self.machine(host).renew(run)
        {
            return (Reply::failed(77, format!("not begun: the lock is held by {other}")), None);
        }
        let asks = QUESTIONS.contains(&name.as_str()) || command.script.is_none();
        let mut cut = None;
        if !asks {
            self.acts.push((host.clone(), name.clone()));
            cut = self.cut.filter(|(number, _)| *number == self.acts.len()).map(|(_, cut)| cut);
        }
        if cut == Some(Cut::NotDone) {
            return (Reply::default(), cut);
        }
        // A panic within a task may be swallowed there; what it was about must not be.
        let number = self.watch.broken.len();
        self.watch.say(format!("the model knows {} on {host}", command.shown()));
        let before = holder.map(|run| self.kept_by(run)).unwrap_or_default();
        let reply = self.dispatch(host, command, &words, stdin, cut == Some(Cut::Midway));
        self.quorum_is_kept(&before, &format!("{} on {host}", command.shown()));
        self.watch.broken.remove(number);
        self.check(&format!("{} on {host}", command.shown()));
        self.happen(host, &name, false);
        (reply, cut)
    }

    fn dispatch(
        &mut self,
        host: &MasterName,
        command: &Command,
        words: &[String],
        stdin: Vec<u8>,
        midway: bool,
    ) -> Reply {
        assert!(command.root, "not as root: {}", command.shown());
        if let Some(script) = &command.script {
            let words = words.get(4..).unwrap_or_default();
            let fails = |line: &String| line.strip_prefix("fails=") == Some(&script.replace(' ', "-"));
            if self.seen(host).odd.iter().any(fails) {
                return Reply::failed(1, format!("{script} cannot be answered here"));
            }
            return match self.question(host, script, words) {
                Some(reply) => reply,
                None if script == "canary-values" => self.canary_values(&Call { host, words, stdin, midway }),
                None if script == "drill-snapshot" => self.drill_snapshot(&Call { host, words, stdin, midway }),
                None => self.act(script, &Call { host, words, stdin, midway }),
            };
        }
        let program = words.first().map(String::as_str).unwrap_or_default();
        if program == "systemctl" && words.get(1).is_some_and(|word| word == "show") {
            return self.show(host, words);
        }
        if self.seen(host).bin().is_some_and(|bin| program == format!("{bin}/etcdctl"))
            || program == format!("{KEPT}/etcdctl")
                && (self.seen(host).tools_kept() || self.seen(host).sent().is_some())
            || program == format!("{BIN}/etcdctl") && self.seen(host).docker.is_some()
        {
            return self.etcdctl(host, words);
        }
        if program.starts_with(KEPT) {
            return Reply::failed(127, format!("{program}: not found"));
        }
        if program == "systemctl" && words.get(1).is_some_and(|word| word == "daemon-reload") {
            self.machine(host).reload();
            return Reply::default();
        }
        match words {
            [cat, path] if cat == "cat" => match self.seen(host).files.get(path) {
                Some(bytes) => {
                    let machine = self.seen(host);
                    let (slow, stands_still) = (machine.slow, machine.stalls);
                    let took = if slow || stands_still { SNAIL } else { Duration::ZERO };
                    Reply { bytes: Some(bytes.clone()), took, stands_still, ..Reply::default() }
                }
                None => Reply::failed(1, format!("cat: {path}: No such file or directory")),
            },
            [date, form] if date == "date" && form == "+%s.%N" => self.time_at(host),
            _ => panic!("the model does not know: {}", command.shown()),
        }
    }

    /// Lets due happenings come true.
    fn happen(&mut self, host: &MasterName, name: &str, before: bool) {
        let mut left = Vec::new();
        let mut due = Vec::new();
        for mut one in std::mem::take(&mut self.dues) {
            let meant = one.before == before && one.command == name && one.host.as_ref().is_none_or(|h| h == host);
            match (meant, one.skip) {
                (true, 0) => due.push(one.happening),
                (true, _) => {
                    one.skip -= 1;
                    left.push(one);
                }
                _ => left.push(one),
            }
        }
        self.dues = left;
        due.into_iter().for_each(|happening| happening(self));
    }
}

/// The command's words, all of which must be known by now.
pub(super) fn words_of(command: &Command) -> Vec<String> {
    let word = |arg: &Arg| match arg {
        Arg::Text(text) => text.clone(),
        Arg::Placeholder(placeholder) => panic!("{placeholder} reached a master unfilled: {}", command.shown()),
    };
    command.argv.iter().map(word).collect()
}

/// What scenarios call a command: a script by its name, etcdctl by what it is asked, others by their program.
fn name_of(command: &Command, words: &[String]) -> String {
    if let Some(script) = &command.script {
        return script.clone();
    }
    let program = words.first().map(String::as_str).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default();
    let asked: Vec<&str> = words.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    match (program, &asked[..]) {
        ("etcdctl", [noun, verb, ..]) if ["endpoint", "member"].contains(noun) => format!("{noun} {verb}"),
        ("etcdctl", [verb, ..]) => (*verb).to_owned(),
        _ => program.to_owned(),
    }
}
