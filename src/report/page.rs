//! A run as a page: HTML in a single file, and Markdown. Both use templates that are compiled in; an inventory cannot
//! name others. Touches no disk.

use std::collections::BTreeMap;

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State as Rendering, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
};
use serde::Serialize;

use super::drill;
use super::history::{Report, State};
use super::markup::{longest_run, prose};
use super::timeline::{self, Timeline};

const HTML: &str = include_str!("../../templates/report.html.j2");
const MARKDOWN: &str = include_str!("../../templates/report.md.j2");

/// What the templates are given.
#[derive(Serialize)]
struct Context<'a> {
    report: &'a Report,
    timeline: Timeline,
    /// What became of quorum.
    quorum: String,
    /// When the proof was made.
    proof_when: &'static str,
    /// The rows of what a drill measured.
    measured: Vec<(String, String)>,
    /// What the report is about: a run or a drill.
    about: &'static str,
    /// The sign of each state.
    signs: BTreeMap<String, &'static str>,
}

/// One HTML file: no script, no network, light and dark, printable.
///
/// # Errors
/// Only when the template is wrong, which the tests would have told.
pub fn html(report: &Report) -> Result<String, Error> {
    render(report, HTML, AutoEscape::Html)
}

/// Markdown as GitHub and GitLab show it.
///
/// # Errors
/// As [`html`].
pub fn markdown(report: &Report) -> Result<String, Error> {
    render(report, MARKDOWN, AutoEscape::Custom("markdown".into()))
}

fn render(report: &Report, template: &str, escape: AutoEscape) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.set_formatter(format);
    environment.add_filter("ms", super::millis);
    let numbers: BTreeMap<u32, usize> = report.steps.iter().map(|step| (step.id, step.stage)).collect();
    environment.add_filter("number", move |id: u32| numbers.get(&id).copied().unwrap_or_default());
    environment.add_filter("when", when);
    environment.add_filter("code", |text: &str| Value::from_safe_string(code(text)));
    environment.add_filter("block", |text: &str| Value::from_safe_string(block(text)));
    let all = [State::NotBegun, State::CutOff, State::Done, State::FoundDone, State::Failed, State::Unknown];
    let measures = report.drill.as_ref().and_then(|drill| drill.measures.as_ref());
    let context = Context {
        report,
        timeline: timeline::of(report),
        quorum: report.quorum_words(),
        proof_when: report.proof_when(),
        measured: measures.map(drill::rows).unwrap_or_default(),
        about: if report.drill.is_some() { "drill" } else { "run" },
        signs: all.into_iter().map(|state| (state.words().replace(' ', "_"), state.sign())).collect(),
    };
    environment.template_from_str(template)?.render(Serde(&context))
}

/// Whatever a template prints is escaped here, unless a filter above has made it harmless in its own way.
fn format(out: &mut Output<'_>, state: &mut Rendering<'_, '_>, value: &Value) -> Result<(), Error> {
    match state.auto_escape() {
        AutoEscape::Custom(_) if value.is_safe() => Ok(out.write_str(&value.to_string())?),
        AutoEscape::Custom(_) => Ok(out.write_str(&prose(&value.to_string()))?),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

fn when(text: &str) -> Result<String, Error> {
    let at: Timestamp =
        text.parse().map_err(|_| Error::new(ErrorKind::InvalidOperation, "this is not a time from a journal"))?;
    Ok(at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Words that stand between backticks, more of them than the text has in a row.
fn code(text: &str) -> String {
    let text = text.replace('\n', " ").replace('|', "\\|");
    let marks = "`".repeat(longest_run(&text) + 1);
    format!("{marks} {text} {marks}")
}

/// Lines as they are, between fences that none of them can close.
fn block(text: &str) -> String {
    let marks = "`".repeat(longest_run(text).max(2) + 1);
    format!("{marks}text\n{}\n{marks}", text.trim_end())
}
