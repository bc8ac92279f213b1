//! What kubespray's variables mean for an inventory of ours; what they leave open stays open. Knows nothing about YAML.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::diagnostic::word;
use crate::model::fields::port_of;
use crate::model::name::{AbsPath, Address, BadName, ClusterName, MasterName, UserName, ZoneName};
use crate::model::supervisor::KUBEADM;

use super::draft::{Draft, Master, STATIC_POD, Said, Settings};
use super::groups::{Groups, Value, Vars};
use super::{Beside, CONTROL_PLANE, Refusal, Zones, masters};

/// Where kubespray puts the data of etcd-events.
const EVENTS: &str = "/var/lib/etcd-events";

/// What the variables mean.
pub fn draft(
    name: &str,
    groups: &Groups,
    beside: &Beside,
    zones: &Zones,
    environment: Option<&str>,
) -> Result<Draft, Refusal> {
    let hosts: Vec<(&str, Vars)> =
        masters(groups, name)?.into_iter().map(|host| (host, groups.vars_of(host, beside))).collect();
    let zone_of = zones_of(name, groups, zones, &hosts)?;
    let mut remarks = Remarks::default();
    let masters = hosts.iter().map(|(host, vars)| {
        remark(&mut remarks, host, vars);
        Master {
            name: named(host),
            zone: zone_of.get(*host).cloned(),
            address: address(host, vars),
            notes: notes(host, vars),
            settings: settings(vars),
        }
    });
    let masters = masters.collect();
    let cluster = cluster(&hosts);
    let open = || Said::open("production, staging or lab: kubespray does not say");
    let environment = environment.map_or_else(open, Said::known);
    let mut remarks = remarks.told(hosts.len());
    remarks.extend(of_the_whole(groups, beside, &hosts, &cluster));
    let events: Vec<Option<&str>> = hosts.iter().map(|(_, vars)| events(vars)).collect();
    let alike = events.first().copied().flatten().filter(|_| events.windows(2).all(|two| two[0] == two[1]));
    Ok(Draft { cluster, environment, masters, events: alike.map(str::to_owned), remarks })
}

fn text<'v>(vars: &'v Vars, name: &str) -> Option<&'v str> {
    match &vars.get(name)?.value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// Whether a variable is true in the way Ansible reads it; nothing where it says neither.
