//! Losses rehearsed on the model, each compared with what the same loss really causes there.

use std::time::Duration;

use super::*;
use crate::model::diagnostic::Source;
use crate::observe::Code;
use crate::plan::Planned;
use crate::playbook::{shipped, text};
use crate::sim::{Event, Flags, Site};
use crate::step::Effect;

struct Files {
    playbook: Playbook,
    templates: BTreeMap<String, String>,
}

fn files() -> Files {
    let playbook = text::read(&shipped::playbook("initiate_dr").unwrap().source()).unwrap();
    let template = shipped::template("etcd.env.j2").unwrap().text.to_owned();
    Files { playbook, templates: BTreeMap::from([("etcd.env.j2".to_owned(), template)]) }
}

async fn rehearsed(site: &Site) -> Vec<Rehearsal> {
    rehearsed_by(site, &files()).await
}

async fn rehearsed_by(site: &Site, files: &Files) -> Vec<Rehearsal> {
    let cluster = site.cluster();
    let (playbook, templates) = (&files.playbook, &files.templates);
    let given = RehearsalInput { cluster: &cluster, playbook, templates, timed_proof: false };
    let (seen, _) = site.status().await;
    rehearse(given, &seen, &BTreeSet::new())
}

async fn healthy(zones: &[usize]) -> Site {
    let site = Site::with_election(zones, Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    assert!(site.write("m1", "before"));
    site
}

fn rules(rehearsal: &Rehearsal) -> Vec<&str> {
    match &rehearsal.ending {
        LossOutcome::Refused(refusals) => refusals.iter().map(|refusal| refusal.rule.name()).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_planned_is_what_that_night_plans() {
    for (zones, survivors) in [(&[2, 1][..], &["m3"][..]), (&[3, 2], &["m4", "m5"])] {
        let site = healthy(zones).await;
        let all = rehearsed(&site).await;
        assert_eq!(all[1].ending, LossOutcome::QuorumKept, "{zones:?}");
        let plan = all[0].plan().unwrap();
        let names: Vec<&str> = plan.survivors.iter().map(MasterName::as_str).collect();
        assert_eq!(names, survivors);
        site.happens(&Event::Off("zone1".into()));
        site.wait(Duration::from_secs(4)).await;
        let ask = Flags { attested: vec!["zone1".into()], ..Flags::default() };
        let real = site.plan(Goal::InitiateDr, &ask).await.unwrap();
        let kinds = |plan: &Plan| plan.steps().map(|planned| planned.step.kind().title()).collect::<Vec<_>>();
        assert_eq!(kinds(plan).len(), kinds(&real).len());
        assert_eq!((&plan.seed, &plan.left_out), (&real.seed, &real.left_out));
    }
}

/// Cordoning is in no shipped playbook. Where a site's own says it, an API server of a survivor is asked for the lost masters'.
#[tokio::test(start_paused = true)]
async fn nodes_are_cordoned_where_the_playbook_says_so() {
    let line = "  - cordon: seed\n";
    let shipped = shipped::playbook("initiate_dr").unwrap().text;
    let with_it = text::read(&Source::new("own", format!("{shipped}{line}"))).unwrap();
    for (api_servers, own, wanted) in [(true, true, true), (true, false, false), (false, true, false)] {
        let site = healthy(&[2, 1]).await;
        if api_servers {
            site.run_api_servers();
        }
        let mut files = files();
        if own {
            files.playbook = with_it.clone();
        }
        let all = rehearsed_by(&site, &files).await;
        let steps = all[0].plan().unwrap().steps();
        let cordons = |step: &&Planned| step.step.kind().effects().contains(&Effect::CordonsNodes);
        let found = steps.filter(cordons).map(|step| format!("{}: {}", step.host, step.step.kind().title()));
        let said = "m3: cordon the nodes of the lost zone (10.77.1.11, 10.77.1.12)".to_owned();
        assert_eq!(found.collect::<Vec<_>>(), if wanted { vec![said] } else { Vec::new() });
        let plan = all[0].plan().unwrap();
        let idle = plan.findings.iter().filter(|finding| finding.code == Code::CordonIdle).count();
        assert_eq!(idle, usize::from(own && !api_servers));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_what_that_night_refuses() {
    for (event, rule) in [
        (Event::Lacks("m3".into(), "etcdutl".into()), "tool-missing"),
        (Event::Lacks("m3".into(), "sha256sum".into()), "tool-missing"),
        (Event::Full("m3".into()), "space"),
        (Event::NoEnv("m3".into()), "env-file-missing"),
        (Event::Flag("m3".into(), "--initial-cluster-token=x".into()), "config-style"),
        (Event::Setting("m3".into(), "ETCD_WAL_DIR".into(), "/wal".into()), "wal-dir not-as-started"),
        (Event::Setting("m3".into(), "ETCD_DATA_DIR".into(), "/data".into()), "inventory-contradicts not-as-started"),
        (Event::Setting("m3".into(), "ETCD_NAME".into(), "other".into()), "inventory-contradicts not-as-started"),
    ] {
        let site = healthy(&[2, 1]).await;
        site.happens(&event);
        let all = rehearsed(&site).await;
        let found: BTreeSet<_> = rules(&all[0]).into_iter().collect();
        assert_eq!(found, rule.split(' ').collect(), "{event:?}");
        let rule = rule.split(' ').next().unwrap();
        site.happens(&Event::Off("zone1".into()));
        site.wait(Duration::from_secs(4)).await;
        let ask = Flags { attested: vec!["zone1".into()], ..Flags::default() };
        let Err(NoPlan::Refused(real)) = site.plan(Goal::InitiateDr, &ask).await else { panic!("{event:?}") };
        assert!(real.iter().any(|refusal| refusal.rule.name() == rule), "{real:?}");
        // The same on a master of the other zone forbids nothing.
        if let Event::Lacks(_, tool) = event {
            let site = healthy(&[2, 1]).await;
            site.happens(&Event::Lacks("m1".into(), tool));
            assert!(rehearsed(&site).await[0].plan().is_some());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_voter_that_is_down_already_makes_another_zone_matter() {
    let site = healthy(&[2, 1]).await;
    site.happens(&Event::Off("m1".into()));
    site.wait(Duration::from_secs(4)).await;
    let all = rehearsed(&site).await;
    // m2 alone would be left of three.
    assert!(all[1].costs_quorum());
    let survivors = &all[1].plan().unwrap().survivors;
    assert_eq!(survivors.iter().map(MasterName::as_str).collect::<Vec<_>>(), ["m2"]);
    // One that SSH does not reach and whose peer port answers is alive.
    let site = healthy(&[2, 1]).await;
    site.happens(&Event::OtherKey("m1".into()));
    assert!(!rehearsed(&site).await[1].costs_quorum());
}

#[tokio::test(start_paused = true)]
async fn halves_need_each_other() {
    let all = rehearsed(&healthy(&[2, 2]).await).await;
    assert!(all.iter().all(|rehearsal| rehearsal.plan().is_some()));
    let three = rehearsed(&healthy(&[1, 1, 1]).await).await;
    assert!(three.iter().all(|rehearsal| rehearsal.ending == LossOutcome::QuorumKept));
}
