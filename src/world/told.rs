//! Commands on masters, each told as it ends: what `--verbose` shows. Does not know what they mean.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Command, MasterName, Output};
use crate::run::ports::{Console, Event, Heard, Later, Pipes, Questions, Remote, RemoteError};
use crate::run::redact::Redactor;

/// Tells the console what it passes on.
pub struct Told {
    /// Who runs the commands.
    pub remote: Arc<dyn Remote>,
    /// Who is told.
    pub console: Arc<dyn Console>,
}

impl Remote for Told {
    fn run<'a>(
        &'a self,
        host: &'a MasterName,
        command: &'a Command,
        pipes: Pipes,
    ) -> Later<'a, Result<Output, RemoteError>> {
        Box::pin(async move {
            let begun = Instant::now();
            let answer = self.remote.run(host, command, pipes).await;
            tell(&self.console, host, command, &answer, begun.elapsed());
            answer
        })
    }

    fn questions<'a>(&'a self, host: &'a MasterName) -> Box<dyn Questions + 'a> {
        Box::new(ToldQuestions { asked: self.remote.questions(host), host, console: &self.console })
    }

    fn said_to_be_off(&self, hosts: &BTreeSet<MasterName>) {
        self.remote.said_to_be_off(hosts);
    }
}

struct ToldQuestions<'a> {
    asked: Box<dyn Questions + 'a>,
    host: &'a MasterName,
    console: &'a Arc<dyn Console>,
}

impl Questions for ToldQuestions<'_> {
    fn ask<'a>(&'a mut self, round: &'a [Command], heard: Heard<'a>) -> Later<'a, ()> {
        Box::pin(async move {
            let begun = Instant::now();
            let (host, console) = (self.host, self.console);
            let mut hear = |place: usize, answer: Result<Output, RemoteError>| {
                if let Some(command) = round.get(place) {
                    tell(console, host, command, &answer, begun.elapsed());
                }
                heard(place, answer);
            };
            self.asked.ask(round, &mut hear).await;
        })
    }
}

fn tell(
    console: &Arc<dyn Console>,
    host: &MasterName,
    command: &Command,
    answer: &Result<Output, RemoteError>,
    took: Duration,
) {
    let ended = match answer {
        Ok(output) => format!("exit {}", output.status),
        Err(error) => error.to_string(),
    };
    let what = Redactor::default().clean(&format!("{}: {ended}", command.shown()));
    console.tell(Event::Ran { host: host.clone(), what: crate::model::command::clean(&what), took });
}
