//! Tests of `run/redact`: what counts as a secret, and that what is stored can be read back whatever the secret is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::model::{ClusterName, Environment, MasterName, RunId, ZoneName};
use crate::observe::{Finding, Severity};
use crate::playbook::Phase;
use crate::run::journal::{self, DrillEvent, JournalEvent, PhaseEvent, Record, Records, RunEvent, StepEvent};

fn secrets_of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    secrets::of_text(text, &mut found);
    found.sort();
    found.dedup();
    found
}

fn redactor(text: &str) -> Redactor {
    Redactor::default().and(secrets_of(text))
}

#[test]
fn what_counts_as_a_secret() {
    for line in [
        "MY_PASSWORD=canary-77x",
        "DB_PW=canary-77x",
        "DB_PWD=canary-77x",
        "DB_PASS=canary-77x",
        "X_PASSPHRASE='canary-77x'",
        "X_TOKEN=canary-77x",
        "MYTOKEN=canary-77x",
        "SOME_API_KEY=canary-77x",
        "AWS_SECRET_ACCESS_KEY=\"canary-77x\"",
        "GOOGLE_CREDENTIALS=canary-77x",
        "MASTER_KEY=canary-77x",
        "# OLD_PASSWORD=canary-77x",
        "; password: canary-77x",
        "export MY_SECRET=canary-77x",
        "ETCDCTL_USER=root:canary-77x",
        "HTTPS_PROXY=http://ops:canary-77x@proxy:3128/",
        "# see https://ops:canary-77x@wiki/page",
        "HEADERS_AUTHORIZATION=Bearer canary-77x",
        "MY_PASSWORD=\"canary-77x\\\"more\"",
    ] {
        let text = format!("ETCD_NAME=m1\n{line}\n");
        let redactor = redactor(&text);
        for shown in [text.as_str(), "it said canary-77x, and ended", "{\"k\":\"canary-77x\"}"] {
            let clean = redactor.clean(shown);
            assert!(!clean.contains("canary-77x") || line.contains("more") && shown != text, "{line}: {clean}");
        }
    }
    for line in [
        "ETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd_77x",
        "ETCD_AUTH_TOKEN=jwt,pub-key=/a/b,sign-method=RS256",
        "ETCD_KEY_FILE=/etc/ssl/etcd/ssl/member-77x.pem",
        "ETCDCTL_KEY=/etc/ssl/etcd/ssl/admin-77x.pem",
        "MY_PASSWORD_FILE=/run/secrets/77x-file",
        "ETCD_QUOTA_BACKEND_BYTES=2147483648",
        "HTTPS_PROXY=http://proxy-77x:3128/",
    ] {
        assert_eq!(redactor(line).clean(line), line);
    }
}

#[test]
fn a_common_word_stays_where_it_is_not_said_to_be_a_secret() {
    let redactor = redactor("X_TOKEN=true\nMY_PASSWORD=2026\nA_SECRET=etcd\nB_SECRET=production\n");
    let text = "etcd of production is healthy: true, since 2026-11-25";
    assert_eq!(redactor.clean(text), text);
    assert_eq!(
        redactor.clean("-MY_PASSWORD=2026\n+X_TOKEN=\"true\"\n2026\n"),
        "-MY_PASSWORD=<redacted>\n+X_TOKEN=<redacted>\n<redacted>\n"
    );
    assert_eq!(redactor.clean("it set MY_PASSWORD=2026 in 2026"), "it set MY_PASSWORD=<redacted> in 2026");
}

#[test]
fn a_cut_text_ends_with_no_part_of_a_secret() {
    let secret = "correct-horse-battery-1";
    let redactor = Redactor::default().and([secret.to_owned()]);
    for length in 4..secret.len() {
        let cut = format!("it said {}…", &secret[..length]);
        assert_eq!(redactor.clean(&cut), "it said <redacted>…", "{length}");
    }
    let harmful = Redactor::default().and(["pass\u{1b}word-77x".to_owned()]);
    assert_eq!(harmful.clean(&crate::model::command::clean("x pass\u{1b}word-77x")), "x <redacted>");
}

