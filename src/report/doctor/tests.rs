//! Diagnoses as a person reads them: on sites of the model that are healthy, have one fault, or are hostile.

use super::*;
use crate::model::MasterName;
use crate::sim::{Event, Site};

async fn told(zones: &[usize], events: &[Event]) -> (Diagnosis, String) {
    told_with(zones, events, None).await
}

async fn told_with(zones: &[usize], events: &[Event], template: Option<&str>) -> (Diagnosis, String) {
    let site = Site::new(zones);
    site.wait(Duration::from_secs(20)).await;
    assert!(site.write("m1", "before"));
    for event in events {
        site.happens(event);
    }
    site.wait(Duration::from_secs(1)).await;
    let before = site.picture();
    let (_, diagnosis) = site.doctor(template).await;
    assert_eq!(before, site.picture(), "the doctor changed something");
    let shown = text(&diagnosis);
    (diagnosis, shown)
}

#[tokio::test(start_paused = true)]
async fn a_healthy_site_is_told_in_a_few_lines() {
    let (diagnosis, shown) = told(&[2, 1], &[]).await;
    assert!(diagnosis.good);
    insta::assert_snapshot!(shown, @"
    zone1 lost: initiate-dr would work from m3 in 12 steps, about 6.0 s (look at most 0.5, proof 1.2, snapshot 0.1, restore 0.0 estimated, election 2.5, at most 5.0, rest 1.8)
    zone2 lost: the quorum stays with m1, m2; initiate-dr is not needed
    measured on m3: a snapshot of 575 B saved in 0.03 s (18 kB/s), verified in 0.02 s, removed again
    verdict: good
    ");
    let (_, shown) = told(&[3, 2], &[]).await;
    let first = shown.lines().next().unwrap();
    assert!(first.contains("share 0.0 estimated, election 6.7, at most 10.0"), "{first}");
}

#[tokio::test(start_paused = true)]
async fn what_is_ill_is_named_with_what_to_do() {
    let events = [
        Event::Lacks("m3".into(), "etcdutl".into()),
        Event::Full("m3".into()),
        Event::Disable("m3".into()),
        Event::Clock("m1".into(), -5_000),
        Event::OtherKey("m2".into()),
    ];
    let (diagnosis, shown) = told(&[2, 1], &events).await;
    assert!(!diagnosis.good);
    insta::assert_snapshot!(shown, @r#"
    zone1 lost: initiate-dr would be REFUSED: tool-missing, space
      error [tool-missing] m3 has no tool to restore a snapshot with
          next: install the etcdutl that belongs to this etcd version, or name a folder of tools in the inventory (`etcd.tools`), then: requorum send-tools
      error [space] m3: 1 MiB free for /var/lib/etcd, 64 MiB needed
          next: make space on that file system (retired directories of earlier runs?)
      error [space] m3: 1 MiB free for /var/lib/requorum, 64 MiB needed
          next: make space on that file system (retired directories of earlier runs?)
      warning [unit-disabled] m3: etcd is "disabled": etcd does not start after a reboot, and a survivor that reboots would cost the quorum
          next: systemctl enable etcd
    zone2 lost: the quorum stays with m1, m2; initiate-dr is not needed
    other findings:
      error [refused] m2: m2: the host key has changed
          next: make SSH work from this bastion, as the text says
      warning [clock-offset] m1: its clock is 5.0 s behind the bastion's (±6 ms): timestamps of journals and logs will not match, and a new certificate may not be valid there yet
          next: fix NTP there, or on the bastion
    explained: requorum explain tool-missing space refused unit-disabled clock-offset
    verdict: NOT READY for the loss of zone1, 4 errors, 2 warnings
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_survivor_that_is_dark_is_an_error_of_its_zone() {
    let (diagnosis, shown) = told(&[3, 2], &[Event::Off("m4".into())]).await;
    assert!(!diagnosis.good && shown.contains("error [silent] m4"), "{shown}");
    assert!(shown.contains("NOT AS INTENDED, from m5"), "{shown}");
    let (diagnosis, shown) = told(&[2, 1], &[Event::Off("m3".into())]).await;
    assert!(!diagnosis.good && shown.contains("no-survivor") && shown.contains("error [silent] m3"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_template_that_changes_more_is_shown_with_its_difference() {
    let shipped = crate::playbook::shipped::template("etcd.env.j2").unwrap().text;
    let more = shipped.to_owned() + "ETCD_MAX_SNAPSHOTS=7\n";
    let (diagnosis, shown) = told_with(&[2, 1], &[], Some(&more)).await;
    assert!(!diagnosis.good);
    let lines: Vec<&str> = shown.lines().skip(1).take(6).map(str::trim).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    error [template-changes-more] m3: etcd.env.j2 would change more of /etc/etcd.env than the three settings it owns: ETCD_MAX_SNAPSHOTS
    next: make the node's file and the template agree: the difference would be applied in an incident (`requorum doctor` shows the difference)
    --- /etc/etcd.env
    +++ /etc/etcd.env by etcd.env.j2
    @@ -17,0 +18 @@
    +ETCD_MAX_SNAPSHOTS=7
    ");
    // A comment more changes no setting.
    let comment = shipped.to_owned() + "# by the site\n";
    assert!(told_with(&[2, 1], &[], Some(&comment)).await.0.good);
    // One that cannot be rendered is refused once, not twice.
    let (_, shown) = told_with(&[2, 1], &[], Some("ETCD_NAME=x\n")).await;
    assert_eq!(
        shown.matches("error [template] ETCD").count() + shown.matches("error [template] etcd").count(),
        1,
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_loss_that_is_there_is_no_rehearsal() {
    let (diagnosis, shown) = told(&[2, 1], &[Event::Off("zone1".into())]).await;
    assert!(!diagnosis.good && shown.contains("not-serving"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn junit_has_a_suite_a_zone_and_holds_hostile_text() {
    let (mut diagnosis, _) = told(&[2, 1], &[Event::Full("m3".into())]).await;
    diagnosis.remarks[0].text = "<x a=\"1\">&\u{1b}[31m".into();
    let xml = junit(&diagnosis);
    assert!(
        xml.contains("<testsuite name=\"zone1 lost\" tests=\"7\" skipped=\"0\" errors=\"0\" failures=\"1\">"),
        "{xml}"
    );
    assert!(xml.contains("&lt;x a=&quot;1&quot;&gt;&amp;") && !xml.contains('\u{1b}'), "{xml}");
    assert_eq!(xml.matches("<testsuite ").count(), 3);
    assert_eq!(xml.matches("<testcase ").count(), xml.matches("</testcase>").count() + xml.matches("\"/>").count());
}

#[tokio::test(start_paused = true)]
async fn a_report_is_read_back_and_its_texts_can_be_cleaned() {
    let (diagnosis, _) = told(&[2, 1], &[Event::Full("m3".into())]).await;
    let report = Report::new(diagnosis.cleaned(|text| text.replace("MiB", "#")), Timestamp::UNIX_EPOCH);
    let back: Report = serde_json::from_value(report.json()).unwrap();
    assert_eq!(back, report);
    assert_eq!((report.errors, report.json()["good"].as_bool()), (2, Some(false)));
    assert!(report.json().to_string().contains('#') && !report.json().to_string().contains("MiB"));
    assert_eq!(report.diagnosis.remarks[0].master, None::<MasterName>);
}
