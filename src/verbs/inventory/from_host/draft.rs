//! What a host said, as an inventory that is yet to be written. Asks nothing; what a host says is text, and a name only
//! where it could be one.

use std::collections::BTreeMap;

use crate::config::Form;
use crate::import::draft::{Draft, Master, STATIC_POD, Said, Settings};
use crate::model::cluster::ConfigAt;
use crate::model::command::clean;
use crate::model::diagnostic::word;
use crate::model::{Address, EtcdSettings, MasterName, MemberId, Url};
use crate::observe::node_zones::KubeNode;
use crate::observe::{Answer, Member, Members, Seen};
use crate::run::redact::Redactor;

use super::told::Told;
use super::zones::Placed;

/// Everything that the host said.
pub(super) struct Found {
    /// What it calls itself.
    pub(super) host: String,
    pub(super) etcd: EtcdSettings,
    /// Other etcds that are there.
    pub(super) beside: Vec<String>,
    pub(super) seen: Seen,
    pub(super) members: Members,
    pub(super) nodes: Answer<Vec<KubeNode>>,
    /// Knows the secrets of its settings.
    pub(super) redactor: Redactor,
}

impl Found {
    fn member(&self, id: MemberId) -> Option<&Member> {
        self.members.list.iter().find(|member| member.id == id)
    }

    /// The host's own member: by what it says of itself, else by its peer URLs.
    fn own(&self) -> Option<MemberId> {
        let by_status = self.seen.status.as_ref().ok().map(|status| status.member);
        let by_url = || {
            let urls = self.seen.settings.as_ref().ok()?.peer_urls();
            self.members.by_peer_url(&urls).map(|member| member.id)
        };
        by_status.filter(|id| self.member(*id).is_some()).or_else(by_url)
    }

    /// The hosts in a member's URLs.
    fn hosts(member: &Member) -> impl Iterator<Item = String> {
        let urls = member.peer_urls.iter().chain(&member.client_urls);
        urls.filter_map(|url| Url::parse(url)).map(|url| url.host().to_owned()).filter(|host| !host.is_empty())
    }

    /// The node that a member is on, by its name or an address.
    pub(super) fn node_of(&self, id: &MemberId) -> Option<&str> {
        let member = self.member(*id)?;
        let own = self.own() == Some(*id);
        let nodes = self.nodes.as_ref().ok()?;
        let is = |node: &&KubeNode| {
            let at = |host: String| node.addresses.iter().any(|address| address.eq_ignore_ascii_case(&host));
            node.name == member.name || own && node.name == self.host || Self::hosts(member).any(at)
        };
        let mut fits = nodes.iter().filter(is);
        match (fits.next(), fits.next()) {
            (Some(one), None) => Some(&one.name),
            _ => None,
        }
    }

    /// Whether a person may call a member so.
    pub(super) fn is_called(&self, member: &Member, text: &str) -> bool {
        let own = self.own() == Some(member.id) && self.host == text;
        member.name == text
            || own
            || Self::hosts(member).any(|host| host.eq_ignore_ascii_case(text))
            || self.node_of(&member.id) == Some(text)
    }

    /// A member as a person finds it.
    pub(super) fn shown(&self, id: &MemberId) -> String {
        let Some(member) = self.member(*id) else { return id.to_string() };
        let name = if member.name.is_empty() { "a member that has not started" } else { &member.name };
        clean(&format!("{name} ({})", Self::hosts(member).next().unwrap_or_else(|| member.peer_urls.join(", "))))
    }

    /// What kind of etcd it is.
    pub(super) fn shape(&self) -> String {
        let version = self.seen.status.as_ref().map(|status| status.version.clone()).unwrap_or_default();
        let place = match (&self.etcd.config, self.seen.settings.as_ref().map(|settings| &settings.file)) {
            (ConfigAt::StaticPod(path), _) => format!("as a static pod ({path})"),
            (_, Ok(file)) => {
                let kind = match file.form {
                    Form::EnvFile => "an env file",
                    Form::UnitFlags => "flags",
                    Form::UnitEnvFile => "flags and an env file",
                    Form::ConfigFile => "a config file",
                    Form::Manifest => "a manifest",
                };
                format!("under systemd (unit {}), its settings in {kind} ({})", self.etcd.unit, file.path)
            }
            (_, Err(why)) => format!("under systemd (unit {}), its settings not known: {why}", self.etcd.unit),
        };
        clean(&format!("etcd {version} {place}").replace("  ", " "))
    }
}

