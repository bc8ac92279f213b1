//! Every safety rule: good plans break none, and a plan that is broken in one place breaks the rule that is for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/operator.rs"]
#[allow(dead_code, reason = "each test file uses what it needs of it")]
mod operator;
#[path = "support/plans.rs"]
mod plans;

use std::collections::BTreeSet;
use std::time::Duration;

use operator::survivor;
use plans::{ask, initiate_dr, recover, rules};
use requorum::plan::{Goal, Plan, Planned};
use requorum::sim::{Event, Flags, Site};
use requorum::step::Step;

const TOPOLOGIES: [&[usize]; 6] = [&[2, 1], &[3, 2], &[2, 2], &[1, 1], &[3, 3], &[2, 1, 2]];

/// Takes out every step that is meant, and stages that are left empty.
fn without(plan: &Plan, meant: impl Fn(&Planned) -> bool) -> Plan {
    let mut plan = plan.clone();
    plan.stages.iter_mut().for_each(|stage| stage.steps.retain(|planned| !meant(planned)));
    plan.stages.retain(|stage| !stage.steps.is_empty());
    plan
}

fn numbered(mut plan: Plan) -> Plan {
    let steps = plan.stages.iter_mut().flat_map(|stage| &mut stage.steps);
    steps.zip(1..).for_each(|(planned, id)| planned.id = id);
    plan
}

/// The place of the first stage with such a step.
fn place(plan: &Plan, meant: fn(&Step) -> bool) -> usize {
    plan.stages.iter().position(|stage| stage.steps.iter().any(|planned| meant(&planned.step))).unwrap()
}

/// Moves the first such stage to right before another.
fn moved(plan: &Plan, what: fn(&Step) -> bool, before: fn(&Step) -> bool) -> Plan {
    let mut plan = plan.clone();
    let stage = plan.stages.remove(place(&plan, what));
    let to = place(&plan, before);
    plan.stages.insert(to, stage);
    numbered(plan)
}

fn changed(plan: &Plan, change: impl Fn(&mut Step)) -> Plan {
    let mut plan = plan.clone();
    plan.stages.iter_mut().flat_map(|stage| &mut stage.steps).for_each(|planned| change(&mut planned.step));
    plan
}

fn on_survivors(step: &Step) -> bool {
    matches!(step, Step::Fence(_))
}

