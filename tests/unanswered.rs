//! Every question of a look that has no answer makes a finding with its cause and what to do, and is never a no.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use requorum::config::SettingsFile;
use requorum::model::{Arg, Command, MasterName, Output};
use requorum::observe::assess::assess;
use requorum::observe::{Code, Finding, Settings, Severity, Unclear, Verdict, certificates};
use requorum::plan::Goal;
use requorum::run::look::{Looking, look};
use requorum::run::ports::{Console, Later, OneByOne, Pipes, Questions, Remote, RemoteError};
use requorum::run::prove;
use requorum::sim::{Event, Flags, Site};

/// What comes in an answer's place.
#[derive(Clone, Copy, Debug)]
enum Instead {
    Exit,
    Deadline,
    LostConnection,
    Nonsense,
}

impl Instead {
    fn answer(self) -> Result<Output, RemoteError> {
        let unknown = |why: &str| Err(RemoteError::OutcomeUnknown { why: why.to_owned() });
        match self {
            Self::Exit => {
                Ok(Output { status: 5, stderr: "sh: boom: Input/output error\n".into(), ..Output::default() })
            }
            Self::Deadline => unknown("it did not end within 10s, its deadline"),
            Self::LostConnection => unknown("the connection was cut"),
            Self::Nonsense => Ok(Output { stdout: "a banner of a login shell\n".into(), ..Output::default() }),
        }
    }

    /// What the finding says of the cause.
    const fn cause(self) -> &'static str {
        match self {
            Self::Exit => "exit 5: sh: boom",
            Self::Deadline => "within 10s",
            Self::LostConnection => "connection was cut",
            Self::Nonsense => "",
        }
    }
}

/// A site of which one question on one master gets something else than its answer.
struct Spoilt {
    site: Site,
    host: &'static str,
    question: &'static str,
    instead: Instead,
    asked: Mutex<BTreeSet<String>>,
}

/// What a command asks: a script's name, or the verb of a program.
fn question(command: &Command) -> String {
    let shown = command.shown();
    match command.script.as_deref() {
        Some(name) => name.to_owned(),
        None if shown.contains("endpoint status") => "status".to_owned(),
        None if shown.contains(" get ") => "read".to_owned(),
        None => shown.split(' ').take(2).collect::<Vec<_>>().join(" "),
    }
}

impl Remote for Spoilt {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        let asked = question(command);
        self.asked.lock().unwrap().insert(asked.clone());
        // Where its status is not told at one URL, it is asked for at the others.
        let is_spoilt = asked == self.question || (self.question == "status" && asked == "client urls");
        if host.as_str() == self.host && is_spoilt {
            let answer = self.instead.answer();
            return Box::pin(async move { answer });
        }
        Remote::run(&self.site, host, command, pipes)
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        OneByOne::new(self, host)
    }
}

async fn healthy() -> Site {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    site
}

/// Every question of a look at a healthy cluster. What is nonsense to them is known as such, but for those whose silence
/// is an answer, and for a read, of which the exit status alone counts.
const QUESTIONS: [(&str, bool); 12] = [
    ("api server", true),
    ("process", true),
    ("systemctl show", true),
    ("env file", false),
    ("disk", true),
    ("marks", false),
    ("tools", false),
    ("node", true),
    ("status", true),
    ("peer members", true),
    ("peer ports", true),
    ("certificates", true),
];

async fn findings(question: &'static str, instead: Instead) -> (Vec<Finding>, Verdict, BTreeSet<String>) {
    let site = healthy().await;
    let cluster = site.cluster();
    let spoilt = Arc::new(Spoilt { site, host: "m1", question, instead, asked: Mutex::default() });
    let remote: Arc<dyn Remote> = Arc::clone(&spoilt) as Arc<dyn Remote>;
    let assessment = assess(&cluster, &look(&cluster, &remote).await);
    let asked = spoilt.asked.lock().unwrap().clone();
    (assessment.findings, assessment.verdict, asked)
}

#[tokio::test(start_paused = true)]
async fn every_question_of_a_look_that_fails_is_a_finding_with_cause_and_next_step() {
    let (none, verdict, asked) = findings("nothing", Instead::Exit).await;
    assert_eq!((none, verdict), (Vec::new(), Verdict::Healthy));
    let known: BTreeSet<String> = QUESTIONS.iter().map(|(name, _)| (*name).to_owned()).chain(["read".into()]).collect();
    assert_eq!(asked, known, "a question that this table does not know");
    for (name, knows_nonsense) in QUESTIONS {
        for instead in [Instead::Exit, Instead::Deadline, Instead::LostConnection, Instead::Nonsense] {
            if matches!(instead, Instead::Nonsense) && !knows_nonsense {
                continue;
            }
            let (found, _, _) = findings(name, instead).await;
            let named = found.iter().find(|finding| {
                finding.code == Code::Unclear
                    && finding.master.as_ref().is_some_and(|master| master.as_str() == "m1")
                    && finding.text.contains(instead.cause())
            });
            let named = named.unwrap_or_else(|| panic!("{name} {instead:?}: {found:#?}"));
            // What to do stands behind the cause.
            let next = Unclear::text("", &named.text).next();
            assert!(named.text.contains("; "), "{name} {instead:?}: {} (say: {next})", named.text);
            // Nothing is said to be missing, down or gone by it.
            let no = ["etcd-down", "silent", "tool-missing", "no-restore-tool", "fenced", "lost"];
            assert!(found.iter().all(|finding| !no.contains(&finding.code.name())), "{name} {instead:?}: {found:#?}");
        }
    }
}

