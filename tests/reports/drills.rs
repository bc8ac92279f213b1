//! Reports of drills that the lab has recorded: one cut off from the others, one stopped, one given up.

use std::time::Duration;

use requorum::model::cluster::Objectives;
use requorum::model::json::escaped;
use requorum::report::history::State;
use requorum::report::{drill as words, junit, page, text, timeline};
use requorum::run::journal::{self, Records};

use super::{beginning, drill, drill_journals, drill_report, forms};

fn section<'a>(text: &'a str, title: &str) -> &'a str {
    text.split(title).nth(1).unwrap().split("\n\n").next().unwrap()
}

#[test]
fn a_drill_is_one_report_of_all_its_runs() {
    let report = drill("isolate");
    assert!(report.finished && report.exit == Some(0) && report.verb == "drill");
    let measures = report.drill.as_ref().unwrap().measures.as_ref().unwrap();
    let lost = report.quorum.lost_ms.unwrap();
    let (no_return, back) = (report.no_return.as_ref().unwrap().at_ms.unwrap(), report.quorum.regained_ms.unwrap());
    assert!(lost < no_return && no_return < back && back < lost + measures.full_redundancy_ms.unwrap());
    let ids: Vec<u32> = report.steps.iter().map(|step| step.id).collect();
    assert!(ids.windows(2).all(|two| two[0] < two[1]) && ids.len() > 60, "{ids:?}");
    assert!(report.steps.iter().all(|step| step.run.is_some() && step.began_ms <= Some(report.took_ms)));
    let in_order: Vec<u64> = report
        .stages
        .iter()
        .filter(|stage| stage.name.starts_with("drill"))
        .filter_map(|stage| stage.began_ms)
        .collect();
    assert!(in_order.is_sorted() && in_order.len() == 11, "{in_order:?}");
    assert_eq!(report.masters.len(), 5);
    assert_eq!(report.evidence.iter().filter(|evidence| evidence.what.ends_with("journal")).count(), 4);
    assert!(report.evidence.iter().any(|evidence| evidence.what == "canary-survivor.jsonl"));
    assert!(!report.proved.is_empty() && report.proved.iter().all(|proved| proved.holds));
    let at = |id: u32| &report.steps.iter().find(|step| step.id == id).unwrap().kind;
    assert!(report.file_diffs.iter().all(|file| at(file.step) == "write"));
    assert_eq!(at(report.no_return.as_ref().unwrap().step), "start");
    let kinds: Vec<&str> = timeline::of(&report).moments.iter().map(|moment| moment.kind).collect();
    assert_eq!(kinds, ["outage", "no-return", "regained", "redundant"]);
}

