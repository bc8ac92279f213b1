//! YAML text as a tree in which every part knows its place in the text. Does not know what a key means.
//!
//! The tree is built from the parser's events and not by serde, which stops at the first mistake. Here all keys are
//! kept, also duplicates, and scalars stay as they were written, so that `NO` is a name and `0x10` is not a number.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_yaml::granit_parser::{self as parser, Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Place, Source};

/// What is read of a file, and how much of it.
struct Rules {
    /// The largest file.
    bytes: usize,
    /// The most keys and values.
    nodes: usize,
    /// Whether aliases are followed and tags passed over, rather than refused.
    foreign: bool,
}

/// Files of our own: a thousand masters need a tenth of it.
const OUR_OWN: Rules = Rules { bytes: 1 << 20, nodes: 20_000, foreign: false };
/// Files written for another program: five thousand hosts, each in three groups, need a quarter of it.
const FOREIGN: Rules = Rules { bytes: 4 << 20, nodes: 200_000, foreign: true };
/// The deepest nesting; an inventory needs six levels.
const MOST_DEPTH: usize = 32;

/// What the commonest slips are, by what the parser says of them: it names the rule and not the slip.
const SLIPS: [(&str, &str); 5] = [
    ("unclosed", "what is opened here is never closed"),
    ("tabs disallowed", "indent with spaces, never with tabs"),
    (
        "mapping values are not allowed",
        "quote a value that contains a colon followed by a space; or the indentation is off",
    ),
    ("did not find expected", "look at the indentation of this line and of the one before"),
    ("unexpected character", "a value that begins with such a character needs quotes; one that cannot be typed goes"),
];

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub kind: Kind,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar as written, quotes taken off.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the file's order, duplicates included.
    Map(Vec<Entry>),
    /// What a tag says only another program can read; in files of our own there is none.
    Tagged,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key as written, quotes taken off.
    pub key: String,
    /// The key's bytes in the file.
    pub span: Range<usize>,
    pub value: Node,
}

impl Node {
    /// What kind of value it is, for messages.
    #[must_use]
    pub fn described(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Text(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a set of keys",
            Kind::Tagged => "a tagged value",
        }
    }
}

/// Reads one YAML document.
///
/// # Errors
/// The first place where the text is not YAML, uses what is not read here (anchors, aliases, tags, several
/// documents, keys that are no text), is empty, or goes beyond a limit.
pub fn parse(source: &Source) -> Result<Node, Box<Diagnostic>> {
    parse_by(source, &OUR_OWN)
}

/// Reads one YAML document that was written for another program: aliases are followed, and what has a tag (`!vault`)
/// is passed over without breaking the rest.
///
/// # Errors
/// As [`parse`], except for anchors, aliases and tags.
pub fn parse_foreign(source: &Source) -> Result<Node, Box<Diagnostic>> {
    parse_by(source, &FOREIGN)
}

fn parse_by(source: &Source, rules: &Rules) -> Result<Node, Box<Diagnostic>> {
    if source.text.len() > rules.bytes {
        let said = format!("the file has {} bytes; at most {} are read", source.text.len(), rules.bytes);
        return Err(Box::new(Diagnostic::error("too-large", Place::of(source, 0..0), said)));
    }
    let options = parser::options! {
        disallow_directives: true,
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MOST_DEPTH,
        block_nesting_limit: MOST_DEPTH,
    };
    let events = Parser::new_from_str_with_options(&source.text, options);
    let mut tree =
        Tree { source, rules, open: Vec::new(), marks: Vec::new(), anchors: BTreeMap::new(), root: None, nodes: 0 };
    for event in events {
        let (event, span) = event.map_err(|error| tree.not_yaml(&error))?;
        tree.take(event, &span)?;
    }
    tree.root.take().ok_or_else(|| tree.refusal("empty-file", 0..0, "the file is empty"))
}

/// A collection whose end has not come yet.
enum Open {
    List(Vec<Node>, usize),
    Map(Vec<Entry>, usize, Option<(String, Range<usize>)>),
}

/// What stands before a value: its anchor's number (0: none), and whether it has a tag.
type Mark = (usize, bool);