/// The inventory as far as it is known.
pub(super) fn draft(told: &Told, found: &Found, placed: &Placed, cluster: Said, environment: Said) -> Draft {
    let own = found.own();
    let settings = settings(told, found);
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    found.members.list.iter().for_each(|member| *names.entry(member.name.clone()).or_default() += 1);
    let master = |member: &Member| Master {
        name: named(member, names.get(&member.name) == Some(&1)),
        zone: placed.zone(member.id),
        address: if own == Some(member.id) { Said::known(told.address.as_str()) } else { address(member) },
        notes: notes(found, member),
        settings: settings.clone(),
    };
    let masters = found.members.list.iter().map(master).collect();
    Draft { cluster, environment, masters, events: None, remarks: remarks(told, found, placed) }
}

fn named(member: &Member, alone: bool) -> Said {
    let what = if member.name.is_empty() {
        "a name: this member has not started, so that it has none".to_owned()
    } else {
        format!("a name: the member's is {}", word(&member.name))
    };
    match MasterName::new(member.name.as_str()) {
        Ok(name) if alone => Said::known(name.as_str()),
        _ => Said::open(what),
    }
}

/// Where its peers reach it. Loopback would be this host itself.
fn address(member: &Member) -> Said {
    let hosts = member.peer_urls.iter().filter_map(|url| Url::parse(url));
    let mut hosts = hosts.filter(|url| !url.address().is_some_and(|ip| ip.is_loopback() || ip.is_unspecified()));
    let found = hosts.find_map(|url| Address::new(url.host()).ok());
    let open =
        || Said::open(format!("a host name or an IP address: its peer URLs are {}", word(&member.peer_urls.join(","))));
    found.map_or_else(open, |address| Said::known(address.as_str()))
}

fn notes(found: &Found, member: &Member) -> Vec<String> {
    let mut notes = Vec::new();
    let host = (found.own() == Some(member.id)).then_some(found.host.as_str());
    if let Some(host) = found.node_of(&member.id).or(host).filter(|host| *host != member.name) {
        notes.push(clean(&format!("host {host}")));
    }
    if member.learner == Some(true) {
        notes.push("a learner: it has no vote yet".to_owned());
    }
    notes
}

/// The others are taken to be as this one.
fn settings(told: &Told, found: &Found) -> Settings {
    let mut settings = told.settings.clone();
    let etcd = &found.etcd;
    if let ConfigAt::StaticPod(path) = &etcd.config {
        settings.insert(("etcd", STATIC_POD), Said::known(path.as_str()));
    } else if etcd.unit.as_str() != "etcd" {
        settings.insert(("etcd", "unit"), Said::known(etcd.unit.as_str()));
    }
    settings.insert(("etcd", "data_dir"), Said::known(etcd.data_dir.as_str()));
    settings
}

