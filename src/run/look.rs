//! Looks at every master at once: asks the questions of `observe` and puts the answers together. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::model::{Cluster, Command, Master, MasterName, Output};
use crate::observe::api_server::{self, Health};
use crate::observe::members::guessed_peer_urls;
use crate::observe::{
    Answer, Contact, KnownBefore, Observation, Read, Seen, Settings, Unclear, certificates, client_urls, container,
    denied, peers, read, status, unit, witnesses,
};

use super::joined;
use super::ports::{Pipes, Questions, Remote, RemoteError};
use super::still_tried::StillTried;

mod first;
mod in_container;
mod of_etcd;

use first::at_first;
use of_etcd::OfEtcd;

/// Asks every master of the cluster, side by side; a dark one costs no more than its connect time-out.
pub async fn look(cluster: &Cluster, remote: &Arc<dyn Remote>) -> Observation {
    Looking::begin(cluster, remote).finish().await
}

/// A look under way: a dark master is tried for seconds, and a read that no quorum answers takes as long.
pub struct Looking {
    tasks: JoinSet<(MasterName, Contact)>,
    early: UnboundedReceiver<(MasterName, Contact)>,
    seen: Observation,
    asked: BTreeSet<MasterName>,
    /// Who has said everything, or turned out to be silent.
    told: BTreeSet<MasterName>,
    begun: Instant,
}

impl Looking {
    /// Begins to ask every master.
    #[must_use]
    pub fn begin(cluster: &Cluster, remote: &Arc<dyn Remote>) -> Self {
        Self::reading_for(read::TIMEOUT, cluster, remote)
    }

    /// The same, with this limit for the linearizable reads.
    #[must_use]
    pub fn reading_for(read: Duration, cluster: &Cluster, remote: &Arc<dyn Remote>) -> Self {
        let (tell, early) = unbounded_channel();
        let mut tasks = JoinSet::new();
        for master in cluster.masters().cloned() {
            let (remote, tell) = (Arc::clone(remote), tell.clone());
            let others = witnesses::tried_by(&master, cluster);
            let usual: Vec<String> = others.filter_map(|other| guessed_peer_urls(other).into_iter().next()).collect();
            tasks.spawn(async move {
                let contact = look_at(&master, (&usual, read), &remote, &tell).await;
                (master.name, contact)
            });
        }
        let asked = cluster.masters().map(|master| master.name.clone()).collect();
        let (seen, told) = (Observation::default(), BTreeSet::new());
        Self { tasks, early, seen, asked, told, begun: Instant::now() }
    }

    /// The same with what this bastion knows from before.
    #[must_use]
    pub fn knowing(mut self, kept: KnownBefore) -> Self {
        self.seen.known_before = kept;
        self
    }

    /// What is known by now. A master that is still being tried is missing; one that answers may not have been asked
    /// everything yet.
    #[must_use]
    pub fn so_far(&self) -> &Observation {
        &self.seen
    }

    /// Waits until all has been said, or until `end` has passed and something is known. Whether all has been said.
    pub async fn until(&mut self, end: Instant) -> bool {
        while !self.tasks.is_empty() {
            if self.seen.masters.is_empty() {
                self.step().await;
                continue;
            }
            tokio::select! {
                () = self.step() => {}
                () = sleep_until(end) => return false,
            }
        }
        true
    }

    /// Waits until everybody has said who it is but those that are attested to be off, or until `end`. Whether everybody has.
    pub async fn until_known(&mut self, off: &BTreeSet<MasterName>, end: Instant) -> bool {
        let says = |looking: &Self, name: &MasterName| off.contains(name) || looking.seen.masters.contains_key(name);
        loop {
            let known = self.asked.iter().all(|name| says(self, name));
            if known || self.tasks.is_empty() {
                return known;
            }
            tokio::select! {
                () = self.step() => {}
                () = sleep_until(end) => return false,
            }
        }
    }

    /// Whether all has been said.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for the rest.
    pub async fn finish(mut self) -> Observation {
        while !self.tasks.is_empty() {
            self.step().await;
        }
        self.seen
    }

    /// Waits for the rest, but for masters that a look a moment ago found silent: one that has not taken a connection by
    /// the time all others have said everything is still silent. What was said of it then is said again.
    pub async fn finish_without(mut self, silent: &BTreeMap<MasterName, Contact>) -> Observation {
        self.wait_for_others(|name| silent.contains_key(name)).await;
        for (name, contact) in silent {
            self.seen.masters.entry(name.clone()).or_insert_with(|| contact.clone());
        }
        self.seen
    }

