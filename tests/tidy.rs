//! The house's rules about the source text itself: sizes, edges, codes and examples that must not drift.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES: usize = 400;
const FUNCTION_LINES: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(under: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(under)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing under {under}");
    found
}

fn sources() -> Vec<(PathBuf, String)> {
    files("src", "rs").into_iter().chain(files("tests", "rs")).collect()
}

#[test]
fn files_are_short_and_open_with_what_they_are() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES, "{} has {lines} lines", path.display());
        assert!(text.starts_with("//!"), "{} does not say what it is", path.display());
    }
}

/// Functions as rustfmt lays them out: from a line with `fn` to the closing brace at the same indent.
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut long = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let words: Vec<&str> = body.split_whitespace().collect();
        let is_fn = words.iter().position(|word| *word == "fn").is_some_and(|at| {
            words[..at].iter().all(|word| word.starts_with("pub") || ["async", "const", "unsafe"].contains(word))
        });
        // A trait asks for some without giving their body.
        let head = lines[start..].iter().find(|line| line.ends_with(['{', ';', '}']));
        if !is_fn || head.is_some_and(|line| line.ends_with(';')) {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[start..].iter().position(|line| *line == close)
            && length + 1 > FUNCTION_LINES
        {
            long.push((start + 1, length + 1));
        }
    }
    long
}

#[test]
fn functions_fit_a_screen() {
    for (path, text) in sources() {
        let long = long_functions(&text);
        assert!(long.is_empty(), "{}: (line, length) {long:?}", path.display());
    }
    // The control: a long one is seen.
    let long = format!("    pub async fn x() {{\n{}    }}\n", "        y();\n".repeat(60));
    assert_eq!(long_functions(&long), [(1, 62)]);
    let wide = long.replace("x()", "x(\n        y: Y,\n    )");
    assert_eq!(long_functions(&wide), [(1, 64)]);
    assert_eq!(long_functions(&format!("    fn asked(&self);\n{}    }}\n", "        y();\n".repeat(80))), []);
}

#[test]
fn only_the_edge_touches_the_outside() {
    let outside = [
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::process",
        "std::env",
        "tokio::fs",
        "tokio::net",
        "tokio::process",
        "HashMap",
    ];
    for (path, text) in files("src", "rs") {
        let shown = path.display().to_string();
        let edge = shown.starts_with("src/world/") || shown == "src/main.rs" || shown.contains("tests");
        for word in outside {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(edge || !code.clone().any(|line| line.contains(word)), "{shown} uses {word}");
        }
    }
}

#[test]
fn modules_depend_downward_only() {
    let order = [
        "model", "config", "import", "review", "observe", "playbook", "step", "plan", "run", "report", "verbs",
        "world", "sim", "cli",
    ];
    let allowed = |from: &str, to: &str| {
        let place = |name: &str| order.iter().position(|known| *known == name).unwrap();
        // A run is planned before it is run, and its ports are what world and sim implement.
        place(to) <= place(from)
    };
    for (path, text) in files("src", "rs") {
        let shown = path.display().to_string();
        // A test may use the shipped files, which lie higher.
        if shown.contains("/tests") {
            continue;
        }
        let Some(module) = order.iter().find(|module| shown.starts_with(&format!("src/{module}/"))) else {
            assert!(["src/lib.rs", "src/main.rs"].contains(&shown.as_str()), "{shown} has no place in the order");
            continue;
        };
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        for to in order {
            let used = code.contains(&format!("crate::{to}::"));
            assert!(!used || allowed(module, to), "{shown} of {module} uses {to}, which lies above it");
        }
    }
}

/// Every text of a script: what stands between `text:` and the end of its value.
fn script_texts(text: &str) -> Vec<&str> {
    let scripts = text.split(": Script =").skip(1).filter_map(|rest| rest.split("};").next());
    scripts.filter_map(|script| script.split("text:").nth(1)).map(str::trim).collect()
}

/// The files of every `supervised!(…)`.
fn supervised(text: &str) -> impl Iterator<Item = &str> {
    let calls = text.split("supervised!(").skip(1).filter_map(|rest| rest.split(')').next());
    calls.flat_map(|call| call.split('"').filter(|word| word.ends_with(".sh")))
}

#[test]
fn every_script_on_a_master_is_a_file_that_shellcheck_reads() {
    let mut named = BTreeSet::new();
    for (path, text) in files("src", "rs") {
        for script in script_texts(&text) {
            let shown = path.display();
            assert!(!script.contains("r#\"") && script.contains("include_str!("), "{shown} holds a script: {script}");
            let included = script.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next());
            named.extend(included.map(|file| path.with_file_name(file)));
        }
    }
    for (path, text) in files("src", "rs") {
        for file in supervised(&text) {
            named.insert(path.with_file_name(file));
        }
        let preludes = text.split("\"/src/").skip(1).filter_map(|rest| rest.split('"').next());
        named.extend(preludes.filter(|file| file.ends_with(".sh")).map(|file| Path::new("src").join(file)));
    }
    let there = files("src", "sh");
    for (path, text) in &there {
        assert!(text.starts_with("# shellcheck shell=sh"), "{} does not say which shell it is", path.display());
        assert!(text.is_ascii() && text.ends_with('\n'), "{}: ASCII, with a last newline", path.display());
    }
    assert!(named.len() > 40, "only {} scripts are named", named.len());
    assert_eq!(named, there.into_iter().map(|(path, _)| path).collect(), "a script that nobody sends, or none there");
    assert_eq!(supervised("supervised!(\"x\", \"scripts/x.sh\")").collect::<Vec<_>>(), ["scripts/x.sh"]);
    // The control: a text that stands in Rust is seen.
    let held = script_texts("const X: Script = Script { name: \"x\", text: r#\"set -u\"# };");
    assert_eq!(held, ["r#\"set -u\"#"]);
}

