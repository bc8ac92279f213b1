//! What the script does with lists that an etcdctl of the test gives it.

use std::os::unix::fs::PermissionsExt;

use super::*;

const ID: &str = "f0b1dd3be8ddef14";
/// A learner whose ID begins with the same decimal digits.
const OTHER: &str = r#"{"ID":1734388688936015848,"name":"etcd1","peerURLs":["https://a:2380"],"isLearner":true}"#;

/// What the script says where the list is `listed` (or fails), and whether it removed something.
fn ran(listed: Option<&str>) -> (Judgement, bool) {
    let place = tempfile::tempdir().unwrap();
    let (program, removed) = (place.path().join("etcdctl"), place.path().join("removed"));
    let list = match listed {
        Some(text) => format!("cat <<'END'\n{text}\nEND"),
        None => "echo 'Error: context deadline exceeded' >&2; exit 1".to_owned(),
    };
    let text = format!("#!/bin/sh\nif [ $2 = list ]; then\n{list}\nelse : >{}; fi\n", removed.display());
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = std::process::Command::new("sh").args(["-c", SCRIPT.text, "x", ID]).arg(&program).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = ended.status.code().unwrap().try_into().unwrap();
    let output = Output { status, stdout: text(ended.stdout), stderr: text(ended.stderr) };
    let step = DropLearner {
        joiner: MasterName::new("m2").unwrap(),
        id: MemberId(u64::from_str_radix(ID, 16).unwrap()),
        etcdctl: program.display().to_string(),
        access: Access { url: "http://127.0.0.1:2379".into(), tls: None },
        limit: Duration::from_secs(30),
    };
    (step.judge(0, &output, &Facts::default()), removed.exists())
}

fn list(learner: &str) -> String {
    let entry = r#"{"ID":17343886889360158484,"peerURLs":["https://b:2380"]"#;
    format!(r#"{{"header":{{"cluster_id":1,"raft_term":2}},"members":[{OTHER},{entry}{learner}}}]}}"#)
}

#[test]
fn only_what_the_list_shows_as_a_learner_is_removed() {
    assert_eq!(ran(Some(&list(r#","isLearner":true"#))), (Judgement::done("removed"), true));
    let (judged, removed) = ran(Some(&list("")));
    assert!(matches!(judged, Judgement::Stop(why) if why.contains("votes by now")) && !removed);
}

#[test]
fn a_list_that_fails_removes_nobody() {
    let (judged, removed) = ran(None);
    assert!(matches!(judged, Judgement::Again(why) if why.contains("deadline exceeded")) && !removed);
    let (judged, removed) = ran(Some("{}"));
    assert!(matches!(judged, Judgement::Again(why) if why.contains("cannot be read")) && !removed);
    let none = format!(r#"{{"header":{{}},"members":[{OTHER}]}}"#);
    assert_eq!(ran(Some(&none)), (Judgement::found("it is not listed any more"), false));
}
