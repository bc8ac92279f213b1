//! Runs the site's own commands on the bastion, by argv and never through a shell. Does not know what they mean.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::model::command::clean;

/// The variable of the environment that brings the password for sudo.
pub const SUDO_PASSWORD: &str = "REQUORUM_SUDO_PASSWORD";

/// Runs a command to its end. The password for sudo is not for it.
///
/// # Errors
/// What it said last, where it cannot be run, fails, or does not end within `limit` (it is killed then).
pub async fn run(argv: &[String], limit: Duration) -> Result<(), String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("the command is empty".to_owned()) };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_remove(SUDO_PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
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

    /// A test that sets a variable of its own process would set it for the tests beside it: it runs itself once more.
    #[test]
    fn the_password_for_sudo_is_not_passed_on() {
        const AGAIN: &str = "REQUORUM_TEST_AGAIN";
        if std::env::var_os(AGAIN).is_none() {
            let own = std::env::current_exe().unwrap();
            let name = "world::local::tests::the_password_for_sudo_is_not_passed_on";
            let mut again = std::process::Command::new(own);
            let again = again.args(["--exact", name]).envs([(SUDO_PASSWORD, "hunter22"), (AGAIN, "1")]);
            let output = again.output().unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let has = format!("test \"${SUDO_PASSWORD}\" = hunter22");
        assert!(std::process::Command::new("sh").args(["-c", &has]).status().unwrap().success());
        let argv = ["sh", "-c", &has].map(str::to_owned);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert!(runtime.block_on(run(&argv, Duration::from_secs(5))).is_err());
    }
}
