//! What a shell is offered while somebody types: zones, masters, clusters, runs, rules and inventories. Asks no master, and
//! says nothing of what it cannot read.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter};
use strum::IntoEnumIterator;

use crate::model::diagnostic::Source;
use crate::model::{Cluster, inventory};
use crate::plan::Rule;
use crate::report::explain;

use super::files;

/// Where the names are looked for.
#[derive(Debug, Clone)]
pub struct Known {
    /// The inventory that holds where the words typed so far name none.
    pub inventory: PathBuf,
    /// The state directory, likewise.
    pub state: PathBuf,
}

/// Answers a shell that asks by `variable`, from the words in `typed`. Says whether one did.
///
/// # Errors
/// Where the shell is not known.
pub fn answered(
    command: Command,
    variable: &'static str,
    typed: &[OsString],
    known: Known,
) -> clap::error::Result<bool> {
    let known = Arc::new(known.with(typed));
    let offers = || with_values(command.clone(), &known);
    CompleteEnv::with_factory(offers).var(variable).try_complete(typed, std::env::current_dir().ok().as_deref())
}

impl Known {
    /// With what the words name, if they do.
    fn with(mut self, typed: &[OsString]) -> Self {
        let typed: Vec<&str> = typed.iter().filter_map(|word| word.to_str()).collect();
        // bash takes `=` for a word of its own.
        let value = |names: [&str; 2]| {
            typed.iter().enumerate().find_map(|(at, word)| {
                let [long, short] = names;
                let next = |at: usize| typed.get(at).copied().filter(|word| !word.is_empty());
                if let Some(value) = word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')) {
                    return if value.is_empty() { next(at + 1) } else { Some(value) };
                }
                if *word == long || *word == short {
                    return next(at + 1).and_then(|word| if word == "=" { next(at + 2) } else { Some(word) });
                }
                word.strip_prefix(short).filter(|value| !value.is_empty() && !short.is_empty())
            })
        };
        if let Some(path) = value(["--inventory", "-i"]) {
            self.inventory = PathBuf::from(path);
        }
        if let Some(path) = value(["--state-dir", "--state-dir"]) {
            self.state = PathBuf::from(path);
        }
        self
    }

    fn clusters(&self) -> Vec<Cluster> {
        let Ok(text) = files::text(&self.inventory) else { return Vec::new() };
        let source = Source::new(self.inventory.display().to_string(), text);
        inventory::all(&source).map(|(main, others)| std::iter::once(main).chain(others).collect()).unwrap_or_default()
    }

    fn zones(&self) -> Vec<String> {
        let clusters = self.clusters();
        sorted(clusters.iter().flat_map(|cluster| cluster.zones.keys().map(ToString::to_string)))
    }

    fn masters(&self) -> Vec<String> {
        let clusters = self.clusters();
        sorted(clusters.iter().flat_map(|cluster| cluster.masters().map(|master| master.name.to_string())))
    }

    fn names(&self) -> Vec<String> {
        self.clusters().iter().map(|cluster| cluster.name.to_string()).collect()
    }

    /// The newest first, and the words for the last ones.
    fn runs(&self) -> Vec<String> {
        let kept = files::runs(&self.state).unwrap_or_default().into_iter().rev().map(|kept| kept.run);
        ["last", "last-drill"].map(str::to_owned).into_iter().chain(kept).collect()
    }
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort();
    names.dedup();
    names
}

/// Each value that has a name of its own is offered what stands for it.
fn with_values(command: Command, known: &Arc<Known>) -> Command {
    command.mut_args(|arg| with_value(arg, known)).mut_subcommands(|verb| with_values(verb, known))
}

fn with_value(arg: Arg, known: &Arc<Known>) -> Arg {
    let name = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
    let offer = |names: fn(&Known) -> Vec<String>, end: &'static str| {
        let known = Arc::clone(known);
        ArgValueCompleter::new(move |typed: &OsStr| beginning_with(typed, names(&known), end))
    };
    match (arg.get_id().as_str(), name.as_str()) {
        ("inventory", _) | (_, "INVENTORY") => {
            arg.add(ArgValueCompleter::new(PathCompleter::any().filter(is_inventory)))
        }
        (_, "ZONE") => arg.add(offer(Known::zones, "")),
        (_, "ZONE=HOW") => arg.add(offer(Known::zones, "=")),
        (_, "NODE") => arg.add(offer(Known::masters, "")),
        (_, "CLUSTER") => arg.add(offer(Known::names, "")),
        (_, "RUN") => arg.add(offer(Known::runs, "")),
        (_, "CODE") => arg.add(offer(|_| explained(), "")),
        (_, "RULE=REASON") => arg.add(offer(|_| overridable(), "=")),
        _ => arg,
    }
}

fn beginning_with(typed: &OsStr, names: Vec<String>, end: &str) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fitting = names.into_iter().filter(|name| name.starts_with(&*typed));
    fitting.enumerate().map(|(at, name)| CompletionCandidate::new(name + end).display_order(Some(at))).collect()
}

fn overridable() -> Vec<String> {
    Rule::iter().filter(|rule| rule.may_be_set_aside()).map(|rule| rule.name().to_owned()).collect()
}

fn explained() -> Vec<String> {
    explain::codes().into_iter().map(str::to_owned).collect()
}

/// A file that says at its left edge what an inventory must say. Others are not offered, since a wrong one is as easily
/// taken.
fn is_inventory(path: &Path) -> bool {
    let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let has = |text: &str, key: &str| text.lines().any(|line| line.starts_with(key));
    yaml && files::text(path).is_ok_and(|text| has(&text, "cluster:") && has(&text, "zones:"))
}
