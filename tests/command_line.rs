//! What a person at a shell meets: help, completion, the manual, colours, how much is told, and what is on standard output
//! where JSON was asked for.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use requorum::cli::args::Cli;
use requorum::cli::pages;

#[path = "support/at_a_shell.rs"]
mod at_a_shell;
use at_a_shell::{INVENTORY, program, site, told};

/// Every verb that can be given, with the words that lead to it.
fn verbs() -> Vec<(Vec<String>, clap::Command)> {
    fn below(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
        if !command.has_subcommands() {
            found.push((path.to_vec(), command.clone()));
        }
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            below(verb, &[path, &[verb.get_name().to_owned()]].concat(), found);
        }
    }
    let mut program = Cli::command();
    program.build();
    let mut found = Vec::new();
    below(&program, &[], &mut found);
    found
}

/// The long names of the flags that are a verb's own.
fn own_flags(verb: &clap::Command) -> BTreeSet<String> {
    let own = verb.get_arguments().filter(|arg| !arg.is_global_set() && arg.get_id() != "help");
    own.filter_map(|arg| arg.get_long()).map(str::to_owned).collect()
}

#[test]
fn each_verb_shows_its_own_flags_and_an_example() {
    for (path, verb) in verbs() {
        let path = path.join(" ");
        let help = verb.clone().render_long_help().to_string();
        let example = help.split("Example").nth(1).unwrap_or_default();
        // `source <(…)` is one as well.
        assert!(example.contains(&format!("requorum {path}")), "{path} has no example:\n{help}");
        let all = help.find("Of every verb:").unwrap_or_else(|| panic!("{path}: one heap of flags"));
        for flag in own_flags(&verb) {
            let at = help.find(&format!("--{flag}")).unwrap();
            assert!(at < all, "{path}: --{flag} stands among the flags of every verb");
        }
        // What another verb takes.
        for other in ["initiate-dr: ", "recover: "] {
            assert!(!help.contains(other), "{path} shows a flag of another verb:\n{help}");
        }
    }
    let flags = |name: &str| own_flags(&verbs().into_iter().find(|(path, _)| path == &[name]).unwrap().1);
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(flags("recover"), of(&["only", "override", "confirm", "output"]));
    let initiate = ["failed-zone", "attest", "proof", "snapshot", "seed", "override", "confirm", "output"];
    assert_eq!(flags("initiate-dr"), of(&initiate));
}

#[test]
fn a_flag_means_the_same_in_every_verb() {
    let mut shorts = std::collections::BTreeMap::new();
    for (path, verb) in verbs() {
        for arg in verb.get_arguments() {
            let (Some(short), Some(long)) = (arg.get_short(), arg.get_long()) else { continue };
            let known = shorts.entry(short).or_insert_with(|| long.to_owned());
            assert_eq!(known, long, "-{short} of {path:?}");
        }
    }
    let shorts: Vec<char> = shorts.into_keys().collect();
    assert_eq!(shorts, ['h', 'i', 'o', 'q', 'v']);
}

/// Every verb with `-o json`, and words that make it a whole command.
fn json_verbs() -> Vec<Vec<String>> {
    let takes_json = |verb: &clap::Command| {
        let output = verb.get_arguments().find(|arg| arg.get_id() == "output");
        output.is_some_and(|arg| arg.get_possible_values().iter().any(|value| value.get_name() == "json"))
    };
    let whole = |path: &[String], verb: &clap::Command| {
        let needed = verb.get_arguments().filter(|arg| arg.is_positional() && arg.get_id() != "help");
        let needed = needed.map(|_| "x".to_owned());
        let zone = verb.get_arguments().any(|arg| arg.is_required_set() && arg.get_id() == "zone");
        let zone = zone.then(|| ["--zone".to_owned(), "west".to_owned()]).into_iter().flatten();
        path.iter().cloned().chain(needed).chain(zone).chain(["-o".to_owned(), "json".to_owned()]).collect()
    };
    verbs().iter().filter(|(_, verb)| takes_json(verb)).map(|(path, verb)| whole(path, verb)).collect()
}

#[test]
fn where_json_is_asked_for_standard_output_is_one_document() {
    let dir = site();
    let all = json_verbs();
    assert!(all.len() >= 14, "only {all:?}");
    for words in all {
        let mut command = program(dir.path());
        let output = command.args(["-i", "values.yaml", "--connect-timeout", "1"]).args(&words).output().unwrap();
        let (out, err) = told(&output);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|error| {
            panic!("{words:?}: {error}:\n{out}\n{err}");
        });
        assert!(output.status.success() || !value.is_null(), "{words:?}");
    }
}

