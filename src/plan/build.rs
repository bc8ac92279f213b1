//! Unrolls a playbook's lines into stages of steps, one step per master. Does not know the reasons for the draft's roles.

use std::time::Duration;

use crate::model::MasterName;
use crate::model::diagnostic::Diagnostic;
use crate::observe::traces::{fence_text, survivor_fence_text};
use crate::observe::{ClusterRecord, status};
use crate::plan::Rule;
use crate::playbook::template::{Context, Node, check_rendered, render};
use crate::playbook::{Action, Expectation, PlaybookLine, Role, Service};
use crate::step::{
    Effect, Step, clear_nospace, compare, distribute_snapshot, fence, fetch_snapshot, record, restore, retire, serve,
    snapshot, start, stop, write,
};

use super::added_checks;
use super::draft::{Participant, PlanDraft, initial_cluster};
use super::parallel_steps::may_run_in_parallel;
use super::{NoPlan, Planned, Refusal, Stage};

mod api;
mod joins;
mod taken;

/// Builds stages and numbers their steps.
pub(super) struct Builder<'a> {
    draft: PlanDraft<'a>,
    stages: Vec<Stage>,
    next_id: u32,
    /// Whether a start has been planned: records before it speak of a cluster that is yet to serve.
    started: bool,
}

type Steps = Vec<(MasterName, Step)>;

impl<'a> Builder<'a> {
    pub(super) fn unroll(draft: PlanDraft<'a>, lines: &[PlaybookLine]) -> Result<(Vec<Stage>, PlanDraft<'a>), NoPlan> {
        let mut builder = Self { draft, stages: Vec::new(), next_id: 1, started: false };
        let participants = builder.draft.survivors.iter().chain(&builder.draft.returned);
        let keep = participants.filter_map(|participant| Some((participant.name().clone(), participant.keep_tools()?)));
        builder.stage(keep.collect(), Some("They are gone once its etcd is stopped."), false);
        builder.lines(lines, None)?;
        Ok((builder.stages, builder.draft))
    }

    /// The same of lines that neither stop nor start an etcd, after what is looked at `first`.
    pub(super) fn unroll_alone(
        draft: PlanDraft<'a>,
        first: Steps,
        lines: &[PlaybookLine],
    ) -> Result<(Vec<Stage>, PlanDraft<'a>), NoPlan> {
        let mut builder = Self { draft, stages: Vec::new(), next_id: 1, started: false };
        builder.stage(first, None, false);
        builder.lines(lines, None)?;
        Ok((builder.stages, builder.draft))
    }

