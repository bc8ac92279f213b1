//! A diagnosis as JUnit XML: a suite a zone, a case a check, so that a scheduled job shows what broke since yesterday.

use std::fmt::Write;

use crate::observe::assess::Severity;
use crate::plan::doctor::{Check, Diagnosis, Remark};
use crate::report::markup::xml_text;

/// The XML. Errors fail their case; warnings and notes stand in its output.
#[must_use]
pub fn junit(diagnosis: &Diagnosis) -> String {
    let suites: Vec<(String, Vec<&Remark>, Vec<Check>)> = diagnosis
        .zones
        .iter()
        .map(|(zone, outlook)| {
            // Nothing is rehearsed where the quorum stays.
            let checks = if outlook.quorum_kept { vec![Check::Plan] } else { zone_checks(outlook.seed.is_some()) };
            (format!("{zone} lost"), diagnosis.about(zone).collect(), checks)
        })
        .chain([("elsewhere".to_owned(), diagnosis.elsewhere().collect(), elsewhere_checks().to_vec())])
        .collect();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"requorum doctor {}\">", xml_text(diagnosis.cluster.as_str()));
    for (name, remarks, checks) in suites {
        suite(&name, &remarks, &checks, &mut out);
    }
    out.push_str("</testsuites>\n");
    out
}

fn zone_checks(planned: bool) -> Vec<Check> {
    // What has no plan has no time and no seed to measure on.
    let meant = |check: &Check| *check != Check::Bastion && (planned || ![Check::Time, Check::Speed].contains(check));
    Check::ALL.into_iter().filter(meant).collect()
}

fn elsewhere_checks() -> [Check; 7] {
    use Check::{Bastion, Clock, Data, Etcd, Reach, Template, Unit};
    [Reach, Etcd, Template, Unit, Data, Clock, Bastion]
}

fn suite(name: &str, remarks: &[&Remark], checks: &[Check], out: &mut String) {
    let of = |check: Check| remarks.iter().copied().filter(move |remark| remark.check == check);
    let fails = |check: &Check| of(*check).any(|remark| remark.severity == Severity::Error);
    // A remark of a check that is not usual here is not lost.
    let unusual = Check::ALL.into_iter().filter(|check| !checks.contains(check) && of(*check).next().is_some());
    let checks: Vec<Check> = checks.iter().copied().chain(unusual).collect();
    let (name, tests) = (xml_text(name), checks.len());
    let failures = checks.iter().filter(|check| fails(check)).count();
    let _ = writeln!(out, "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">");
    for check in checks {
        let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{}\">", xml_text(check.words()));
        let said = |error: bool| -> String {
            let meant = of(check).filter(|remark| (remark.severity == Severity::Error) == error);
            super::remarks_text(&meant.collect::<Vec<_>>())
        };
        if fails(&check) {
            let codes: Vec<&str> =
                of(check).filter(|one| one.severity == Severity::Error).map(|one| one.code.name()).collect();
            let message = xml_text(&codes.join(", "));
            let _ = writeln!(out, "      <failure message=\"{message}\">{}</failure>", xml_text(&said(true)));
        }
        if !said(false).is_empty() {
            let _ = writeln!(out, "      <system-out>{}</system-out>", xml_text(&said(false)));
        }
        out.push_str("    </testcase>\n");
    }
    out.push_str("  </testsuite>\n");
}
