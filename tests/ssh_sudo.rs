//! The SSH port against real sudo, and what it all costs. Makes and removes the user `requorum-t`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use std::fs;
use std::path::Path;
use std::process::Command as Process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use requorum::model::{Command, Output};
use requorum::run::ports::RemoteError;
use requorum::world::ssh::Ssh;
use serde_json::{Value, json};
use ssh_site::{Person, options, say, settings, sh, ssh_to};
use sshd::{Sshd, run};
use zeroize::Zeroizing;

/// A user who may become root, for as long as the test runs.
struct Operator {
    /// There is one such user, so one test at a time.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Operator {
    const NAME: &str = "requorum-t";
    const SUDOERS: &str = "/etc/sudoers.d/requorum-t";

    fn new() -> Self {
        assert!(Path::new("/usr/bin/sudo").exists(), "sudo is needed: apt-get install sudo");
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = Process::new("userdel").args(["-f", Self::NAME]).output();
        run(Process::new("useradd").args(["-M", "-s", "/bin/sh", Self::NAME]));
        let operator = Self { _turn: turn };
        run(Process::new("sh").args(["-c", &format!("echo {}:right | chpasswd", Self::NAME)]));
        operator
    }

    fn may(&self, how: &str) {
        fs::write(Self::SUDOERS, format!("{} ALL=(ALL) {how}\n", Self::NAME)).unwrap();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = fs::remove_file(Self::SUDOERS);
        let _ = Process::new("userdel").args(["-f", Self::NAME]).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_makes_root_with_and_without_a_password() {
    let server = Sshd::start("");
    let operator = Operator::new();
    let mut ssh = settings(&server);
    ssh["user"] = json!(Operator::NAME);
    ssh["become"] = json!("sudo");
    let to = |person: Arc<Person>| ssh_to(ssh.clone(), person, options(server.dir.path()));
    let who = Command::new("id").arg("-un");
    let whoami = |answer: Result<Output, RemoteError>| answer.unwrap().stdout.trim().to_owned();

    let barred = say(&to(Person::who_types(&["right"; 3])), &who).await;
    assert!(matches!(&barred, Err(RemoteError::Denied { why }) if why.contains("sudo")), "{barred:?}");
    // Where nobody has said that sudo works there, the refusal names what it was concluded from.
    let concluded = "(a user by /home/ops/.ssh/config:4; ssh.become in the inventory says otherwise)";
    assert!(!format!("{barred:?}").contains(concluded));
    let mut by_config = ssh.clone();
    by_config["by_config"] = json!({ "sudo_by": "/home/ops/.ssh/config:4" });
    for person in [Person::absent(), Person::who_types(&["right"; 3])] {
        let doubted = say(&ssh_to(by_config.clone(), person, options(server.dir.path())), &who).await;
        assert!(matches!(&doubted, Err(RemoteError::Denied { why }) if why.contains(concluded)), "{doubted:?}");
    }

    operator.may("NOPASSWD: ALL");
    let free = to(Person::absent());
    assert_eq!(whoami(say(&free, &who).await), "root");
    assert_eq!(whoami(say(&free, &Command { root: false, ..who.clone() }).await), Operator::NAME);
    let big: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(say(&free, &Command::new("wc").arg("-c").stdin(big)).await.unwrap().stdout.trim(), "12000000");

    operator.may("ALL");
    let nobody = say(&to(Person::absent()), &who).await;
    assert!(matches!(&nobody, Err(RemoteError::Denied { why }) if why.contains("NOPASSWD")), "{nobody:?}");

    let person = Person::who_types(&["wrong", "right"]);
    let asked = to(person.clone());
    assert_eq!(whoami(say(&asked, &who).await), "root");
    let fails = say(&asked, &sh("cat; exit 1").stdin("only mine")).await.unwrap();
    assert_eq!((fails.status, fails.stdout.as_str()), (1, "only mine"), "the password is not the command's input");
    assert_eq!(person.asked(), 2);

    let mut supplied = options(server.dir.path());
    supplied.sudo_password = Some(Zeroizing::new("wrong".to_owned()));
    let mistaken = ssh_to(ssh.clone(), Person::absent(), supplied);
    let wrong = say(&mistaken, &who).await;
    assert!(matches!(&wrong, Err(RemoteError::Denied { why }) if why.contains("refuses the password")), "{wrong:?}");
    let begun = Instant::now();
    assert_eq!(say(&mistaken, &who).await, wrong);
    assert!(begun.elapsed() < Duration::from_secs(1), "sudo makes one wait after a refusal, and was not asked again");
    assert!(!format!("{wrong:?}{:?}", person.asked.lock().unwrap()).contains("right"));
}

/// A policy that asks for some commands and not for others: the password of the former is no input of the latter.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_sudo_asks_nothing_for_does_not_read_the_password() {
    let server = Sshd::start("");
    let operator = Operator::new();
    let mut ssh = settings(&server);
    ssh["user"] = json!(Operator::NAME);
    ssh["become"] = json!("sudo");
    operator.may("ALL, NOPASSWD: /usr/bin/timeout * cat");
    let site = ssh_to(ssh, Person::who_types(&["right"]), options(server.dir.path()));
    let asked = say(&site, &sh("cat; echo done >&2").stdin("only mine")).await.unwrap();
    assert_eq!((asked.stdout.as_str(), asked.stderr.as_str()), ("only mine", "done\n"));
    let free = say(&site, &Command::new("cat").stdin("only mine")).await.unwrap();
    assert_eq!((free.status, free.stdout.as_str(), free.stderr.as_str()), (0, "only mine", ""));
    // sudo itself remembers nothing, so that it asks each time.
    fs::write(Operator::SUDOERS, format!("Defaults:{0} timestamp_timeout=0\n{0} ALL=(ALL) ALL\n", Operator::NAME))
        .unwrap();
    for _ in 0..3 {
        assert_eq!(say(&site, &sh("cat").stdin("only mine")).await.unwrap().stdout, "only mine");
    }
}

/// What connections and commands cost: printed, and bounded far above what was measured (84 ms, 4.5 ms, 11 ms, 57 ms).
#[tokio::test(flavor = "multi_thread")]
async fn what_it_costs() {
    let server = Sshd::start("");
    let operator = Operator::new();
    operator.may("NOPASSWD: ALL");
    let mut by_sudo = settings(&server);
    by_sudo["user"] = json!(Operator::NAME);
    let user = by_sudo.clone();
    by_sudo["become"] = json!("sudo");
    let to = |ssh: &Value, options| ssh_to(ssh.clone(), Person::who_types(&["right"]), options);
    let mut connects = Vec::new();
    for _ in 0..21 {
        let fresh = to(&user, options(server.dir.path()));
        connects.push(time(&fresh, &Command::new("true")).await);
    }
    println!("connect, log in, true: {:?}", median(connects));
    let mut costs: Vec<_> = vec![("plain", to(&user, options(server.dir.path())))];
    costs.push(("sudo", to(&by_sudo, options(server.dir.path()))));
    for (_, ssh) in &costs {
        time(ssh, &Command::new("true")).await;
    }
    operator.may("ALL");
    costs.push(("sudo with password", to(&by_sudo, options(server.dir.path()))));
    time(&costs[2].1, &Command::new("true")).await;
    for (name, ssh) in &costs {
        operator.may(if *name == "sudo" { "NOPASSWD: ALL" } else { "ALL" });
        let mut taken = Vec::new();
        for _ in 0..101 {
            taken.push(time(ssh, &Command::new("true")).await);
        }
        let middle = median(taken);
        println!("exec on an open connection, {name}: {middle:?}");
        assert!(middle < Duration::from_millis(500), "{name}: {middle:?}");
    }
}

async fn time(ssh: &Ssh, command: &Command) -> Duration {
    let begun = Instant::now();
    assert!(say(ssh, command).await.unwrap().ok());
    begun.elapsed()
}

fn median(mut taken: Vec<Duration>) -> Duration {
    taken.sort();
    taken[taken.len() / 2]
}
