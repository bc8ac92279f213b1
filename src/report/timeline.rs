//! The picture of a run as coordinates: one row per master, bars for steps, lines for moments. Draws nothing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::history::{DrillPhase, Report, State, Step};

const WIDTH: f64 = 960.0;
/// Where names stand.
const LEFT: f64 = 104.0;
/// So that the last tick's number is not cut.
const RIGHT: f64 = 24.0;
/// A line of words above the rows.
const WORDS: f64 = 18.0;
const BAR: f64 = 20.0;
const LANE: f64 = 25.0;
const GAP: f64 = 10.0;
const AXIS: f64 = 40.0;
/// A letter at the size of the bars' labels, not too small for any usual font.
const LETTER: f64 = 7.2;
/// A step that took no time is still seen.
const NARROWEST: f64 = 3.0;

/// The picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    pub width: f64,
    pub height: f64,
    /// Where time begins.
    pub left: f64,
    /// Where it ends.
    pub right: f64,
    /// Where the rows begin.
    pub top: f64,
    /// Where they end, and the axis is.
    pub bottom: f64,
    /// The masters.
    pub rows: Vec<Row>,
    /// The steps.
    pub bars: Vec<Bar>,
    pub moments: Vec<Moment>,
    /// From where to where quorum was lost.
    pub lost: Option<Span>,
    /// The axis.
    pub ticks: Vec<Tick>,
    /// What the picture shows, in a sentence.
    pub told: String,
}

/// A master's row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The master.
    pub name: String,
    /// Its zone or, where that is not recorded, nothing.
    pub zone: String,
    /// Its upper edge.
    pub y: f64,
    pub height: f64,
    /// Whether nothing was done there.
    pub idle: bool,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bar {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub state: State,
    /// What fits into it; may be empty.
    pub label: String,
    /// All of it.
    pub title: String,
}

/// A moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Its place.
    pub x: f64,
    /// Where its words stand.
    pub y: f64,
    /// Whether its words stand left of it.
    pub before: bool,
    pub kind: &'static str,
    /// Its words.
    pub label: String,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Span {
    /// Its left edge.
    pub x: f64,
    pub width: f64,
    /// What is said of it above the rows; empty where a moment says it.
    pub words: String,
}

/// A mark of the axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tick {
    /// Its place.
    pub x: f64,
    /// The time.
    pub label: String,
}

/// The picture of a run.
#[must_use]
pub fn of(report: &Report) -> Timeline {
    // A step's last moment may lie beyond the last record's millisecond.
    let ends = report.steps.iter().filter_map(|step| Some(step.began_ms? + step.took_ms.unwrap_or(0)));
    let whole = ends.chain([report.took_ms, 1]).max().unwrap_or(1);
    let x = |ms: u64| rounded(LEFT + (WIDTH - LEFT - RIGHT) * ms.min(whole) as f64 / whole as f64);
    let (mut rows, mut bars) = (Vec::new(), Vec::new());
    let (moments, top) = above(report, &x);
    let mut y = top;
    let mut row = |name: &str, zone: &str, spells: Vec<Spell>| {
        let idle = spells.is_empty();
        let placed = lanes(spells, whole, &x);
        let lanes = placed.iter().map(|(lane, _)| lane + 1).max().unwrap_or(1);
        let height = LANE * lanes as f64 + GAP;
        for (lane, bar) in placed {
            bars.push(Bar { y: y + GAP / 2.0 + LANE * lane as f64 + (LANE - BAR) / 2.0, ..bar });
        }
        rows.push(Row { name: shortened(name), zone: shortened(zone), y, height, idle });
        y += height;
    };
    if let Some(drill) = &report.drill {
        row("drill", "phases", drill.phases.iter().map(of_phase).collect());
    }
    for master in &report.masters {
        let steps = report.steps.iter().filter(|step| step.host == master.name);
        row(&master.name, master.zone.as_deref().unwrap_or_default(), steps.filter_map(of_step).collect());
    }
    let lost = lost(report, &x);
    Timeline {
        width: WIDTH,
        height: y + AXIS,
        left: LEFT,
        right: WIDTH - RIGHT,
        top,
        bottom: y,
        rows,
        bars,
        moments,
        lost,
        ticks: ticks(whole, &x),
        told: told(report),
    }
}

fn rounded(length: f64) -> f64 {
    (length * 100.0).round() / 100.0
}

/// A name that fits beside the rows.
fn shortened(name: &str) -> String {
    let most = 13;
    if name.chars().count() <= most { name.to_owned() } else { name.chars().take(most - 1).chain(['…']).collect() }
}

/// What a bar is made from.
struct Spell {
    began: u64,
    took: Option<u64>,
    state: State,
    /// From the longest to the shortest.
    names: Vec<String>,
    title: String,
}

fn of_step(step: &Step) -> Option<Spell> {
    let took = step.took_ms.map_or_else(|| "no end".to_owned(), super::millis);
    let said = if step.said.is_empty() { String::new() } else { format!(": {}", step.said.replace('\n', " ")) };
    Some(Spell {
        began: step.began_ms?,
        took: step.took_ms,
        state: step.state,
        names: vec![format!("{} {}", step.stage, step.kind), step.stage.to_string()],
        title: format!("step {} on {}, {} ({took}), {}{said}", step.stage, step.host, step.title, step.state.words()),
    })
}

