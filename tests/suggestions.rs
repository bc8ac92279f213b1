//! Every command that the program, its help or its documents suggest is one that its own parser reads.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use requorum::cli::args::Cli;
use requorum::plan::Goal;
use requorum::sim::{Cut, Event, Flags, Site};

/// What a placeholder stands for: a run's name, which also passes for a zone's, a master's or a file's.
const WORD: &str = "20260101-000000-0001";

fn files(under: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join(under)];
    while let Some(dir) = open.pop() {
        let paths: Vec<PathBuf> = fs::read_dir(&dir).unwrap().flatten().map(|entry| entry.path()).collect();
        for path in paths {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let shown = path.strip_prefix(root).unwrap().display().to_string();
                found.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The string literals of a Rust file before its tests, as they are at run time; comments are passed over.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let raw = rest[at..].strip_prefix('r').map(|after| after.trim_start_matches('#'));
        let hashes = raw.map_or(0, |after| rest.len() - at - 1 - after.len());
        if rest[at..].starts_with("//") {
            rest = rest[at..].split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(body) = raw.and_then(|after| after.strip_prefix('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let (text, after) = body.split_once(&end).unwrap_or((body, ""));
            found.push(text.to_owned());
            rest = after;
        } else if ["'\"'", "'\\"].iter().any(|letter| rest[at..].starts_with(letter)) {
            rest = &rest[at + 3..];
        } else if let Some(body) = rest[at..].strip_prefix('"') {
            let (text, after) = quoted(body);
            found.push(text);
            rest = after;
        } else {
            rest = &rest[at + 1..];
        }
    }
    found
}

/// A literal up to its closing quote, and what comes after.
fn quoted(body: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, &body[at + 1..]),
            '\\' => match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((at, '\n')) => {
                    let after = body[at..].trim_start();
                    let (more, rest) = quoted(after);
                    return (text + &more, rest);
                }
                Some((_, other)) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    (text, "")
}

fn verbs() -> Vec<String> {
    Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

/// The commands in a text. Between backticks one goes to the closing one; elsewhere to where the last words and the
/// refusals end it.
fn commands(text: &str) -> Vec<String> {
    let verbs = verbs();
    let mut found = Vec::new();
    for program in ["requorum ", "{again} ", "{0} ", "{} "] {
        for (at, _) in text.match_indices(program) {
            let (before, after) = (&text[..at], &text[at + program.len()..]);
            let verb = after.split(|c: char| !(c.is_ascii_lowercase() || c == '-')).next().unwrap_or_default();
            let open = before.rsplit('\n').next().unwrap_or_default().matches('`').count() % 2 == 1;
            let named = before.ends_with('`') && program == "requorum ";
            // `{}` may be anything; a sentence may speak of the program.
            let is_command = verbs.iter().any(|known| known == verb) || (named && !verb.is_empty());
            if !is_command {
                continue;
            }
            // Part of a longer word, or a name in XML.
            if before.ends_with(|c: char| c.is_alphanumeric() || "/.-_\"".contains(c)) {
                continue;
            }
            let ends: &[&str] =
                if open { &["`", " >"] } else { &["\n", "      #", "; ", ", ", "`", " (", ": ", ")", " >", "\">"] };
            // What a shell would take as one word is not cut.
            let outside = |at: &usize| after[..*at].matches('"').count() % 2 == 0;
            let cuts = ends.iter().filter_map(|end| after.match_indices(end).map(|(at, _)| at).find(outside));
            found.push(filled(after[..cuts.min().unwrap_or(after.len())].trim_end_matches('.').trim()));
        }
    }
    found
}

/// The command with words where the text has placeholders; one that is glued to a word stands for more flags.
fn filled(command: &str) -> String {
    let mut out = String::from("requorum ");
    let mut rest = command;
    while let Some((before, (_, after))) = rest.split_once('{').and_then(|(b, a)| Some((b, a.split_once('}')?))) {
        out.push_str(before);
        if out.ends_with([' ', '=', '\'']) {
            out.push_str(WORD);
        }
        rest = after;
    }
    out + rest
}

fn read(command: &str) -> Result<(), String> {
    let words = shlex::split(command).ok_or("a shell cannot read it")?;
    match Cli::try_parse_from(words) {
        Err(error) if error.exit_code() != 0 => Err(error.to_string().lines().next().unwrap_or_default().to_owned()),
        _ => Ok(()),
    }
}

/// Every command that cannot be read, with where it stands, and how many there are.
fn unread(place: &str, text: &str) -> (Vec<String>, usize) {
    let all = commands(text);
    let wrong = all.iter().filter_map(|command| Some(format!("{place}: `{command}`: {}", read(command).err()?)));
    (wrong.collect(), all.len())
}

#[test]
fn the_program_suggests_what_it_reads() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, text) in files("src", "rs").into_iter().filter(|(path, _)| !path.contains("tests")) {
        for literal in literals(&text) {
            let (bad, all) = unread(&path, &literal);
            wrong.extend(bad);
            count += all;
        }
    }
    println!("{count} commands");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 80, "only {count} commands were found");
}

