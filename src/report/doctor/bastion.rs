//! Whether this host could run a recovery now, as text and for machines. Knows what was found, not how.

use std::fmt::Write;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use serde_json::{Value, json};

use crate::model::ClusterName;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub what: What,
    /// The file, the master or the jump host that it is about.
    pub about: String,
    pub state: State,
    /// What was found.
    pub said: String,
    /// What to do; empty where there is nothing to do.
    pub next: String,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum What {
    /// The room where runs are kept.
    Disk,
    /// Who may change what a run reads.
    Permissions,
    /// Whether the clock is set by others.
    Clock,
    /// The host keys.
    KnownHosts,
    /// The private keys.
    Keys,
    /// The agent that holds some.
    Agent,
    /// The login and the way to root.
    Login,
    /// Which version of this program another bastion has.
    OtherBastion,
}

/// What it means for a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Ok,
    /// It would work, and something should be known.
    Warning,
    /// It would not work.
    Error,
}

impl Check {
    /// Nothing is wrong.
    #[must_use]
    pub fn ok(what: What, about: impl Into<String>, said: impl Into<String>) -> Self {
        Self { what, about: about.into(), state: State::Ok, said: said.into(), next: String::new() }
    }

    /// Something should be known.
    #[must_use]
    pub fn warning(what: What, about: impl Into<String>, said: impl Into<String>, next: &str) -> Self {
        Self { state: State::Warning, next: next.to_owned(), ..Self::ok(what, about, said) }
    }

    /// A recovery would fail on it.
    #[must_use]
    pub fn error(what: What, about: impl Into<String>, said: impl Into<String>, next: &str) -> Self {
        Self { state: State::Error, next: next.to_owned(), ..Self::ok(what, about, said) }
    }
}

/// Whether nothing would make a recovery fail.
#[must_use]
pub fn is_good(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.state != State::Error)
}

/// For people.
#[must_use]
pub fn text(checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        let (what, state): (&str, &str) = (check.what.into(), check.state.into());
        let _ = writeln!(out, "{state:<8}[{what}] {}: {}", check.about, check.said.replace('\n', "\n          "));
        if !check.next.is_empty() {
            let _ = writeln!(out, "          next: {}", check.next);
        }
    }
    let count = |state: State| checks.iter().filter(|check| check.state == state).count();
    let (errors, warnings) = (count(State::Error), count(State::Warning));
    let s = |count: usize| if count == 1 { "" } else { "s" };
    let _ = match (errors, warnings) {
        (0, 0) => writeln!(out, "verdict: this bastion is ready"),
        (0, _) => writeln!(out, "verdict: this bastion is ready, {warnings} warning{}", s(warnings)),
        _ => writeln!(out, "verdict: NOT READY, {errors} error{}, {warnings} warning{}", s(errors), s(warnings)),
    };
    crate::report::harmless(&out)
}

/// For machines. Versioned; fields are only added.
#[must_use]
pub fn json(cluster: &ClusterName, checks: &[Check]) -> Value {
    json!({ "version": 1, "cluster": cluster, "good": is_good(checks), "checks": checks })
}

/// A suite, with a case a check.
#[must_use]
pub fn junit(cluster: &ClusterName, checks: &[Check]) -> String {
    let mut suite = TestSuite::new("bastion");
    for check in checks {
        let status = if check.state == State::Error {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(check.said.clone()).set_description(check.next.clone());
            status
        } else {
            TestCaseStatus::success()
        };
        let what: &str = check.what.into();
        let mut case = TestCase::new(format!("{what} {}", check.about), status);
        case.set_classname("bastion").set_system_out(check.said.clone());
        suite.add_test_case(case);
    }
    crate::report::junit::text(&["requorum doctor", cluster.as_str()].join(" "), None, std::iter::once(suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_readiness_and_a_warning_is() {
        let ok = Check::ok(What::Disk, "/s", "1 GiB free");
        let doubt = Check::warning(What::Clock, "this host", "nobody sets it", "start chrony");
        let fault = Check::error(What::KnownHosts, "m1", "no key", "ssh-keyscan");
        assert_eq!(text(std::slice::from_ref(&ok)), "ok      [disk] /s: 1 GiB free\nverdict: this bastion is ready\n");
        assert!(text(&[ok.clone(), doubt.clone()]).ends_with("verdict: this bastion is ready, 1 warning\n"));
        let all = [ok, doubt, fault];
        assert!(text(&all).ends_with("next: ssh-keyscan\nverdict: NOT READY, 1 error, 1 warning\n"), "{}", text(&all));
        assert!(!is_good(&all) && is_good(&all[..2]));
        let cluster = ClusterName::new("prod").unwrap();
        let value = json(&cluster, &all);
        assert_eq!((&value["good"], &value["checks"][2]["what"]), (&false.into(), &"known-hosts".into()));
        assert_eq!(junit(&cluster, &all).matches("<failure").count(), 1);
    }
}