fn of_phase(phase: &DrillPhase) -> Spell {
    let took = phase.took_ms.map_or_else(|| "no end".to_owned(), super::millis);
    let said = if phase.note.is_empty() { String::new() } else { format!(": {}", phase.note.replace('\n', " ")) };
    Spell {
        began: phase.began_ms,
        took: phase.took_ms,
        state: phase.state,
        names: vec![phase.name.clone()],
        title: format!("phase {} ({took}), {}{said}", phase.name, phase.state.words()),
    }
}

/// Bars of one row, each in the first lane that is free where it begins.
fn lanes(mut spells: Vec<Spell>, whole: u64, x: &impl Fn(u64) -> f64) -> Vec<(usize, Bar)> {
    spells.sort_by_key(|spell| spell.began);
    let mut free_from: Vec<u64> = Vec::new();
    let mut placed = Vec::new();
    for spell in spells {
        // What did not end goes on to the picture's edge.
        let to = spell.took.map_or(whole, |took| spell.began + took);
        let lane = free_from.iter().position(|free| *free <= spell.began).unwrap_or(free_from.len());
        if lane == free_from.len() {
            free_from.push(to);
        } else {
            free_from[lane] = to;
        }
        let width = rounded(x(to) - x(spell.began)).max(NARROWEST);
        let (x, label) = (x(spell.began), label(&spell, width));
        placed.push((lane, Bar { x, y: 0.0, width, height: BAR, state: spell.state, label, title: spell.title }));
    }
    placed
}

/// The longest of its names that a bar has room for.
fn label(spell: &Spell, width: f64) -> String {
    let sign = match spell.state {
        State::Done => String::new(),
        state => format!("{} ", state.sign()),
    };
    let mut names = spell.names.iter().map(|name| format!("{sign}{name}")).chain([sign.trim().to_owned()]);
    names.find(|name| name.chars().count() as f64 * LETTER + 6.0 <= width).unwrap_or_default()
}

fn lost(report: &Report, x: &impl Fn(u64) -> f64) -> Option<Span> {
    let quorum = &report.quorum;
    let from = if quorum.lost_before { 0 } else { quorum.lost_ms? };
    let end = quorum.regained_ms.map_or(WIDTH - RIGHT, x);
    let not = if quorum.regained_ms.is_none() { ", not regained" } else { "" };
    let words = if quorum.lost_before { format!("quorum lost (before the run began){not}") } else { String::new() };
    Some(Span { x: x(from), width: rounded((end - x(from)).max(0.0)), words })
}

/// The moments, and where the rows begin: each has a line of its own above them, so that no two words meet. The first
/// line says that quorum was lost.
fn above(report: &Report, x: &impl Fn(u64) -> f64) -> (Vec<Moment>, f64) {
    let mut moments = Vec::new();
    let mut y = if report.quorum.lost_before { WORDS } else { 0.0 };
    let mut add = |ms: u64, kind, words: &str| {
        let at = x(ms);
        y += WORDS;
        let before = at > WIDTH / 2.0;
        moments.push(Moment { x: at, y, before, kind, label: format!("{words}, {}", super::millis(ms)) });
    };
    if let Some(at) = report.quorum.lost_ms {
        add(at, "outage", "outage: quorum lost");
    }
    if let Some(at) = report.no_return.as_ref().and_then(|no_return| no_return.at_ms) {
        add(at, "no-return", "point of no return");
    }
    if let Some(at) = report.quorum.regained_ms {
        add(at, "regained", "quorum regained");
    }
    if let Some(at) = redundant(report) {
        add(at, "redundant", "full redundancy");
    }
    (moments, y + WORDS / 2.0)
}

/// When every master of a drill voted again.
fn redundant(report: &Report) -> Option<u64> {
    let measures = report.drill.as_ref()?.measures.as_ref()?;
    Some(report.quorum.lost_ms? + measures.full_redundancy_ms?)
}

/// At most about eight, at round times.
fn ticks(whole: u64, x: &impl Fn(u64) -> f64) -> Vec<Tick> {
    const ROUND_MS: [u64; 19] = [
        1, 5, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000,
        3_600_000, 10_800_000,
    ];
    let every = ROUND_MS.into_iter().find(|every| whole / every <= 8).unwrap_or((whole / 8).max(1));
    let label = |ms: u64| match every {
        0..1_000 => format!("{} s", ms as f64 / 1000.0),
        1_000..60_000 => format!("{} s", ms / 1000),
        _ => format!("{} min", ms / 60_000),
    };
    (0..=whole / every).map(|number| Tick { x: x(number * every), label: label(number * every) }).collect()
}

fn told(report: &Report) -> String {
    let begun = report.steps.iter().filter(|step| step.began_ms.is_some());
    let steps = begun.map(|step| step.stage).collect::<BTreeSet<_>>().len();
    let masters = report.masters.len();
    let mut told = format!("{steps} steps on {masters} masters in {}", super::millis(report.took_ms));
    if let Some(at) = report.no_return.as_ref().and_then(|no_return| no_return.at_ms) {
        told += &format!("; the point of no return was at {}", super::millis(at));
    }
    if report.quorum.lost_before || report.drill.is_some() {
        told += &format!("; quorum: {}", report.quorum_words());
    }
    if let Some(at) = redundant(report) {
        told += &format!("; full redundancy at {}", super::millis(at));
    }
    told
}