    /// Waits for the rest, but for masters that are attested to be off and have not taken a connection by the time all others
    /// have said everything. They are tried on.
    pub async fn finish_but_for(mut self, off: &BTreeSet<MasterName>) -> (Observation, Option<StillTried>) {
        self.wait_for_others(|name| off.contains(name)).await;
        let mut seen = self.seen.clone();
        let waited = self.begun.elapsed().as_secs_f64();
        let why = format!("no connection within {waited:.1} s, and it is still being tried");
        seen.masters.extend(self.without_a_word().into_iter().map(|name| (name, Contact::Silent(why.clone()))));
        (seen, self.tried_on())
    }

    /// Goes on with trying those that have not taken a connection yet.
    pub(super) fn tried_on(self) -> Option<StillTried> {
        let names = self.without_a_word();
        (!names.is_empty()).then(|| StillTried::begin(self, names))
    }

    fn without_a_word(&self) -> BTreeSet<MasterName> {
        self.asked.iter().filter(|name| !self.seen.masters.contains_key(*name)).cloned().collect()
    }

    /// Waits until all others have said everything; whoever takes a connection meanwhile is one of them.
    async fn wait_for_others(&mut self, is_silent: impl Fn(&MasterName) -> bool) {
        let mut waited_for: BTreeSet<MasterName> = self.asked.clone();
        waited_for.retain(|name| !is_silent(name));
        while !self.tasks.is_empty() && !waited_for.is_subset(&self.told) {
            self.step().await;
            waited_for.extend(self.seen.masters.keys().cloned());
        }
    }

    /// Takes what comes next. A master's early word lies in the channel before its last one is there.
    async fn step(&mut self) {
        tokio::select! {
            biased;
            Some((name, contact)) = self.early.recv() => { self.seen.masters.insert(name, contact); }
            Some(end) = self.tasks.join_next() => {
                if let Some((name, contact)) = joined(end) {
                    self.told.insert(name.clone());
                    self.seen.masters.insert(name, contact);
                }
            }
            else => {}
        }
    }
}

/// Puts an answer where it belongs.
type TakeAnswer = fn(&mut Seen, Answer<Output>);

/// Asks one master; `usual` are others' peer URLs as the inventory has them, `limit` is for the linearizable read. What is
/// known before the slow answers are there is told on the way.
async fn look_at(
    master: &Master,
    (usual, limit): (&[String], Duration),
    remote: &Arc<dyn Remote>,
    tell: &UnboundedSender<(MasterName, Contact)>,
) -> Contact {
    let mut asking = remote.questions(&master.name);
    let mut seen = match at_first(master, &mut *asking).await {
        Ok(seen) => seen,
        Err(contact) => return contact,
    };
    // Of a container that is not understood it is not known, and its etcd may answer.
    let runs = seen.unit.as_ref().map_or_else(container::is_unknown, unit::Unit::running);
    let of_etcd = OfEtcd::of(seen.settings.as_ref().ok(), seen.tools.as_ref().ok(), runs, (usual, limit));
    // Those that may wait for seconds stand last.
    let ready = seen.api_server.as_ref().ok().and_then(Option::as_ref);
    let ready = ready.and_then(|api| api_server::ready_command(api, limit.as_secs().max(1)));
    let ready = ready.ok_or_else(|| Unclear::not_put("there is no API server to ask"));
    let round: [(Answer<Command>, TakeAnswer); 6] = [
        (of_etcd.status, |seen, answer| seen.status = answer.and_then(|output| status::parse(&output))),
        (of_etcd.members, |seen, answer| seen.members = answer.and_then(|output| peers::parse(&output))),
        (of_etcd.certificates, |seen, answer| {
            seen.certificates = answer.and_then(|output| certificates::parse(&output));
        }),
        (Ok(of_etcd.reach), |seen, answer| seen.peer_ports = answer.and_then(|output| peers::parse_reach(&output))),
        (ready, take_ready),
        (of_etcd.read, |seen, answer| seen.read = answer.and_then(|output| read::parse(&output))),
    ];
    let mut quick = BTreeSet::from([0, 1, 2]);
    let mut heard = |place: usize, answer| {
        round[place].1(&mut seen, known(answer));
        if quick.remove(&place) && quick.is_empty() {
            // Nobody may be listening any more.
            let _ = tell.send((master.name.clone(), Contact::Answers(Box::new(seen.clone()))));
        }
    };
    let questions = round.each_ref().map(|(question, _)| question.clone());
    ask_round(&mut *asking, &questions, &mut heard).await;
    let seen = elsewhere(&mut *asking, seen, limit).await;
    Contact::Answers(Box::new(let_in(&mut *asking, seen).await))
}

fn take_ready(seen: &mut Seen, answer: Answer<Output>) {
    let Ok(Some(api)) = &mut seen.api_server else { return };
    match answer {
        Ok(output) => api.health = api_server::parse_ready(&output),
        Err(why) if why.was_asked() => api.health = Health::Unknown(why.why),
        Err(_) => {}
    }
}

