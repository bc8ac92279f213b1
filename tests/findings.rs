//! Findings that no story needs: one answer of a healthy site is made another, and the finding is there that was not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use requorum::model::cluster::Objectives;
use requorum::model::{Cluster, MasterName};
use requorum::observe::api_server::Health;
use requorum::observe::assess::assess;
use requorum::observe::other_etcd::OtherEtcd;
use requorum::observe::tools::Version;
use requorum::observe::{ApiServer, Code, Contact, Examination, Observation, Seen, Severity};
use requorum::plan::doctor::Subject;
use requorum::plan::rehearse::{RehearsalInput, rehearse};
use requorum::plan::{Goal, Rule, doctor};
use requorum::playbook::{shipped, text};
use requorum::sim::{Event, Flags, Site};

async fn healthy() -> Site {
    let site = Site::with_election(&[2, 1], Duration::from_secs(1));
    site.wait(Duration::from_secs(20)).await;
    assert!(site.write("m1", "before"));
    site
}

fn m3() -> MasterName {
    MasterName::new("m3").unwrap()
}

fn codes(site: &Site, seen: &Observation) -> BTreeSet<Code> {
    assess(&site.cluster(), seen).findings.iter().map(|finding| finding.code).collect()
}

/// What `status` finds once an answer of m3 is another.
async fn found(change: impl Fn(&mut Seen)) -> BTreeSet<Code> {
    let site = healthy().await;
    let (mut seen, _) = site.status().await;
    let before = codes(&site, &seen);
    let Some(Contact::Answers(own)) = seen.masters.get_mut(&m3()) else { panic!("m3 is silent") };
    change(own);
    codes(&site, &seen).difference(&before).copied().collect()
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_of_one_master_makes_status_find() {
    let version = |major, minor, patch| {
        move |seen: &mut Seen| seen.tools.as_mut().unwrap().etcd = Some(Version(major, minor, patch))
    };
    assert!(found(version(3, 4, 23)).await.contains(&Code::ZombieMembers));
    assert!(found(version(3, 5, 16)).await.contains(&Code::PromotionNotStored));
    assert!(found(version(3, 5, 26)).await.is_empty());
    let weak = |seen: &mut Seen| seen.tools.as_mut().unwrap().restore.as_mut().unwrap().bumps = false;
    assert_eq!(found(weak).await, [Code::NoRevisionBump].into());
    let full = |seen: &mut Seen| seen.settings.as_mut().unwrap().file.text += "\nETCD_QUOTA_BACKEND_BYTES=600\n";
    assert_eq!(found(full).await, [Code::NearQuota].into());
    let fenced = |seen: &mut Seen| seen.traces.as_mut().unwrap().fenced = true;
    assert_eq!(found(fenced).await, [Code::Fenced, Code::FenceBroken].into());
    let late = |seen: &mut Seen| {
        let certificates = seen.certificates.as_mut().unwrap();
        certificates.now = certificates.first_end().unwrap() - Duration::from_secs(10 * 86_400);
    };
    assert_eq!(found(late).await, [Code::CertificateEnds].into());
}

/// What `status` finds once an answer of m3's API server is another.
async fn found_of_api_server(change: impl Fn(&mut ApiServer)) -> Vec<(Code, String)> {
    let site = healthy().await.with_api_servers();
    let (mut seen, _) = site.status().await;
    assert_eq!(codes(&site, &seen), BTreeSet::new());
    let Some(Contact::Answers(own)) = seen.masters.get_mut(&m3()) else { panic!("m3 is silent") };
    change(own.api_server.as_mut().unwrap().as_mut().unwrap());
    assess(&site.cluster(), &seen).findings.into_iter().map(|finding| (finding.code, finding.text)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_an_api_server_is_found() {
    let parked = |api: &mut ApiServer| (api.parked, api.parked_by) = (true, Some("run 7".into()));
    let found = found_of_api_server(parked).await;
    assert!(matches!(&found[..], [(Code::ApiServerParked, text)] if text.contains("(run 7)")), "{found:?}");
    for (health, said) in [(Health::Down, "is down"), (Health::NotReady("/readyz answers 500".into()), "answers 500")] {
        let found = found_of_api_server(|api| api.health = health.clone()).await;
        assert!(matches!(&found[..], [(Code::ApiServerNotReady, text)] if text.contains(said)), "{found:?}");
    }
    // Of one that was just started, silence says that it is not ready yet.
    for health in [Health::Down, Health::Slow, Health::NotReady("500".into()), Health::Unknown("35".into())] {
        let found = found_of_api_server(|api| (api.young, api.health) = (true, health.clone())).await;
        assert!(matches!(&found[..], [(Code::ApiServerNotReady, text)] if text.contains("a minute ago")), "{found:?}");
    }
    assert_eq!(found_of_api_server(|api| api.young = true).await, []);
    // A refusal is the answer of one that runs; only one that has just begun may deny it to everybody.
    let refuses = async |code: &str, just_begun: bool| {
        let health = Health::Refuses(code.to_owned());
        found_of_api_server(|api| (api.young, api.just_begun, api.health) = (true, just_begun, health.clone())).await
    };
    let found = refuses("403", true).await;
    assert!(matches!(&found[..], [(Code::ApiServerNotReady, text)] if text.contains("answers 403, as")), "{found:?}");
    for (code, just_begun) in [("403", false), ("401", false), ("401", true)] {
        assert_eq!(refuses(code, just_begun).await, [], "{code}, just begun: {just_begun}");
    }
    // Whoever cannot be asked is not said to be down.
    assert_eq!(found_of_api_server(|api| api.health = Health::Unknown("curl ended with 35".into())).await, []);
}

/// What the doctor says with one of these codes, and the time that it expects until a write through the API.
async fn doctor_of_api_servers(change: impl FnOnce(&Site)) -> (Vec<(Severity, String)>, Option<Duration>) {
    let site = healthy().await.with_api_servers();
    change(&site);
    let (_, told) = site.doctor(None).await;
    let ours = [Code::ApiServerListsDiffer, Code::EtcdAddresses].map(Subject::Code);
    let said = told.remarks.iter().filter(|remark| ours.contains(&remark.code));
    let expected = told.zones.values().find_map(|outlook| outlook.expected.as_ref());
    let said = said.map(|remark| (remark.severity, remark.text.clone())).collect();
    (said, expected.map(|expected| expected.through_api() - expected.total()))
}

#[tokio::test(start_paused = true)]
async fn what_else_knows_etcd_makes_the_doctor_say() {
    let (said, api) = doctor_of_api_servers(|_| {}).await;
    assert!(said.is_empty() && api.is_some_and(|time| time > Duration::from_secs(2)), "{said:?} {api:?}");
    let (said, _) = doctor_of_api_servers(|site| site.write_api_server("m3", &["m2", "m3"])).await;
    assert!(
        matches!(&said[..], [(Severity::Warning, text)] if text.ends_with("m1, m2: m1, m2, m3; m3: m2, m3")),
        "{said:?}"
    );
    let (said, _) = doctor_of_api_servers(Site::run_stacked_api_servers).await;
    assert!(said.is_empty(), "{said:?}");
    let (said, _) = doctor_of_api_servers(|site| {
        site.names_etcd("m3", "/etc/calico/calicoctl.cfg");
        site.names_etcd("m3", "/etc/kubernetes/kubeadm-config.yaml");
    })
    .await;
    let [(Severity::Warning, asks), (Severity::Note, written)] = &said[..] else { panic!("{said:?}") };
    assert!(asks.starts_with("/etc/calico/calicoctl.cfg names etcd's addresses"), "{asks}");
    assert!(written.starts_with("/etc/kubernetes/kubeadm-config.yaml names etcd's addresses"), "{written}");
}

#[tokio::test(start_paused = true)]
async fn a_master_that_nobody_asked_is_found() {
    let site = healthy().await;
    let (mut seen, _) = site.status().await;
    assert!(!codes(&site, &seen).contains(&Code::NotAsked));
    seen.masters.remove(&m3());
    assert!(codes(&site, &seen).contains(&Code::NotAsked));
}

/// What the doctor says where a line of m3's answers is another.
#[tokio::test(start_paused = true)]
async fn what_an_answer_of_one_master_makes_the_doctor_say() {
    for (line, code) in [
        ("disk:mount_point=yes", Code::MountPoint),
        ("Type=simple", Code::UnitNotNotify),
        ("TimeoutStopUSec=1s", Code::StopCutShort),
    ] {
        let site = healthy().await;
        let says = async || site.doctor(None).await.1.remarks.iter().any(|remark| remark.code == Subject::Code(code));
        assert!(!says().await, "{line}");
        site.happens(&Event::Odd("m3".into(), line.into()));
        assert!(says().await, "{line}");
    }
}

/// Where the unit is not there, another's etcd may be: it is named, with its own way back.
#[tokio::test(start_paused = true)]
async fn an_etcd_of_anothers_is_told_with_its_own_command() {
    let site = healthy().await;
    let (found, _) = site.doctor(None).await;
    let playbook = text::read(&shipped::playbook("initiate_dr").unwrap().source()).unwrap();
    let templates = ["etcd.env.j2"].map(|name| (name.to_owned(), shipped::template(name).unwrap().text.to_owned()));
    let (cluster, templates) = (site.cluster(), BTreeMap::from(templates));
    let given = RehearsalInput { cluster: &cluster, playbook: &playbook, templates: &templates, timed_proof: false };
    let said = |other: Option<OtherEtcd>| {
        let mut found = found.clone();
        let Some(Contact::Answers(own)) = found.seen.masters.get_mut(&m3()) else { panic!("m3 is silent") };
        own.unit.as_mut().unwrap().loaded = false;
        own.node.as_mut().unwrap().other = other;
        format!("{:?}", doctor::diagnose(given, &found, &rehearse(given, &found.seen, &BTreeSet::new())).remarks)
    };
    assert!(said(None).contains("m3 has no unit etcd"));
    let k3s = said(Some(OtherEtcd::K3s));
    assert!(k3s.contains("a part of k3s") && k3s.contains("k3s server --cluster-reset"), "{k3s}");
    assert!(said(Some(OtherEtcd::StaticPod)).contains("static_pod: /etc/kubernetes/manifests/etcd.yaml"));
}

#[tokio::test(start_paused = true)]
async fn what_the_bastion_and_the_objectives_make_the_doctor_say() {
    let site = healthy().await;
    let (found, _) = site.doctor(None).await;
    let playbook = text::read(&shipped::playbook("initiate_dr").unwrap().source()).unwrap();
    let template = shipped::template("etcd.env.j2").unwrap().text.to_owned();
    let templates = BTreeMap::from([("etcd.env.j2".to_owned(), template)]);
    let says = |cluster: &Cluster, found: &Examination, code: Code| {
        let given = RehearsalInput { cluster, playbook: &playbook, templates: &templates, timed_proof: false };
        let rehearsals = rehearse(given, &found.seen, &BTreeSet::new());
        doctor::diagnose(given, found, &rehearsals).remarks.iter().any(|remark| remark.code == Subject::Code(code))
    };
    let mut hurried = site.cluster();
    assert!(!says(&hurried, &found, Code::RtoAboveObjective));
    hurried.objectives = Some(Objectives { rto: Some(Duration::from_secs(1)), rpo: None });
    assert!(says(&hurried, &found, Code::RtoAboveObjective));
    let mut closed = found.clone();
    assert!(!says(&site.cluster(), &closed, Code::BastionState));
    closed.state_directory.as_mut().unwrap().as_mut().unwrap().writable = false;
    assert!(says(&site.cluster(), &closed, Code::BastionState));
    let mut full = found;
    assert!(!says(&site.cluster(), &full, Code::BastionSpace));
    full.state_directory.as_mut().unwrap().as_mut().unwrap().free_bytes = 1 << 20;
    assert!(says(&site.cluster(), &full, Code::BastionSpace));
}

/// Whether quorum would be counted lost is asked in peace time, of the survivors, as that night asks it.
#[tokio::test(start_paused = true)]
async fn a_survivor_whose_metrics_cannot_be_read_makes_the_expected_proof_longer() {
    let unread = async |events: &[Event]| {
        let site = healthy().await;
        events.iter().for_each(|event| site.happens(event));
        let (_, diagnosis) = site.doctor(None).await;
        let expected = diagnosis.zones.values().find_map(|outlook| outlook.expected).unwrap();
        let said = diagnosis.remarks.into_iter().find(|remark| remark.code == Subject::Code(Code::TimedProof));
        (expected.proof > Duration::from_secs(2), said.map(|remark| format!("{:?}: {}", remark.master, remark.text)))
    };
    assert_eq!(unread(&[]).await, (false, None));
    // It would be lost, and asked nothing.
    assert_eq!(unread(&[Event::NoMetrics("m1".into())]).await, (false, None));
    for (event, why) in [
        (Event::NoMetrics("m3".into()), "Connection refused"),
        (Event::Odd("m3".into(), "metrics-of=a0b1".into()), "these are the metrics of a0b1"),
    ] {
        let (long, said) = unread(&[event]).await;
        let said = said.unwrap();
        assert!(long && said.contains("m3") && said.contains(why), "{said}");
    }
    // The member list has two that are no master: with m3 they might be a majority.
    let stranger = |url: &str| Event::Voter("m1".into(), url.to_owned());
    let strangers = ["https://10.77.9.8:2380", "https://10.77.9.9:2380"].map(stranger);
    let (long, said) = unread(&strangers).await;
    assert!(long && said.as_ref().is_some_and(|said| said.contains("may be up")), "{said:?}");
}

/// Nobody knows who votes: no loss can be rehearsed.
#[tokio::test(start_paused = true)]
async fn without_a_member_list_no_loss_is_rehearsed() {
    let site = healthy().await;
    let refused = async || {
        let (_, diagnosis) = site.doctor(None).await;
        diagnosis.remarks.iter().any(|remark| remark.code == Subject::Rule(Rule::MembersUnclear))
    };
    assert!(!refused().await);
    ["m1", "m2", "m3"].iter().for_each(|name| site.happens(&Event::NoList((*name).into())));
    assert!(refused().await);
}

/// A cluster that serves and that no run recorded is said to be taken as it is.
#[tokio::test(start_paused = true)]
async fn a_cluster_that_no_run_recorded_is_said_to_be_so() {
    let site = healthy().await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    let ask = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    assert_eq!(site.initiate_dr(&ask).await.code, Some(0));
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    let zone1 = Flags { failed_zones: vec!["zone1".into()], ..Flags::default() };
    assert_eq!(site.go(Goal::Fence, &zone1).await.code, Some(0));
    let says = async || {
        let plan = site.plan(Goal::Recover, &Flags::default()).await.unwrap();
        plan.findings.iter().any(|finding| finding.code == Code::UnrecordedCluster)
    };
    assert!(!says().await);
    site.happens(&Event::Gone("m3".into(), "/var/lib/requorum/cluster.json".into()));
    site.happens(&Event::Bastion { behind: false });
    assert!(says().await);
}

/// A zone is lost, and comes back: the last words of `recover`, said by another bastion, where playbooks have these lines too.
async fn last_words_of_recover(lines: &[(&str, &str)]) -> (Site, String) {
    let site = healthy().await.with_api_servers();
    let adds = || lines.iter().for_each(|(name, line)| site.playbook_adds(name, line));
    adds();
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    let ask = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    let end = site.initiate_dr(&ask).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    site.happens(&Event::Bastion { behind: false });
    adds();
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    let end = site.recover(&Flags::default()).await;
    assert_eq!(end.code, Some(0), "{}", end.text);
    (site, end.text)
}

#[tokio::test(start_paused = true)]
async fn nodes_that_stay_cordoned_are_told_at_the_end() {
    let (cordon, uncordon) = (("initiate_dr", "  - cordon: seed"), ("recover", "  - uncordon: seed"));
    let by_hand = "kubectl uncordon NODE";
    let told = |site: &Site| {
        let journal = String::from_utf8(site.kept(&format!("{}/journal.jsonl", site.last_run())).unwrap()).unwrap();
        journal.contains(&format!("\"{}\"", Code::NodesCordoned))
    };
    for (lines, stay) in [(&[][..], false), (&[cordon][..], true), (&[cordon, uncordon][..], false)] {
        let (site, said) = last_words_of_recover(lines).await;
        assert_eq!((said.contains(by_hand), told(&site)), (stay, stay), "{lines:?}: {said}");
        let zone1 = Flags {
            failed_zones: vec!["zone1".into()],
            overrides: vec!["fence-takes-quorum".into()],
            ..Flags::default()
        };
        let fenced = site.go(Goal::Fence, &zone1).await;
        assert_eq!(fenced.code, Some(0), "{}", fenced.text);
        let unfenced = site.go(Goal::Unfence, &zone1).await;
        assert_eq!((unfenced.code, unfenced.text.contains(by_hand)), (Some(0), stay), "{lines:?}: {}", unfenced.text);
    }
}

/// What cannot be done is not recorded as done.
#[tokio::test(start_paused = true)]
async fn nodes_that_could_not_be_uncordoned_are_told_until_they_are() {
    let (cordon, uncordon) = (("initiate_dr", "  - cordon: seed"), ("recover", "  - uncordon: seed"));
    let (site, _) = last_words_of_recover(&[cordon]).await;
    let told = |seen: &Observation| codes(&site, seen).contains(&Code::NodesCordoned);
    assert!(told(&site.status().await.0));
    let end = site.recover(&Flags::default()).await;
    assert!(end.text.contains("kubectl uncordon NODE"), "{}", end.text);
    site.playbook_adds(uncordon.0, uncordon.1);
    site.keep_nodes(true);
    let end = site.recover(&Flags::default()).await;
    assert_eq!((end.code, site.nodes_are_cordoned()), (Some(0), true), "{}", end.text);
    assert!(told(&site.status().await.0));
    site.keep_nodes(false);
    let end = site.recover(&Flags::default()).await;
    assert_eq!((end.code, site.nodes_are_cordoned()), (Some(0), false), "{}", end.text);
    assert!(!told(&site.status().await.0));
}
