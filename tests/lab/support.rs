//! A lab for one test: brought up, asked, broken and taken down. Knows nothing of what a test wants to show.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use requorum::plan::Plan;
use requorum::run::journal::{self, Record, RunEvent, StepEvent};
use requorum::step::Act;

/// The lab's name, which is its cluster's too. Tests run one after the other, so one name will do; a second suite beside
/// them takes another with REQUORUM_TEST_LAB.
static NAME: LazyLock<String> =
    LazyLock::new(|| std::env::var("REQUORUM_TEST_LAB").unwrap_or_else(|_| "test".to_owned()));

/// What a person types to consent.
pub fn name() -> &'static str {
    &NAME
}

/// A running lab. Dropped, it is taken down.
pub struct Lab {
    state: PathBuf,
}

/// What a command gave back.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Both streams.
    pub fn all(&self) -> String {
        format!("{}{}", self.stderr, self.stdout)
    }

    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "exit code {} instead of {code}:\n{}", self.code, self.all());
        self
    }

    /// Fails the test unless this was said.
    #[track_caller]
    pub fn says(self, what: &str) -> Self {
        assert!(self.all().contains(what), "{what:?} is not in:\n{}", self.all());
        self
    }
}

/// Sends a signal to a process.
pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "{name} was not sent to {process}");
}

fn plan_of(records: &[Record<RunEvent>]) -> Option<&Plan> {
    records.iter().find_map(|record| match &record.what {
        RunEvent::Run { plan, .. } => Some(plan.as_ref()),
        _ => None,
    })
}

/// Whether a journal says that a step with this command is done on a master.
pub fn is_done(journal: &str, command: &str, node: &str) -> bool {
    let records = journal::readable(journal).0.of_run();
    let runs = |act: &Act| act.doing.command().script.as_deref() == Some(command);
    let step = plan_of(&records).and_then(|plan| {
        plan.steps().find(|planned| planned.host.as_str() == node && planned.step.kind().acts().iter().any(runs))
    });
    let done = |record: &Record<RunEvent>| match &record.what {
        RunEvent::Step { id, event, .. } => {
            step.is_some_and(|step| step.id == *id) && matches!(event, StepEvent::Done(_) | StepEvent::FoundDone(_))
        }
        _ => false,
    };
    records.iter().any(done)
}

fn script() -> String {
    format!("{}/lab/lab", env!("CARGO_MANIFEST_DIR"))
}

impl Lab {
    /// Brings a lab up, taking away what an earlier, killed test left.
    pub fn up(zones: &str, etcd: &str) -> Self {
        Self::up_as(zones, etcd, "env")
    }

    /// The same with etcd's settings written down in this way: `lab/lab --help` has the shapes.
    pub fn up_as(zones: &str, etcd: &str, shape: &str) -> Self {
        Self::up_with(&["--zones", zones, "--etcd", etcd, "--shape", shape])
    }

    /// The same with these options of `lab up`.
    pub fn up_with(options: &[&str]) -> Self {
        let lab = Self { state: PathBuf::from(format!("/var/lib/requorum-lab/{}", name())) };
        lab.lab(&["down"]);
        lab.lab(&[&["up"], options].concat()).exits(0);
        lab
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(script());
        let (verb, rest) = arguments.split_first().expect("a verb");
        command.arg(verb).args(["--name", name()]).args(rest).stdin(Stdio::null());
        command
    }

