//! A bastion in front of real servers: the person, the agent, the inventory. Knows nothing of what is tested.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use requorum::model::{Cluster, Command, MasterName, Output};
use requorum::run::ports::{Pipes, Prompt, Remote, RemoteError};
use requorum::world::ssh::{Options, Ssh, Unlocked};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::sshd::{Sshd, run};

/// Answers in turn, and remembers the questions.
#[derive(Default)]
pub struct Person {
    answers: Mutex<VecDeque<&'static str>>,
    pub asked: Mutex<Vec<String>>,
    absent: bool,
}

impl Person {
    pub fn who_types(answers: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.iter().copied().collect()), ..Self::default() })
    }

    pub fn absent() -> Arc<Self> {
        Arc::new(Self { absent: true, ..Self::default() })
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Prompt for Person {
    fn attended(&self) -> bool {
        !self.absent
    }

    fn line(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn secret(&self, question: &str) -> std::io::Result<Zeroizing<String>> {
        self.asked.lock().unwrap().push(question.to_owned());
        let answer = self.answers.lock().unwrap().pop_front();
        answer.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }
}

/// The inventory's `ssh` block for a server, by its own key and a known_hosts file that lists it.
pub fn settings(server: &Sshd) -> Value {
    let known = server.path("known_hosts");
    if !known.exists() {
        fs::write(&known, format!("[127.0.0.1]:{} {}\n", server.port, server.host_key())).unwrap();
    }
    json!({
        "user": "root", "port": server.port, "become": "none",
        "identity": server.path("id"), "known_hosts": known, "jump": null,
    })
}

pub fn cluster(masters: &[(&str, Value)]) -> Cluster {
    let masters: serde_json::Map<_, _> = masters
        .iter()
        .map(|(name, ssh)| {
            let etcd = json!({
                "unit": "etcd", "data_dir": "/var/lib/etcd", "env_file": "/etc/etcd.env", "template": "etcd.env",
            });
            let master = json!({ "name": name, "zone": "a", "address": "127.0.0.1", "ssh": ssh, "etcd": etcd });
            ((*name).to_owned(), master)
        })
        .collect();
    let zones = json!({ "a": { "name": "a", "masters": masters } });
    serde_json::from_value(json!({ "name": "test", "environment": "lab", "zones": zones })).unwrap()
}

pub fn m1() -> MasterName {
    MasterName::new("m1").unwrap()
}

/// What the machine and its person bring along.
pub struct Brought {
    pub home: PathBuf,
    pub agent_socket: Option<PathBuf>,
    pub sudo_password: Option<Zeroizing<String>>,
}

pub fn options(home: &Path) -> Brought {
    Brought { home: home.to_owned(), agent_socket: None, sudo_password: None }
}

impl Brought {
    pub fn unlocked(self, prompt: Arc<Person>) -> Unlocked {
        Unlocked::new(prompt, Some(self.home), self.agent_socket, self.sudo_password)
    }
}

pub fn ssh_by(cluster: &Cluster, prompt: Arc<Person>, brought: Brought) -> Ssh {
    let options = Options::new(Some(&brought.home));
    Ssh::new(cluster, brought.unlocked(prompt), options)
}

pub fn ssh_to(ssh: Value, prompt: Arc<Person>, brought: Brought) -> Ssh {
    ssh_by(&cluster(&[("m1", ssh)]), prompt, brought)
}

/// The plain case: the server's own key, nobody asked.
pub fn plain(server: &Sshd) -> Ssh {
    ssh_to(settings(server), Person::absent(), options(server.dir.path()))
}

pub async fn say(ssh: &Ssh, command: &Command) -> Result<Output, RemoteError> {
    ssh.run(&m1(), command, Pipes::default()).await
}

pub fn sh(text: &str) -> Command {
    Command::new("sh").args(["-c", text])
}

/// An agent of the test's own.
pub struct Agent {
    child: std::process::Child,
    socket: std::path::PathBuf,
}

impl Agent {
    pub fn start(socket: &Path) -> Self {
        let child = Process::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(socket)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(5), "ssh-agent does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, socket: socket.to_owned() }
    }

    pub fn add(&self, key: &Path, passphrase: &str) {
        let ask = self.socket.with_extension("askpass");
        fs::write(&ask, format!("#!/bin/sh\necho '{passphrase}'\n")).unwrap();
        run(Process::new("chmod").arg("700").arg(&ask));
        let mut add = Process::new("ssh-add");
        add.env("SSH_AUTH_SOCK", &self.socket).env("SSH_ASKPASS", &ask).env("SSH_ASKPASS_REQUIRE", "force");
        run(add.arg("-q").arg(key));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server whose user has this `.bashrc`.
pub fn with_bashrc(text: &str, extra: &str) -> Sshd {
    let home = tempfile::tempdir().unwrap().keep();
    fs::write(home.join(".bashrc"), text).unwrap();
    // bash reads it where sshd starts it, which it takes from SSH_CLIENT; the home is root's, so it is set as a wrapper.
    let shell = home.join("login");
    fs::write(&shell, format!("#!/bin/sh\nHOME={} exec bash -c \"$SSH_ORIGINAL_COMMAND\"\n", home.display())).unwrap();
    run(Process::new("chmod").arg("755").arg(&shell));
    Sshd::start(&format!("ForceCommand {}\n{extra}", shell.display()))
}
