//! YAML text as a tree in which every part knows its place. Knows no key's meaning.
//!
//! The tree is built from the parser's events and not by serde, which stops at the first mistake: here all keys are
//! kept, duplicates too, and scalars stay the text that was written, so that `NO` is a name and `0x10` no number.

use std::ops::Range;

use serde_yaml::granit_parser::{self as parser, Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Diagnostic, Place, Source};

/// The largest file read: a thousand masters need a tenth of it.
const MOST_BYTES: usize = 1 << 20;
/// The most keys and values.
const MOST_NODES: usize = 20_000;
/// The deepest nesting; an inventory needs six levels.
const MOST_DEPTH: usize = 32;

/// What the commonest slips are, by what the parser says of them: it names the rule and not the slip.
const SLIPS: [(&str, &str); 5] = [
    ("unclosed", "what opens here is not closed before the file ends"),
    ("tabs disallowed", "indent with spaces, never with tabs"),
    (
        "mapping values are not allowed",
        "a value that holds a colon and a blank needs quotes; or the indentation is off",
    ),
    ("did not find expected", "look at the indentation of this line and of the one before"),
    ("unexpected character", "a value that begins with such a character needs quotes; one that cannot be typed goes"),
];

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
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
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key as written, quotes taken off.
    pub key: String,
    /// The key's bytes in the file.
    pub span: Range<usize>,
    /// The value.
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
        }
    }
}

/// Reads one YAML document.
///
/// # Errors
/// The first place where the text is not YAML, uses what is not read here (anchors, aliases, tags, several
/// documents, keys that are no text), is empty, or goes beyond a limit.
pub fn parse(source: &Source) -> Result<Node, Box<Diagnostic>> {
    if source.text.len() > MOST_BYTES {
        let said = format!("the file has {} bytes; at most {MOST_BYTES} are read", source.text.len());
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
    let mut tree = Tree { source, open: Vec::new(), root: None, nodes: 0 };
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

struct Tree<'s> {
    source: &'s Source,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Box<Diagnostic>> {
        let bytes = self.bytes(span);
        match event {
            Event::Scalar(_, _, anchor, tag) if anchor > 0 || tag.is_some() => Err(self.too_clever(bytes)),
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag)
                if anchor > 0 || tag.is_some() =>
            {
                Err(self.too_clever(bytes))
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => Err(self.too_clever(bytes)),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(self.refusal("second-document", bytes, "a second document begins here; one file holds one"))
            }
            Event::Scalar(text, style, ..) => self.scalar(text.into_owned(), style, bytes),
            Event::SequenceStart(..) => self.enter(Open::List(Vec::new(), bytes.start), bytes),
            Event::MappingStart(..) => self.enter(Open::Map(Vec::new(), bytes.start, None), bytes),
            Event::SequenceEnd | Event::MappingEnd => self.leave(bytes.end),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.count(&span)?;
        if let Some(Open::Map(_, _, key @ None)) = self.open.last_mut() {
            *key = Some((text, span));
            return Ok(());
        }
        let nothing = style == ScalarStyle::Plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        self.place(Node { kind: if nothing { Kind::Null } else { Kind::Text(text) }, span });
        Ok(())
    }

    fn enter(&mut self, open: Open, span: Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.count(&span)?;
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return Err(self.refusal("bad-key", span, "a key must be a single word"));
        }
        if self.open.len() >= MOST_DEPTH {
            return Err(self.refusal("too-deep", span, format!("nested deeper than {MOST_DEPTH} levels")));
        }
        self.open.push(open);
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
        self.place(Node { kind, span: start..start + inner.trim_end().len() });
        Ok(())
    }

    fn place(&mut self, mut node: Node) {
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

    fn count(&mut self, span: &Range<usize>) -> Result<(), Box<Diagnostic>> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            let said = format!("more than {MOST_NODES} keys and values");
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
