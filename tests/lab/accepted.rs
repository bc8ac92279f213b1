//! etcd itself, on what is written for a joiner into each public set-up of `tests/set-ups`: a real systemd starts it on an
//! empty directory. Knows nothing of a cluster: there is none, and etcd ends when it asks the others who they are.

use std::collections::BTreeMap;

use requorum::config::{Form, Identity, SettingsFile, Values};

use crate::set_ups::{Expected, OnMaster, SET_UPS, SetUp};
use crate::support::Lab;

/// Where set-ups have their etcd, the address that they all are at, and others that nobody is at.
const READY: &str = "set -e
systemctl disable --now etcd
rm -f /etc/systemd/system/etcd.service /etc/etcd.env
for at in /usr/bin /opt/etcd /opt/kube/bin; do
    mkdir -p $at
    ln -s /usr/local/bin/etcd $at/etcd
done
ip address add 10.0.0.1/32 dev lo
ip route add unreachable 10.0.0.0/24
hostname m1
echo 10.0.0.1 m1 >>/etc/hosts
";

/// What etcd says at its start, and at its end, where it has come past all settings.
const STARTS: &str = "starting an etcd server";
const ENDS: &str = "cannot fetch cluster info from peer urls";

/// A pod in systemd's words.
const DOWN: &str = "LoadState=loaded\nActiveState=inactive\nMainPID=0\n";

/// By which names it says what it starts with.
const SAID: [&str; 7] = [
    "name",
    "data-dir",
    "initial-cluster",
    "initial-cluster-state",
    "initial-cluster-token",
    "initial-advertise-peer-urls",
    "listen-peer-urls",
];