/// Where a unit starts a container, two questions more are asked: neither leaves a master for one without etcd.
#[tokio::test(start_paused = true)]
async fn a_container_of_which_nothing_is_said_is_a_finding_and_refuses_a_fence() {
    for name in ["unit files", "container"] {
        for instead in [Instead::Exit, Instead::Deadline, Instead::LostConnection, Instead::Nonsense] {
            let site = healthy().await.in_containers();
            let cluster = site.cluster();
            let spoilt = Spoilt { site, host: "m1", question: name, instead, asked: Mutex::default() };
            let remote: Arc<dyn Remote> = Arc::new(spoilt);
            let seen = look(&cluster, &remote).await;
            let assessment = assess(&cluster, &seen);
            let found =
                |code: Code| assessment.findings.iter().find(|one| one.code == code).map(|one| one.text.clone());
            assert!(found(Code::Unclear).is_some_and(|text| text.contains(instead.cause())), "{name}: {assessment:#?}");
            assert_eq!((found(Code::EtcdDown), found(Code::ToolMissing)), (None, None), "{name} {instead:?}");
            assert_eq!(seen.masters.values().filter_map(|one| one.seen()?.status.as_ref().ok()).count(), 3, "{name}");
        }
    }
    let site = healthy().await.in_containers();
    site.happens(&Event::Odd("m1".into(), "fails=container".into()));
    let refused = site.go(Goal::Fence, &Flags { failed_zones: vec!["zone1".into()], ..Flags::default() }).await;
    assert!(refused.text.contains("asking docker for etcd's container"), "{}", refused.text);
}

#[tokio::test(start_paused = true)]
async fn a_read_without_an_outcome_is_a_finding_and_no_end_of_the_cluster() {
    for instead in [Instead::Deadline, Instead::LostConnection] {
        let (found, verdict, _) = findings("read", instead).await;
        assert!(found.iter().any(|it| it.code == Code::Unclear && it.severity == Severity::Error), "{found:#?}");
        assert_eq!(verdict, Verdict::Degraded, "{found:#?}");
    }
}

/// What is found of m3 once zone1 is gone and m3's etcd was restarted.
async fn alone(question: &'static str) -> Vec<Finding> {
    let site = healthy().await;
    let cluster = site.cluster();
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    site.happens(&Event::Restart("m3".into()));
    site.wait(Duration::from_secs(5)).await;
    let console: Arc<dyn Console> = Arc::new(site.clone());
    let spoilt = Spoilt { site, host: "m3", question, instead: Instead::Exit, asked: Mutex::default() };
    let remote: Arc<dyn Remote> = Arc::new(spoilt);
    let prove::Looked { seen, .. } =
        prove::look(Looking::begin(&cluster, &remote), &cluster, None, &remote, &console).await;
    assess(&cluster, &seen).findings
}

#[tokio::test(start_paused = true)]
async fn a_log_or_peer_port_without_an_answer_is_a_finding_where_nothing_serves() {
    let unclear = |found: &[Finding]| {
        found.iter().filter(|one| one.code == Code::Unclear).map(|one| one.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(unclear(&alone("nothing").await), Vec::<String>::new());
    for question in ["log", "peer members"] {
        let found = unclear(&alone(question).await);
        assert!(matches!(&found[..], [text] if text.contains("exit 5: sh: boom: Input/output error; ")), "{found:?}");
    }
}

#[test]
fn the_script_says_why_a_file_holds_no_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("empty.pem"), "no certificate\n").unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    let text = format!(
        "ETCD_CERT_FILE={}\nETCD_PEER_CERT_FILE={}\nETCD_TRUSTED_CA_FILE={}\n",
        at("empty.pem"),
        at("gone.pem"),
        at("folder")
    );
    let settings = Settings::of(SettingsFile::env_file("/etc/etcd.env", &text));
    let words = certificates::command(&settings).argv.into_iter().map(|arg| match arg {
        Arg::Text(text) => text,
        Arg::Placeholder(placeholder) => panic!("{placeholder}"),
    });
    let words: Vec<String> = words.collect();
    let ran = std::process::Command::new(&words[0]).args(&words[1..]).env("LC_ALL", "C").output().unwrap();
    let said = Output { stdout: String::from_utf8(ran.stdout).unwrap(), ..Output::default() };
    let unread: Vec<String> =
        certificates::parse(&said).unwrap().unread().map(|why| format!("{why}; {}", why.next())).collect();
    for (found, (file, why, next)) in unread.iter().zip([
        ("empty.pem", "it holds no certificate", "in PEM form"),
        ("folder", "Is a directory", "check what is at that path"),
        ("gone.pem", "No such file or directory", "restore what is missing"),
    ]) {
        assert!(found.contains(file) && found.contains(why) && found.contains(next), "{unread:#?}");
    }
    assert_eq!(unread.len(), 3);
}
