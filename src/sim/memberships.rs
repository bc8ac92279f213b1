//! What the scripts do that change the member list of the model. Knows nothing about runs.

use super::acts::Call;
use super::etcdctl::Reply;
use super::state::State;

impl State {
    pub(super) fn join(&mut self, call: &Call<'_>) -> Reply {
        let urls = format!("--peer-urls={}", call.word(2));
        self.or_the_list(call, 2, &["member", "add", call.word(1), "--learner", &urls, "-w", "json"])
    }

    pub(super) fn promote(&mut self, call: &Call<'_>) -> Reply {
        let mut reply = self.or_the_list(call, 1, &["member", "promote", call.word(1)]);
        if reply.ok() {
            reply.output.stdout += "promoted\n";
        }
        reply
    }

    pub(super) fn drop_learner(&mut self, call: &Call<'_>) -> Reply {
        let list = [call.rest(1), &["member", "list", "-w", "json"].map(str::to_owned)].concat();
        let mut listed = self.etcdctl(call.host, &list);
        if !listed.ok() {
            listed.output.status = 1;
            return listed;
        }
        let image = self.image(call.host);
        match image.members.iter().find(|(id, _)| id.to_string() == call.word(1)) {
            None => {
                listed.output.status = 75;
                return listed;
            }
            Some((id, entry)) if !entry.learner => {
                return Reply::failed(76, format!("member {id} votes by now: it was not removed"));
            }
            Some(_) => {}
        }
        self.or_the_list(call, 1, &["member", "remove", call.word(1)])
    }

    /// Asks the etcdctl whose words follow the first `own`; after a refusal the list tells what happened: exit 75.
    fn or_the_list(&mut self, call: &Call<'_>, own: usize, asked: &[&str]) -> Reply {
        let words = |more: &[&str]| -> Vec<String> {
            call.rest(own).iter().cloned().chain(more.iter().map(|word| (*word).to_owned())).collect()
        };
        let answer = self.etcdctl(call.host, &words(asked));
        if answer.ok() {
            return answer;
        }
        let mut listed = self.etcdctl(call.host, &words(&["member", "list", "-w", "json"])).after(answer.took);
        listed.output.status = if listed.ok() { 75 } else { 1 };
        listed.output.stderr = answer.output.stderr + &listed.output.stderr;
        listed
    }
}
