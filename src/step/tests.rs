//! What journals and plans call a kind of step is another name than the code's for some, and must stay readable.

use super::*;

/// A step of each such kind, as a plan has it.
const STORED: [&str; 6] = [
    r#"{"guard":{"unit":"etcd"}}"#,
    r#"{"share":{"from":"m4","run":"20261122-225536-0fea","limit":{"secs":60,"nanos":0}}}"#,
    r#"{"keep":{"run":"20261122-225536-0fea","limit":{"secs":60,"nanos":0}}}"#,
    r#"{"relieve":{"etcdctl":"/etcdctl","access":{"url":"http://m4:2379","tls":null},"limit":{"secs":60,"nanos":0}}}"#,
    r#"{"settle":{"unit":"etcd","peer_urls":["http://m1:2380"],"peer":{"url":"http://m1:2380","tls":null},"etcdctl":"/etcdctl","client":{"url":"http://m1:2379","tls":null},"limit":{"secs":60,"nanos":0},"joiner":null,"data_dir":null}}"#,
    r#"{"mark":{"etcdctl":"/etcdctl","access":{"url":"http://m4:2379","tls":null},"limit":{"secs":60,"nanos":0}}}"#,
];

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
