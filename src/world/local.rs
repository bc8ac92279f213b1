//! Runs the site's own commands on the bastion, by argv and never through a shell. Does not know what they mean.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::model::command::clean;

/// Runs a command to its end.
///
/// # Errors
/// What it said last, where it cannot be run, fails, or does not end within `limit` (it is killed then).
pub async fn run(argv: &[String], limit: Duration) -> Result<(), String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("the command is empty".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = tokio::time::timeout(limit, command.output()).await;
    // Arguments may hold a password, and a program may repeat them.
    let shown = clean(program);
    match ended {
        Err(_) => Err(format!("{shown}: it did not stop within {} s", limit.as_secs())),
        Ok(Err(error)) => Err(format!("{shown}: {error}")),
        Ok(Ok(output)) if output.status.success() => Ok(()),
        Ok(Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let hidden = arguments.iter().filter(|word| word.len() >= 4);
            let last = hidden.fold(last.to_owned(), |last, word| last.replace(word.as_str(), "<argument>"));
            Err(format!("{shown}: {}: {}", output.status, clean(&last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_hangs_or_is_missing_is_told() {
        let run = |argv: &'static [&'static str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            async move { run(&argv, Duration::from_millis(300)).await }
        };
        assert_eq!(run(&["true"]).await, Ok(()));
        let said = run(&["ls", "/hunter22/;true"]).await.unwrap_err();
        assert!(
            said.starts_with("ls: exit status") && said.contains("<argument>") && !said.contains("hunter22"),
            "{said}"
        );
        assert!(run(&["sleep", "30"]).await.unwrap_err().contains("did not stop"));
        assert!(run(&["/no/such/program"]).await.is_err());
        assert!(run(&[]).await.is_err());
    }
}