/// What a change of an inventory breaks, by the word that a danger is given.
fn dangers_in_source() -> BTreeSet<String> {
    let files = files("src/review", "rs");
    let given =
        files.iter().flat_map(|(_, text)| text.split("rule: \"").skip(1)).filter_map(|rest| rest.split('"').next());
    given.map(str::to_owned).collect()
}

/// Rules and findings are types, and `tests/rules.rs` holds them against the page.
#[test]
fn every_danger_is_explained() {
    let page = fs::read_to_string(root().join("docs/findings.md")).unwrap();
    let dangers = dangers_in_source();
    assert!(dangers.contains("majority-moved"), "the dangers were not found: {dangers:?}");
    let missing: Vec<&String> = dangers.iter().filter(|danger| !page.contains(&format!("`{danger}`"))).collect();
    assert!(missing.is_empty(), "docs/findings.md lacks {missing:?}");
}

#[test]
fn the_track_record_names_tests_that_exist() {
    let page = fs::read_to_string(root().join("docs/track-record.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 5);
    let kept_by = rows.filter_map(|row| row.rsplit('|').nth(1));
    let named = kept_by.flat_map(|cell| cell.split('`').skip(1).step_by(2)).filter_map(|name| name.rsplit("::").next());
    let named: Vec<&str> = named.filter(|name| name.contains('_')).collect();
    assert!(named.len() > 50, "only {} tests are named", named.len());
    let tests = sources();
    let there = |name: &&str| {
        let file = root().join(format!("tests/{name}.rs")).exists()
            || root().join(format!("tests/scenarios/{name}.txt")).exists();
        file || tests
            .iter()
            .any(|(_, text)| text.contains(&format!("fn {name}(")) || text.contains(&format!("mod {name};")))
    };
    let missing: Vec<&&str> = named.iter().filter(|name| !there(name)).collect();
    assert!(missing.is_empty(), "docs/track-record.md names tests that are not there: {missing:?}");
}

#[test]
fn the_readmes_inventory_is_right() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let example = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let source = requorum::model::diagnostic::Source::new("README.md", example);
    requorum::model::inventory::read(&source).unwrap();
}

/// The documents, by their path.
fn documents() -> Vec<(PathBuf, String)> {
    let above = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "lab/README.md"];
    let above = above.map(|name| (PathBuf::from(name), fs::read_to_string(root().join(name)).unwrap()));
    files("docs", "md").into_iter().chain(above).collect()
}

/// Where links lead: what stands behind `](`, outside of code.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2).flat_map(str::lines).filter(|line| !line.starts_with("    "));
    prose.flat_map(|line| line.split("](").skip(1).filter_map(|rest| rest.split(')').next())).collect()
}

/// The name by which GitHub and mdBook lead to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

fn leads_somewhere(from: &Path, link: &str) -> bool {
    if link.starts_with("https://") {
        return true;
    }
    let (path, at) = link.split_once('#').map_or((link, None), |(path, at)| (path, Some(at)));
    let to = if path.is_empty() { root().join(from) } else { root().join(from).parent().unwrap().join(path) };
    let Some(at) = at else { return to.exists() };
    let text = fs::read_to_string(to).unwrap_or_default();
    if text.contains(&format!("<a id=\"{at}\"></a>")) {
        return true;
    }
    text.lines().filter_map(|line| line.strip_prefix('#')).any(|line| anchor(line.trim_start_matches('#')) == at)
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut count = 0;
    for (path, text) in documents() {
        for link in links(&text) {
            count += 1;
            assert!(leads_somewhere(&path, link), "{} leads to {link}, which is not there", path.display());
        }
    }
    assert!(count > 60, "only {count} links were found");
    // The control.
    let from = Path::new("docs/limits.md");
    assert_eq!(links("[a](b.md#c), `x` [d](e)\n    [f](g)\n"), ["b.md#c", "e"]);
    assert!(leads_somewhere(from, "shapes.md#static-pods") && leads_somewhere(from, "../README.md"));
    assert!(
        leads_somewhere(from, "findings.md#rule-not-attested") && !leads_somewhere(from, "findings.md#not-attested")
    );
    assert!(!leads_somewhere(from, "shapes.md#static-pod") && !leads_somewhere(from, "README.html"));
}

#[test]
fn the_book_has_every_page_and_the_runbook_fits_on_one() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    for (path, _) in files("docs", "md").iter().filter(|(path, _)| !path.ends_with("SUMMARY.md")) {
        let inside = path.strip_prefix("docs").unwrap().display().to_string();
        assert!(summary.contains(&format!("({inside})")), "no contents lead to {}", path.display());
    }
    let runbook = fs::read_to_string(root().join("docs/runbook.md")).unwrap();
    let lines: usize = runbook.lines().map(|line| line.chars().count().div_ceil(110).max(1)).sum();
    assert!(lines <= 80, "the runbook has {lines} lines of a printed page");
}

#[test]
fn nothing_unfinished_is_left() {
    let marks =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["unimplemented", "!"].concat(), ["#[ig", "nore"].concat()];
    for (path, text) in sources() {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has {mark}", path.display());
        }
    }
}