/// One after the other, on one machine.
pub fn each_set_up(etcd: &str) {
    let lab = Lab::up("2+1", etcd);
    lab.on("m1", READY).exits(0);
    let mut wrong = Vec::new();
    // A kubeadm writes flags of its own time: `--feature-gates`, and before it `--experimental-initial-corrupt-check`.
    let unknown = |name: &str| [("kubeadm-1.34", "3.5"), ("kubeadm-1.31", "3.7")].contains(&(name, etcd));
    let those = SET_UPS.iter().filter(|(name, _, expected)| matches!(expected, Expected::Read(..)) && !unknown(name));
    for set_up in those {
        if let Err(why) = accepted(&lab, set_up) {
            wrong.push(format!("{}: {why}", set_up.0));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// One set-up, from its files to etcd's own words.
fn accepted(lab: &Lab, set_up: &SetUp) -> Result<(), String> {
    let kept = OnMaster::of(set_up);
    let all: Vec<&str> = SET_UPS.iter().flat_map(|(_, files, _)| files.iter().map(|(_, path)| *path)).collect();
    lab.on("m1", &format!("rm -f {}", all.join(" "))).exits(0);
    for (path, text) in &kept.files {
        put(lab, path, text);
    }
    let is_unit = set_up.1.iter().any(|(file, _)| file.ends_with(".service"));
    let unit = kept.name.to_string();
    let there = OnMaster::shown(set_up, &if is_unit { show(lab, &unit) } else { DOWN.to_owned() });
    // What is kept of systemd's words is what it says; the name of the machine is another one.
    if is_unit && (&kept.unit.argv, &kept.unit.environment_files) != (&there.unit.argv, &there.unit.environment_files) {
        return Err(format!("systemd says {:?}", there.unit));
    }
    let settings = there.settings().map_err(|why| why.to_string())?;
    let member = settings.member_name();
    let own = settings.peer_urls().into_iter().map(|url| format!("{member}={url}"));
    let identity = Identity {
        initial_cluster: own.chain(["m2=https://10.0.0.2:2380".to_owned()]).collect::<Vec<_>>().join(","),
        state: "existing".to_owned(),
        token: "requorum-1".to_owned(),
    };
    let written: SettingsFile = settings.file.with(&settings.file.with_identity(&identity)?);
    let values = written.values()?;
    let path = written.form.beside_package(&written.path).unwrap_or_else(|| written.path.clone());
    put(lab, &path, &written.text);
    lab.on("m1", &made_for(&values)).exits(0);
    let started = if is_unit { of_unit(lab, &unit) } else { of_pod(lab, &written) };
    let said = started.lines().find(|line| line.contains(STARTS)).ok_or_else(|| format!("no start:\n{started}"))?;
    if !started.contains(ENDS) {
        return Err(format!("it ends otherwise:\n{started}"));
    }
    as_believed(said, &values)
}

/// etcd's own words against what we take the files for.
fn as_believed(said: &str, values: &Values) -> Result<(), String> {
    let json: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(&said[said.find('{').unwrap_or(0)..]).map_err(|why| format!("{why}: {said}"))?;
    for flag in SAID {
        let (heard, ours) = (json.get(flag), values.get(flag).map(String::as_str).unwrap_or_default());
        let same = match heard {
            Some(serde_json::Value::String(text)) => text == ours,
            Some(serde_json::Value::Array(all)) => all.iter().filter_map(|one| one.as_str()).eq(ours.split(',')),
            _ => false,
        };
        if !same {
            return Err(format!("{flag}: etcd says {heard:?}, and we took it for {ours:?}"));
        }
    }
    Ok(())
}

fn put(lab: &Lab, path: &str, text: &str) {
    let quoted = shlex::try_quote(text).unwrap();
    lab.on("m1", &format!("mkdir -p $(dirname {path}) && printf %s {quoted} >{path} && chmod 644 {path}")).exits(0);
}

/// What systemd says of the unit.
fn show(lab: &Lab, unit: &str) -> String {
    let asked = "LoadState,ActiveState,MainPID,ConditionResult,ExecStart,Environment,EnvironmentFiles";
    lab.on("m1", &format!("systemctl daemon-reload && systemctl show --property={asked} {unit}.service"))
        .exits(0)
        .stdout
}

/// Certificates where the settings want them, and empty directories.
fn made_for(values: &Values) -> String {
    let mut script = "set -e; ssl=/etc/ssl/etcd/ssl\n".to_owned();
    for (flag, path) in values.iter().filter(|(flag, path)| flag.ends_with("-file") && !path.is_empty()) {
        let made = match flag.as_str() {
            flag if flag.ends_with("ca-file") => "ca.pem",
            flag if flag.ends_with("key-file") => "member-m1-key.pem",
            flag if flag.ends_with("cert-file") => "member-m1.pem",
            _ => continue,
        };
        script += &format!(
            "mkdir -p $(dirname {path}); [ {path} -ef $ssl/{made} ] || cp $ssl/{made} {path}; chmod 644 {path}\n"
        );
    }
    for flag in ["data-dir", "wal-dir"] {
        if let Some(dir) = values.get(flag) {
            script += &format!("rm -rf {dir}; mkdir -p {dir}; chown etcd {dir}; chmod 700 {dir}\n");
        }
    }
    script + "chmod 755 /etc/ssl/etcd /etc/ssl/etcd/ssl\n"
}

/// What etcd says when systemd starts it, until it ends.
fn of_unit(lab: &Lab, unit: &str) -> String {
    let started = format!(
        "systemctl daemon-reload; mark=$(journalctl -n 0 --show-cursor -q | sed -n 's/^-- cursor: //p'); \
         systemctl start {unit}; systemctl stop {unit}; systemctl reset-failed {unit}; \
         journalctl -q -u {unit} --after-cursor=\"$mark\" -o cat"
    );
    lab.on("m1", &started).stdout
}

/// The same by the words of a pod's container, read line by line.
fn of_pod(lab: &Lab, written: &SettingsFile) -> String {
    assert_eq!(written.form, Form::Manifest);
    let flags = written.text.lines().filter_map(|line| line.trim().strip_prefix("- --"));
    let flags: Vec<String> = flags.map(|flag| format!("'--{}'", flag.trim_matches(['"', '\'']))).collect();
    lab.on("m1", &format!("timeout 30 /usr/local/bin/etcd {} 2>&1", flags.join(" "))).stdout
}