#[test]
fn its_numbers_stand_below_the_head() {
    let report = drill("isolate");
    insta::assert_snapshot!(beginning(&text::text(&report), 25), @r#"
    drill 20261122-222822-4127 · cluster dr32 (lab)
    Drill on cluster dr32 (lab), 2026-11-22 at 22:28 UTC: zone1 was cut off from the other zones on purpose; clients elsewhere could not write for 41.06 s, and after 53.85 s every master had its vote again. 67 writes that had been acknowledged in zone1 were lost, those of 5.86 s. No objective was set.
    done (exit 0)
    began 2026-11-22T22:28:22Z, took 57.20 s; by uid 0 on vm
    requorum 0.1.0, plan de03b228e17bf690, eded1bbff083f1b3, 3cb1b6295b3506d5
    proof that quorum is lost: 18.16 s (within the drill)
    quorum: lost on purpose after 0.63 s; regained after 41.83 s
    point of no return: step 20, at 33.34 s
    zone to take down: zone1, by `isolate`, for at most 300 s

    Measured
      time without writes (RTO)               41.06 s
        detection                             1.28 s
        decision (a drill asks nobody)        0.19 s
        from there to the first write         39.59 s
      initiate-dr as a whole                  39.82 s
        the doctor expected                   not measured
        of it the proof                       18.16 s
      time to full redundancy                 53.85 s
        of it recover                         9.65 s
      survivor's canary                       m4: 153 of 224 writes acknowledged, all of them there
      lost zone's canary                      m1: 73 of 78 writes acknowledged, 67 of them gone
      lost (RPO)                              5.86 s, 67 acknowledged writes, 67 revisions
      while it was cut off                    clients in zone1 could still read
    "#);
    insta::assert_snapshot!(section(&page::markdown(&report).unwrap(), "for at most 300 s.\n\n"), @r#"
    | | |
    | --- | --- |
    | time without writes (RTO) | 41.06 s |
    | detection | 1.28 s |
    | decision (a drill asks nobody) | 0.19 s |
    | from there to the first write | 39.59 s |
    | initiate-dr as a whole | 39.82 s |
    | the doctor expected | not measured |
    | of it the proof | 18.16 s |
    | time to full redundancy | 53.85 s |
    | of it recover | 9.65 s |
    | survivor's canary | m4: 153 of 224 writes acknowledged, all of them there |
    | lost zone's canary | m1: 73 of 78 writes acknowledged, 67 of them gone |
    | lost (RPO) | 5.86 s, 67 acknowledged writes, 67 revisions |
    | while it was cut off | clients in zone1 could still read |
    "#);
}

#[test]
fn one_that_was_given_up_says_how_far_it_came() {
    let report = drill("given-up");
    assert_eq!((report.exit, report.quorum.lost_ms), (Some(4), None));
    insta::assert_snapshot!(section(&text::text(&report), "Steps\n"), @r#"
       1. drill: doctor · +0.00 s, 0.00 s: every master answers, is healthy and says that it is lab
       2. drill: snapshot · +0.00 s, 0.13 s: 20512 bytes, SHA-256 475ab8644f23…
       3. drill: canaries · +0.13 s, 0.57 s: one writes through m4, one through m1
       4. drill: outage · +0.70 s, 0.23 s: m1: exit 1: ^; m2: exit 1: ^; m3: exit 1: ^
       5. drill: giving up · +0.92 s, 3.66 s: unfence: nothing to do
    "#);
    insta::assert_snapshot!(report.deviations.join("\n"), @"the phase outage failed: m1: exit 1: ^; m2: exit 1: ^; m3: exit 1: ^");
    let [way_on, keys] = [0, 1].map(|nth: usize| &report.open_actions[nth].text);
    assert!(way_on.contains("requorum status") && keys.contains("etcdctl del"));
}

/// Its last record's exit code decides, not the words beside it.
#[test]
fn what_came_of_a_drill_is_decided_by_its_exit_code() {
    let journals = drill_journals("stop");
    let lines: Vec<&str> = journals[0].1.lines().collect();
    let (end, before) = lines.split_last().unwrap();
    let result = |before: &[&str], outcome: &str, exit: &str| {
        let end = end.replace("\"outcome\":\"done\",\"exit\":0", &format!("\"outcome\":\"{outcome}\",\"exit\":{exit}"));
        let seq = before.len() + 1;
        let end = format!("{{\"seq\":{seq},{}", end.split_once(',').unwrap().1);
        drill_report(&format!("{}\n{end}\n", before.join("\n")), &[]).result
    };
    let done = result(before, "done", "0");
    assert!(done.starts_with("the drill is done; the inventory sets no objectives"), "{done}");
    assert_eq!(result(before, "completed, but missed its objectives", "6"), words::verdict(false, None));
    assert_eq!(result(before, "done, but missed its objectives", "6"), words::verdict(false, None));
    assert_eq!(result(before, "given up: x", "4"), "the drill was given up: x");
    assert_eq!(result(&before[..1], "m1 is held by y", "7"), "the drill was not begun: m1 is held by y");
}

#[test]
fn the_sentence_on_top_says_whether_what_was_asked_was_reached() {
    let journals = drill_journals("isolate");
    let summary = |asked: &str, runs: &[(String, String)]| {
        assert!(journals[0].1.contains("\"objectives\":[]"));
        drill_report(&journals[0].1.replace("\"objectives\":[]", &format!("\"objectives\":[{asked}]")), runs).summary
    };
    let rto = |allowed: u64| format!("{{\"name\":\"rto\",\"allowed_ms\":{allowed},\"measured_ms\":41062}}");
    let rpo = "{\"name\":\"rpo\",\"allowed_ms\":0,\"measured_ms\":5864}";
    assert!(summary("", &journals[1..]).ends_with("No objective was set."));
    assert!(summary(&rto(45_000), &[]).ends_with("The objective that was set was met."));
    assert!(summary(&format!("{},{rpo}", rto(45_000)), &[]).ends_with("Missed of the objectives: rpo."));
    assert!(summary(&format!("{},{rpo}", rto(1)), &[]).ends_with("Missed of the objectives: rto, rpo."));
    let given_up = drill("given-up").summary;
    let not_known = "it ended (exit 4) while zone1 was being cut off from the other zones; whether that cost the quorum is \
                     not known.";
    assert!(given_up.ends_with(not_known), "{given_up}");
    let journal = &drill_journals("given-up")[0].1;
    let lines: Vec<&str> = journal.lines().filter(|line| !line.contains("\"name\":\"outage\"")).collect();
    let renumbered: String = lines
        .iter()
        .enumerate()
        .map(|(at, line)| format!("{{\"seq\":{}{}\n", at + 1, &line[line.find(",\"at\"").unwrap()..]))
        .collect();
    let earlier = drill_report(&renumbered, &[]).summary;
    assert!(
        earlier.ends_with("it ended (exit 4) before zone1 had cost the quorum. Nothing was measured."),
        "{earlier}"
    );
}

/// The parts of the time without writes make up the whole of it.
#[test]
fn the_parts_of_the_outage_add_up() {
    for name in ["isolate", "stop"] {
        let report = drill(name);
        let rows = words::rows(of(&report));
        let value = |row: &(String, String)| row.1.strip_suffix(" s").and_then(|value| value.parse::<f64>().ok());
        let parts: f64 = rows[1..4].iter().filter_map(value).sum();
        assert!(rows[1..4].iter().all(|(name, _)| name.starts_with("  ")) && !rows[4].0.starts_with(' '), "{rows:?}");
        // Each is rounded to a hundredth.
        assert!((value(&rows[0]).unwrap() - parts).abs() < 0.02, "{name}: {rows:?}");
    }
}

/// How etcd ended is a value of the record; only a journal that lacks it is read by its note.
#[test]
fn an_end_by_force_is_a_deviation() {
    let journals = drill_journals("stop");
    let ended = "\"event\":{\"done\":\"ended by force after 2.0 s\"}";
    let forced = |runs: &[(String, String)]| {
        let report = drill_report(&journals[0].1, runs);
        report.deviations.iter().filter(|line| line.ends_with("ended by force after 2.0 s, not gracefully")).count()
    };
    let times = journals[1..].iter().map(|(_, text)| text.matches(ended).count()).sum::<usize>();
    assert!(times > 0 && forced(&journals[1..]) == times);
    let told = |how: &str| -> Vec<(String, String)> {
        let text = |text: &str| text.replace(ended, &format!("{ended},\"stopped\":\"{how}\""));
        journals[1..].iter().map(|(name, journal)| (name.clone(), text(journal))).collect()
    };
    assert_eq!((forced(&told("by_force")), forced(&told("gracefully"))), (times, 0));
}

#[test]
fn a_missed_objective_fails_and_a_met_one_does_not() {
    let mut report = drill("isolate");
    let of_drill = report.drill.as_mut().unwrap();
    let asked = Objectives { rto: Some(Duration::from_secs(45)), rpo: Some(Duration::from_secs(1)) };
    of_drill.measures = of_drill.measures.take().map(|measures| measures.against(Some(asked)));
    let xml: String = junit::xml(&report).lines().map(str::trim).collect();
    assert!(xml.contains("<testcase name=\"rto\" classname=\"drill objective\" time=\"41.062\"><system-out>met: "));
    assert!(
        xml.contains("<testcase name=\"rpo\" classname=\"drill objective\" time=\"5.864\"><failure message=\"MISSED: ")
    );
    assert!(xml.contains("<testcase name=\"recover\" classname=\"drill phase\""));
    for (form, text) in &forms(&report)[..3] {
        assert!(text.contains("objective rpo") && text.contains("MISSED"), "{form}");
    }
    assert_eq!(words::rows(of(&report)).last().unwrap().0, "objective rpo");
}

fn of(report: &requorum::report::history::Report) -> &requorum::model::measures::Measures {
    report.drill.as_ref().unwrap().measures.as_ref().unwrap()
}

#[test]
fn a_run_that_is_not_there_is_a_deviation() {
    let journals = drill_journals("isolate");
    let report = drill_report(&journals[0].1, &journals[1..2]);
    let missing = report.deviations.iter().filter(|line| line.contains("is not recorded")).count();
    assert_eq!(missing, 2, "{:?}", report.deviations);
    assert_eq!(report.quorum.regained_ms, None);
    forms(&report);
}

#[test]
fn a_drill_cut_off_anywhere_is_a_report() {
    for name in ["isolate", "stop", "given-up"] {
        let journals = drill_journals(name);
        let lines: Vec<&str> = journals[0].1.lines().collect();
        for count in 1..=lines.len() {
            let report = drill_report(&(lines[..count].join("\n") + "\n"), &journals[1..]);
            assert_eq!(report.finished, count == lines.len());
            let cut = report.drill.as_ref().unwrap().phases.iter().any(|phase| phase.state == State::CutOff);
            assert!(!(cut && report.finished), "{name} {count}");
            forms(&report);
        }
        let bad = format!("{}\nnonsense\n{}\n", lines[0], lines[1]);
        let report = drill_report(&bad, &journals[1..]);
        assert!(report.deviations[0].contains("damaged"), "{:?}", report.deviations);
    }
}

#[test]
fn what_drills_of_the_lab_left_is_read_and_would_be_written_the_same() {
    let (mut runs, mut drills) = (0, 0);
    let same = |line: &str, written: String| assert_eq!(line, escaped(&written));
    for name in ["stop", "isolate", "given-up"] {
        for (_, text) in drill_journals(name) {
            match journal::read(&text).unwrap() {
                Records::Run(records) => {
                    runs += 1;
                    // The first line holds the plan, which has become larger since.
                    for (line, record) in text.lines().zip(records).skip(1) {
                        same(line, serde_json::to_string(&record).unwrap());
                    }
                }
                Records::Drill(records) => {
                    drills += 1;
                    for (line, record) in text.lines().zip(records) {
                        same(line, serde_json::to_string(&record).unwrap());
                    }
                }
            }
        }
    }
    assert_eq!((runs, drills), (6, 3));
}
