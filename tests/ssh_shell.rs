//! What the files of a login shell may do to a command over SSH, against OpenSSH's own server and a real bash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/ssh_site.rs"]
mod ssh_site;
#[path = "support/sshd.rs"]
mod sshd;

use requorum::model::{Command, Output};
use requorum::run::ports::{Remote, RemoteError};
use ssh_site::{m1, plain, say, sh, with_bashrc};

/// Names that a line of ours uses, taken by functions, exported ones too, and by aliases.
const TAKEN: &str = r#"
shopt -s expand_aliases
for name in timeout env sh sudo command exec printf umask cd eval exit set true grep echo; do
  alias $name="echo alias of $name; false"
  builtin eval "function $name { builtin echo function $name; return 9; }"
  export -f $name 2>/dev/null
done
"#;

fn answer(status: u32, stdout: &str, stderr: &str) -> Output {
    Output { status, stdout: stdout.into(), stderr: stderr.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_aliases_of_the_login_shell_are_not_run() {
    let server = with_bashrc(TAKEN, "");
    let ssh = plain(&server);
    assert_eq!(say(&ssh, &sh("echo out; echo err >&2; exit 3")).await, Ok(answer(3, "out\n", "err\n")));
    let questions = ["printf one; exit 2", "timeout 2 env printf two"].map(sh);
    let mut answers = Vec::new();
    ssh.questions(&m1()).ask(&questions, &mut |place, answer| answers.push((place, answer))).await;
    assert_eq!(answers, [(0, Ok(answer(2, "one", ""))), (1, Ok(answer(0, "two", "")))]);
    assert_eq!(say(&ssh, &Command::new("cat").stdin("ja\n")).await.unwrap().stdout, "ja\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_leads_elsewhere_is_named_with_its_file_and_nothing_is_run() {
    for (rc, stream) in [
        ("exec >/dev/null", "standard output"),
        ("exec >>~/log", "standard output"),
        ("echo hello >&2\nexec 1>~/log", "standard output"),
        ("echo hello\nexec 2>>~/log", "standard error"),
        ("exec 2>/dev/null", "standard error"),
    ] {
        let server = with_bashrc(rc, "");
        let mark = server.path("ran");
        match say(&plain(&server), &sh(&format!("touch {}", mark.display()))).await {
            Err(RemoteError::Denied { why }) => {
                for part in [stream, "of this login does not lead here", "/.bashrc redirects it", "next: take that out"]
                {
                    assert!(why.contains(part), "{rc}: {part} in {why}");
                }
            }
            other => panic!("{rc}: {other:?}"),
        }
        assert!(!mark.exists(), "{rc}");
    }
    // Both: nothing can be said from there, and nothing was run.
    let server = with_bashrc("exec >/dev/null 2>&1", "");
    let mark = server.path("ran");
    let refused = say(&plain(&server), &sh(&format!("touch {}", mark.display()))).await;
    assert!(matches!(&refused, Err(RemoteError::Denied { why }) if why.contains("~/.bashrc")), "{refused:?}");
    assert!(!mark.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_a_program_swallows_is_named_and_the_outcome_unknown() {
    for (rc, stream) in
        [("exec > >(cat >/dev/null)", "standard output"), ("exec 2> >(cat >/dev/null)", "standard error")]
    {
        let server = with_bashrc(rc, "");
        match say(&plain(&server), &sh("true")).await {
            Err(RemoteError::OutcomeUnknown { why }) => {
                assert!(why.contains(&format!("its {stream} never came")) && why.contains("~/.bashrc"), "{rc}: {why}");
            }
            other => panic!("{rc}: {other:?}"),
        }
    }
    // One that passes it on does no harm.
    let server = with_bashrc("exec > >(tee -a ~/log)", "");
    assert_eq!(say(&plain(&server), &sh("echo out; exit 3")).await, Ok(answer(3, "out\n", "")));
}