fn truth(vars: &Vars, name: &str) -> Option<bool> {
    match text(vars, name)?.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// What the first of a few names says; nothing where it says nothing. A template is left open like any other text
/// that is not of the wanted form, since only Ansible can fill it in.
fn said(vars: &Vars, names: &[&str], what: &str, rule: impl Fn(&str) -> Option<String>) -> Option<Said> {
    let (name, value) = names.iter().find_map(|name| Some((name, &vars.get(*name)?.value)))?;
    match value {
        Value::Nothing => None,
        Value::Text(text) if text.is_empty() => None,
        Value::Text(text) => {
            let open = || Said::open(format!("{what}: {name} is {}", word(text)));
            Some(rule(text).map_or_else(open, Said::known))
        }
        Value::Unread(kind) => Some(Said::open(format!("{what}: {name} is {kind}"))),
    }
}

/// A rule of names as a rule of texts.
fn by<T: Into<String>>(rule: impl Fn(String) -> Result<T, BadName>) -> impl Fn(&str) -> Option<String> {
    move |text| rule(text.to_owned()).ok().map(Into::into)
}

fn named(host: &str) -> Said {
    let open = |_| Said::open(format!("a name: the inventory says {}", word(host)));
    MasterName::new(host).map_or_else(open, |name| Said::known(name.as_str()))
}

/// Where Ansible itself would go: without `ansible_host` to the host's name.
fn address(host: &str, vars: &Vars) -> Said {
    let what = "a host name or an IP address";
    said(vars, &["ansible_host", "ansible_ssh_host"], what, by(Address::new)).unwrap_or_else(|| {
        let open = |_| Said::open(format!("{what}: ansible_host is not set, and {} is not an address", word(host)));
        Address::new(host).map_or_else(open, |address| Said::known(address.as_str()))
    })
}

/// What requorum reads from the node and a person may want to compare.
fn notes(host: &str, vars: &Vars) -> Vec<String> {
    let reached = text(vars, "ansible_host").or_else(|| text(vars, "ansible_ssh_host")).unwrap_or(host);
    let etcd = text(vars, "access_ip").or_else(|| text(vars, "ip")).filter(|ip| *ip != reached);
    let member = text(vars, "etcd_member_name").filter(|member| *member != host);
    let shown = |what: &str, text: &str| match Address::new(text) {
        Ok(plain) => format!("{what} {plain}"),
        Err(_) => format!("{what} {}", word(text)),
    };
    etcd.map(|ip| shown("etcd at", ip)).into_iter().chain(member.map(|member| shown("member", member))).collect()
}

fn settings(vars: &Vars) -> Settings {
    let unsaid = || Some(Said::open("the user to log in as: the inventory does not say"));
    let file = |text: &str| {
        let fine = (text.starts_with('/') || text.starts_with("~/")) && text.len() <= 1024;
        (fine && !text.contains("{{") && text.chars().all(|c| (' '..='~').contains(&c))).then(|| text.to_owned())
    };
    let identity = ["ansible_ssh_private_key_file", "ansible_private_key_file"];
    let found = [
        (
            ("ssh", "user"),
            said(vars, &["ansible_user", "ansible_ssh_user"], "the user to log in as", by(UserName::new))
                .or_else(unsaid),
        ),
        (
            ("ssh", "port"),
            said(vars, &["ansible_port", "ansible_ssh_port"], "a port", |text| {
                port_of(text).map(|port| port.to_string())
            }),
        ),
        (("ssh", "become"), elevate(vars)),
        (("ssh", "identity"), said(vars, &identity, "a file on the bastion, from / or ~/, or null", file)),
        (("ssh", "jump"), jump(vars)),
        (("etcd", "data_dir"), said(vars, &["etcd_data_dir"], "an absolute path", by(AbsPath::new))),
        (("etcd", STATIC_POD), by_kubeadm(vars).then(|| Said::known(KUBEADM))),
    ];
    found.into_iter().filter_map(|(key, said)| Some((key, said?))).collect()
}

/// Whether kubespray leaves etcd to kubeadm.
fn by_kubeadm(vars: &Vars) -> bool {
    truth(vars, "etcd_kubeadm_enabled") == Some(true) || text(vars, "etcd_deployment_type") == Some("kubeadm")
}

fn elevate(vars: &Vars) -> Option<Said> {
    let what = "sudo or none";
    if truth(vars, "ansible_become") == Some(false) {
        return Some(Said::known("none"));
    }
    let only = |wanted: &'static str| move |text: &str| (text == wanted).then(|| "sudo".to_owned());
    let user = said(vars, &["ansible_become_user"], what, only("root"));
    let method = said(vars, &["ansible_become_method"], what, only("sudo"));
    let on = said(vars, &["ansible_become"], what, |_| {
        truth(vars, "ansible_become").filter(|on| *on).map(|_| "sudo".to_owned())
    });
    // kubespray is run with --become more often than it says so here: sudo is the default of both.
    [&user, &method].into_iter().flatten().find(|said| said.value.is_none()).cloned().or(on)
}

/// Arguments of ssh are never taken apart: what they say is a person's to say again. They are not shown either, since
/// a password may stand in them.
fn jump(vars: &Vars) -> Option<Said> {
    let through = |name: &str| match &vars.get(name)?.value {
        Value::Text(text) => {
            let plain = !text.contains("{{") && !text.contains("{%");
            let proxy =
                text.to_lowercase().contains("proxy") || text.split_whitespace().any(|arg| arg.starts_with("-J"));
            let why = if plain { "goes through another host" } else { "is a template" };
            (proxy || !plain).then(|| Said::open(format!("user@host:port, or null: {name} {why}")))
        }
        Value::Unread(kind) => Some(Said::open(format!("user@host:port, or null: {name} is {kind}"))),
        Value::Nothing => None,
    };
    through("ansible_ssh_common_args").or_else(|| through("ansible_ssh_extra_args"))
}

/// Remarks with the hosts they are about.
#[derive(Default)]
struct Remarks(Vec<(String, Vec<String>)>);

impl Remarks {
    fn add(&mut self, host: &str, said: String) {
        match self.0.iter_mut().find(|(known, _)| *known == said) {
            Some((_, hosts)) => hosts.push(word(host)),
            None => self.0.push((said, vec![word(host)])),
        }
    }

    fn told(self, masters: usize) -> Vec<String> {
        let who = |hosts: Vec<String>| if hosts.len() == masters { "all masters".to_owned() } else { hosts.join(", ") };
        self.0.into_iter().map(|(said, hosts)| format!("{}: {said}", who(hosts))).collect()
    }
}

/// Places beside PATH in which a program may lie without being missed.
const BIN_DIRS: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"];

/// The data directory of a second etcd, where there is one.
fn events(vars: &Vars) -> Option<&str> {
    let there = truth(vars, "etcd_events_cluster_enabled") == Some(true);
    there.then(|| text(vars, "etcd_events_data_dir").filter(|path| AbsPath::new(*path).is_ok()).unwrap_or(EVENTS))
}

fn remark(remarks: &mut Remarks, host: &str, vars: &Vars) {
    if let Some(data_dir) = events(vars) {
        let said = format!(
            "etcd_events_cluster_enabled: a second etcd (unit etcd-events, data in {data_dir}, settings in \
             /etc/etcd-events.env) runs beside this one; it stands under `clusters`, where all masters have it alike"
        );
        remarks.add(host, said);
    }
    let handled = ["host", "docker", "kubeadm"];
    if let Some(kind) = text(vars, "etcd_deployment_type").filter(|kind| !handled.contains(kind)) {
        let said = format!(
            "etcd_deployment_type is {}: only etcd on the host itself, in docker or as a static pod is handled yet",
            word(kind)
        );
        remarks.add(host, said);
    }
    if let Some(dir) = text(vars, "bin_dir").filter(|dir| !BIN_DIRS.contains(dir)) {
        let said = format!(
            "bin_dir is {}: etcd's tools are looked for in the directory of the program that the unit starts",
            word(dir)
        );
        remarks.add(host, said);
    }
    if let Some(kind) = text(vars, "ansible_connection").filter(|kind| !["ssh", "smart", "paramiko"].contains(kind)) {
        remarks
            .add(host, format!("ansible_connection is {}: requorum always uses SSH, also to its own host", word(kind)));
    }
    for name in ["ansible_ssh_common_args", "ansible_ssh_extra_args"] {
        if text(vars, name).is_some() && jump(vars).is_none() {
            remarks.add(host, format!("{name} is set: it is not imported"));
        }
    }
}

fn of_the_whole(groups: &Groups, beside: &Beside, hosts: &[(&str, Vars)], cluster: &Said) -> Vec<String> {
    let mut told = Vec::new();
    let closed = |file: &String| format!("{file} is encrypted: what it sets is not known");
    told.extend(beside.closed.iter().map(closed));
    if cluster.value.as_deref() == Some("cluster.local") {
        let said = "cluster.local is kubespray's default cluster_name: give each cluster a name of its own";
        told.push(said.to_owned());
    }
    let etcd: BTreeSet<&str> = hosts.iter().map(|(host, _)| *host).collect();
    let control: BTreeSet<&str> = CONTROL_PLANE.iter().flat_map(|group| groups.hosts_of(group)).collect();
    let list = |hosts: Vec<&&str>| hosts.into_iter().map(|host| word(host)).collect::<Vec<_>>().join(", ");
    let (bare, left_out) = (list(etcd.difference(&control).collect()), list(control.difference(&etcd).collect()));
    if !bare.is_empty() && !control.is_empty() {
        told.push(format!("{bare}: etcd without a control plane; a master here is a host that runs etcd"));
    }
    if !left_out.is_empty() {
        told.push(format!("{left_out}: a control plane without etcd; left out"));
    }
    if !groups.hosts_of("bastion").is_empty() {
        told.push("there is a group `bastion`: run requorum there, or name it as ssh.jump".to_owned());
    }
    told
}

/// kubespray's name of the cluster, where all that say it agree.
fn cluster(hosts: &[(&str, Vars)]) -> Said {
    let what = "what an operator types to consent";
    let mut told: Vec<(Said, &str)> = Vec::new();
    for (_, vars) in hosts {
        if let Some(said) = said(vars, &["cluster_name"], what, by(ClusterName::new))
            && !told.iter().any(|(known, _)| *known == said)
        {
            told.push((said, vars.get("cluster_name").map_or("", |var| var.from.as_str())));
        }
    }
    match &told[..] {
        [] => Said::open(format!("{what}: cluster_name is not given")),
        [(Said { value: Some(value), .. }, from)] => {
            Said { value: Some(value.clone()), note: Some(format!("cluster_name in {from}")) }
        }
        [(open, _)] => open.clone(),
        _ => Said::open(format!("{what}: the masters have more than one cluster_name")),
    }
}

/// The zone of every master that has one.
fn zones_of(
    name: &str,
    groups: &Groups,
    zones: &Zones,
    hosts: &[(&str, Vars)],
) -> Result<BTreeMap<String, String>, Refusal> {
    let refused = |said: String| Refusal::new(name, said);
    let zone = |text: &str, of: &str| {
        ZoneName::new(text).map_err(|bad| refused(format!("{of}: the zone {} {}", word(&bad.text), bad.why)))
    };
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    match zones {
        Zones::Unsaid => {}
        Zones::Var(var) => {
            if hosts.iter().all(|(_, vars)| text(vars, var).is_none()) {
                let has = |(_, vars): &(&str, Vars)| vars.contains_key(var.as_str());
                let what = if hosts.iter().any(has) { "a text as" } else { "a variable" };
                let said =
                    format!("no master has {what} {}: --zone-var names the variable that holds the zone", word(var));
                return Err(refused(said));
            }
            for (host, vars) in hosts {
                // A template names no zone that could be known here.
                if let Some(text) = text(vars, var).filter(|text| !text.contains("{{") && !text.contains("{%")) {
                    found.insert((*host).to_owned(), zone(text, &format!("{var} of {}", word(host)))?.to_string());
                }
            }
        }
        Zones::Groups(names) => {
            for group in names {
                let zone = zone(group, "--zone-group")?.to_string();
                if !groups.has(group) {
                    let said = format!("there is no group {}; the groups are {}", word(group), groups.listed());
                    return Err(refused(said));
                }
                for host in groups.hosts_of(group).into_iter().filter(|host| hosts.iter().any(|(h, _)| h == host)) {
                    if let Some(other) = found.insert(host.to_owned(), zone.clone()).filter(|other| *other != zone) {
                        return Err(refused(format!("{} is in two zones: {other} and {zone}", word(host))));
                    }
                }
            }
        }
    }
    Ok(found)
}
