//! The question "what does systemd do with the etcd unit by itself?": at boot, after a crash, when it is stopped.
//! Knows nothing of etcd.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Command, Output, UnitName};

use super::Unclear;

/// What systemd does with a unit by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// `loaded`, `masked`, `not-found`, …
    pub load_state: String,
    /// Whether it starts at boot: `enabled`, `disabled`, `static`, ….
    pub unit_file_state: String,
    /// When it is started again: `always`, `on-failure`, `no`, ….
    pub restart: String,
    /// How long systemd waits before that.
    pub restart_after: Option<Duration>,
    /// How long a stop may take before systemd kills; nothing where it waits for ever.
    pub stop_limit: Option<Duration>,
    /// When systemd takes it for started: `notify`, `simple`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// Whom it runs as; empty for root.
    pub user: String,
    /// The unit's file.
    pub fragment: String,
    /// The files that change it.
    pub drop_ins: Vec<String>,
}

const PROPERTIES: &str =
    "LoadState,UnitFileState,Restart,RestartUSec,TimeoutStopUSec,Type,User,FragmentPath,DropInPaths";

/// Asks systemd about the unit.
#[must_use]
pub fn command(unit: &UnitName) -> Command {
    Command::new("systemctl").arg("show").arg(format!("--property={PROPERTIES}")).arg(format!("{unit}.service"))
}

/// Reads `NAME=value` lines.
///
/// # Errors
/// When systemd did not answer or left out what is needed.
pub fn parse(output: &Output) -> Result<Policy, Unclear> {
    const WHAT: &str = "systemctl show";
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let mut policy = Policy::default();
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        let text = match name {
            "LoadState" => &mut policy.load_state,
            "UnitFileState" => &mut policy.unit_file_state,
            "Restart" => &mut policy.restart,
            "Type" => &mut policy.kind,
            "User" => &mut policy.user,
            "FragmentPath" => &mut policy.fragment,
            "RestartUSec" => {
                policy.restart_after = span(value);
                continue;
            }
            "TimeoutStopUSec" => {
                policy.stop_limit = span(value);
                continue;
            }
            "DropInPaths" => {
                policy.drop_ins = value.split_whitespace().map(str::to_owned).collect();
                continue;
            }
            _ => continue,
        };
        value.clone_into(text);
    }
    if policy.load_state.is_empty() { Err(Unclear::text(WHAT, "no LoadState")) } else { Ok(policy) }
}

/// A time span as systemd prints it: `1min 30s`, `500ms`, `0`; nothing for `infinity` and what it does not know.
fn span(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for word in text.split_whitespace() {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number: f64 = digits.parse().ok()?;
        let unit = match &word[digits.len()..] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            "w" => 604_800.0,
            "" if number == 0.0 => 0.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(number * unit).ok()?)?;
    }
    (!text.trim().is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubespray_unit_is_read() {
        let stdout = "Type=notify\nRestart=always\nRestartUSec=10s\nTimeoutStopUSec=1min 30s\nUser=root\nLoadState=loaded\n\
            FragmentPath=/etc/systemd/system/etcd.service\nDropInPaths=/etc/a.conf /etc/b.conf\nUnitFileState=enabled\n";
        let policy = parse(&Output { stdout: stdout.into(), ..Output::default() }).unwrap();
        assert_eq!((policy.kind.as_str(), policy.restart.as_str(), policy.user.as_str()), ("notify", "always", "root"));
        assert_eq!((policy.restart_after, policy.stop_limit), (span("10s"), Some(Duration::from_secs(90))));
        assert_eq!(policy.drop_ins, ["/etc/a.conf", "/etc/b.conf"]);
        assert!(parse(&Output::default()).is_err());
    }

    #[test]
    fn systemds_spans_are_read() {
        assert_eq!(span("0"), Some(Duration::ZERO));
        assert_eq!(span("1h 1min 1.5s 20ms"), Some(Duration::from_millis(3_661_520)));
        for text in ["infinity", "", "soon", "3 parsecs", "-1s", "1e300w"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