#[test]
fn what_a_console_is_told_holds_no_secret() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<Event>>);
    impl Console for Heard {
        fn tell(&self, event: Event) {
            self.0.lock().unwrap().push(event);
        }

        fn print(&self, text: &str) {
            self.say(text);
        }

        fn say(&self, text: &str) {
            self.tell(Event::Said { text: text.to_owned() });
        }

        fn coloured(&self) -> bool {
            false
        }

        fn width(&self) -> Option<usize> {
            None
        }

        fn screen(&self) -> Option<Box<dyn crate::run::ports::Screen>> {
            None
        }
    }
    let heard = Arc::new(Heard::default());
    let console = Discreet::new(heard.clone(), Redactor::default().and(["s3cret x".to_owned(), "no".to_owned()]));
    console.tell(Event::Warning { text: "sudo said s3cret x, no more".into() });
    let expected = Event::Warning { text: "sudo said <redacted>, no more".into() };
    assert_eq!(*heard.0.lock().unwrap(), [expected]);
}

#[test]
fn labels_lose_secrets_and_metrics_stay_metrics() {
    let redactor = Redactor::default().and(["canary-77x".to_owned(), "requorum_status_exit_code".to_owned()]);
    let text = "# HELP requorum_status_exit_code X.\nrequorum_status_exit_code{cluster=\"canary-77x\"} 1\n";
    assert_eq!(redactor.metrics(text), text.replace("canary-77x", REDACTED));
}

fn finding(said: &str) -> Finding {
    Finding {
        code: crate::observe::Code::EtcdDown,
        severity: Severity::Error,
        master: Some(MasterName::new("m3").unwrap()),
        text: said.to_owned(),
    }
}

fn of_run(secret: &str) -> Vec<RunEvent> {
    let host = MasterName::new("m3").unwrap();
    let step = |event| RunEvent::Step { id: 4, host: host.clone(), event, stopped: None };
    let said = format!("etcd said: {secret}");
    vec![
        RunEvent::Locked,
        step(StepEvent::Started),
        RunEvent::Command {
            step: 4,
            host: host.clone(),
            command: format!("x --password={secret}"),
            exit: Some(1),
            took_ms: 7,
            said: secret.to_owned(),
        },
        step(StepEvent::Failed(said.clone())),
        step(StepEvent::Started),
        step(StepEvent::Done(secret.to_owned())),
        RunEvent::FoundAfter(vec![finding(&said)]),
        RunEvent::End { outcome: said, exit: 4 },
    ]
}

fn of_drill(secret: &str) -> Vec<DrillEvent> {
    let said = format!("etcd said: {secret}");
    vec![
        DrillEvent::Drill {
            version: journal::VERSION,
            tool: "0.1.0".to_owned(),
            person: secret.to_owned(),
            host: "bastion".to_owned(),
            run: RunId::new("20260101-000000-0001").unwrap(),
            cluster: ClusterName::new("stretched").unwrap(),
            environment: Environment::Staging,
            zone: ZoneName::new("a").unwrap(),
            outage: "stop".to_owned(),
            timed_proof: false,
            max_outage_s: 600,
        },
        DrillEvent::FoundBefore(vec![finding(&said)]),
        DrillEvent::Locked,
        DrillEvent::Phase { name: Phase::Outage, event: PhaseEvent::Failed(said.clone()) },
        DrillEvent::WayBack(said.clone()),
        DrillEvent::Left(vec![said.clone()], vec![secret.to_owned()]),
        DrillEvent::End { outcome: said, exit: 4 },
    ]
}