#[test]
fn colour_is_as_the_flag_says_and_then_as_the_environment() {
    let dir = site();
    fs::write(dir.path().join("wrong.yaml"), INVENTORY.replace("port: 1", "prt: 1")).unwrap();
    let esc = |arguments: &[&str], no_color: bool| {
        let mut command = program(dir.path());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let (out, err) = told(&command.args(arguments).output().unwrap());
        (out + &err).contains('\u{1b}')
    };
    let status = ["-i", "wrong.yaml", "status"];
    let with = |flag: &'static str, words: &[&'static str]| [&["--color", flag], words].concat();
    // Nobody looks at a pipe.
    assert!(!esc(&status, false));
    assert!(esc(&with("always", &status), false) && esc(&with("always", &status), true));
    assert!(!esc(&with("never", &status), false));
    // Help and usage errors are written before the flags are known.
    for words in [&["--help"][..], &["recover", "--nonsense"]] {
        assert!(!esc(words, false) && !esc(&with("never", words), false) && esc(&with("always", words), true));
    }
    assert!(!esc(&["recover", "--nonsense", "--color=never"], false) && esc(&["--color=always", "--help"], false));
}

#[test]
fn verbose_tells_each_command_and_quiet_no_progress() {
    let dir = site();
    let status = |flag: &[&str]| {
        let output = program(dir.path()).args(flag).args(["status", "--quick"]).output().unwrap();
        assert_eq!(output.status.code(), Some(14), "{output:?}");
        told(&output)
    };
    let (usual, verbose, quiet) = (status(&[]), status(&["-v"]), status(&["-q"]));
    assert_eq!((&usual.0, &usual.0), (&verbose.0, &quiet.0), "the result is the same");
    let commands = |text: &str| text.lines().filter(|line| line.contains("m1$ ")).count();
    assert!(commands(&verbose.1) > 0 && commands(&usual.1) == 0, "{}", verbose.1);
    assert!(verbose.1.contains("no SSH connection"), "{}", verbose.1);
    assert_eq!(quiet.1, "");
    let both = program(dir.path()).args(["-q", "-v", "status"]).output().unwrap();
    assert_eq!(both.status.code(), Some(64));
}

