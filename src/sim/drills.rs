//! What only a drill asks of a master of the model: canaries, closed ports, a snapshot, a start. Knows nothing about
//! drills.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::model::{Command, MasterName, Output};
use crate::run::hold;
use crate::run::ports::{Pipes, RemoteError};

use super::acts::Call;
use super::data::Value;
use super::etcdctl::Reply;
use super::remote::{CONNECT, words_of};
use super::state::State;
use super::systemd::By;
use super::{Site, run_files};

/// Between two writes of a canary; a real one writes twenty times as often.
const REST: Duration = Duration::from_secs(1);
/// A write that takes longer has failed.
const ANSWER: Duration = Duration::from_secs(1);

impl Site {
    /// A canary's session: it lasts until its standard input ends, or its connection does.
    pub(super) async fn canary(
        &self,
        host: &MasterName,
        command: &Command,
        pipes: Pipes,
    ) -> Result<Output, RemoteError> {
        let within = hold::within(command).map_or_else(|| command.clone(), |(_, inner)| inner);
        let through_api = within.script.as_deref() == Some("canary api");
        let prefix = words_of(&within).get(5).cloned().unwrap_or_default();
        let (Some(mut stdin), Some(stdout)) = (pipes.stdin, pipes.stdout) else { panic!("a canary has streams") };
        for number in 1u64.. {
            self.alive().await;
            if !self.with(|state| state.reachable(host)) {
                tokio::time::sleep(CONNECT).await;
                return Err(RemoteError::OutcomeUnknown { why: "the connection was lost".into() });
            }
            let begun = run_files::time(self.since).as_nanosecond();
            let told = self.with(|state| match through_api {
                true => state.canary_writes_through_api(host),
                false => state.canary_writes(host, &format!("{prefix}/{number}"), number, begun),
            });
            let pause = if told.is_some() { REST } else { ANSWER };
            let ended = begun + i128::try_from(ANSWER.min(pause).as_nanos()).unwrap_or(0);
            let line = match told {
                Some((cluster, revision)) => format!("ok {number} {begun} {ended} {cluster} {revision}\n"),
                None => format!("no {number} {begun} {ended}\n"),
            };
            if stdout.send(Bytes::from(line)).await.is_err() {
                break;
            }
            tokio::select! {
                ended = stdin.recv() => if ended.is_none() { break },
                () = tokio::time::sleep(pause) => {}
            }
        }
        // What it wrote it removes in the end, where it can.
        let stays = through_api && self.with(|state| state.canary_writes_through_api(host)).is_none();
        Ok(Output { status: if stays { 7 } else { 0 }, ..Output::default() })
    }
}

impl State {
    /// A write of a canary: by whom it was acknowledged, and at which revision. What a lost zone promises is lost by
    /// design, so that no rule of the model counts on it; the drill's own ledger does.
    fn canary_writes(&mut self, host: &MasterName, key: &str, number: u64, begun: i128) -> Option<(u64, u64)> {
        self.tick();
        let ready = self.seen(host).live().is_some_and(|(process, _)| process.ready);
        if !ready || self.led_group(host).is_none() || self.image(host).no_space {
            return None;
        }
        self.change(host, |image| {
            image.revision += 1;
            let value = Value { text: format!("{number} {begun}"), revision: image.revision };
            image.keys.insert(key.to_owned(), value);
        });
        let image = self.image(host);
        Some((image.cluster.0, image.revision))
    }

    /// The model keeps nothing of what is written through an API server.
    fn canary_writes_through_api(&mut self, host: &MasterName) -> Option<(u64, u64)> {
        self.tick();
        self.api_server_is_ready(self.seen(host)).then(|| (0, self.image(host).revision))
    }

    /// A key and its value on a line each.
    pub(super) fn canary_values(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        let prefix = format!("{}/", call.word(1));
        if self.led_group(call.host).is_none() {
            return Reply::failed(1, "Error: context deadline exceeded");
        }
        let image = self.image(call.host);
        let under = image.keys.iter().filter(|(key, _)| key.starts_with(&prefix));
        Reply::said(under.map(|(key, value)| format!("{key}\n{}\n", value.text)).collect::<String>())
    }

    pub(super) fn drill_snapshot(&mut self, call: &Call<'_>) -> Reply {
        self.tick();
        if self.seen(call.host).live().is_none_or(|(process, _)| !process.ready) {
            return Reply::failed(1, "Error: connection refused");
        }
        Reply { bytes: Some(self.image(call.host).to_snapshot()), ..Reply::default() }
    }

    /// Closes a master's ports towards the other zones until a timer opens them.
    pub(super) fn close_ports(&mut self, call: &Call<'_>) -> Reply {
        let after: u64 = call.word(2).trim_end_matches('s').parse().unwrap_or(0);
        let machine = self.machine(call.host);
        if machine.closed_until.is_some() {
            return Reply::failed(75, "found: closed by an earlier drill");
        }
        machine.closed_until = Some(Instant::now() + Duration::from_secs(after));
        Reply::said("done: closed\n")
    }

    pub(super) fn open_ports(&mut self, call: &Call<'_>) -> Reply {
        match self.machine(call.host).closed_until.take() {
            Some(_) => Reply::said("done: open again\n"),
            None => Reply::said("found: open already\n"),
        }
    }

    /// The timer on each master: under a fence they stay closed.
    pub(super) fn open_what_is_due(&mut self, now: Instant) {
        for machine in self.machines.values_mut() {
            if machine.closed_until.is_some_and(|until| until <= now) && !machine.fenced() {
                machine.closed_until = None;
            }
        }
    }

    pub(super) fn start_again(&mut self, call: &Call<'_>) -> Reply {
        let marker = self.seen(call.host).supervisor().fence_marker();
        if self.seen(call.host).files.contains_key(&marker) {
            return Reply::failed(1, "it is fenced");
        }
        self.machine(call.host).release();
        self.start(call.host, By::Boot);
        Reply::default()
    }
}