    /// `lab/lab VERB …`.
    pub fn lab(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().expect("lab/lab runs"))
    }

    /// `lab/lab VERB …`, left running; what it says goes into a file of the lab's.
    pub fn lab_into(&self, file: &str, arguments: &[&str]) -> Child {
        let file = std::fs::File::create(self.state(file)).expect("a file");
        self.command(arguments).stdout(file).spawn().expect("lab/lab runs")
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&["bastion", env!("CARGO_BIN_EXE_requorum")]);
        command.args(arguments).env("REQUORUM_STATE", self.bastion());
        if !arguments.contains(&"-i") {
            command.env("REQUORUM_INVENTORY", self.inventory());
        }
        command
    }

    /// `requorum …` where the bastion sits.
    pub fn requorum(&self, arguments: &[&str]) -> Said {
        Said::of(self.program(arguments).output().expect("requorum runs"))
    }

    /// The same with one more variable in its environment.
    pub fn requorum_with(&self, variable: (&str, &str), arguments: &[&str]) -> Said {
        Said::of(self.program(arguments).env(variable.0, variable.1).output().expect("requorum runs"))
    }

    /// The same from a second bastion, which keeps its own runs and has another name.
    pub fn requorum_elsewhere(&self, state: &Path, arguments: &[&str]) -> Said {
        let named = "hostname bastion2 && exec \"$@\"";
        let mut command =
            self.command(&["bastion", "unshare", "--uts", "sh", "-c", named, "sh", env!("CARGO_BIN_EXE_requorum")]);
        command.args(arguments).env("REQUORUM_STATE", state).env("REQUORUM_INVENTORY", self.inventory());
        Said::of(command.output().expect("requorum runs"))
    }

    /// The same, left running.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.program(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("requorum starts")
    }

    /// Runs that until its journal says that a command on a master is done, and kills it there. etcd is not started on
    /// the master meanwhile: the kill may come too late to keep the next step from being sent.
    pub fn killed_after(&self, arguments: &[&str], command: &str, node: &str) -> Said {
        let held = "/etc/systemd/system/etcd.service.d/held.conf";
        let hold = format!("printf '[Unit]\\nConditionPathExists=/run/go\\n' >{held} && systemctl daemon-reload");
        self.on(node, &format!("mkdir -p $(dirname {held}) && {hold}")).exits(0);
        let before = self.journals().len();
        let mut child = self.spawn(arguments);
        let begun = Instant::now();
        while !self.journals().get(before).is_some_and(|journal| is_done(journal, command, node)) {
            if child.try_wait().expect("asked").is_some() || begun.elapsed() > Duration::from_secs(150) {
                let said = Said::of(child.wait_with_output().expect("an end"));
                panic!("the run never came to {command} on {node}:\n{}", said.all());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // The process is `lab bastion`, which becomes requorum by exec.
        child.kill().expect("killed");
        let said = Said::of(child.wait_with_output().expect("an end"));
        self.on(node, "systemctl is-active etcd").exits(3);
        self.on(node, &format!("rm {held} && systemctl daemon-reload")).exits(0);
        said
    }

    /// The plan of the last run.
    pub fn last_plan(&self) -> Plan {
        let journal = self.journals().pop().expect("a run");
        plan_of(&journal::readable(&journal).0.of_run()).cloned().expect("its plan")
    }

    /// A shell line as root on a master.
    pub fn on(&self, node: &str, line: &str) -> Said {
        self.lab(&["ssh", node, &format!("sudo sh -c {}", shlex::try_quote(line).expect("no NUL"))])
    }

    /// etcdctl on a master.
    pub fn etcdctl(&self, node: &str, arguments: &[&str]) -> Said {
        let mut all = vec!["etcdctl", node];
        all.extend(arguments);
        self.lab(&all)
    }

    /// Writes numbered keys through a master; every one must be acknowledged.
    pub fn put(&self, node: &str, prefix: &str, count: u32) {
        for number in 1..=count {
            self.etcdctl(node, &["put", &format!("{prefix}-{number}"), "x"]).exits(0);
        }
    }

    /// Makes the database larger by so many megabytes, a key `grown-N` for each.
    pub fn grow(&self, node: &str, megabytes: u32) {
        let one = "head -c 740000 /dev/urandom | base64 -w0 | etcdctl put grown-$i >/dev/null || exit 1";
        let all = format!("set -a; . /etc/etcd.env; i=1; while [ $i -le {megabytes} ]; do {one}; i=$((i + 1)); done");
        self.on(node, &all).exits(0);
    }

    /// How many keys of that prefix a master itself has.
    pub fn count(&self, node: &str, prefix: &str) -> usize {
        let keys = ["get", &format!("{prefix}-"), "--prefix", "--keys-only", "--consistency=s"];
        let said = self.etcdctl(node, &keys).exits(0);
        said.stdout.lines().filter(|line| line.starts_with(prefix)).count()
    }

    /// Waits until a master itself has that many keys of the prefix: it has seen the last write.
    pub fn wait_for_keys(&self, node: &str, prefix: &str, count: usize) {
        self.wait_for(&format!("{count} keys on {node}"), 20, || self.count(node, prefix) == count);
    }

    /// Waits until `holds`, for at most `seconds`.
    #[track_caller]
    pub fn wait_for(&self, what: &str, seconds: u64, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(seconds);
        while !holds() {
            assert!(Instant::now() < end, "after {seconds} s: not yet {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until a write through a master is acknowledged.
    #[track_caller]
    pub fn wait_for_write(&self, node: &str, key: &str) {
        self.wait_for(&format!("a write through {node}"), 60, || {
            self.etcdctl(node, &["--command-timeout=2s", "put", key, "x"]).code == 0
        });
    }

    /// The lab's directory.
    pub fn state(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// The inventory that `up` wrote.
    pub fn inventory(&self) -> PathBuf {
        self.state("inventory.yaml")
    }

    /// Where requorum keeps its runs.
    pub fn bastion(&self) -> PathBuf {
        self.state("bastion")
    }

    /// The journals of all runs, oldest first.
    pub fn journals(&self) -> Vec<String> {
        let mut runs: Vec<PathBuf> = std::fs::read_dir(self.bastion().join("runs"))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        runs.sort();
        runs.iter().map(|run| std::fs::read_to_string(run.join("journal.jsonl")).unwrap_or_default()).collect()
    }

    /// Puts a master's data onto a disk of its own, which can be full without filling this machine's.
    pub fn own_disk(&self, node: &str) {
        let moved = "systemctl stop etcd && mv /var/lib/etcd /var/lib/etcd.before && mkdir /var/lib/etcd && \
                     mount -t tmpfs -o size=400m tmpfs /var/lib/etcd && \
                     chown --reference=/var/lib/etcd.before /var/lib/etcd && chmod 700 /var/lib/etcd && \
                     cp -a /var/lib/etcd.before/. /var/lib/etcd/ && systemctl start etcd";
        self.on(node, moved).exits(0);
        self.wait_for_write(node, "moved");
    }

    /// Fills that disk, or makes room again.
    pub fn fill_disk(&self, node: &str, full: bool) {
        let ballast = "fallocate -l $(($(df --output=avail -B1 /var/lib/etcd | tail -1) - 20000000))";
        let line =
            if full { format!("{ballast} /var/lib/etcd/ballast") } else { "rm -f /var/lib/etcd/ballast".to_owned() };
        self.on(node, &line).exits(0);
    }

    /// An inventory of the user whose sudo asks for a password, and that password.
    pub fn whose_sudo_asks(&self) -> (String, String) {
        let inventory = self.state("opspw.yaml");
        let text = std::fs::read_to_string(self.inventory()).expect("inventory").replace("user: ops", "user: opspw");
        std::fs::write(&inventory, text).expect("written");
        let password = std::fs::read_to_string(self.state("ssh/opspw-password")).expect("password");
        (inventory.display().to_string(), password.trim().to_owned())
    }

    /// Everything on a master that requorum could change, as one text: but for locks that were given back, which a refusal
    /// names.
    pub fn fingerprint(&self, node: &str) -> String {
        let look = "sha256sum /etc/etcd.env; find /etc/systemd/system /var/lib/requorum -not -type d -not -path '*/lock/*' 2>/dev/null | sort; \
                    ls -d /var/lib/etcd*; systemctl show -p MainPID,ActiveState etcd";
        self.on(node, look).stdout
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What a failed test leaves is worth a look: KEEP=1 keeps it until the next test.
        if !(std::thread::panicking() && std::env::var_os("KEEP").is_some()) {
            self.lab(&["down"]);
        }
    }
}
