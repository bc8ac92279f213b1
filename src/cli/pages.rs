//! The manual's pages and what a shell needs to complete, both made from the flags. Touches no disk.

use clap::{Command, CommandFactory};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::args::{Cli, Shell};

/// Every page by its file's name: the program's own, and one for each verb.
#[must_use]
pub fn manual() -> Vec<(String, String)> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    pages_of(&program, program.get_name(), &mut pages);
    pages
}

fn pages_of(command: &Command, name: &str, pages: &mut Vec<(String, String)>) {
    let visible = |verb: &&Command| !verb.is_hide_set();
    for verb in command.get_subcommands().filter(visible) {
        pages_of(verb, &format!("{name}-{}", verb.get_name()), pages);
    }
    let page = clap_mangen::Man::new(command.clone());
    let page =
        page.title(name.to_uppercase()).manual("requorum").source(format!("requorum {}", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    // Into memory nothing fails.
    let _ = page.render(&mut text);
    pages.push((format!("{name}.1"), String::from_utf8_lossy(&text).into_owned()));
}

/// zsh loads a file of `$fpath` when it is first asked, and takes what that says for the answer: without this the first TAB
/// of a session would offer nothing.
const ZSH_FIRST: &str = "\n[[ ${funcstack[1]} == _requorum ]] && _clap_dynamic_completer_requorum \"$@\" || true\n";

/// What a shell reads once; it asks the program by `variable`.
#[must_use]
pub fn completions(shell: Shell, variable: &str) -> String {
    let (shell, ending): (&dyn EnvCompleter, &str) = match shell {
        Shell::Bash => (&Bash, ""),
        Shell::Zsh => (&Zsh, ZSH_FIRST),
        Shell::Fish => (&Fish, ""),
    };
    let mut text = Vec::new();
    let _ = shell.write_registration(variable, "requorum", "requorum", "requorum", &mut text);
    String::from_utf8_lossy(&text).trim_start().to_owned() + ending
}
