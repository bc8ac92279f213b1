//! The lock of the model's masters: taken, looked at and released as the scripts do it. Knows nothing about runs.

use crate::model::Output;

use super::acts::Call;
use super::etcdctl::Reply;
use super::machine::HOLDER;
use super::state::State;

/// What a script says where another run holds the master, or the lock was renewed too lately.
fn refused(status: u32, stdout: String) -> Reply {
    Reply { output: Output { status, stdout, ..Output::default() }, ..Reply::default() }
}

impl State {
    pub(super) fn lock(&mut self, call: &Call<'_>) -> Reply {
        let machine = self.machine(call.host);
        let own = format!("\"run\":\"{}\"", call.word(2));
        match machine.file(HOLDER) {
            Some(holder) if holder.contains(&own) => return Reply::said("taken\n"),
            Some(holder) => return refused(75, holder),
            None => {}
        }
        machine.put(HOLDER, call.stdin.clone());
        machine.renewed = Some(tokio::time::Instant::now());
        Reply::said("taken\n")
    }

    pub(super) fn lock_held(&mut self, call: &Call<'_>) -> Reply {
        match self.machine(call.host).renew(call.word(2)) {
            Ok(()) => Reply::said(""),
            Err(holder) => refused(75, holder),
        }
    }

    pub(super) fn unlock(&mut self, call: &Call<'_>) -> Reply {
        let run = call.word(2);
        let since = self.since;
        let machine = self.machine(call.host);
        let Some(holder) = machine.file(HOLDER) else { return Reply::said("none\n") };
        if !holder.contains(&format!("\"run\":\"{run}\"")) {
            return refused(75, holder);
        }
        let (age, unrenewed) = (machine.unrenewed().as_secs(), call.word(4).parse().unwrap_or(u64::MAX));
        let set_at = machine.renewed.map_or(0, |then| then.duration_since(since).as_secs());
        if age < unrenewed && set_at.to_string() != call.word(5) {
            return refused(76, format!("{age} {set_at}\n"));
        }
        machine.files.remove(HOLDER);
        machine.put(format!("{}/lock/holder.json", call.word(3)), holder);
        Reply::said("released\n")
    }
}