    fn lines(&mut self, lines: &[PlaybookLine], joiner: Option<Participant<'a>>) -> Result<(), NoPlan> {
        for line in lines {
            if let Action::Each { role, steps } = &line.action {
                for participant in self.draft.masters_of(*role, None) {
                    self.lines(steps, Some(participant))?;
                    self.draft.members.push(participant.member()?);
                }
            } else {
                self.line(line, joiner)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &PlaybookLine, joiner: Option<Participant<'a>>) -> Result<(), NoPlan> {
        let why = line.why.as_deref();
        let background = matches!(line.action, Action::FetchSnapshot(_) | Action::PrepareFence(_));
        match &line.action {
            Action::Compare(role) => {
                let (fix, compare) = self.compare(*role, joiner)?;
                self.stage(fix, why, false);
                self.stage(compare, why, false);
            }
            Action::Stop { what: Service::Etcd, on: role } | Action::Retire(role) => {
                let look = added_checks::no_vote(&self.draft, &self.draft.masters_of(*role, joiner))?;
                self.stage(look, None, false);
                let steps = self.steps(&line.action, joiner)?;
                self.stage(steps, why, false);
            }
            Action::Start { what: Service::Etcd, .. } => {
                let listens = |started| match self.draft.is_new() {
                    true => added_checks::silent(&self.draft, started),
                    false => Steps::new(),
                };
                let (before, after) = (listens(false), listens(true));
                self.stage(before, None, false);
                let steps = self.steps(&line.action, joiner)?;
                self.stage(steps, why, false);
                self.stage(after, None, false);
            }
            Action::Snapshot(_) => self.snapshot(why)?,
            api @ (Action::Park(_)
            | Action::Narrow(_)
            | Action::ClearLeases(_)
            | Action::Cordon(_)
            | Action::Uncordon(_)
            | Action::ServeApi(_)) => {
                self.api_line(api, why, joiner)?;
            }
            Action::Join(role) => {
                for participant in self.draft.masters_of(*role, joiner) {
                    for stale in self.stale_learners()? {
                        self.stage(stale, why, false);
                    }
                    let join = self.join(participant)?;
                    self.stage(join, why, false);
                }
            }
            other => {
                let steps = self.steps(other, joiner)?;
                self.stage(steps, why, background);
            }
        }
        Ok(())
    }

    /// Adds a stage; a line that applies to nobody adds none. What does not need the stage before goes
    /// side by side with it.
    fn stage(&mut self, steps: Steps, why: Option<&str>, background: bool) {
        let Some((_, first)) = steps.first() else { return };
        let title = first.kind().title();
        let parallel = self
            .stages
            .last()
            .is_some_and(|last| last.steps.iter().any(|other| may_run_in_parallel(&other.step, first)));
        let steps = steps
            .into_iter()
            .map(|(host, step)| {
                let id = self.next_id;
                self.next_id += 1;
                Planned { id, host, step }
            })
            .collect::<Vec<_>>();
        match self.stages.last_mut().filter(|_| parallel) {
            Some(last) => {
                last.title = format!("{}; {title}", last.title);
                last.why =
                    [last.why.as_deref(), why].into_iter().flatten().map(str::to_owned).reduce(|a, b| a + " " + &b);
                last.steps.extend(steps);
            }
            None => self.stages.push(Stage { title, why: why.map(str::to_owned), background, steps }),
        }
    }

    fn steps(&mut self, action: &Action, joiner: Option<Participant<'a>>) -> Result<Steps, NoPlan> {
        let mut steps = Steps::new();
        for participant in self.draft.masters_of(action.role(), joiner) {
            if let Some(step) = self.step(action, participant)? {
                // A promotion is asked at a member that serves, about the joiner.
                let elsewhere = step.does(|effect| matches!(effect, Effect::Promotes(_)));
                let host = if elsewhere { self.draft.seed.name() } else { participant.name() };
                steps.push((host.clone(), step));
            }
        }
        Ok(steps)
    }

    fn step(&mut self, action: &Action, participant: Participant<'a>) -> Result<Option<Step>, NoPlan> {
        let supervisor = participant.master.etcd.supervisor();
        let run = self.draft.input.request.run.clone();
        let step: Step = match action {
            Action::Expect(Expectation::QuorumLost) => {
                added_checks::leaderless(&self.draft, participant, participant.answers(), false)?.into()
            }
            Action::Expect(Expectation::StillLost) => {
                added_checks::leaderless(&self.draft, participant, self.draft.still_answers(participant), true)?.into()
            }
            Action::Expect(Expectation::OneWritableCluster | Expectation::EveryoneServes) => {
                self.serve(participant)?.into()
            }
            Action::PrepareFence(_) => fence::PrepareFence { supervisor }.into(),
            Action::Fence(role) => fence::Fence { supervisor, reason: self.fence_reason(*role), asked: None }.into(),
            Action::DistributeSnapshot(_) if participant.name() == self.draft.seed.name() => return Ok(None),
            Action::DistributeSnapshot(_) => {
                let from = self.draft.seed.name().clone();
                distribute_snapshot::DistributeSnapshot { from, run, limit: self.draft.limit(Duration::from_secs(60)) }
                    .into()
            }
            Action::FetchSnapshot(_) => {
                fetch_snapshot::FetchSnapshot { run, limit: self.draft.limit(Duration::from_secs(60)) }.into()
            }
            Action::Stop { what: Service::Etcd, on } => {
                let grace = if *on == Role::Returned { stop::OF_OLD_DATA } else { stop::GRACE };
                stop::Stop { supervisor, grace, by_force: true }.into()
            }
            Action::Start { what: Service::Etcd, .. } => {
                self.started = true;
                let ((data_dir, wal_dir), onto) = (participant.places()?, self.onto());
                let after = self.draft.starts_after(participant)?;
                start::Start { supervisor, data_dir, wal_dir, run, onto, after }.into()
            }
            Action::Retire(_) => self.retire(participant)?.into(),
            Action::Restore(_) => self.restore(participant)?.into(),
            // A changed manifest is another pod: its etcd would be restarted, and it does not read the list again.
            Action::Write { on: role, .. } if supervisor.pod().is_some() && self.serves_by_then(*role) => {
                return Ok(None);
            }
            Action::Write { template, .. } => {
                let template = template.as_deref().map_or_else(|| participant.template(), Ok)?;
                return self.write(template, participant).map(|step| Some(step.into()));
            }
            Action::RestartLearner(_) => self.restart_learner(participant)?.into(),
            Action::Promote(_) => self.promote(participant)?.into(),
            Action::Record(_) => self.record(&participant).into(),
            Action::ClearNospace(_) => return self.clear_nospace(participant),
            Action::Snapshot(_) | Action::Join(_) | Action::Compare(_) | Action::Each { .. } | Action::Phase(_) => {
                return Ok(None);
            }
            Action::Park(_)
            | Action::Narrow(_)
            | Action::ClearLeases(_)
            | Action::Cordon(_)
            | Action::Uncordon(_)
            | Action::ServeApi(_) => return Ok(None),
        };
        Ok(Some(step))
    }

    fn retire(&self, participant: Participant<'a>) -> Result<retire::Retire, NoPlan> {
        let (data_dir, wal_dir) = participant.places()?;
        Ok(retire::Retire {
            master: participant.name().clone(),
            supervisor: participant.master.etcd.supervisor(),
            data_dir,
            mount_point: participant.mount_point(),
            wal_dir,
            onto: self.onto(),
            run: self.draft.input.request.run.clone(),
        })
    }

    /// Whether those of this role serve when it is their turn.
    fn serves_by_then(&self, role: Role) -> bool {
        !self.draft.is_new() && !matches!(role, Role::Joiner | Role::Returned)
    }

    fn onto(&self) -> start::Onto {
        if self.draft.is_new() { start::Onto::Restored } else { start::Onto::Emptied }
    }

    fn fence_reason(&self, role: Role) -> String {
        let request = self.draft.input.request;
        let text = if role == Role::Survivors { survivor_fence_text } else { fence_text };
        text(request.goal.command(), &request.run, &request.person)
    }

    fn serve(&self, participant: Participant<'a>) -> Result<serve::Serve, NoPlan> {
        Ok(serve::Serve {
            supervisor: participant.master.etcd.supervisor(),
            etcdctl: participant.etcdctl()?,
            access: participant.client()?,
            cluster: self.draft.cluster,
            value: format!("{} {}", self.draft.input.request.run, participant.name()),
            limit: self.draft.serve_limit(),
        })
    }

    fn restore(&self, participant: Participant<'a>) -> Result<restore::Restore, NoPlan> {
        let member = participant.member()?;
        let hashed = match &self.draft.source {
            Some(snapshot::Source::StoppedCopy { .. } | snapshot::Source::Replay { .. }) => false,
            Some(snapshot::Source::Live { copied, .. }) => copied.is_none(),
            Some(snapshot::Source::File { .. }) => {
                let file = self.draft.input.request.snapshot.as_ref();
                file.is_some_and(|file| file.hash == super::TrailingHash::Right)
            }
            None => true,
        };
        let checks = matches!(self.draft.source, Some(snapshot::Source::Live { copied: Some(_), .. }));
        Ok(restore::Restore {
            tool: participant.restore_tool()?,
            supervisor: participant.master.etcd.supervisor(),
            data_dir: participant.data_dir().clone(),
            mount_point: participant.mount_point(),
            wal_dir: participant.wal_dir()?,
            name: member.name,
            peer_urls: member.peer_urls,
            initial_cluster: initial_cluster(&self.draft.peers(None)),
            token: self.draft.token.clone(),
            hashed,
            checks,
            run: self.draft.input.request.run.clone(),
            limit: self.draft.limit(Duration::from_secs(60)),
        })
    }

    fn write(&mut self, template: &str, participant: Participant<'a>) -> Result<write::Write, NoPlan> {
        let refuse = |why: String| {
            NoPlan::Refused(vec![Refusal::new(
                Rule::Template,
                why,
                "correct the template; `requorum inventory check` shows where it is wrong",
            )])
        };
        let input = self.draft.input;
        let text = input.templates.get(template).ok_or_else(|| refuse(format!("there is no template {template}")))?;
        let file = &participant.settings()?.file;
        let before = match self.draft.texts.get(participant.name()) {
            Some(text) => file.with(text),
            None => file.clone(),
        };
        let member = participant.member()?;
        let is_new = !self.draft.members.iter().any(|known| known.master == member.master);
        let node = Node {
            name: participant.name().to_string(),
            member: member.name.clone(),
            zone: participant.master.zone.to_string(),
            address: participant.master.address.to_string(),
        };
        let peers = self.draft.peers(is_new.then_some(&member));
        let context = Context::new(node, &before, &self.draft.token.0, peers).map_err(refuse)?;
        let after = render(template, text, &context)
            .map_err(|mistakes| refuse(mistakes.iter().map(Diagnostic::in_one_line).collect::<Vec<_>>().join("; ")))?;
        check_rendered(&after, &before, &context)
            .map_err(|why| refuse(format!("{template} for {}: {why}", participant.name())))?;
        self.draft.texts.insert(participant.name().clone(), after.clone());
        let (path, copy_of) =
            participant.written_at().ok_or_else(|| refuse(format!("{} is not a path", before.path)))?;
        let run = input.request.run.clone();
        let variables = before.with(&after).variables();
        Ok(write::Write { path, copy_of, form: before.form, variables, before: before.text, after, run })
    }

    fn clear_nospace(&self, participant: Participant<'a>) -> Result<Option<Step>, NoPlan> {
        // Where a survivor cannot say, or the data comes from elsewhere, there may be an alarm.
        let may_be_alarmed =
            |participant: &Participant<'_>| participant.seen.status.as_ref().map_or(true, status::Status::no_space);
        let foreign = matches!(self.draft.source, Some(snapshot::Source::File { .. }));
        if !foreign && !self.draft.survivors.iter().any(may_be_alarmed) {
            return Ok(None);
        }
        let step = clear_nospace::ClearNospace {
            etcdctl: participant.etcdctl()?,
            access: participant.client()?,
            limit: self.draft.serve_limit(),
        };
        Ok(Some(step.into()))
    }

    fn compare(&self, role: Role, joiner: Option<Participant<'a>>) -> Result<(Steps, Steps), NoPlan> {
        let seed = self.draft.seed;
        let limit = self.draft.serve_limit();
        let fix = compare::FixRevision { etcdctl: seed.etcdctl()?, access: seed.client()?, limit };
        let mut steps = Steps::new();
        for participant in self.draft.masters_of(role, joiner) {
            let step = compare::Compare {
                master: participant.name().clone(),
                etcdctl: participant.etcdctl()?,
                access: participant.client()?,
                limit,
            };
            steps.push((participant.name().clone(), step.into()));
        }
        Ok((vec![(seed.name().clone(), fix.into())], steps))
    }

    fn record(&self, participant: &Participant<'_>) -> record::Record {
        record::Record {
            record: ClusterRecord {
                written_by: self.draft.input.request.run.clone(),
                finished: self.started || self.draft.source.is_none(),
                ..self.draft.record.clone()
            },
            fork_is_late: self.draft.is_new(),
            at: participant.master.etcd.record.clone(),
            once_uncordoned: false,
        }
    }
}
