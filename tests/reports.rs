//! Reports of runs that the model made: what each form says, what hostile words come to, what the published form is.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "reports/command.rs"]
mod command;
#[path = "reports/drills.rs"]
mod drills;
#[path = "reports/ends.rs"]
mod ends;
#[path = "support/kept_runs.rs"]
mod kept_runs;

use kept_runs::{all, drill, drill_journals, drill_report, lost, report, text as journal_of};
use proptest::strategy::{Strategy, ValueTree};
use requorum::report::history::{Part, Report, State};
use requorum::report::{junit, page, text, timeline};
use requorum::sim::Event;
use serde_json::Value;

/// Every form, by name.
fn forms(report: &Report) -> [(&'static str, String); 5] {
    [
        ("text", text::text(report)),
        ("markdown", page::markdown(report).unwrap()),
        ("html", page::html(report).unwrap()),
        ("json", format!("{:#}", serde_json::json!(report))),
        ("junit", junit::xml(report)),
    ]
}

async fn named(name: &str) -> Report {
    all().await.into_iter().find(|(known, _)| *known == name).unwrap().1
}

fn beginning(text: &str, lines: usize) -> String {
    text.lines().take(lines).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn a_run_that_went_well() {
    let report = named("done").await;
    assert!(report.finished && report.quorum.lost_before && report.exit == Some(0));
    let no_return = report.no_return.as_ref().unwrap().at_ms.unwrap();
    assert!(report.quorum.regained_ms.unwrap() > no_return, "the start comes before the first write");
    assert!(report.steps.iter().all(|step| step.state == State::Done && !step.commands.is_empty()));
    assert!(report.masters.iter().filter(|master| master.part == Part::LeftOut).count() == 3);
    assert!(report.proved.iter().all(|proved| proved.holds) && !report.proved.is_empty());
    let silent: Vec<_> = report.findings_after.iter().flatten().filter(|found| found.code.name() == "silent").collect();
    assert_eq!(silent.len(), 3, "who is left out is silent still");
    insta::assert_snapshot!(beginning(&text::text(&report), 13), @"
    initiate-dr 20260101-000000-0001 · cluster story (lab)
    Cluster story (lab), 2026-01-01 at 00:00 UTC: zone1 was lost, and the quorum with it. The other masters were made a cluster of their own, which took its first write 7.67 s after the run had begun; how long writes had failed before is not known to it. What zone1 may hold that the new cluster lacks is told when it is back. A run is measured against no objective; a drill is.
    done (exit 0)
    began 2026-01-01T00:00:09Z, took 7.69 s; by keeper on bastion
    requorum 0.2.0, plan 78491a96ad651c3f
    proof that quorum is lost: 1.02 s (before the run)
    quorum: lost before the run began; regained after 7.67 s
    point of no return: step 10, at 4.79 s

    Result
      done: m4, m5 serve as cluster df7228852fc460bf; it holds the old cluster's data up to revision 2, its first write is revision 1000000003

    Plan
    ");
    insta::assert_snapshot!(beginning(&page::markdown(&report).unwrap(), 18), @"
    # initiate-dr · story · 20260101-000000-0001

    Cluster story (lab), 2026-01-01 at 00:00 UTC: zone1 was lost, and the quorum with it. The other masters were made a cluster of their own, which took its first write 7.67 s after the run had begun; how long writes had failed before is not known to it. What zone1 may hold that the new cluster lacks is told when it is back. A run is measured against no objective; a drill is.

    **done** (exit 0)

    | | |
    | --- | --- |
    | Environment | lab |
    | Performed by | keeper on bastion |
    | Began | 2026-01-01 00:00:09 UTC |
    | Took | 7.69 s |
    | Proof that quorum is lost | 1.02 s (before the run) |
    | Quorum | lost before the run began; regained after 7.67 s |
    | Point of no return | step 10, after 4.79 s: once the new cluster acknowledges a write, going back to the old data would lose it |
    | Failed zones | zone1 |
    | requorum | 0.2.0, plan 78491a96ad651c3f |
    ");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_went_well_as_test_cases() {
    let report = named("done").await;
    insta::assert_snapshot!(beginning(&junit::xml(&report), 16), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="requorum" tests="31" skipped="0" failures="0" errors="0" time="7.685">
        <testsuite name="requorum initiate-dr story" tests="31" skipped="0" errors="0" failures="0" time="7.685" hostname="bastion" timestamp="2026-01-01T00:00:09Z">
            <properties>
                <property name="run" value="20260101-000000-0001"/>
                <property name="digest" value="78491a96ad651c3f"/>
                <property name="person" value="keeper"/>
                <property name="outcome" value="done"/>
                <property name="exit" value="0"/>
            </properties>
            <testcase name="1 make etcd ready to be fenced" classname="m4" time="0.010">
                <system-out>wrote /etc/systemd/system/etcd.service.d/50-requorum-fence.conf</system-out>
            </testcase>
            <testcase name="1 make etcd ready to be fenced" classname="m5" time="0.010">
                <system-out>wrote /etc/systemd/system/etcd.service.d/50-requorum-fence.conf</system-out>
            </testcase>
    "#);
}

/// The first thing that is read says what is known, of every run.
#[tokio::test(start_paused = true)]
async fn the_sentence_on_top_is_of_the_run() {
    for (name, report) in all().await {
        let summary = &report.summary;
        let of_drill = summary.starts_with("Drill on cluster ") && summary.contains(" (lab), 2026-11-22 at ");
        assert!(of_drill || summary.starts_with("Cluster story (lab), 2026-01-01 at "), "{name}: {summary}");
        assert!(text::text(&report).lines().nth(1) == Some(summary), "{name}");
        let went_well = matches!(report.exit, Some(0 | 6));
        let bad = ["did not succeed", "has not ended", "given up", "it ended (exit"];
        assert_eq!(bad.iter().any(|bad| summary.contains(bad)), !went_well, "{name}: {summary}");
        for event in &report.normal_events {
            assert!(!report.deviations.contains(event), "{name}: {event}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_stopped_midway_says_what_to_do() {
    let report = named("stopped").await;
    assert_eq!((report.exit, report.quorum.regained_ms), (Some(5), None));
    assert_eq!(report.no_return.as_ref().unwrap().at_ms, None);
    assert!(report.open_actions.iter().any(|action| action.text.contains("requorum unlock ")));
    insta::assert_snapshot!(report.deviations.join("\n"), @"
    8 of 13 steps were done
    step 9 on m4 (write /etc/etcd.env) has an unknown outcome: the connection was lost
    ");
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_ends_midway_is_a_run_that_was_cut_off() {
    let report = named("cut-off").await;
    assert!(!report.finished && report.exit.is_none());
    assert!(report.open_actions.iter().any(|action| action.text.contains("requorum unlock ")));
    insta::assert_snapshot!(report.outcome, @r#"
    cut off: the journal has no last record; the run was killed, or is still running
    "#);
    insta::assert_snapshot!(report.result.lines().next().unwrap(), @"STOPPED: step 9 on m4 (check that no member that was considered dead answers) has an unknown outcome:");
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_came_home_never_lost_quorum() {
    let report = named("home").await;
    assert!(!report.quorum.lost_before && report.no_return.is_none());
    assert_eq!(report.findings_after, Some(Vec::new()), "all is well again");
    assert!(timeline::of(&report).lost.is_none());
    let tries = report.steps.iter().flat_map(|step| &step.commands).map(|ran| ran.times).max();
    assert!(tries > Some(1), "etcd's rule between two joins makes the second be tried again");
}

const HOSTILE: &str = "<script>alert(1)</script> ]]> --> | `x` ``` [a](http://b.invalid) \u{1b}[31m \u{202e}\u{7} {{ report }} \"'&\n# end | *b*";

/// The report with hostile words wherever words of others may stand.
fn hostile(mut report: Report) -> Report {
    let put = |text: &mut String| text.push_str(&HOSTILE.replace(['\u{1b}', '\u{202e}', '\u{7}'], "\u{fffd}"));
    for step in &mut report.steps {
        put(&mut step.said);
        put(&mut step.title);
        for ran in &mut step.commands {
            put(&mut ran.command);
            put(&mut ran.said);
        }
    }
    for text in [&mut report.outcome, &mut report.person, &mut report.host, &mut report.result, &mut report.plan] {
        put(text);
    }
    report.file_diffs.iter_mut().for_each(|file| put(&mut file.diff));
    report.findings_before.iter_mut().for_each(|finding| put(&mut finding.text));
    let open = report.open_actions.iter_mut().map(|action| &mut action.text);
    report.deviations.iter_mut().chain(open).for_each(put);
    report
}

#[tokio::test(start_paused = true)]
async fn words_of_others_are_only_words() {
    for (name, report) in all().await {
        let tags = tags(&page::html(&report).unwrap()).len();
        let report = hostile(report);
        let html = page::html(&report).unwrap();
        // A list item or a line of a diff may be added; no tag that was not there may come.
        assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{name}");
        assert!(tags <= self::tags(&html).len());
        well_formed(&html);
        let xml = junit::xml(&report);
        assert!(!xml.contains("<script") && !xml.contains("]]>"), "{name}: {xml}");
        let markdown = page::markdown(&report).unwrap();
        let columns = |line: &&str| line.starts_with("| ") && line.replace("\\|", "").matches('|').count() != 8;
        let steps = markdown.split("## Steps").nth(1).unwrap().split("\n## ").next().unwrap();
        assert_eq!(steps.lines().find(columns), None, "{name}: a cell has made a column");
        let prose = markdown.split("## Deviations").nth(1).unwrap().split("\n## ").next().unwrap();
        assert!(!prose.contains("<script") && !prose.contains("[a]("), "{name}: {prose}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_master_says_reaches_no_form_unclean() {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    // Whatever a journal holds, for it may have been written by anyone.
    let foul = serde_json::to_string("\u{1b}[31m\u{202e}\u{9b}<b>").unwrap();
    let text = journal_of(&site).replace("no leader", foul.trim_matches('"'));
    for (form, text) in forms(&report(&text)) {
        let bad = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
        assert_eq!(bad, None, "{form}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_stay_where_they_are() {
    let (site, ask) = lost().await;
    for (key, secret) in [("ETCDCTL_PASSWORD", "hunter22plain"), ("MY_SECRET", "hunter22\"quo\\ted")] {
        site.happens(&Event::Setting("m4".into(), key.into(), secret.into()));
    }
    assert_eq!(site.initiate_dr(&ask).await.code, Some(0));
    let journal = journal_of(&site);
    assert!(journal.contains("MY_SECRET") && !journal.contains("hunter22"), "{journal}");
    for (form, text) in forms(&report(&journal)) {
        assert!(!text.contains("hunter22"), "{form}");
    }
}

/// Start and end tags of a page in order, quotes respected.
fn tags(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html.split("</style>").last().unwrap();
    while let Some(at) = rest.find('<') {
        let (mut quoted, mut end) = (false, None);
        for (place, c) in rest[at..].char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = Some(at + place);
                    break;
                }
                '<' if place > 0 && !quoted => panic!("a tag within a tag at {}", &rest[at..at + place + 20]),
                _ => {}
            }
        }
        let end = end.expect("a tag that does not end");
        found.push(rest[at + 1..end].to_owned());
        rest = &rest[end + 1..];
    }
    found
}

fn well_formed(html: &str) {
    let mut open: Vec<String> = vec!["html".into()];
    for tag in tags(html) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap().to_owned();
        if tag.starts_with('/') {
            // The head's end tag has its start before the style.
            let expected = if name == "head" { Some("head".to_owned()) } else { open.pop() };
            assert_eq!(expected.as_deref(), Some(name.as_str()), "/{name} closes another");
        } else if !tag.ends_with('/') && !["br", "meta", "!DOCTYPE"].contains(&name.as_str()) {
            open.push(name);
        }
        for word in ["src=", "href=", "url(", "http:", "https:", " on", "srcdoc="] {
            let shown = tag.split("aria-label=").next().unwrap();
            assert!(!shown.contains(word), "{tag}");
        }
        assert!(!tag.starts_with("script") && !tag.starts_with("link") && !tag.starts_with("iframe"), "{tag}");
    }
    assert_eq!(open, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_page_is_well_formed_and_needs_nothing_else() {
    for (_, report) in all().await {
        let html = page::html(&report).unwrap();
        well_formed(&html);
        let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        assert!(!style.contains("url(") && !style.contains("@import"));
        assert!(html.contains("default-src 'none'; style-src 'unsafe-inline'"));
    }
}

/// Parts of a report that are there only where there is something to say.
const AT_TIMES: [&str; 1] = ["api"];

/// Every object has exactly the keys that its schema names, and every key has a word about it.
fn fits(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(path) = schema["$ref"].as_str() {
        return fits(value, &root["$defs"][path.trim_start_matches("#/$defs/")], root, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let of = any.iter().find(|one| (one["type"] == "null") == value.is_null()).unwrap();
        return fits(value, of, root, at);
    }
    if let Some(words) = schema["enum"].as_array() {
        return assert!(words.contains(value), "{at}: {value}");
    }
    if !schema["const"].is_null() {
        return assert_eq!(&schema["const"], value, "{at}");
    }
    let kind = match value {
        Value::Object(map) => {
            let keys: Vec<&String> = map.keys().collect();
            let mut known: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
            let mut needed: Vec<&str> = schema["required"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
            let mut sorted = keys.clone();
            sorted.sort();
            known.sort();
            needed.sort_unstable();
            // What is not always there is known by name.
            let at_times = |key: &&&String| AT_TIMES.contains(&key.as_str()) && !needed.contains(&key.as_str());
            let always = |keys: &[&String]| -> Vec<String> {
                keys.iter().filter(|key| !at_times(key)).map(|key| (*key).clone()).collect()
            };
            assert!(always(&sorted) == always(&known) && always(&sorted) == needed, "{at}: {sorted:?} {known:?}");
            assert!(sorted.iter().all(|key| known.contains(key)), "{at}: {sorted:?} {known:?}");
            for (key, value) in map {
                let of = &schema["properties"][key];
                assert!(of["description"].is_string(), "{at}.{key} is not described");
                fits(value, of, root, &format!("{at}.{key}"));
            }
            "object"
        }
        Value::Array(all) => {
            all.iter().for_each(|one| fits(one, &schema["items"], root, at));
            "array"
        }
        Value::String(_) => "string",
        Value::Number(_) => "integer",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    let types = &schema["type"];
    assert!(types == kind || types.as_array().is_some_and(|all| all.iter().any(|one| one == kind)), "{at}: {kind}");
}

#[tokio::test(start_paused = true)]
async fn the_published_form_is_what_is_printed() {
    let schema: Value = serde_json::from_str(requorum::playbook::shipped::schema("report").unwrap().text).unwrap();
    for (name, report) in all().await {
        let value: Value = serde_json::from_str(&forms(&report)[3].1).unwrap();
        assert_eq!(value["format"], 1);
        fits(&value, &schema, &schema, name);
    }
}

#[tokio::test(start_paused = true)]
async fn the_picture_is_in_its_frame_and_no_bar_hides_another() {
    for (name, report) in all().await {
        let picture = timeline::of(&report);
        assert!(!picture.bars.is_empty(), "{name}");
        for bar in &picture.bars {
            assert!(bar.x >= picture.left && bar.x + bar.width <= picture.right + 3.0, "{name}: {bar:?}");
            assert!(bar.y >= picture.top && bar.y + bar.height <= picture.bottom, "{name}: {bar:?}");
        }
        for (at, a) in picture.bars.iter().enumerate() {
            // A step too short to be seen is drawn wider than it is.
            let hides = |b: &&timeline::Bar| a.y == b.y && a.x < b.x + b.width - 3.0 && b.x < a.x + a.width - 3.0;
            assert_eq!(picture.bars[at + 1..].iter().find(hides), None, "{name}: {a:?}");
        }
        assert!(picture.ticks.len() <= 9, "{name}");
        let words: Vec<f64> = picture.moments.iter().map(|moment| moment.y).collect();
        assert!(words.windows(2).all(|two| two[1] - two[0] > 15.0), "{name}: words meet");
    }
}

#[tokio::test(start_paused = true)]
async fn a_journal_cut_off_anywhere_is_a_report() {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    let text = journal_of(&site);
    let lines: Vec<&str> = text.lines().collect();
    for count in 1..=lines.len() {
        let report = report(&(lines[..count].join("\n") + "\n"));
        assert_eq!(report.finished, lines[..count].iter().any(|line| line.contains(r#""what":{"end""#)));
        assert_eq!(report.findings_after.is_some(), count == lines.len(), "what is found after it comes last");
        forms(&report);
    }
    let first = lines[0].len();
    let cuts = proptest::collection::vec(first + 1..text.len(), 64);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for cut in cuts.new_tree(&mut runner).unwrap().current() {
        // A byte of it may be another as well: then the journal is damaged, and told as far as it goes.
        let mut bytes = text.as_bytes()[..cut].to_vec();
        bytes[cut - 1] = b'#';
        forms(&report(&String::from_utf8_lossy(&bytes)));
    }
}
