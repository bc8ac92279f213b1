//! What Prometheus' own tool says of the metrics. Needs promtool, which `lab/ready` brings.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use requorum::observe::assess::assess;
use requorum::report::metrics::{self, Kind, Metric};
use requorum::report::status_metrics;
use requorum::run::look::look;
use requorum::run::ports::Remote;
use requorum::sim::{Event, Site};

#[path = "support/promtool.rs"]
mod promtool;
use promtool::check;

#[tokio::test(start_paused = true)]
async fn promtool_finds_nothing() {
    let site = Site::new(&[2, 1]);
    site.wait(Duration::from_secs(15)).await;
    let remote: Arc<dyn Remote> = Arc::new(site.clone());
    let cluster = site.cluster();
    for event in [None, Some(Event::NoSpace("m1".into())), Some(Event::Off("m1".into())), Some(Event::Off("m2".into()))]
    {
        event.iter().for_each(|event| site.happens(event));
        let seen = look(&cluster, &remote).await;
        let assessment = assess(&cluster, &seen);
        let now = "2026-01-01T00:00:20Z".parse().unwrap();
        let text = metrics::text(&status_metrics::metrics(&cluster, &seen, &assessment, now));
        assert_eq!(check(&text), (true, String::new()), "{event:?}\n{text}");
    }
}

#[test]
fn promtool_reads_hostile_labels_and_sees_what_is_wrong() {
    let hostile = "a\\b\"c\nd\u{1b}[2J\u{202e}";
    let metric = |kind, name| metrics::text(&[Metric::new(kind, name, "What it is.").with(&[("a", hostile)], 1.5)]);
    assert_eq!(check(&metric(Kind::Gauge, "requorum_x")), (true, String::new()));
    // The control: a counter without its ending is a finding, and so is a label that ends too early.
    assert!(check(&metric(Kind::Counter, "requorum_x")).1.contains("_total"));
    assert!(!check("requorum_x{a=\"\"b\"} 1\n").0);
}