fn remarks(told: &Told, found: &Found, placed: &Placed) -> Vec<String> {
    let host = &told.address;
    let mut remarks = Vec::new();
    if !found.seen.serves() {
        let why = match &found.seen.read {
            Ok(_) => "no quorum answered".to_owned(),
            Err(why) => format!("whether there is a quorum could not be asked ({why})"),
        };
        remarks.push(format!("{why}: the members are those that {host} knew last; compare them with what you know"));
    }
    let own = found.own();
    match own.and_then(|id| found.member(id)) {
        Some(member) if !Found::hosts(member).any(|at| at.eq_ignore_ascii_case(host.as_str())) => {
            let others = if found.members.list.len() > 1 {
                "; the others' addresses are those of their peer URLs: check that SSH reaches them there"
            } else {
                ""
            };
            remarks.push(format!("its peers reach {host} at {}{others}", clean(&member.peer_urls.join(", "))));
        }
        Some(_) => {}
        None => remarks.push(format!("which of the members {host} itself is could not be told")),
    }
    if !found.beside.is_empty() {
        remarks.push(format!(
            "{host} also has {}: a second etcd stands under `clusters` in this same inventory, since in a file of its own it would share the main one's record; without it no recovery recovers it (docs/limits.md)",
            found.beside.join(", ")
        ));
    }
    remarks.extend(placed.remarks.iter().cloned());
    if !placed.is_whole(found) {
        remarks.push(
            "not every zone is known: write it into the file, or begin again with `--zone NAME=HOST,HOST`".to_owned(),
        );
    }
    remarks.push(format!("only {host} was asked: the others are taken to be reached and set up as it is, and `requorum status` tells where they are not"));
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::page;
    use crate::model::{ClusterId, UnitName};
    use crate::observe::{Contact, Read, Unclear};
    use crate::verbs::inventory::from_host::told::FromHost;

    fn member(id: u64, name: &str, url: &str) -> Member {
        let peer_urls = vec![url.to_owned()];
        Member { id: MemberId(id), name: name.to_owned(), peer_urls, client_urls: Vec::new(), learner: None }
    }

    fn found(list: Vec<Member>) -> Found {
        let Contact::Answers(mut seen) = crate::observe::proof::count::tests::answers(0, true, 0) else {
            panic!("it answers")
        };
        seen.read = Ok(Read::Answered);
        if let Ok(status) = &mut seen.status {
            status.member = MemberId(1);
        }
        let path = |text: &str| crate::model::AbsPath::new(text).unwrap();
        Found {
            host: "m1".to_owned(),
            etcd: EtcdSettings {
                unit: UnitName::new("etcd-member").unwrap(),
                data_dir: path("/data/etcd"),
                config: ConfigAt::AsUnitSays,
                template: None,
                record: crate::model::RecordAt::default(),
                client: None,
                tools: None,
                container: None,
            },
            beside: vec!["the unit etcd-events".to_owned()],
            seen: *seen,
            members: Members { cluster: ClusterId(7), list },
            nodes: Err(Unclear::not_put("not asked")),
            redactor: Redactor::default(),
        }
    }

    fn written(found: &Found) -> (String, Vec<String>) {
        let told = Told::read(&FromHost { host: "10.0.0.1".into(), ..FromHost::default() }).unwrap();
        let draft = draft(&told, found, &Placed::default(), Said::known("c"), Said::known("lab"));
        (page::write("x", &draft).0, draft.remarks)
    }

    #[test]
    fn what_a_member_says_is_a_name_only_where_it_could_be_one() {
        let (text, remarks) = written(&found(vec![
            member(1, "m1", "https://10.0.0.1:2380"),
            member(2, "m2\"\n  evil: {", "https://$(reboot):2380"),
            member(3, "", "https://[fd00::3]:2380"),
            member(4, "m4", "http://127.0.0.1:2380"),
            member(5, "m4", "https://-oProxyCommand=x:2380"),
            Member { learner: Some(true), ..member(6, "m6", "https://m6.example:2380") },
        ]));
        insta::assert_snapshot!(text, @r##"
        # From x. "?" marks what it does not say; `requorum inventory check` finds it.

        cluster: c
        environment: lab

        ssh:
          user: root
        etcd:
          unit: etcd-member
          data_dir: /data/etcd

        zones:
          "?":   # the zone these masters stand in; make one key for each zone
            masters:
              m1: { address: 10.0.0.1 }
              "?1": { address: "?" }   # a host name or an IP address: its peer URLs are `https://$(reboot):2380`; a name: the member's is `m2"�  evil: {`
              "?2": { address: "fd00::3" }   # a name: this member has not started, so that it has none
              "?3": { address: "?" }   # a host name or an IP address: its peer URLs are `http://127.0.0.1:2380`; a name: the member's is `m4`
              "?4": { address: "?" }   # a host name or an IP address: its peer URLs are `https://-oProxyCommand=x:2380`; a name: the member's is `m4`
              m6: { address: m6.example }   # a learner: it has no vote yet
        "##);
        assert!(
            remarks.iter().any(|remark| remark.starts_with("10.0.0.1 also has the unit etcd-events")),
            "{remarks:?}"
        );
    }

    #[test]
    fn the_asked_master_is_found_by_its_id_or_its_urls_and_otherwise_told_as_unknown() {
        let list = || vec![member(1, "m1", "https://10.9.0.1:2380"), member(2, "m2", "https://10.9.0.2:2380")];
        let (text, remarks) = written(&found(list()));
        assert!(text.contains("m1: { address: 10.0.0.1 }"), "{text}");
        assert!(
            remarks[0].starts_with("its peers reach 10.0.0.1 at https://10.9.0.1:2380; the others' addresses"),
            "{remarks:?}"
        );
        let mut other = found(list());
        other.seen.status = Err(Unclear::not_put("not asked"));
        other.seen.settings = Err(Unclear::not_put("not asked"));
        let (text, remarks) = written(&other);
        assert!(text.contains("m1: { address: 10.9.0.1 }"), "{text}");
        assert_eq!(remarks[0], "which of the members 10.0.0.1 itself is could not be told");
    }
}
