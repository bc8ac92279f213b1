//! Unrolls a playbook's lines into stages of steps, one step per master. Takes the roles from the scene and does not
//! know the reasons for them.

use std::time::Duration;

use crate::model::MasterName;
use crate::model::env_file::EnvFile;
use crate::observe::marks::{fence_text, survivor_fence_text};
use crate::observe::members::known_urls;
use crate::observe::{ClusterRecord, status};
use crate::plan::Rule;
use crate::playbook::template::{Context, Node, check_rendered, render};
use crate::playbook::{Action, Expectation, Line, Role, Service};
use crate::step::{
    Step, clear_nospace, compare, distribute_snapshot, drop_learner, fence, fetch_snapshot, join, promote, record,
    restart_learner, restore, retire, serve, snapshot, start, stop, write,
};

use super::looks;
use super::scene::{Player, Scene, initial_cluster};
use super::together::together;
use super::{NoPlan, Planned, Refusal, Stage};

/// How long a graceful stop is worth once the snapshot is verified: a client with an open watch makes it 15 s.
const GRACE: Duration = Duration::from_secs(2);
/// A returned master's data is stale: what its write-ahead log has not flushed is still in the retired directory.
const STALE_GRACE: Duration = Duration::from_millis(500);

mod taken;

/// Builds stages and numbers their steps.
pub(super) struct Builder<'a> {
    scene: Scene<'a>,
    stages: Vec<Stage>,
    next_id: u32,
    /// Whether a start has been planned: records before it speak of a cluster that is yet to serve.
    started: bool,
}

type Steps = Vec<(MasterName, Step)>;

impl<'a> Builder<'a> {
    pub(super) fn unroll(scene: Scene<'a>, lines: &[Line]) -> Result<(Vec<Stage>, Scene<'a>), NoPlan> {
        let mut builder = Self { scene, stages: Vec::new(), next_id: 1, started: false };
        builder.lines(lines, None)?;
        Ok((builder.stages, builder.scene))
    }

