//! A program that stands in for requorum where a schedule is tried. Knows of a drill only that it ends with a code, keeps
//! a journal, and can be told to stop.

#![allow(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Notes its calls in `$REQUORUM_STATE`. What lies there says how a drill ends: `code`; `no-journal`: before it began;
/// `long`: not before it was told and `end` lies there.
const TEXT: &str = r#"#!/bin/sh
cd "$REQUORUM_STATE"
echo "$*" >>calls
case $1 in
drill)
    code=$(cat code)
    case $code in 3 | 64 | 65) exit "$code" ;; esac
    [ ! -e no-journal ] || exit "$code"
    echo "a drill" >>journal
    trap 'echo "told, and the mark of the job is: $RUNNER_TRACKING_ID" >>told' INT TERM
    [ ! -e long ] || : >begun
    while [ -e long ] && ! [ -e told -a -e end ]; do sleep 0.1; done
    exit "$code"
    ;;
report)
    [ -e journal ] || exit 64
    case "$*" in
    *--out*) [ ! -e "$6" ] && cp journal "$6" ;;
    *) cat journal ;;
    esac
    ;;
esac
"#;

/// Writes it to `bin/requorum`.
pub fn stand_in(bin: &Path) {
    fs::create_dir_all(bin).expect("made");
    let path = bin.join("requorum");
    fs::write(&path, TEXT).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
}