#[tokio::test(start_paused = true)]
async fn good_plans_break_no_rule() {
    for zones in TOPOLOGIES {
        let (_, plan) = initiate_dr(zones).await;
        assert_eq!(rules(&plan), BTreeSet::new(), "initiate-dr of {zones:?}");
        let (_, plan) = recover(zones).await;
        assert_eq!(rules(&plan), BTreeSet::new(), "recover of {zones:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_input_gives_the_same_plan() {
    for zones in TOPOLOGIES {
        let (site, plan) = initiate_dr(zones).await;
        let (_, other) = initiate_dr(zones).await;
        let again = site.fork().plan(Goal::InitiateDr, &ask(zones)).await.unwrap();
        for twin in [&other, &again] {
            assert_eq!(serde_json::to_string(&plan).unwrap(), serde_json::to_string(twin).unwrap(), "{zones:?}");
            assert_eq!(plan.digest(), twin.digest());
        }
        // The control: another input is another plan.
        let other = site.plan(Goal::InitiateDr, &Flags { attested: vec!["m1".into()], ..ask(zones) }).await;
        assert!(other.is_err() || other.unwrap().digest() != plan.digest());
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_server_is_parked_before_its_etcd_stops_and_comes_back_with_the_survivors() {
    let site = operator::lost(&[3, 2]).await.with_api_servers();
    let plan = site.plan(Goal::InitiateDr, &ask(&[3, 2])).await.unwrap();
    assert_eq!(rules(&plan), BTreeSet::new());
    let parks = |step: &Step| matches!(step, Step::Park(_));
    let stops = |step: &Step| matches!(step, Step::Stop(_));
    let serves = |step: &Step| matches!(step, Step::ServeApi(_));
    assert!(rules(&moved(&plan, stops, parks)).contains("parked-first"));
    // The list stands in one stage with what moves the data.
    assert!(rules(&moved(&plan, |step| matches!(step, Step::WriteList(_)), parks)).contains("parked-first"));
    let never = without(&plan, |planned| serves(&planned.step));
    assert_eq!(rules(&never), ["served-again".to_owned()].into());
    let early = moved(&plan, serves, |step| matches!(step, Step::Serve(_)));
    assert_eq!(rules(&early), ["served-again".to_owned()].into());
    let narrowed = |change: fn(&mut requorum::step::write_list::WriteList)| {
        rules(&changed(&plan, |step| {
            if let Step::WriteList(write) = step {
                change(write)
            }
        }))
    };
    assert_eq!(narrowed(|_| {}), BTreeSet::new());
    let listed = ["survivors-listed".to_owned()].into();
    assert_eq!(narrowed(|write| write.etcd.servers.clear()), listed);
    assert_eq!(narrowed(|write| write.removed.push("https://10.77.2.12:2379".to_owned())), listed);
    assert_eq!(narrowed(|write| write.removed.push("https://10.77.1.12:2379".to_owned())), BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn data_moves_only_under_a_fence() {
    let (_, plan) = initiate_dr(&[3, 2]).await;
    let unfenced = without(&plan, |planned| matches!(planned.step, Step::Fence(_)));
    assert_eq!(rules(&unfenced), ["move-under-fence".to_owned()].into());
    let running = without(&plan, |planned| matches!(planned.step, Step::Stop(_)));
    assert_eq!(rules(&running), ["move-under-fence".to_owned()].into());
    // A start lifts the fence.
    let retires = |step: &Step| matches!(step, Step::Retire(_));
    let mut twice = plan.clone();
    let moves = plan.stages[place(&plan, retires)].clone();
    twice.stages.push(plan.stages[place(&plan, |step| matches!(step, Step::Stop(_)))].clone());
    twice.stages.push(moves);
    assert!(rules(&numbered(twice)).contains("move-under-fence"));
    let early = moved(&plan, retires, on_survivors);
    assert!(rules(&early).contains("move-under-fence"));
}

#[tokio::test(start_paused = true)]
async fn etcd_starts_only_on_what_was_prepared() {
    let (_, plan) = initiate_dr(&[2, 1]).await;
    let start = |step: &Step| matches!(step, Step::Start(_));
    let restores = |step: &Step| matches!(step, Step::Restore(_));
    for early in [
        moved(&plan, start, |step| matches!(step, Step::Retire(_))),
        moved(&plan, restores, start),
        without(&plan, |planned| matches!(planned.step, Step::Write(_))),
        without(&plan, |planned| matches!(planned.step, Step::Retire(_))),
    ] {
        assert!(rules(&early).contains("prepared-start"));
    }
    let (_, plan) = recover(&[2, 1]).await;
    let full = without(&plan, |planned| matches!(planned.step, Step::Retire(_)));
    assert_eq!(rules(&full), ["prepared-start".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn no_file_says_new_or_another_token() {
    for plan in [initiate_dr(&[2, 1]).await.1, recover(&[2, 1]).await.1] {
        let swap = |from: &'static str, to: &'static str| {
            changed(&plan, move |step| {
                if let Step::Write(write) = step {
                    write.after = write.after.replace(from, to);
                }
            })
        };
        assert_eq!(rules(&swap("STATE=existing", "STATE=new")), ["state-existing".to_owned()].into());
        assert_eq!(rules(&swap("TOKEN=", "TOKEN=another-")), ["one-token".to_owned()].into());
        assert_eq!(rules(&swap("\nETCD_NAME", "\nETCD_INITIAL_CLUSTER_STATE=new\nETCD_NAME")).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_learner_at_a_time() {
    let (_, plan) = recover(&[2, 1]).await;
    let never_promoted = without(&plan, |planned| matches!(planned.step, Step::Promote(_)));
    assert_eq!(rules(&never_promoted), ["one-learner".to_owned()].into());
    let never_added = without(&plan, |planned| matches!(planned.step, Step::Join(_)));
    assert_eq!(rules(&never_added), ["one-learner".to_owned()].into());
    let promote_early = moved(&plan, |step| matches!(step, Step::Promote(_)), |step| matches!(step, Step::Join(_)));
    assert!(rules(&promote_early).contains("one-learner"));
}

#[tokio::test(start_paused = true)]
async fn who_serves_is_not_stopped_by_recover() {
    let (_, plan) = recover(&[2, 1]).await;
    let seed = plan.seed.clone().unwrap();
    let mut stopping = plan.clone();
    for planned in stopping.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
        if matches!(planned.step, Step::Stop(_) | Step::Fence(_)) {
            planned.host = seed.clone();
        }
    }
    assert!(rules(&stopping).contains("serving-left-alone"));
}

#[tokio::test(start_paused = true)]
async fn a_voter_is_never_restarted() {
    let (_, plan) = recover(&[2, 1]).await;
    let late = moved(&plan, |step| matches!(step, Step::Promote(_)), |step| matches!(step, Step::RestartLearner(_)));
    assert_eq!(rules(&late), ["settle-learners-only".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn the_failed_zone_is_left_alone() {
    let (_, plan) = initiate_dr(&[2, 1]).await;
    let mut elsewhere = plan.clone();
    let at = plan.stages.len() - 1;
    assert!(matches!(plan.stages[at].steps[0].step, Step::Record(_)));
    elsewhere.stages[at].steps[0].host = requorum::model::MasterName::new("m1").unwrap();
    assert_eq!(rules(&elsewhere), ["left-alone".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn nothing_stops_before_the_snapshot_and_a_last_look() {
    let (_, plan) = initiate_dr(&[3, 2]).await;
    let early = moved(&plan, |step| matches!(step, Step::Stop(_)), |step| matches!(step, Step::Snapshot(_)));
    assert_eq!(rules(&early), ["snapshot-first".to_owned()].into());
    let blind = without(&plan, |planned| matches!(&planned.step, Step::Leaderless(check) if check.unmoved));
    assert_eq!(rules(&blind), ["snapshot-first".to_owned()].into());
    let one_blind = without(&plan, |planned| {
        planned.host.as_str() == "m5" && matches!(&planned.step, Step::Leaderless(check) if check.unmoved)
    });
    assert_eq!(rules(&one_blind), ["snapshot-first".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn what_grows_from_a_copied_database_is_checked_before_a_stop() {
    for zones in [&[2, 1][..], &[3, 2]] {
        let (site, _) = initiate_dr(zones).await;
        for number in zones[0] + 1..=zones.iter().sum() {
            site.happens(&Event::Odd(format!("m{number}"), "disk:db_bytes=1000000000".into()));
        }
        let plan = site.plan(Goal::InitiateDr, &ask(zones)).await.unwrap();
        assert!(rules(&plan).is_empty(), "{:?}", rules(&plan));
        let seed = plan.seed.clone();
        for who in [true, false] {
            let unchecked = plan.stages.iter().flat_map(|stage| &stage.steps).filter(|planned| {
                matches!(planned.step, Step::Restore(_)) && (Some(&planned.host) == seed.as_ref()) == who
            });
            let ids: Vec<u32> = unchecked.map(|planned| planned.id).collect();
            if ids.is_empty() {
                continue;
            }
            let mut plan = plan.clone();
            for planned in plan.stages.iter_mut().flat_map(|stage| &mut stage.steps) {
                if let Step::Restore(restore) = &mut planned.step
                    && ids.contains(&planned.id)
                {
                    restore.checks = false;
                }
            }
            assert_eq!(rules(&plan), ["snapshot-first".to_owned()].into(), "{zones:?}, the seed: {who}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_survivors_grow_from_one_snapshot() {
    let (_, plan) = initiate_dr(&[3, 2]).await;
    let one = ["one-snapshot".to_owned()].into();
    assert_eq!(rules(&without(&plan, |planned| matches!(planned.step, Step::DistributeSnapshot(_)))), one);
    let other_list = changed(&plan, |step| {
        if let Step::Restore(restore) = step
            && restore.name == "etcd5"
        {
            restore.initial_cluster = "etcd5=https://10.77.2.12:2380".into();
        }
    });
    assert_eq!(rules(&other_list), one);
    let other_token = changed(&plan, |step| {
        if let Step::Restore(restore) = step {
            restore.token.0 = "k8s_etcd".into();
        }
    });
    assert_eq!(rules(&other_token), one);
    let half = without(&plan, |planned| planned.host.as_str() == "m5" && matches!(planned.step, Step::Restore(_)));
    assert!(rules(&half).contains("one-snapshot"));
}

#[tokio::test(start_paused = true)]
async fn every_start_is_proved_by_a_write() {
    for plan in [initiate_dr(&[2, 1]).await.1, recover(&[2, 1]).await.1] {
        let unproved = without(&plan, |planned| matches!(planned.step, Step::Serve(_)));
        assert_eq!(rules(&unproved), ["proved-by-a-write".to_owned()].into());
        let silent = changed(&plan, |step| {
            if let Step::Serve(serve) = step {
                serve.value.clear();
            }
        });
        assert_eq!(rules(&silent), ["proved-by-a-write".to_owned()].into());
    }
}

/// Plans that differ from a good one by a swap or a missing stage.
fn nearly(plan: &Plan) -> Vec<(String, Plan)> {
    let mut all = Vec::new();
    let title = |at: usize| plan.stages[at].title.clone();
    for at in 0..plan.stages.len() {
        let mut less = plan.clone();
        less.stages.remove(at);
        all.push((format!("without {at} {}", title(at)), numbered(less)));
        for to in at + 1..plan.stages.len() {
            let mut swapped = plan.clone();
            swapped.stages.swap(at, to);
            all.push((format!("{at} {} and {to} {} swapped", title(at), title(to)), numbered(swapped)));
        }
    }
    all
}

/// What the rules let pass may stop midway, but it breaks nothing on the masters.
async fn what_passes_does_no_harm(site: &Site, plan: &Plan) {
    let mut passed = 0;
    let mut harm = Vec::new();
    for (story, plan) in nearly(plan) {
        if !rules(&plan).is_empty() {
            continue;
        }
        passed += 1;
        let site = site.fork();
        let end = site.run(&plan).await;
        site.wait(Duration::from_secs(5)).await;
        let broken = site.broken();
        if !broken.is_empty() {
            harm.push(format!("{story}: {:?} {broken:#?}", end.code));
        }
    }
    assert!(passed > 5, "nothing was tried");
    assert!(harm.is_empty(), "{} of {passed}:\n{}", harm.len(), harm.join("\n"));
}

/// The control: what the rules do not let pass is seen to do harm.
#[tokio::test(start_paused = true)]
async fn a_plan_that_breaks_a_rule_does_harm() {
    let (site, plan) = initiate_dr(&[2, 1]).await;
    let new = changed(&plan, |step| {
        if let Step::Write(write) = step {
            write.after = write.after.replace("STATE=existing", "STATE=new");
        }
    });
    site.run(&new).await;
    assert!(!site.broken().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_initiate_dr_that_the_rules_let_pass_does_no_harm() {
    let (site, plan) = initiate_dr(&[2, 1]).await;
    what_passes_does_no_harm(&site, &plan).await;
}

#[tokio::test(start_paused = true)]
async fn a_recover_that_the_rules_let_pass_does_no_harm() {
    let (site, plan) = recover(&[2, 1]).await;
    assert!(site.write(&survivor(&[2, 1]), "during"));
    what_passes_does_no_harm(&site, &plan).await;
}

/// Two operators' `recover`: the first one's plan is run after the second one's has made voters of everybody.
#[tokio::test(start_paused = true)]
async fn without_a_look_at_who_votes_a_stale_recover_takes_the_quorum() {
    let (site, plan) = recover(&[2, 1]).await;
    let blind = without(&plan, |planned| matches!(planned.step, Step::NoVote(_)));
    assert_eq!(rules(&blind), BTreeSet::from(["voters-left-alone".to_owned()]));
    assert_eq!(site.recover(&Flags::default()).await.code, Some(0));
    let (seeing, blinded) = (site.fork(), site.fork());
    let end = seeing.run(&plan).await;
    assert!(end.text.contains("votes in cluster"), "{}", end.text);
    assert_eq!(seeing.broken(), Vec::<String>::new());
    blinded.run(&blind).await;
    assert!(blinded.broken().iter().any(|said| said.contains("has lost its quorum")), "{:?}", blinded.broken());
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_listened_for_before_the_start_and_the_first_write() {
    let (_, plan) = initiate_dr(&[2, 1]).await;
    let rule = BTreeSet::from(["failed-zone-silent".to_owned()]);
    for started in [false, true] {
        let deaf = without(&plan, |planned| matches!(&planned.step, Step::Silent(look) if look.started == started));
        assert_eq!(rules(&deaf), rule);
    }
}
