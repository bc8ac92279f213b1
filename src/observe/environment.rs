//! The question "what kind of machine does this master say it is?" (`/etc/requorum/environment`). Only a drill asks it.

use crate::model::command::Script;
use crate::model::{Command, Output};

use super::{Answer, Unclear};

/// The file in which a master says `staging` or `lab`, so that a copied inventory cannot drill production.
pub const FILE: &str = "/etc/requorum/environment";

const SCRIPT: Script = Script { name: "environment", text: include_str!("scripts/environment.sh") };

/// Asks for the word.
#[must_use]
pub fn command() -> Command {
    Command::script(SCRIPT).arg(FILE)
}

/// Reads the word; nothing where the file is missing or empty.
///
/// # Errors
/// When the file could not be read.
pub fn parse(output: &Output) -> Answer<Option<String>> {
    if !output.ok() {
        return Err(Unclear::failed(FILE, output));
    }
    let word = crate::model::command::clean(output.stdout.trim());
    Ok((!word.is_empty()).then_some(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_no_word_and_a_failed_look_is_no_answer() {
        let say = |status: u32, stdout: &str| parse(&Output { status, stdout: stdout.into(), ..Output::default() });
        assert_eq!(say(0, "lab\n"), Ok(Some("lab".into())));
        assert_eq!(say(0, ""), Ok(None));
        assert!(say(1, "").is_err());
    }
}