    fn lines(&mut self, lines: &[Line], joiner: Option<Player<'a>>) -> Result<(), NoPlan> {
        for line in lines {
            if let Action::Each { role, steps } = &line.action {
                for player in self.scene.role(*role, None) {
                    self.lines(steps, Some(player))?;
                    self.scene.members.push(player.member()?);
                }
            } else {
                self.line(line, joiner)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &Line, joiner: Option<Player<'a>>) -> Result<(), NoPlan> {
        let why = line.why.as_deref();
        let beside = matches!(line.action, Action::FetchSnapshot(_) | Action::PrepareFence(_));
        match &line.action {
            Action::Compare(role) => {
                let (fix, compare) = self.compare(*role, joiner)?;
                self.stage(fix, why, false);
                self.stage(compare, why, false);
            }
            Action::Stop { what: Service::Etcd, on: role } | Action::Retire(role) => {
                let look = looks::no_vote(&self.scene, &self.scene.role(*role, joiner))?;
                self.stage(look, None, false);
                let steps = self.steps(&line.action, joiner)?;
                self.stage(steps, why, false);
            }
            Action::Start { what: Service::Etcd, .. } => {
                self.stage(looks::silent(&self.scene, false), None, false);
                let steps = self.steps(&line.action, joiner)?;
                self.stage(steps, why, false);
                self.stage(looks::silent(&self.scene, true), None, false);
            }
            Action::Snapshot(_) => self.snapshot(why)?,
            Action::Join(role) => {
                for player in self.scene.role(*role, joiner) {
                    for stale in self.stale_learners()? {
                        self.stage(stale, why, false);
                    }
                    let join = self.join(player)?;
                    self.stage(join, why, false);
                }
            }
            other => {
                let steps = self.steps(other, joiner)?;
                self.stage(steps, why, beside);
            }
        }
        Ok(())
    }

    /// Adds a stage; a line that applies to nobody adds none. What does not need the stage before goes
    /// side by side with it.
    fn stage(&mut self, steps: Steps, why: Option<&str>, beside: bool) {
        let Some((_, first)) = steps.first() else { return };
        let title = first.kind().title();
        let together =
            self.stages.last().is_some_and(|last| last.steps.iter().any(|other| together(&other.step, first)));
        let steps = steps
            .into_iter()
            .map(|(host, step)| {
                let id = self.next_id;
                self.next_id += 1;
                Planned { id, host, step }
            })
            .collect::<Vec<_>>();
        match self.stages.last_mut().filter(|_| together) {
            Some(last) => {
                last.title = format!("{}; {title}", last.title);
                last.why =
                    [last.why.as_deref(), why].into_iter().flatten().map(str::to_owned).reduce(|a, b| a + " " + &b);
                last.steps.extend(steps);
            }
            None => self.stages.push(Stage { title, why: why.map(str::to_owned), beside, steps }),
        }
    }

    fn steps(&mut self, action: &Action, joiner: Option<Player<'a>>) -> Result<Steps, NoPlan> {
        let role = action.role();
        let mut steps = Steps::new();
        for player in self.scene.role(role, joiner) {
            if let Some(step) = self.step(action, player)? {
                let host = match step {
                    // Asked at a member that serves, about the joiner.
                    Step::Promote(_) => self.scene.seed.name(),
                    _ => player.name(),
                };
                steps.push((host.clone(), step));
            }
        }
        Ok(steps)
    }

    fn step(&mut self, action: &Action, player: Player<'a>) -> Result<Option<Step>, NoPlan> {
        let unit = player.master.etcd.unit.clone();
        let run = self.scene.input.request.run.clone();
        let step: Step = match action {
            Action::Expect(Expectation::QuorumLost) => looks::leaderless(player, player.answers(), false)?.into(),
            Action::Expect(Expectation::StillLost) => {
                looks::leaderless(player, self.scene.still_answers(player), true)?.into()
            }
            Action::Expect(Expectation::OneWritableCluster | Expectation::EveryoneServes) => self.serve(player)?.into(),
            Action::PrepareFence(_) => fence::PrepareFence { unit }.into(),
            Action::Fence(role) => fence::Fence { unit, reason: self.fence_reason(*role) }.into(),
            Action::DistributeSnapshot(_) if player.name() == self.scene.seed.name() => return Ok(None),
            Action::DistributeSnapshot(_) => {
                let from = self.scene.seed.name().clone();
                distribute_snapshot::DistributeSnapshot { from, run, limit: self.scene.limit(Duration::from_secs(60)) }
                    .into()
            }
            Action::FetchSnapshot(_) => {
                fetch_snapshot::FetchSnapshot { run, limit: self.scene.limit(Duration::from_secs(60)) }.into()
            }
            Action::Stop { what: Service::Etcd, .. } => {
                let grace = if self.scene.is_new() { GRACE } else { STALE_GRACE };
                stop::Stop { unit, grace, by_force: true }.into()
            }
            Action::Start { what: Service::Etcd, .. } => {
                self.started = true;
                start::Start { unit, data_dir: player.data_dir().clone(), run, onto: self.onto() }.into()
            }
            Action::Retire(_) => {
                let (master, data_dir, onto) = (player.name().clone(), player.data_dir().clone(), self.onto());
                retire::Retire { master, unit, data_dir, mount_point: player.mount_point(), onto, run }.into()
            }
            Action::Restore(_) => self.restore(player)?.into(),
            Action::Write { template, .. } => {
                let template = template.as_deref().unwrap_or(&player.master.etcd.template);
                return self.write(template, player).map(|step| Some(step.into()));
            }
            Action::RestartLearner(_) => self.restart_learner(player)?.into(),
            Action::Promote(_) => self.promote(player)?.into(),
            Action::Record(_) => self.record().into(),
            Action::ClearNospace(_) => return self.clear_nospace(player),
            Action::Snapshot(_) | Action::Join(_) | Action::Compare(_) | Action::Each { .. } | Action::Phase(_) => {
                return Ok(None);
            }
        };
        Ok(Some(step))
    }

    fn onto(&self) -> start::Onto {
        if self.scene.is_new() { start::Onto::Restored } else { start::Onto::Emptied }
    }

    fn fence_reason(&self, role: Role) -> String {
        let request = self.scene.input.request;
        let text = if role == Role::Survivors { survivor_fence_text } else { fence_text };
        text(request.goal.command(), &request.run, &request.person)
    }

    fn serve(&self, player: Player<'a>) -> Result<serve::Serve, NoPlan> {
        Ok(serve::Serve {
            unit: player.master.etcd.unit.clone(),
            etcdctl: player.etcdctl()?,
            access: player.client()?,
            cluster: self.scene.cluster,
            value: format!("{} {}", self.scene.input.request.run, player.name()),
            limit: self.scene.serve_limit(),
        })
    }

    fn restore(&self, player: Player<'a>) -> Result<restore::Restore, NoPlan> {
        let member = player.member()?;
        let hashed = match &self.scene.source {
            Some(snapshot::Source::StoppedCopy { .. } | snapshot::Source::Replay { .. }) => false,
            Some(snapshot::Source::File { .. }) => {
                let file = self.scene.input.request.snapshot.as_ref();
                file.is_some_and(|file| file.hash == super::TrailingHash::Right)
            }
            _ => true,
        };
        Ok(restore::Restore {
            tool: player.restore_tool()?,
            unit: player.master.etcd.unit.clone(),
            data_dir: player.data_dir().clone(),
            mount_point: player.mount_point(),
            name: member.name,
            peer_urls: member.peer_urls,
            initial_cluster: initial_cluster(&self.scene.peers(None)),
            token: self.scene.token.clone(),
            hashed,
            run: self.scene.input.request.run.clone(),
            limit: self.scene.limit(Duration::from_secs(60)),
        })
    }

    fn write(&mut self, template: &str, player: Player<'a>) -> Result<write::Write, NoPlan> {
        let refuse = |why: String| {
            NoPlan::Refused(vec![Refusal::new(
                Rule::Template,
                why,
                "correct the template; `requorum inventory check` shows where it is wrong",
            )])
        };
        let input = self.scene.input;
        let text = input.templates.get(template).ok_or_else(|| refuse(format!("there is no template {template}")))?;
        let before = match self.scene.texts.get(player.name()) {
            Some(text) => text.clone(),
            None => player.settings()?.text.clone(),
        };
        let member = player.member()?;
        let is_new = !self.scene.members.iter().any(|known| known.master == member.master);
        let node = Node {
            name: player.name().to_string(),
            member: member.name.clone(),
            zone: player.master.zone.to_string(),
            address: player.master.address.to_string(),
        };
        let peers = self.scene.peers(is_new.then_some(&member));
        let context = Context::new(node, &EnvFile::parse(&before), &self.scene.token.0, peers);
        let after = render(template, text, &context).map_err(|mistakes| {
            let said: Vec<String> =
                mistakes.iter().map(|m| format!("{}:{}: {}", m.place.file, m.place.line, m.message)).collect();
            refuse(said.join("; "))
        })?;
        check_rendered(&after, &context).map_err(|why| refuse(format!("{template} for {}: {why}", player.name())))?;
        self.scene.texts.insert(player.name().clone(), after.clone());
        let path = player.master.etcd.env_file.clone();
        Ok(write::Write { path, before, after, run: input.request.run.clone() })
    }

    fn clear_nospace(&self, player: Player<'a>) -> Result<Option<Step>, NoPlan> {
        // Where a survivor cannot say, or the data comes from elsewhere, there may be an alarm.
        let may_be_alarmed = |player: &Player<'_>| player.seen.status.as_ref().map_or(true, status::Status::no_space);
        let foreign = matches!(self.scene.source, Some(snapshot::Source::File { .. }));
        if !foreign && !self.scene.survivors.iter().any(may_be_alarmed) {
            return Ok(None);
        }
        let step = clear_nospace::ClearNospace {
            etcdctl: player.etcdctl()?,
            access: player.client()?,
            limit: self.scene.serve_limit(),
        };
        Ok(Some(step.into()))
    }

    /// The entries that interrupted joins left behind: learners of masters of the inventory. One alone would keep
    /// every other joiner out, so all go before the first join.
    fn stale_learners(&self) -> Result<Vec<Steps>, NoPlan> {
        let seed = self.scene.seed;
        let mut all = Vec::new();
        if self.scene.members.len() > self.scene.survivors.len() {
            return Ok(all);
        }
        for master in self.scene.input.cluster.masters() {
            let urls: Vec<String> =
                known_urls(master, self.scene.input.cluster, self.scene.input.seen).into_iter().collect();
            let entry = seed.seen.members.as_ref().ok().and_then(|members| members.by_peer_url(&urls));
            let Some(entry) = entry.filter(|entry| !entry.votes()) else { continue };
            let step = drop_learner::DropLearner {
                joiner: master.name.clone(),
                id: entry.id,
                etcdctl: seed.etcdctl()?,
                access: seed.client()?,
                limit: self.scene.serve_limit(),
            };
            all.push(vec![(seed.name().clone(), step.into())]);
        }
        Ok(all)
    }

    fn join(&self, player: Player<'a>) -> Result<Steps, NoPlan> {
        let seed = self.scene.seed;
        let member = player.member()?;
        let expected = self.scene.peers(Some(&member)).into_iter().map(|peer| peer.peer_url).collect();
        let step = join::Join {
            joiner: player.name().clone(),
            name: member.name,
            peer_urls: member.peer_urls,
            expected,
            etcdctl: seed.etcdctl()?,
            access: seed.client()?,
            limit: self.scene.serve_limit(),
        };
        Ok(vec![(seed.name().clone(), step.into())])
    }

    fn restart_learner(&self, player: Player<'a>) -> Result<restart_learner::RestartLearner, NoPlan> {
        Ok(restart_learner::RestartLearner {
            unit: player.master.etcd.unit.clone(),
            peer_urls: player.settings()?.peer_urls(),
            peer: player.peer()?,
            etcdctl: player.etcdctl()?,
            client: player.client()?,
            limit: self.scene.serve_limit() * 2,
            joiner: Some(player.name().clone()),
            data_dir: Some(player.data_dir().clone()),
        })
    }

    fn promote(&self, player: Player<'a>) -> Result<promote::Promote, NoPlan> {
        let seed = self.scene.seed;
        Ok(promote::Promote {
            joiner: player.name().clone(),
            etcdctl: seed.etcdctl()?,
            access: seed.client()?,
            limit: self.scene.serve_limit() * 2,
            data_dir: Some(player.data_dir().clone()),
        })
    }

    fn compare(&self, role: Role, joiner: Option<Player<'a>>) -> Result<(Steps, Steps), NoPlan> {
        let seed = self.scene.seed;
        let limit = self.scene.serve_limit();
        let fix = compare::FixRevision { etcdctl: seed.etcdctl()?, access: seed.client()?, limit };
        let mut steps = Steps::new();
        for player in self.scene.role(role, joiner) {
            let step = compare::Compare {
                master: player.name().clone(),
                etcdctl: player.etcdctl()?,
                access: player.client()?,
                limit,
            };
            steps.push((player.name().clone(), step.into()));
        }
        Ok((vec![(seed.name().clone(), fix.into())], steps))
    }

    fn record(&self) -> record::Record {
        record::Record {
            record: ClusterRecord {
                written_by: self.scene.input.request.run.clone(),
                finished: self.started || self.scene.source.is_none(),
                ..self.scene.record.clone()
            },
            fork_is_late: self.scene.is_new(),
        }
    }
}