/// Every event as a line of a journal.
fn lines<E: JournalEvent>(events: Vec<E>, redactor: &Redactor) -> String {
    let at = jiff::Timestamp::UNIX_EPOCH;
    let line = |(what, seq)| {
        let line = serde_json::to_string(&redactor.record(Record { seq, at, what })).unwrap();
        assert!(!line.contains('\n'));
        line + "\n"
    };
    events.into_iter().zip(1..).map(line).collect()
}

/// Whether events were read back, as the same kinds in the same order.
fn same<E>(before: &[E], after: &[Record<E>]) -> bool {
    let pairs = before.iter().zip(after);
    before.len() == after.len()
        && pairs.zip(1..).all(|((before, after), seq)| {
            (after.seq, after.at) == (seq, jiff::Timestamp::UNIX_EPOCH)
                && std::mem::discriminant(before) == std::mem::discriminant(&after.what)
        })
}

/// Values that are also words, keys, numbers, names and signs of the formats.
const NASTY: &[&str] = &[
    "true",
    "false",
    "null",
    "2026",
    "4",
    "0",
    "etcd",
    "m3",
    "started",
    "done",
    "step",
    "what",
    "seq",
    "host",
    "unknown",
    "error",
    "etcd-down",
    "production",
    "1970-01-01T00:00:00Z",
    "{",
    "}",
    "\"",
    "\\",
    "\\n",
    "\n",
    ",",
    ":",
    "\":\"",
    "\"}",
    "{\"seq\":1",
    "<redacted>",
    "redacted",
    "…",
    "m",
    "\u{202e}",
    "\u{9b}31m",
    "ü",
    "' or 1",
    "$(reboot)",
    "correct-horse-battery-1",
];

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(NASTY).prop_map(str::to_owned), "\\PC{1,12}", "[\"\\\\{}:,a-z0-9\\n]{1,20}"]
}

#[test]
fn a_line_of_megabytes_takes_no_longer_than_many_short_ones() {
    let begun = std::time::Instant::now();
    let redactor = Redactor::default().and(["canary-77x".to_owned(), "true".to_owned()]);
    for piece in ["k=", "a='", "k=\"", "x://a:b", "…can", "= ", "-", "://u:p@", "a=b ", "TOKEN=a'"] {
        let line = piece.repeat((1 << 20) / piece.len());
        assert!(!redactor.clean(&line).is_empty());
        assert!(begun.elapsed().as_secs() < 30, "{piece}: {:?}", begun.elapsed());
    }
}

proptest! {
    #[test]
    fn whatever_the_secret_is_a_journal_is_read_back_and_says_the_same(secrets in proptest::collection::vec(nasty(), 1..4)) {
        let redactor = Redactor::default().and(secrets.clone());
        for secret in &secrets {
            let (run, drill) = (of_run(secret), of_drill(secret));
            let text = lines(run.clone(), &redactor);
            let Records::Run(read) = journal::read(&text).unwrap() else { panic!("it is read as a drill's") };
            prop_assert!(same(&run, &read), "{text}");
            for (before, after) in run.iter().zip(&read) {
                if let (RunEvent::Step { id, host, event, .. }, RunEvent::Step { id: id2, host: host2, event: event2, .. }) =
                    (before, &after.what)
                {
                    prop_assert_eq!((id, host), (id2, host2));
                    prop_assert_eq!(std::mem::discriminant(event), std::mem::discriminant(event2));
                }
            }
            let of_drill = lines(drill.clone(), &redactor);
            let Records::Drill(read) = journal::read(&of_drill).unwrap() else { panic!("it is read as a run's") };
            prop_assert!(same(&drill, &read), "{of_drill}");
            let text = text + &of_drill;
            let unmistakable = is_unmistakable(secret) && !REDACTED.contains(secret.as_str());
            let json = serde_json::to_string(secret).unwrap();
            // The record's own time is no text of anybody's.
            let text = text.replace("1970-01-01T00:00:00Z", "");
            prop_assert!(!unmistakable || !text.contains(json.trim_matches('"')), "{}: {}", secret, text);
        }
    }
}
