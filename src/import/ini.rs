//! Ansible's own INI dialect: `[group]`, `[group:children]`, `[group:vars]`. Does not know what a variable means.

use crate::model::diagnostic::{Source, word};

use super::Refusal;
use super::groups::{Groups, Value, Var};
use super::ranges;

/// What a section holds.
enum Section {
    Hosts(String),
    Children(String),
    Vars(String),
}

/// Reads a file into `groups`.
pub fn read(source: &Source, wanted: &dyn Fn(&str) -> bool, groups: &mut Groups) -> Result<(), Refusal> {
    let mut section = Section::Hosts("ungrouped".to_owned());
    for (number, line) in source.text.lines().enumerate() {
        let refused = |said: String| Refusal::at(source, number + 1, said);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(opened) = header(line) {
            section = opened.map_err(refused)?;
            let (Section::Hosts(group) | Section::Children(group) | Section::Vars(group)) = &section;
            groups.add(group).map_err(refused)?;
            continue;
        }
        match &section {
            Section::Hosts(group) => host(source, group, line, wanted, groups),
            Section::Children(group) => {
                groups.add_child(group, line.split([' ', '\t', '#']).next().unwrap_or_default())
            }
            Section::Vars(group) => match line.split_once('=') {
                Some((name, value)) if wanted(name.trim()) => {
                    let value = Value::of(literal(value.trim()));
                    groups.set_group(group, name.trim(), Var { value, from: source.name.clone() });
                    Ok(())
                }
                Some(_) => Ok(()),
                None => Err("a variable is not written as name=value".to_owned()),
            },
        }
        .map_err(refused)?;
    }
    Ok(())
}

/// A section's first line, if it is one; a host may begin with a bracket too: `[a:c]node`, `[fd00::1]`.
fn header(line: &str) -> Option<Result<Section, String>> {
    let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start();
    if !(rest.is_empty() || rest.starts_with('#')) {
        return None;
    }
    let (group, kind) = name.split_once(':').unwrap_or((name, "hosts"));
    let group = group.to_owned();
    Some(match kind {
        "hosts" => Ok(Section::Hosts(group)),
        "children" => Ok(Section::Children(group)),
        "vars" => Ok(Section::Vars(group)),
        _ => Err(format!("{} is not a kind of section; use hosts, children or vars", word(kind))),
    })
}

fn host(
    source: &Source,
    group: &str,
    line: &str,
    wanted: &dyn Fn(&str) -> bool,
    groups: &mut Groups,
) -> Result<(), String> {
    let words = words(line)?;
    let Some((pattern, rest)) = words.split_first() else { return Ok(()) };
    let (hosts, port) = ranges::hosts(pattern)?;
    let said = |text: &str| Var { value: Value::of(literal(text)), from: source.name.clone() };
    for host in &hosts {
        groups.add_host(group, host)?;
        if let Some(port) = &port {
            groups.set_host(host, "ansible_port", said(port));
        }
        for word in rest {
            let (name, value) = word.split_once('=').ok_or("a host's variable is not written as name=value")?;
            if wanted(name) {
                groups.set_host(host, name, said(value));
            }
        }
    }
    Ok(())
}

/// A value without the quotes that Ansible takes off, and without the comment behind what needs none.
fn literal(text: &str) -> &str {
    let bare = text.split_once(" #").map_or(text, |(value, _)| value.trim_end());
    let quoted = |text: &str| text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(&text[..1]);
    let inner = |text: &'_ str| 1..text.len() - 1;
    if quoted(text) {
        &text[inner(text)]
    } else if quoted(bare) {
        &bare[inner(bare)]
    } else if !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit()) {
        bare
    } else {
        text
    }
}

/// A line's words as a shell would split them; an unquoted `#` ends the line, as it does in Ansible.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}
