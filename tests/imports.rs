//! Who imports whom: the rooms of `src`, printed, without a circle between files of different rooms. Only main names a
//! world.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file by its module path: `verbs::drill::back`.
type Module = String;

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|end| end == "rs") => found.push(path),
            false => {}
        }
    }
}

fn module(root: &Path, file: &Path) -> Module {
    let mut parts: Vec<String> =
        file.with_extension("").strip_prefix(root).unwrap().iter().map(|part| part.to_string_lossy().into()).collect();
    if parts.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        parts.pop();
    }
    parts.join("::")
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expanded(path: &str) -> Vec<String> {
    let Some(open) = path.find('{') else {
        return vec![path.split(" as ").next().unwrap_or(path).trim().to_owned()];
    };
    let (before, inner) = (path[..open].trim(), path[open + 1..].trim_end().trim_end_matches('}'));
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[from..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{before}{part}"))).collect()
}

/// The code without comments, strings of documentation and what is only tested.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    kept.collect::<Vec<_>>().join("\n")
}

/// Every path that a file of the program names by `use` or by `crate::`.
fn named(text: &str) -> Vec<String> {
    let code = code(text);
    let mut found = Vec::new();
    for statement in code.split("use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        found.extend(expanded(&statement.replace('\n', " ")));
    }
    for rest in code.split("crate::").skip(1) {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
        found.push(format!("crate::{}", &rest[..end]));
    }
    found
}

/// The file that a path leads to: the longest beginning of it that is one.
fn leads_to(from: &str, path: &str, all: &BTreeSet<Module>) -> Option<Module> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base: Vec<&str> = from.split("::").collect();
    match parts.first().copied() {
        Some("crate") => base.clear(),
        Some("self") => {}
        Some("super") => {
            while parts.first() == Some(&"super") {
                parts.remove(0);
                base.pop();
            }
            parts.insert(0, "");
        }
        _ => return None,
    }
    parts.remove(0);
    let whole: Vec<&str> = base.into_iter().chain(parts).collect();
    (1..=whole.len()).rev().map(|length| whole[..length].join("::")).find(|module| all.contains(module))
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&root, &mut found);
    let all: BTreeSet<Module> = found.iter().map(|file| module(&root, file)).filter(|name| !name.is_empty()).collect();
    let mut graph = BTreeMap::new();
    for file in found.iter().filter(|file| !file.ends_with("main.rs") && !file.ends_with("lib.rs")) {
        let (own, text) = (module(&root, file), fs::read_to_string(file).unwrap());
        if own.ends_with("tests") || own.contains("::tests::") {
            continue;
        }
        let others = named(&text).into_iter().filter_map(|path| leads_to(&own, &path, &all)).filter(|one| *one != own);
        graph.insert(own.clone(), others.collect());
    }
    graph
}

/// Everything that can be reached.
fn reached<'a>(from: &'a str, graph: &'a BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<&'a str> {
    let (mut known, mut ahead) = (BTreeSet::new(), vec![from]);
    while let Some(one) = ahead.pop() {
        for next in graph.get(one).into_iter().flatten().filter(|next| known.insert(next.as_str())) {
            ahead.push(next);
        }
    }
    known
}

#[test]
fn no_file_imports_itself_by_way_of_another_room() {
    let graph = graph();
    let circles = graph.keys().flat_map(|from| {
        let others = reached(from, &graph).into_iter().filter(|to| room(to) != room(from));
        others.filter(|to| reached(to, &graph).contains(from.as_str())).map(move |to| format!("{from} and {to}"))
    });
    let circles: Vec<String> = circles.collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn only_main_names_a_world_and_nobody_below_names_a_verb() {
    let graph = graph();
    let mut rooms: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, others) in &graph {
        rooms.entry(room(from)).or_default().extend(others.iter().map(|to| room(to)).filter(|to| *to != room(from)));
    }
    for (from, others) in &rooms {
        println!("{from:9} → {}", others.iter().copied().collect::<Vec<_>>().join(" "));
    }
    let names = |from: &str, to: &str| rooms.get(from).is_some_and(|others| others.contains(to));
    assert!(!names("verbs", "cli"), "a verb names the command line");
    for world in ["world", "sim"] {
        for (from, others) in &graph {
            let named = others.iter().find(|to| room(to) == world && room(from) != world);
            assert!(named.is_none(), "{from} names {named:?}: a world is given by main or a test");
        }
    }
    for below in ["model", "config", "import", "review", "observe", "playbook", "step", "plan", "run", "report"] {
        for above in ["verbs", "cli", "world", "sim"] {
            assert!(!names(below, above), "{below} names {above}");
        }
    }
}
