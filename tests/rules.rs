//! Every rule and every finding: explained in `docs/findings.md` as the program has it, and seen to fire by a test. Knows
//! names; what a rule does its tests know.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use requorum::observe::Code;
use requorum::plan::Rule;
use strum::IntoEnumIterator;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(root().join("docs/findings.md")).unwrap()
}

/// The part under a heading.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let begin = page.find(heading).unwrap_or_else(|| panic!("docs/findings.md has no {heading:?}")) + heading.len();
    let end = page[begin..].find("\n## ").map_or(page.len(), |end| begin + end);
    &page[begin..end]
}

/// The names in backquotes in a table's first column, each with its second.
fn rows(part: &str) -> BTreeMap<String, String> {
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    rows.flat_map(|row| {
        let mut columns = row.split('|').skip(1).map(str::trim);
        let (names, second) = (columns.next().unwrap(), columns.next().unwrap());
        names.split('`').skip(1).step_by(2).map(|name| (name.to_owned(), second.to_owned())).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn every_rule_is_explained_and_says_truly_whether_it_can_be_set_aside() {
    let page = page();
    let rules = part(&page, "## Rules: why a run is refused");
    let (planned, of_drills) = rules.split_once("Why a drill is refused").unwrap();
    let (of_drills, checked) = of_drills.split_once("A finished plan is checked").unwrap();
    let planned = rows(planned);
    let checked: BTreeSet<&str> = checked.split('`').skip(1).step_by(2).collect();
    let mut explained: BTreeSet<&str> = planned.keys().map(String::as_str).collect();
    let of_drills = rows(of_drills);
    explained.extend(of_drills.keys().map(String::as_str));
    explained.extend(&checked);
    let known: BTreeSet<&str> = Rule::iter().map(Rule::name).collect();
    // A rehearsal's own word, explained with the doctor's.
    let lacking: Vec<&&str> = known.difference(&explained).filter(|name| **name != Rule::NotServing.name()).collect();
    assert!(lacking.is_empty(), "docs/findings.md lacks {lacking:?}");
    let unknown: Vec<&&str> = explained.difference(&known).collect();
    assert!(unknown.is_empty(), "the program has no {unknown:?}");
    for rule in Rule::iter() {
        let marked = planned.get(rule.name()).is_some_and(|mark| mark == "✓");
        assert_eq!(marked, rule.may_be_set_aside(), "{rule}");
    }
}

#[test]
fn every_finding_is_explained() {
    let page = page();
    let mut explained = rows(part(&page, "## Findings: what `status` and a plan report"));
    explained.extend(rows(part(&page, "## The doctor")));
    let known: BTreeSet<&str> = Code::iter().map(Code::name).collect();
    let lacking: Vec<&&str> = known.iter().filter(|name| !explained.contains_key(**name)).collect();
    assert!(lacking.is_empty(), "docs/findings.md lacks {lacking:?}");
    let rule = |name: &str| name.parse::<Rule>().is_ok();
    let unknown: Vec<&String> = explained.keys().filter(|name| !known.contains(name.as_str()) && !rule(name)).collect();
    assert!(unknown.is_empty(), "the program has no {unknown:?}");
}

/// Every text of tests, by path: scenarios, test files, and the test modules in `src`.
fn tests() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("tests"), root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            let text = || fs::read_to_string(&path).unwrap_or_default();
            if path.is_dir() {
                folders.push(path);
            } else if shown.starts_with("src/") {
                let own = if shown.ends_with("tests.rs") { Some(text()) } else { None };
                let module = || text().split_once("#[cfg(test)]\nmod tests {").map(|(_, tests)| tests.to_owned());
                found.extend(own.or_else(module).map(|text| (shown, text)));
            } else if shown != "tests/rules.rs" && (shown.ends_with(".rs") || shown.ends_with(".txt")) {
                found.push((shown, text()));
            }
        }
    }
    found
}

/// Where a scenario ends in 0 every rule of its verb was asked and was quiet. That a rule can fire is shown rule by rule.
#[test]
fn every_rule_is_seen_to_fire_and_to_be_quiet() {
    let tests = tests();
    let scenario = |path: &str| path.starts_with("tests/scenarios/");
    let fires = |rule: Rule| {
        let words = [format!("\"{rule}\""), format!("[{rule}]"), format!("Rule::{rule:?}")];
        tests.iter().any(|(path, text)| match scenario(path) {
            true => {
                text.lines().any(|line| line == format!("expect refused {rule}") || line.contains(&format!("[{rule}]")))
            }
            false => words.iter().any(|word| text.contains(word)),
        })
    };
    let never: Vec<Rule> = Rule::iter().filter(|rule| !fires(*rule)).collect();
    assert!(never.is_empty(), "no test sees {never:?} fire");
    for verb in ["initiate-dr", "recover", "fence", "unfence", "undo"] {
        let quiet = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            lines.windows(2).any(|two| two[0].starts_with(verb) && two[1] == "expect exit 0")
        };
        assert!(tests.iter().any(|(path, text)| scenario(path) && quiet(text)), "no {verb} goes through");
    }
}

#[test]
fn every_finding_is_seen() {
    let tests = tests();
    let seen = |code: Code| {
        let words = [format!("\"{code}\""), format!("[{code}]"), format!("Code::{code:?}"), format!("finding {code}")];
        tests.iter().any(|(_, text)| words.iter().any(|word| text.contains(word)))
    };
    let never: Vec<Code> = Code::iter().filter(|code| !seen(*code)).collect();
    assert!(never.is_empty(), "no test sees {never:?}");
}
