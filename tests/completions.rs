//! What bash, zsh and fish complete a word to, each asked as its own user would: with the files as a package lays them down.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/at_a_shell.rs"]
mod at_a_shell;

use std::fs;
use std::path::Path;
use std::process::Command;

use at_a_shell::{program, site, told};

/// What is typed up to the TAB, and the word that it becomes. A value of each kind: a zone, a master, a run, an inventory, a
/// verb.
const TYPED: [(&str, &str); 6] = [
    ("requorum unfence we", "west"),
    ("requorum recover --only m3", "m3"),
    ("requorum undo 2026", "20260101-000000-0001"),
    ("requorum -i inv", "inventory.yaml"),
    ("requorum -i other.yaml fence n", "north"),
    ("requorum initi", "initiate-dr"),
];

/// A shell in the folder, with the program on its path, and nobody's own files read.
fn shell(dir: &Path, name: &str, arguments: &[&str]) -> Command {
    let built = assert_cmd::cargo::cargo_bin!("requorum").parent().unwrap();
    let mut command = Command::new(name);
    command.args(arguments).current_dir(dir).env("HOME", dir).env("REQUORUM_STATE", dir.join("state"));
    command.env("PATH", format!("{}:{}", built.display(), std::env::var("PATH").unwrap())).env("TERM", "xterm");
    command.env("XDG_CONFIG_HOME", dir.join("config")).env("XDG_DATA_HOME", dir.join("data"));
    command
}

fn completion(dir: &Path, shell: &str, file: &str) {
    let script = told(&program(dir).args(["completions", shell]).output().unwrap()).0;
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, script).unwrap();
}

#[test]
fn bash_completes() {
    let dir = site();
    completion(dir.path(), "bash", "completions/requorum");
    for (typed, word) in TYPED {
        let words: Vec<&str> = typed.split(' ').collect();
        let at = words.len() - 1;
        let ask = format!(
            "source completions/requorum; COMP_WORDS=({typed}); COMP_CWORD={at}; COMP_TYPE=9; \
             $(complete -p requorum | sed 's/.*-F \\([^ ]*\\).*/\\1/') requorum {} {}; printf '%s' \"${{COMPREPLY[*]}}\"",
            words[at],
            words[at - 1],
        );
        // Called in a subshell it could not set the answer.
        let ask = ask.replace("$(complete", "asked=$(complete").replace("/') requorum", "/'); $asked requorum");
        let output = shell(dir.path(), "bash", &["--norc", "-c", &ask]).output().unwrap();
        assert_eq!(told(&output).0.trim_end(), word, "{typed}: {output:?}");
    }
}

/// A terminal in which zsh reads what is typed. It shows its line where it is told to, so that nobody waits for a time.
const IN_ZSH: &str = r#"
zmodload zsh/zpty zsh/zselect
until_there() { local tries=0; until [[ -e $1 ]]; do ((tries++ < 1000)) || exit 1; zselect -t 2; done }
zpty -b z zsh -f -i
zpty -w z 'fpath=($PWD/site-functions $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump
show() { print -r -- "$BUFFER" >$PWD/shown.new; mv $PWD/shown.new $PWD/shown }; zle -N show; bindkey "^X" show; : >$PWD/begun'
until_there begun
zpty -w -n z "$1"$'\t\x18'
until_there shown
"#;

#[test]
fn zsh_completes_at_the_first_tab() {
    for (typed, word) in TYPED {
        let dir = site();
        completion(dir.path(), "zsh", "site-functions/_requorum");
        let output = shell(dir.path(), "zsh", &["-f", "-c", IN_ZSH, "zsh", typed]).output().expect("zsh is installed");
        let shown = fs::read_to_string(dir.path().join("shown")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let whole = format!("{} {word}", typed.rsplit_once(' ').unwrap().0);
        assert_eq!(shown.trim_end(), whole, "{output:?}");
    }
}

#[test]
fn fish_completes() {
    let dir = site();
    completion(dir.path(), "fish", "requorum.fish");
    for (typed, word) in TYPED {
        let ask = format!("source requorum.fish; complete --do-complete '{typed}'");
        let output = shell(dir.path(), "fish", &["--no-config", "-c", &ask]).output().expect("fish is installed");
        let offered = told(&output).0;
        // What a word means follows after a tab.
        let words: Vec<&str> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(words, [word], "{typed}: {output:?}");
    }
}
