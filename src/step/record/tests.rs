//! The script, with texts that come whole and such that are cut off.

use std::io::Write;
use std::process::{Command as Process, Stdio};

use super::*;

#[test]
fn a_record_that_is_cut_off_replaces_none() {
    let place = tempfile::tempdir().unwrap();
    let (path, kept) = (place.path().join("cluster.json"), place.path().join("kept"));
    let record = |text: &str| {
        let mut sh = Process::new("sh")
            .args(["-c", SCRIPT.text, "x"])
            .arg(&path)
            .args(["52", "99"])
            .arg(&kept)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        sh.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        sh.wait_with_output().unwrap()
    };
    let said = || std::fs::read_to_string(&path).unwrap();
    assert!(record(r#"{"fork_revision":99,"finished":false}"#).status.success());
    assert_eq!(said(), r#"{"fork_revision":52,"finished":false}"#);
    for cut in ["", r#"{"fork_revision":99,"fini"#] {
        let ended = record(cut);
        assert!(!ended.status.success() && String::from_utf8_lossy(&ended.stderr).contains("did not arrive whole"));
        assert_eq!(said(), r#"{"fork_revision":52,"finished":false}"#);
    }
    assert!(record(r#"{"fork_revision":99,"finished":true}"#).status.success());
    assert_eq!(said(), r#"{"fork_revision":52,"finished":true}"#);
    assert_eq!(std::fs::read_to_string(kept.join("cluster.json")).unwrap(), r#"{"fork_revision":52,"finished":false}"#);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2);
}
