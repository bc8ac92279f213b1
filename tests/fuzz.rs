//! Broken inventories and playbooks by the ten thousand: each is refused or read, and nothing panics on the way.
//!
//! Each input is made from its number alone, so one that fails is made again by it. `REQUORUM_FUZZ` says how many are
//! tried, `REQUORUM_FUZZ_FROM` with which number they begin; `make fuzz` tries a million.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use rand::prelude::*;
use rand::rngs::StdRng;
use requorum::model::diagnostic::{Diagnostic, Source};
use requorum::model::{Cluster, inventory};
use requorum::playbook::{shipped, template, text};
use requorum::report::{annotations, diagnostic, resolved, review};
use requorum::review::Changes;

/// Parts that a reader of ours treats specially, or YAML does.
const PARTS: [&str; 58] = [
    "cluster",
    "environment",
    "production",
    "ssh",
    "etcd",
    "zones",
    "masters",
    "address",
    "objectives",
    "jump",
    "config",
    "env_file",
    "template",
    "become",
    "kubernetes",
    "playbook",
    "steps",
    "each",
    "on",
    "what",
    "why",
    "write",
    "expect",
    "stop",
    "fence",
    "joiner",
    "survivors",
    "returned",
    ": ",
    "\n",
    "\n  ",
    "\n      ",
    "- ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "#",
    "&a ",
    "*a",
    "!!binary ",
    "<<: *a",
    "|\n",
    ">-\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "? ",
    "~",
    "null",
    "0x10",
    "\u{0}",
    "\u{202e}",
    "\u{feff}",
    "\t",
    "$(reboot)",
    "99999999999999999999",
];

fn seeds() -> Vec<String> {
    // A template that is one expression gives nothing to break.
    let gives = |text: &str| !text.ends_with("{{ rewritten -}}\n");
    let shipped = shipped::FILES.iter().filter(|file| !file.path.starts_with("schemas/") && gives(file.text));
    let mut seeds: Vec<String> = shipped.map(|file| file.text.to_owned()).collect();
    seeds.push(
        "cluster: c\nenvironment: lab\nzones: {a: {masters: {m: {address: h}}}, b: {masters: {n: {address: i}}}}\n"
            .into(),
    );
    seeds
}

/// The bounds of a random piece, on characters.
fn piece(rng: &mut StdRng, text: &str, longest: usize) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(rng.random_range(0..=text.len()));
    let end = text.floor_char_boundary((start + rng.random_range(0..=longest)).min(text.len()));
    start..end.max(start)
}

/// The input of that number: a seed with a few accidents.
fn input(number: u64, seeds: &[String]) -> String {
    let rng = &mut StdRng::seed_from_u64(number);
    let mut text = seeds.choose(rng).unwrap().clone();
    for _ in 0..rng.random_range(1..=6) {
        let at = piece(rng, &text, 0).start;
        match rng.random_range(0..8) {
            0 => text.insert_str(at, PARTS.choose(rng).unwrap()),
            1 => text.replace_range(piece(rng, &text.clone(), 30), PARTS.choose(rng).unwrap()),
            2 => text.replace_range(piece(rng, &text.clone(), 60), ""),
            3 => {
                let other = seeds.choose(rng).unwrap();
                text.insert_str(at, &other[piece(rng, other, 80)]);
            }
            4 => {
                let copy = text[piece(rng, &text, 80)].to_owned();
                text.insert_str(at, &copy);
            }
            5 => text.insert(at, char::from_u32(rng.random_range(0..0x3000)).unwrap_or('\u{fffd}')),
            6 => text.insert_str(at, &PARTS.choose(rng).unwrap().repeat(rng.random_range(1..200))),
            _ => text.truncate(at),
        }
    }
    text
}

/// Names the input that panicked.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is made again by REQUORUM_FUZZ=1 REQUORUM_FUZZ_FROM={}", self.0);
        }
    }
}

/// Every mistake stands within the text, and every form of it can be made.
fn told(source: &Source, mistakes: &[Diagnostic], codes: &mut BTreeSet<&'static str>) {
    assert!(!mistakes.is_empty(), "refused without a mistake");
    for mistake in mistakes {
        codes.insert(mistake.code);
        assert!(mistake.place.line <= source.text.lines().count() + 1, "{mistake:?}");
        assert!(source.text.get(mistake.place.span.clone()).is_some(), "{mistake:?}");
    }
    let shown = diagnostic::text(mistakes, false) + &annotations::github(mistakes);
    assert!(!shown.contains(['\u{202e}', '\u{1b}', '\0']), "shown as it came");
    let _ = (annotations::sarif(mistakes), annotations::gitlab(mistakes), diagnostic::json(mistakes));
}

fn understood(source: &Source, cluster: &Cluster, known: &Cluster) {
    let _ = inventory::remarks(source, cluster);
    let _ = resolved::text(cluster, &resolved::of(source, cluster));
    for (old, new) in [(known, cluster), (cluster, known)] {
        let changes = Changes::between(Some(old), Some(new)).unwrap();
        let reviews = [review::Review::changed("f".to_owned(), changes, 0)];
        let comment = review::markdown(&reviews, 1);
        assert!(comment.len() <= 60_000);
        let _ = review::text(&reviews, 1);
    }
}

fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
}

#[test]
fn no_input_is_worse_than_wrong() {
    let seeds = seeds();
    let known = inventory::read(&Source::new("known", seeds.last().unwrap().as_str())).unwrap();
    let (inputs, first) = (asked("REQUORUM_FUZZ", 5_000), asked("REQUORUM_FUZZ_FROM", 1));
    let (mut inventories, mut playbooks, mut templates) = (0, 0, 0);
    let mut codes = BTreeSet::new();
    for number in first..first + inputs {
        let named = Named(number);
        let source = Source::new("input", input(number, &seeds));
        match inventory::read(&source) {
            Ok(cluster) => {
                inventories += 1;
                understood(&source, &cluster, &known);
            }
            Err(mistakes) => told(&source, &mistakes, &mut codes),
        }
        match text::read(&source) {
            Ok(_) => playbooks += 1,
            Err(mistakes) => told(&source, &mistakes, &mut codes),
        }
        match template::check(&source) {
            Ok(()) => templates += 1,
            Err(mistakes) => told(&source, &mistakes, &mut codes),
        }
        drop(named);
    }
    println!(
        "{inputs} inputs: {inventories} inventories, {playbooks} playbooks and {templates} templates were right, \
         {} kinds of mistakes were told",
        codes.len()
    );
    // A fuzzer whose inputs are all refused at the door looks at nothing.
    if inputs >= 5_000 {
        assert!(inventories > inputs / 100 && playbooks > inputs / 100 && templates > inputs / 100 && codes.len() > 20);
    }
}
