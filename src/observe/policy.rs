//! What systemd does with the etcd unit by itself: at boot, after a crash, when it is stopped, and under a fence. Knows
//! nothing about etcd.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::unit_file::beside;
use crate::model::command::clean;

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
    /// Those of them that take back every condition said before: a fence among them.
    #[serde(default)]
    pub resets: Vec<String>,
    /// Other manifests in the kubelet's folder that start an etcd on the same data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second: Vec<String>,
    /// What it runs beside etcd, as systemd shows it. The words of a command may be secrets: they are kept nowhere.
    #[serde(skip)]
    pub commands: Vec<String>,
    /// Which of these write the file of etcd's settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Writes>,
}

/// A command of the unit that writes the file of etcd's settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    /// `ExecStartPre`.
    pub key: String,
    /// The file and the line in which it stands.
    pub at: String,
}

/// What is asked of the unit: among it the keys of [`beside::KEYS`].
pub(super) const PROPERTIES: &str = "LoadState,UnitFileState,Restart,RestartUSec,TimeoutStopUSec,Type,User,FragmentPath,DropInPaths,\
    ExecCondition,ExecStartPre,ExecStartPost,ExecReload,ExecStop,ExecStopPost";

/// Reads `NAME=value` lines; those of other questions are passed over.
///
/// # Errors
/// When systemd left out what is needed.
pub fn parse(lines: &str) -> Result<Policy, Unclear> {
    const WHAT: &str = "systemctl show";
    let mut policy = Policy::default();
    for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
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
            "resets" => {
                policy.resets.push(value.to_owned());
                continue;
            }
            "second" => {
                policy.second.push(clean(value));
                continue;
            }
            key if beside::KEYS.contains(&key) => {
                policy.commands.push(value.to_owned());
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
    if policy.load_state.is_empty() {
        return Err(Unclear::text(WHAT, "no LoadState"));
    }
    // What was not said is neither `no` nor another kind.
    if policy.load_state == "loaded" && (policy.restart.is_empty() || policy.kind.is_empty()) {
        return Err(Unclear::text(WHAT, "no Restart or no Type"));
    }
    Ok(policy)
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
            ExecStartPre={ path=/bin/true ; argv[]=/bin/true ; ignore_errors=no }\nExecReload={ path=/bin/kill ; argv[]=/bin/kill $MAINPID }\n\
            FragmentPath=/etc/systemd/system/etcd.service\nDropInPaths=/etc/a.conf /etc/b.conf\nUnitFileState=enabled\n";
        let policy = parse(stdout).unwrap();
        assert_eq!((policy.kind.as_str(), policy.restart.as_str(), policy.user.as_str()), ("notify", "always", "root"));
        assert_eq!((policy.restart_after, policy.stop_limit), (span("10s"), Some(Duration::from_secs(90))));
        assert_eq!(policy.commands.len(), 2);
        assert!(beside::KEYS.iter().all(|key| PROPERTIES.split(',').any(|asked| asked == *key)));
        assert_eq!(policy.drop_ins, ["/etc/a.conf", "/etc/b.conf"]);
        assert!(parse("").is_err() && parse("LoadState=loaded\n").is_err());
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
