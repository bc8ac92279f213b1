//! A diagnosis as JUnit XML: one suite per zone, one case per check, so that a scheduled job shows what broke since
//! yesterday.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::observe::Severity;
use crate::plan::doctor::{Check, Diagnosis, Remark};

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
    let name = ["requorum doctor", diagnosis.cluster.as_str()].join(" ");
    crate::report::junit::text(&name, None, suites.iter().map(|(name, remarks, checks)| suite(name, remarks, checks)))
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

fn suite(name: &str, remarks: &[&Remark], checks: &[Check]) -> TestSuite {
    let of = |check: Check| remarks.iter().copied().filter(move |remark| remark.check == check);
    // A remark of a check that is not usual here is not lost.
    let unusual = Check::ALL.into_iter().filter(|check| !checks.contains(check) && of(*check).next().is_some());
    let mut suite = TestSuite::new(name);
    for check in checks.iter().copied().chain(unusual) {
        let (errors, others): (Vec<&Remark>, Vec<&Remark>) =
            of(check).partition(|remark| remark.severity == Severity::Error);
        let status = if errors.is_empty() {
            TestCaseStatus::success()
        } else {
            let codes: Vec<&str> = errors.iter().map(|one| one.code.name()).collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(codes.join(", ")).set_description(super::remarks_text(&errors));
            status
        };
        let mut case = TestCase::new(check.words(), status);
        case.set_classname(name);
        if !others.is_empty() {
            case.set_system_out(super::remarks_text(&others));
        }
        suite.add_test_case(case);
    }
    suite
}
