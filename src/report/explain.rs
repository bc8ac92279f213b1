//! What `docs/findings.md` says of a finding or a rule, for a terminal without a network. Knows the page's tables, and
//! nothing of what it says.

use std::collections::BTreeSet;
use std::fmt::Write;

const PAGE: &str = include_str!("../../docs/findings.md");

/// A row of a table, or a paragraph, that names codes.
struct Entry {
    codes: Vec<&'static str>,
    /// The heading above it.
    section: &'static str,
    /// What it says, each with its column's heading.
    says: Vec<(&'static str, &'static str)>,
}

/// Every code that the page explains, in its order.
#[must_use]
pub fn codes() -> Vec<&'static str> {
    let mut known = BTreeSet::new();
    entries().into_iter().flat_map(|entry| entry.codes).filter(|code| known.insert(*code)).collect()
}

/// What the page says of a code, wherever it names it; nothing if it does not.
#[must_use]
pub fn text(code: &str) -> Option<String> {
    let mut out = String::new();
    for entry in entries().iter().filter(|entry| entry.codes.contains(&code)) {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{code} ({})", plain(entry.section));
        for (heading, cell) in &entry.says {
            let _ = match *heading {
                "" => writeln!(out, "  {}", plain(cell)),
                "✓" => writeln!(out, "  can be overridden: {}", if *cell == "✓" { "yes" } else { "no" }),
                heading => writeln!(out, "  {heading}: {}", plain(cell)),
            };
        }
        let _ = writeln!(out, "  in the documents: findings.md#{}", anchor(entry.section, code));
    }
    (!out.is_empty()).then_some(out)
}

/// The command that explains these codes, each once; nothing where there is none.
#[must_use]
pub fn command<'a>(codes: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut known = BTreeSet::new();
    let each: Vec<&str> = codes.filter(|code| known.insert(*code)).collect();
    (!each.is_empty()).then(|| format!("requorum explain {}", each.join(" ")))
}

/// The line that leads from findings and refusals to their explanation; nothing where there is none.
#[must_use]
pub fn line<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    command(codes).map_or_else(String::new, |command| format!("explained: {command}\n"))
}

/// Where the page explains it: the anchor of its row there, without `#`.
#[must_use]
pub fn anchor(section: &str, code: &str) -> String {
    let kind = [("Rules", "rule-"), ("Changes", "change-")].into_iter().find(|(begin, _)| section.starts_with(begin));
    format!("{}{code}", kind.map_or("", |(_, kind)| kind))
}

fn entries() -> Vec<Entry> {
    let (mut entries, mut section, mut headings) = (Vec::new(), "", Vec::new());
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        } else if line.starts_with("| `") {
            let cells = cells(line);
            let says = headings.iter().copied().zip(cells.iter().copied()).skip(1).collect();
            entries.push(Entry { codes: quoted(cells[0]), section, says });
        } else if line.starts_with("| ") && !line.starts_with("| ---") {
            headings = cells(line);
        } else if line.starts_with("A finished plan is checked") {
            entries.push(Entry { codes: quoted(line), section, says: vec![("", line)] });
        }
    }
    entries
}

fn cells(line: &'static str) -> Vec<&'static str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

fn quoted(text: &'static str) -> Vec<&'static str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Without the marks of Markdown and the anchors.
fn plain(text: &str) -> String {
    let mut parts = text.split("<a id=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once("\"></a>").map_or("", |(_, after)| after));
    (first + &rest.collect::<String>()).trim_end().replace('`', "")
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;
    use crate::observe::Code;
    use crate::plan::Rule;

    #[test]
    fn every_finding_and_every_rule_is_explained() {
        let names = Code::iter().map(Code::name).chain(Rule::iter().map(Rule::name));
        for name in names {
            let text = text(name).unwrap_or_else(|| panic!("{name} is not explained"));
            assert!(text.lines().count() > 1 && text.starts_with(name), "{text}");
        }
        assert_eq!(text("no-such-code"), None);
    }

    /// What a message leads to is there: once, and with nothing behind it that a terminal would show.
    #[test]
    fn every_row_of_the_page_has_its_anchor() {
        let mut anchors = BTreeSet::new();
        for entry in entries() {
            for code in &entry.codes {
                let anchor = anchor(entry.section, code);
                assert_eq!(PAGE.matches(&format!("<a id=\"{anchor}\"></a>")).count(), 1, "{anchor}");
                assert!(anchors.insert(anchor.clone()), "{anchor} leads to two rows");
                let text = text(code).unwrap();
                assert!(text.contains(&format!("findings.md#{anchor}\n")) && !text.contains('<'), "{text}");
            }
        }
        assert_eq!(PAGE.matches("<a id=").count(), anchors.len());
    }

    #[test]
    fn a_row_is_told_by_its_columns() {
        insta::assert_snapshot!(text("no-restore-tool").unwrap(), @"
        no-restore-tool (Findings: what status and a plan report)
          what it says: there is neither etcdutl nor an etcdctl that can restore
          what to do: install etcdutl of etcd's own version
          in the documents: findings.md#no-restore-tool
        ");
        insta::assert_snapshot!(text("snapshot-older").unwrap(), @"
        snapshot-older (Rules: why a run is refused)
          can be overridden: yes
          what it protects: a snapshot file, from a run or from elsewhere, is at least as new as each survivor's data, by revision or by log
          in the documents: findings.md#rule-snapshot-older
        ");
        assert!(text("tool-missing").unwrap().matches("\ntool-missing").count() == 1, "a finding and a rule");
        assert_eq!(command(["a", "b", "a"].into_iter()).unwrap(), "requorum explain a b");
    }
}
