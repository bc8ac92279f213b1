//! Mistakes in files as a person reads them, each with its line, and as JSON. Knows neither terminal nor disk.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::model::diagnostic::{Diagnostic, Place, Severity};

/// Wide enough for an inventory's lines; a wider one is cut around the place.
const SHOWN_WIDTH: usize = 160;

/// All mistakes with their lines, in the compiler's manner, and how many there are.
#[must_use]
pub fn text(diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(SHOWN_WIDTH);
    let mut shown: String =
        diagnostics.iter().map(|diagnostic| renderer.render(&[group(diagnostic)]) + "\n\n").collect();
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    if errors > 1 {
        shown.push_str(&format!("{errors} mistakes\n"));
    } else if shown.ends_with("\n\n") {
        shown.pop();
    }
    shown
}

/// All mistakes for machines: an array, in the same order.
#[must_use]
pub fn json(diagnostics: &[Diagnostic]) -> Value {
    json!(diagnostics)
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let place = &diagnostic.place;
    let title = level.primary_title(&diagnostic.message).id(diagnostic.code);
    let shown = snippet(place, AnnotationKind::Primary, None);
    let mut group = if place.is_cut() {
        // The renderer counts columns within what it is shown, which is not the line's beginning here.
        title.element(Origin::path(&place.file).line(place.line).char_column(place.column)).element(shown)
    } else {
        title.element(shown.path(&place.file))
    };
    for related in &diagnostic.related {
        let snippet = snippet(&related.place, AnnotationKind::Context, Some(&related.message));
        group = group.element(snippet.path(&related.place.file));
    }
    match &diagnostic.hint {
        Some(hint) => group.element(Level::HELP.message(hint)),
        None => group,
    }
}

fn snippet<'a>(
    place: &'a Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let annotation = kind.span(place.mark.clone()).label(label);
    Snippet::source(place.line_text.as_str()).line_start(place.line).fold(false).annotation(annotation)
}

#[cfg(test)]
mod tests;