/// Where etcd did not answer at the URL that fits best, its others are tried; the one that answers is taken from here on.
async fn elsewhere(asking: &mut dyn Questions, mut seen: Seen, limit: Duration) -> Seen {
    let Some(question) = client_urls::command(&seen) else { return seen };
    let [answer] = ask_all(asking, [Ok(question)]).await;
    match known(answer).and_then(|output| client_urls::parse(&output)) {
        Ok((url, status)) if client_urls::is_own(&seen, &url, &status) => {
            if let Ok(settings) = &mut seen.settings {
                settings.answers_at = Some(url);
            }
            seen.status = Ok(status);
            let read = OfEtcd::of(seen.settings.as_ref().ok(), seen.tools.as_ref().ok(), true, (&[], limit)).read;
            let [read] = ask_all(asking, [read]).await;
            seen.read = known(read).and_then(|output| read::parse(&output));
        }
        Ok((url, _)) => blame(&mut seen, &format!("another member answers at {url}")),
        Err(other) => blame(&mut seen, &other.why),
    }
    seen
}

/// Whether etcd lets us in. A read says so where a quorum answers it; else the member's own data is asked for.
async fn let_in(asking: &mut dyn Questions, mut seen: Seen) -> Seen {
    seen.denied = match &seen.read {
        Ok(Read::Answered) => None,
        Err(why) => denied::word(&why.why).map(str::to_owned),
        Ok(Read::Failed(_)) => {
            let settings = seen.settings.as_ref().ok().filter(|_| seen.status.is_ok());
            let access = settings.and_then(Settings::client_access);
            let etcdctl = seen.tools.as_ref().ok().and_then(|tools| tools.etcdctl.clone());
            match etcdctl.zip(access) {
                Some((etcdctl, access)) => {
                    let [own] = ask_all(asking, [Ok(denied::command(&etcdctl, &access))]).await;
                    known(own).ok().and_then(|output| denied::of(&output)).map(str::to_owned)
                }
                None => None,
            }
        }
    };
    seen
}

/// Adds to why its status is not known.
fn blame(seen: &mut Seen, why: &str) {
    if let Err(first) = &mut seen.status {
        first.why = format!("{}; {why}", first.why);
    }
}

/// Runs a question; a lost connection is an unknown answer.
pub async fn ask(remote: &Arc<dyn Remote>, host: &MasterName, command: Command) -> Answer<Output> {
    remote
        .run(host, &command, Pipes::default())
        .await
        .map_err(|error| Unclear::text(&command.shown(), &error.to_string()))
}

/// A question's answer, or why there is none.
type Said = Result<Output, NoAnswer>;

enum NoAnswer {
    /// It was not put.
    NotPut(Unclear),
    /// The port gave none.
    Failed { asked: String, error: RemoteError },
}

fn known(said: Said) -> Answer<Output> {
    said.map_err(|none| match none {
        NoAnswer::NotPut(why) => why,
        NoAnswer::Failed { asked, error } => Unclear::text(&asked, &error.to_string()),
    })
}

/// Puts a round of questions, but for those of which it says why they are not put. `heard` is given the place and the
/// answer of each, those that are not put first.
async fn ask_round(asking: &mut dyn Questions, round: &[Answer<Command>], heard: &mut (dyn FnMut(usize, Said) + Send)) {
    let (mut places, mut questions) = (Vec::new(), Vec::new());
    for (place, question) in round.iter().enumerate() {
        match question {
            Ok(command) => {
                places.push(place);
                questions.push(command.clone());
            }
            Err(why) => heard(place, Err(NoAnswer::NotPut(why.clone()))),
        }
    }
    let mut left: BTreeSet<usize> = (0..questions.len()).collect();
    let failed = |asked: usize, error| Err(NoAnswer::Failed { asked: questions[asked].shown(), error });
    let mut take = |asked: usize, answer: Result<Output, RemoteError>| {
        left.remove(&asked);
        heard(places[asked], answer.or_else(|error| failed(asked, error)));
    };
    asking.ask(&questions, &mut take).await;
    for asked in left {
        heard(places[asked], failed(asked, no_answer()));
    }
}

/// The same, where it does not matter who gave no answer.
pub(super) async fn answers<const N: usize>(
    asking: &mut dyn Questions,
    round: [Answer<Command>; N],
) -> [Answer<Output>; N] {
    ask_all(asking, round).await.map(known)
}

/// Puts a round of questions and waits for all answers.
async fn ask_all<const N: usize>(asking: &mut dyn Questions, round: [Answer<Command>; N]) -> [Said; N] {
    let mut answers = round.each_ref().map(|_| Err(NoAnswer::Failed { asked: String::new(), error: no_answer() }));
    ask_round(asking, &round, &mut |place, answer| answers[place] = answer).await;
    answers
}

fn no_answer() -> RemoteError {
    RemoteError::OutcomeUnknown { why: "it got no answer (a bug in requorum)".to_owned() }
}
