//! What journals and plans call a kind of step is another name than the code's for some, and must stay readable.

use std::time::Duration;

use super::*;
use crate::model::{AbsPath, Container, ContainerName, MasterName, RunId, StaticPod, Supervisor, UnitName};

/// A step of each such kind, as a plan has it.
const STORED: [&str; 6] = [
    r#"{"guard":{"unit":"etcd"}}"#,
    r#"{"share":{"from":"m4","run":"20261122-225536-0fea","limit":{"secs":60,"nanos":0}}}"#,
    r#"{"keep":{"run":"20261122-225536-0fea","limit":{"secs":60,"nanos":0}}}"#,
    r#"{"relieve":{"etcdctl":"/etcdctl","access":{"url":"http://m4:2379","tls":null},"limit":{"secs":60,"nanos":0}}}"#,
    r#"{"settle":{"unit":"etcd","peer_urls":["http://m1:2380"],"peer":{"url":"http://m1:2380","tls":null},"etcdctl":"/etcdctl","client":{"url":"http://m1:2379","tls":null},"limit":{"secs":60,"nanos":0},"joiner":null,"data_dir":null}}"#,
    r#"{"mark":{"etcdctl":"/etcdctl","access":{"url":"http://m4:2379","tls":null},"limit":{"secs":60,"nanos":0}}}"#,
];

/// docker's answers may take 10 s each, and a kubelet is waited for.
#[test]
fn a_step_that_asks_docker_or_a_kubelet_is_given_the_time() {
    let data_dir = AbsPath::new("/var/lib/etcd").unwrap();
    let docker = Supervisor::Docker(Container {
        unit: UnitName::new("etcd").unwrap(),
        container: ContainerName::new("etcd").unwrap(),
        data_dir: data_dir.clone(),
    });
    let kubelet =
        Supervisor::Kubelet(StaticPod { manifest: AbsPath::new("/m/etcd.yaml").unwrap(), data_dir: data_dir.clone() });
    let run = RunId::new("20261122-225536-0fea").unwrap();
    for supervisor in [docker, kubelet] {
        let steps: [Step; 6] = [
            fence::PrepareFence { supervisor: supervisor.clone() }.into(),
            fence::Fence { supervisor: supervisor.clone(), reason: String::new(), asked: None }.into(),
            keep_tools::KeepTools { supervisor: supervisor.clone() }.into(),
            start_own::StartOwn { supervisor: supervisor.clone() }.into(),
            return_data::ReturnData {
                supervisor: supervisor.clone(),
                data_dir: data_dir.clone(),
                mount_point: false,
                wal_dir: None,
                run: run.clone(),
            }
            .into(),
            retire::Retire {
                master: MasterName::new("m1").unwrap(),
                supervisor: supervisor.clone(),
                data_dir: data_dir.clone(),
                mount_point: false,
                wal_dir: None,
                onto: start::Onto::Emptied,
                run: run.clone(),
            }
            .into(),
        ];
        for step in steps {
            let Doing::Run(command) = &step.kind().acts()[0].doing else { panic!("it moves something") };
            let (given, title) = (command.deadline, step.kind().title());
            assert!(given >= supervisor.slack() + Duration::from_secs(10), "{title}: {given:?}");
        }
    }
}

#[test]
fn a_step_that_was_stored_is_read_and_written_as_it_was() {
    let steps = STORED.map(|text| serde_json::from_str::<Step>(text).unwrap_or_else(|why| panic!("{text}: {why}")));
    assert!(matches!(
        steps,
        [
            Step::PrepareFence(_),
            Step::DistributeSnapshot(_),
            Step::FetchSnapshot(_),
            Step::ClearNospace(_),
            Step::RestartLearner(_),
            Step::FixRevision(_)
        ]
    ));
    // A plan's digest is of its text, so the names that are written count too.
    assert_eq!(steps.map(|step| serde_json::to_string(&step).unwrap()), STORED);
}