struct Tree<'s> {
    source: &'s Source,
    rules: &'s Rules,
    open: Vec<Open>,
    /// The marks of what is open.
    marks: Vec<Mark>,
    /// What aliases stand for.
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Box<Diagnostic>> {
        let bytes = self.bytes(span);
        let mark = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if !self.rules.foreign && mark != (0, false) {
            return Err(self.too_clever(bytes));
        }
        match event {
            Event::Alias(anchor) if self.rules.foreign => self.follow(anchor, bytes),
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(self.too_clever(bytes)),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(self.refusal("second-document", bytes, "a second document begins here; one file holds one"))
            }
            Event::Scalar(text, style, ..) => self.scalar(text.into_owned(), style, mark, bytes),
            Event::SequenceStart(..) => self.enter(Open::List(Vec::new(), bytes.start), mark, bytes),
            Event::MappingStart(..) => self.enter(Open::Map(Vec::new(), bytes.start, None), mark, bytes),
            Event::SequenceEnd | Event::MappingEnd => self.leave(bytes.end),
            _ => Ok(()),
        }
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        mark: Mark,
        span: Range<usize>,
    ) -> Result<(), Box<Diagnostic>> {
        self.count(1, &span)?;
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            *key = Some((text, span));
            return Ok(());
        }
        let nothing = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        self.place(Node { kind: if nothing { Kind::Null } else { Kind::Text(text) }, span }, mark);
        Ok(())
    }

    /// Puts what an alias stands for in its place; copies count as if they had been written out.
    fn follow(&mut self, anchor: usize, span: Range<usize>) -> Result<(), Box<Diagnostic>> {
        let Some(Node { kind, .. }) = self.anchors.get(&anchor).cloned() else { return Err(self.too_clever(span)) };
        self.count(weight(&kind), &span)?;
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return Err(self.refusal("bad-key", span, "a key must be a single word"));
        }
        self.place(Node { kind, span }, (0, false));
        Ok(())
    }

    fn enter(&mut self, open: Open, mark: Mark, span: Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.count(1, &span)?;
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return Err(self.refusal("bad-key", span, "a key must be a single word"));
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(self.refusal("too-deep", span, format!("nested deeper than {MOST_DEPTH} levels")));
        }
        self.open.push(open);
        self.marks.push(mark);
        Ok(())
    }

    fn leave(&mut self, end: usize) -> Result<(), Box<Diagnostic>> {
        let (kind, start) = match self.open.pop() {
            Some(Open::List(items, start)) => (Kind::List(items), start),
            Some(Open::Map(entries, start, _)) => (Kind::Map(entries), start),
            None => return Ok(()),
        };
        // A block collection ends where the next thing begins; the blanks between do not belong to it.
        let inner = &self.source.text[start..end.max(start)];
        let mark = self.marks.pop().unwrap_or_default();
        self.place(Node { kind, span: start..start + inner.trim_end().len() }, mark);
        Ok(())
    }

    fn place(&mut self, mut node: Node, (anchor, tagged): Mark) {
        if tagged {
            node.kind = Kind::Tagged;
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(items, _)) => items.push(node),
            Some(Open::Map(entries, _, key)) => {
                if let Some((key, span)) = key.take() {
                    // A value that was left out has no place of its own.
                    if node.span.is_empty() {
                        node.span = span.clone();
                    }
                    entries.push(Entry { key, span, value: node });
                }
            }
        }
    }

    fn count(&mut self, more: usize, span: &Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.nodes += more;
        if self.nodes > self.rules.nodes {
            let said = format!("more than {} keys and values", self.rules.nodes);
            return Err(self.refusal("too-many", span.clone(), said));
        }
        Ok(())
    }

    /// The bytes of a span; the parser may not know them, then those of the place before.
    fn bytes(&self, span: &Span) -> Range<usize> {
        let start = span.start.byte_offset().unwrap_or_default().min(self.source.text.len());
        let end = span.end.byte_offset().unwrap_or_default().clamp(start, self.source.text.len());
        start..end
    }

    fn refusal(&self, code: &'static str, span: Range<usize>, message: impl AsRef<str>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error(code, Place::of(self.source, span), message))
    }

    fn too_clever(&self, span: Range<usize>) -> Box<Diagnostic> {
        let refusal = self.refusal("no-references", span, "anchors (&), aliases (*) and tags (!) are not read here");
        Box::new(refusal.hint("write the value out; a value that begins with one of these characters needs quotes"))
    }

    fn not_yaml(&self, error: &parser::ScanError) -> Box<Diagnostic> {
        let at = error.marker().byte_offset().unwrap_or_default();
        let place = Place::of(self.source, at..at);
        if *error.kind() == parser::ErrorKind::RecursionLimitExceeded {
            return Box::new(Diagnostic::error("too-deep", place, format!("nested deeper than {MOST_DEPTH} levels")));
        }
        let diagnostic = Diagnostic::error("not-yaml", place, format!("not YAML: {}", error.kind()));
        let meant = SLIPS.iter().find(|(said, _)| diagnostic.message.contains(said)).map(|(_, hint)| *hint);
        Box::new(match meant {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        })
    }
}

/// How many values a copy holds; a long text counts as several, so that copies cannot fill the memory.
fn weight(kind: &Kind) -> usize {
    match kind {
        Kind::Null | Kind::Tagged => 1,
        Kind::Text(text) => 1 + text.len() / 64,
        Kind::List(items) => 1 + items.iter().map(|item| weight(&item.kind)).sum::<usize>(),
        Kind::Map(entries) => {
            1 + entries.iter().map(|entry| 1 + entry.key.len() / 64 + weight(&entry.value.kind)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_for_another_program_is_read_around_what_only_that_one_can_read() {
        let text = "a: &a { b: c }\nd: *a\ne: !vault |\n  $ANSIBLE_VAULT\nf: !x [y, { z: 1 }]\n";
        let Kind::Map(entries) = parse_foreign(&Source::new("f", text)).unwrap().kind else { panic!("no map") };
        let kinds: Vec<&str> = entries.iter().map(|entry| entry.value.described()).collect();
        assert_eq!(kinds, ["a set of keys", "a set of keys", "a tagged value", "a tagged value"]);
        assert_eq!(entries[0].value.kind, entries[1].value.kind);
    }

    #[test]
    fn copies_of_copies_are_counted() {
        let level = |n: usize| format!("l{n}: &l{n} [{}]\n", format!("*l{},", n - 1).repeat(9));
        let bomb: String = std::iter::once("l0: &l0 [x]\n".to_owned()).chain((1..12).map(level)).collect();
        let long = format!("t: &t {}\nu: [{}]\n", "x".repeat(1 << 20), "*t,".repeat(1000));
        for text in [bomb, long] {
            let refusal = parse_foreign(&Source::new("f", text)).unwrap_err();
            assert_eq!(refusal.message, "more than 200000 keys and values");
        }
    }
}