#[test]
fn the_help_suggests_what_the_program_reads() {
    let mut count = 0;
    for verb in std::iter::once(Cli::command()).chain(Cli::command().get_subcommands().cloned()) {
        let help = verb.clone().render_long_help().to_string();
        let told: String = help.lines().filter(|line| !line.starts_with("Usage:")).collect::<Vec<_>>().join("\n");
        let (wrong, all) = unread(verb.get_name(), &told);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        count += all;
    }
    assert!(count >= 3, "only {count} commands were found");
}

/// A document names a verb without its arguments, or with `…` and `[…]` in their place, where it speaks of it.
fn only_named(command: &str) -> bool {
    let program = Cli::command();
    let mut path = command.split_whitespace().skip(1);
    let verb = path.try_fold(&program, |verb, name| verb.find_subcommand(name));
    command.contains(['…', '[', '|']) || verb.is_some()
}

#[test]
fn the_documents_suggest_what_the_program_reads() {
    let above = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
        .map(|name| (name.to_owned(), fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()));
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (path, text) in files("docs", "md").into_iter().chain(above) {
        for line in text.lines().filter(|line| line.contains('`') || line.starts_with("    ")) {
            for command in commands(line) {
                count += 1;
                if let Err(why) = read(&command)
                    && !only_named(&command)
                {
                    wrong.push(format!("{path}: `{command}`: {why}"));
                }
            }
        }
    }
    println!("{count} commands");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 50, "only {count} commands were found");
}

/// The words of these commands are in no literal: the run's plan has them.
#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_midway_says_its_whole_command_again() {
    let site = Site::with_election(&[2, 1], Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    let zone2 = || Flags { failed_zones: vec!["zone2".into()], ..Flags::default() };
    let takes_quorum = Flags { overrides: vec!["fence-takes-quorum".into()], ..zone2() };
    // Cut off at each of its first acts.
    let cut = async |site: &Site, goal, flags: &Flags| {
        let mut all = Vec::new();
        for act in 1..8 {
            let begun = site.fork();
            begun.cut_at(begun.acts() + act, Cut::NotDone);
            let text = begun.go(goal, flags).await.text;
            let (wrong, _) = unread("the last words", &text);
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            all.extend(commands(&text));
        }
        all
    };
    let says = |said: &[String], command: &str| assert!(said.iter().any(|one| one == command), "{command}: {said:?}");
    let fenced = site.fork();
    let said = cut(&fenced, Goal::Fence, &takes_quorum).await;
    says(&said, "requorum fence zone2 --override fence-takes-quorum=REASON");
    assert_eq!(fenced.go(Goal::Fence, &takes_quorum).await.code, Some(0));
    says(&cut(&fenced, Goal::Unfence, &zone2()).await, "requorum unfence zone2");
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    let zone1_is_off = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    let end = site.go(Goal::InitiateDr, &zone1_is_off).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(5)).await;
    // Only one of the zone's two masters answers.
    site.happens(&Event::Off("m2".into()));
    let only_m1 = Flags { only: vec!["m1".into()], ..Flags::default() };
    says(&cut(&site, Goal::Recover, &only_m1).await, "requorum recover --only m1");
}

#[test]
fn a_command_that_cannot_be_read_is_seen() {
    let source = "//! `requorum nonsense`\nfn f() { g('\"'); h(\"next: {again} unlock {run}      # then: \\\n    {again} recover\") }";
    assert_eq!(literals(source), ["next: {again} unlock {run}      # then: {again} recover"]);
    let found = |text: &str| (commands(text), unread("", text).0.len());
    assert_eq!(found("`requorum recover --now`").1, 1);
    assert_eq!(found("`requorum reover`").1, 1);
    assert_eq!(found("next: requorum unlock").1, 1);
    assert_eq!(found("it says: this requorum speaks {}; {} of {}"), (Vec::new(), 0));
    let both = [format!("requorum unlock {WORD}"), "requorum recover".to_owned()];
    assert_eq!(found(&literals(source)[0]), (both.to_vec(), 0));
    let flags = "{again} initiate-dr --snapshot {}{zones} --override survivor-down=REASON; and more";
    let read = format!("requorum initiate-dr --snapshot {WORD} --override survivor-down=REASON");
    assert_eq!(found(flags), (vec![read], 0));
}