/// What is offered for the last of these words.
fn offered(dir: &Path, words: &[&str]) -> Vec<String> {
    let mut command = program(dir);
    command.env("REQUORUM_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("_CLAP_IFS", "\n").args(["--", "requorum"]).args(words);
    let (out, err) = told(&command.output().unwrap());
    assert_eq!(err, "");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn a_shell_is_offered_what_the_inventory_and_this_host_know() {
    let dir = site();
    let offered = |words: &[&str]| offered(dir.path(), words);
    let zones = offered(&["fence", ""]);
    assert!(zones.contains(&"east".to_owned()) && zones.contains(&"west".to_owned()), "{zones:?}");
    assert_eq!(offered(&["fence", "ea"]), ["east"]);
    assert_eq!(offered(&["-i", "other.yaml", "unfence", "n"]), ["north"]);
    assert_eq!(offered(&["--inventory", "=", "other.yaml", "drill", "--zone", "n"]), ["north"]);
    assert_eq!(offered(&["recover", "--only", "m"]), ["m1", "m2", "m3"]);
    assert_eq!(offered(&["initiate-dr", "--seed", "m"]), ["m1", "m2", "m3"]);
    assert_eq!(offered(&["initiate-dr", "--attest", "w"]), ["west="]);
    assert_eq!(offered(&["initiate-dr", "--confirm", "p"]), ["prod"]);
    assert_eq!(offered(&["status", "--cluster", "p"]), ["prod"]);
    assert_eq!(offered(&["report", "l"]), ["last", "last-drill"]);
    assert_eq!(offered(&["runs", "show", "20"]), ["20260101-000000-0001"]);
    assert_eq!(offered(&["explain", "quorum-al"]), ["quorum-alive"]);
    assert_eq!(offered(&["undo", "2"]), ["20260101-000000-0001"]);
    assert!(offered(&["recover", "--override", "q"]).contains(&"quota-smaller=".to_owned()));
    // No file that is not an inventory.
    let files = offered(&["-i", ""]);
    assert!(files.contains(&"inventory.yaml".to_owned()) && files.contains(&"other.yaml".to_owned()), "{files:?}");
    assert!(!files.contains(&"values.yaml".to_owned()), "{files:?}");
    // A broken inventory, or none, is silence.
    fs::write(dir.path().join("inventory.yaml"), "zones: [").unwrap();
    assert_eq!(offered(&["fence", "e"]), Vec::<String>::new());
}

#[test]
fn there_is_a_page_of_the_manual_for_each_verb() {
    let pages: std::collections::BTreeMap<_, _> = pages::manual().into_iter().collect();
    for (path, verb) in verbs().iter().filter(|(_, verb)| !verb.is_hide_set()) {
        let page = &pages[&format!("requorum-{}.1", path.join("-"))];
        assert!(page.starts_with(".ie"), "{page}");
        assert!(page.contains(&format!(".TH REQUORUM-{}", path.join("-").to_uppercase())), "{path:?}: {page}");
        for flag in own_flags(verb) {
            assert!(page.contains(&flag.replace('-', "\\-")), "{path:?}: --{flag}: {page}");
        }
    }
    assert!(pages.contains_key("requorum.1") && !pages.contains_key("requorum-manual.1"));
    let dir = site();
    let output = program(dir.path()).args(["manual", "man"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(fs::read_dir(dir.path().join("man")).unwrap().count(), pages.len());
    // What is there is not written over.
    assert_eq!(program(dir.path()).args(["manual", "man"]).output().unwrap().status.code(), Some(1));
}

#[test]
fn what_the_inventory_does_not_say_the_openssh_configuration_does() {
    let dir = site();
    fs::create_dir(dir.path().join(".ssh")).unwrap();
    let config = "Host 127.0.0.2\n  Port 2222\nHost 127.0.0.*\n  User ops\n  Port 2200\n  HostName 10.9.9.9\n  IdentityFile ~/.ssh/k\n  \
                  UserKnownHostsFile /kh/a /kh/b\n  ProxyJump hop\n  ProxyCommand nc\n  KexAlgorithms x\n\
                  Host hop\n  HostName 10.0.0.1\n  User j\n  Port 24\nHost 127.*\n  IdentityAgent ~/agent\n  \
                  CertificateFile ~/%r-cert.pub\n";
    let path = dir.path().join(".ssh/config");
    fs::write(&path, config).unwrap();
    let show = || told(&program(dir.path()).args(["inventory", "show"]).output().unwrap());
    let (out, err) = show();
    let m1 = out.split("\n\n").find(|block| block.starts_with("m1 ")).unwrap();
    let row = |name: &str| m1.lines().filter(|line| line.trim_start().starts_with(name)).collect::<Vec<_>>().join("|");
    let says = |name: &str, value: &str, from: &str| {
        let row = row(name);
        assert!(row.contains(&format!(" {value} ")) && row.ends_with(from), "{name}: {row}\n{out}\n{err}");
    };
    // The inventory wins, key by key.
    says("ssh.port", "1", "inventory.yaml:4");
    says("ssh.user", "ops", ".ssh/config:4");
    says("ssh.become", "sudo", ".ssh/config:4");
    says("ssh.host", "10.9.9.9", ".ssh/config:6");
    says("ssh.identity", "~/.ssh/k", ".ssh/config:7");
    says("ssh.jump", "j@10.0.0.1:24", ".ssh/config:9");
    assert!(row("ssh.known_hosts").contains("/kh/a") && row("ssh.known_hosts").contains("/kh/b"), "{out}");
    says("ssh.agent", "~/agent", ".ssh/config:17");
    says("ssh.certificate", "~/ops-cert.pub", ".ssh/config:18");
    assert!(err.contains(".ssh/config:11: KexAlgorithms x: ") && !err.contains("ProxyCommand"), "{err}");
    fs::write(&path, config.replace("ProxyJump hop", "ProxyJump %h,a@b:3,hop")).unwrap();
    assert!(show().1.contains(".ssh/config:9: %h,a@b:3,hop: this is no USER@HOST:PORT"), "{}", show().1);
    fs::write(
        &path,
        config
            .replace("ProxyJump hop", "ProxyJump far:3,hop")
            .replace("Host hop", "Host far\n  ProxyCommand nc %n %h %p %%\nHost hop"),
    )
    .unwrap();
    let way = show().0;
    let login = std::env::var("LOGNAME").or_else(|_| std::env::var("USER")).ok();
    assert!(way.contains(&format!("{}@far:3,j@10.0.0.1:24", login.unwrap_or_else(|| "0".to_owned()))), "{way}");
    fs::write(&path, config.replace("ProxyJump hop", "ProxyCommand nc -X 5 %h %p # %r")).unwrap();
    // Its text may hold a password.
    assert!(show().0.contains(" the command of that line ") && !show().0.contains("-X 5"), "{}", show().0);
    fs::write(&path, config.replace("ProxyJump hop", "ProxyCommand nc %C")).unwrap();
    assert!(show().1.contains(".ssh/config:9: ProxyCommand: it holds what is not replaced here"), "{}", show().1);
    fs::write(&path, config.replace("ProxyJump hop", "ProxyJump 127.0.0.1")).unwrap();
    assert!(show().1.contains("a circle of them"), "{}", show().1);
    // What others may write is not read.
    let mut open = fs::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o666);
    fs::set_permissions(&path, open).unwrap();
    let (out, err) = show();
    assert!(out.is_empty() && err.contains("others may write it") && err.contains("chmod go-w"), "{out}{err}");
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_requorum"))
        .args(["inventory", "schema"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("could not be written whole"), "{said}");
}
