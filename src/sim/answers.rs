//! The questions that requorum asks a master, answered from the model in the format of real machines. Changes nothing.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::config::Form;
use crate::config::unit_file::beside;
use crate::model::{MasterName, MemberId, Output, RETIRED, Supervisor};

use super::etcdctl::Reply;
use super::machine::{DATA_DIR, Machine, PACKAGE_UNIT};
use super::state::State;
use super::tools::{image_tools, tools};
use super::wal;

impl State {
    /// Answers a script that only asks; none for scripts that act.
    pub(super) fn question(&mut self, host: &MasterName, script: &str, words: &[String]) -> Option<Reply> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let machine = self.seen(host);
        Some(match (script, &words[..]) {
            ("env file", [path]) => match machine.file(path) {
                Some(text) => Reply::said(format!("root root 640\n{text}")),
                None => Reply::failed(1, format!("stat: cannot statx '{path}': No such file or directory")),
            },
            ("unit files", [_unit, script @ ..]) if machine.docker.is_some() => {
                machine.unit_and_script(script.first().copied())
            }
            ("unit files", [unit]) => unit_files(machine, unit),
            ("certificate names", [_]) => Reply::default(),
            ("api server", [_manifest, _state, _units]) => machine.api_server(),
            ("api ready", [..]) => self.api_ready(host),
            ("etcd holders", [_api, _cert, _key, addresses @ ..]) => machine.etcd_holders(addresses),
            ("disk", [dir, _state]) => disk(machine, dir),
            ("marks", [marker, held_by, lock, record, _data, ..]) => traces(machine, [marker, held_by, lock, record]),
            ("pod" | "container", [_, _kept]) => machine.pod(),
            ("manifest", [_]) => machine.manifest(),
            ("tools", [program]) => tools(machine, program),
            ("image tools", [_, kept]) => image_tools(machine, kept),
            ("log", [dir, _most]) => log(machine, dir),
            ("etcds", []) => machine.etcds(host),
            ("node zones", [_limit, _form]) => node_zones(machine),
            ("process", [_, _]) => machine.process_lines(),
            ("wal place", [data_dir, set]) => machine.wal_place(data_dir, set),
            ("node", [_, unit, _, _, _, properties]) => self.node(host, unit, properties),
            ("environment", [_]) => Reply::said("lab\n"),
            ("growth", [_] | [_, _]) => self.growth(host),
            ("last revision", [_unit, _limit, asked @ ..]) => self.last_revision(host, asked),
            ("last log", [_]) => last_log(machine),
            ("measure", _) => self.measure(host),
            ("peer members", [url, _ca, _cert, _key]) => self.peer_members(host, url),
            ("client urls", [_etcdctl, _ca, _cert, _key, _limit, urls @ ..]) => self.client_urls(host, urls),
            ("await peer", [url, ..]) => Reply::said(format!("done: {url} serves\n")),
            ("heard", [url, _ca, _cert, _key]) => self.heard(host, url),
            ("peer ports", urls) => self.peer_ports(host, urls),
            ("certificates", files) => certificates(machine, files),
            _ => return None,
        })
    }

    /// `GET /members` at a peer port, which answers without quorum.
    fn peer_members(&mut self, host: &MasterName, url: &str) -> Reply {
        self.tick();
        let machine = self.seen(host);
        if !machine.tells_members {
            return Reply::failed(56, "curl: (56) CONNECT tunnel failed, response 403");
        }
        let Some((process, data)) = machine.live().filter(|_| url.ends_with(&format!(":{}", machine.ports.peer)))
        else {
            return Reply::failed(7, format!("curl: (7) Failed to connect to {url}: Connection refused"));
        };
        let fetched_at_boot = process.joiner && !process.in_sync;
        let members: Vec<Json> = data
            .image
            .members
            .iter()
            .map(|(id, entry)| {
                let mut member = json!({ "id": id.0, "peerURLs": [entry.peer_url], "name": entry.name });
                if !entry.client_url.is_empty() && !fetched_at_boot {
                    member["clientURLs"] = json!([entry.client_url]);
                }
                if entry.learner && !fetched_at_boot {
                    member["isLearner"] = json!(true);
                }
                member
            })
            .collect();
        Reply::said(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Etcd-Cluster-Id: {}\r\n\r\n{}\n",
            data.image.cluster,
            Json::from(members)
        ))
    }

    /// The unit as systemd has it, and what a story says of the node.
    fn node(&self, host: &MasterName, unit: &str, properties: &str) -> Reply {
        let machine = self.seen(host);
        assert!(machine.is_meant_by(unit), "the model has one etcd a master, and {unit} is another");
        let lines: String = properties.split(',').map(|property| property_of(machine, property)).collect();
        Reply::said(machine.odd.iter().fold(lines, |all, line| all + line + "\n"))
    }

    /// What its etcd says of itself, where it serves clients.
    fn last_revision(&mut self, host: &MasterName, asked: &[&str]) -> Reply {
        self.tick();
        let state = self.seen(host).active_state();
        if state != "active" {
            return Reply::said(format!("etcd serves no client: it is {state}\n"));
        }
        let asked: Vec<String> = asked.iter().map(|word| (*word).to_owned()).collect();
        Reply { output: Output { status: 0, ..self.etcdctl(host, &asked).output }, ..Reply::default() }
    }

    /// A snapshot that comes slowly grows a little with every look.
    fn growth(&self, host: &MasterName) -> Reply {
        let machine = self.seen(host);
        let comes = machine.process.as_ref().filter(|process| machine.sync.is_some() && !process.in_sync);
        Reply::said(format!("{}\n", comes.map_or(0, |process| process.started.elapsed().as_secs())))
    }

    /// The lines of its metrics that say what came from whom.
    fn heard(&mut self, host: &MasterName, url: &str) -> Reply {
        self.tick();
        let machine = self.seen(host);
        let Some(process) = machine.process.as_ref().filter(|process| process.ready && machine.shows_metrics) else {
            return Reply::failed(1, format!("curl: (7) Failed to connect to {url}: Connection refused"));
        };
        let line = |(sender, bytes): (&MemberId, &u64)| {
            format!("etcd_network_peer_received_bytes_total{{From=\"{sender}\"}} {bytes}\n")
        };
        let mut lines: String = process.heard.iter().map(line).collect();
        // A member that was removed and does not know it sends too.
        let strangers = machine.odd.iter().filter_map(|line| line.strip_prefix("hears="));
        lines.extend(strangers.map(|id| format!("etcd_network_peer_received_bytes_total{{From=\"{id}\"}} 240\n")));
        let own = machine.data().map(|data| data.image.member).unwrap_or(MemberId(0));
        // Behind a load balancer another member answers.
        let other = machine.odd.iter().find_map(|line| line.strip_prefix("metrics-of="));
        let whose = other.map_or_else(|| own.to_string(), str::to_owned);
        let leads = u8::from(process.leader.is_some());
        Reply::said(format!("{lines}etcd_server_has_leader {leads}\netcd_server_id{{server_id=\"{whose}\"}} 1\n"))
    }

    fn peer_ports(&self, host: &MasterName, urls: &[&str]) -> Reply {
        let from = self.seen(host);
        let mut all = String::new();
        let mut slow = false;
        for url in urls {
            let is = |machine: &&Machine| [machine.peer_url(), machine.client_url()].contains(&(*url).to_owned());
            let other = self.machines.values().find(is);
            let heard = other.is_some_and(|other| self.hear(from, other));
            let open = heard && other.is_some_and(|other| other.process.is_some());
            // A name that this machine does not know: no connection is tried.
            let is_lost = |line: &String| line.strip_prefix("no-name=").is_some_and(|name| url.contains(name));
            if from.odd.iter().any(is_lost) {
                all += &format!("unknown {url} its name cannot be resolved\n");
                continue;
            }
            // A cut-off machine does not even refuse.
            slow |= !heard;
            all += &format!("{} {url}\n", if open { "open" } else { "closed" });
        }
        all += &format!("asked {}\n", urls.len());
        Reply::said(all).after(if slow { Duration::from_millis(750) } else { Duration::ZERO })
    }

    /// `systemctl show --property=… unit.service`.
    pub(super) fn show(&mut self, host: &MasterName, words: &[String]) -> Reply {
        self.tick();
        let machine = self.seen(host);
        let [_, _, properties, unit] = words else { panic!("the model does not know: {words:?}") };
        let Some(properties) = properties.strip_prefix("--property=") else {
            panic!("the model does not know: {words:?}")
        };
        if *unit != format!("{}.service", machine.unit_name) {
            return Reply::said("LoadState=not-found\nActiveState=inactive\nMainPID=0\nConditionResult=no\n");
        }
        let mut lines = String::new();
        for property in properties.split(',') {
            lines += &property_of(machine, property);
        }
        Reply::said(lines)
    }
}

fn property_of(machine: &Machine, property: &str) -> String {
    let unit = &machine.unit;
    let value = match property {
        "LoadState" => "loaded".to_owned(),
        "ActiveState" => machine.active_state().to_owned(),
        "MainPID" => machine.pid().to_string(),
        "ConditionResult" => if unit.condition_met { "yes" } else { "no" }.to_owned(),
        "Result" => unit.result.to_owned(),
        "ExecStart" => format!(
            "{{ path={} ; argv[]={} ; ignore_errors=no ; pid={} }}",
            unit.argv.first().map(String::as_str).unwrap_or_default(),
            unit.argv.join(" "),
            machine.pid()
        ),
        key if beside::KEYS.contains(&key) => {
            let lines = unit.beside.iter().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            let shown = |words: &str| format!("{key}={{ path=/x ; argv[]={words} ; ignore_errors=no ; pid=0 }}\n");
            return lines.map(shown).collect();
        }
        "UnitFileState" => if unit.enabled { "enabled" } else { "disabled" }.to_owned(),
        "Restart" => "always".to_owned(),
        "RestartUSec" => "10s".to_owned(),
        "TimeoutStopUSec" => "1min 30s".to_owned(),
        "Type" => match machine.supervisor() {
            Supervisor::Systemd(_) => "notify",
            Supervisor::Kubelet(_) => "pod",
            Supervisor::Docker(_) => "simple",
        }
        .to_owned(),
        "User" => "etcd".to_owned(),
        "FragmentPath" => "/etc/systemd/system/etcd.service".to_owned(),
        "DropInPaths" => String::new(),
        "Environment" => unit.environment.join(" "),
        "EnvironmentFiles" => {
            let line = |file: &String| format!("EnvironmentFiles={file} (ignore_errors=no)\n");
            return unit.environment_files.iter().map(line).collect();
        }
        other => panic!("the model does not know the property {other}"),
    };
    format!("{property}={value}\n")
}

/// What a story says that Kubernetes has of its nodes: `kube=NAME ZONE ADDRESS`.
fn node_zones(machine: &Machine) -> Reply {
    let said = machine.odd.iter().filter_map(|line| line.strip_prefix("kube="));
    let lines: Vec<String> = said.map(|line| format!("{}\n", line.replace(' ', "\t"))).collect();
    if lines.is_empty() { Reply::failed(3, "there is no kubectl") } else { Reply::said(lines.concat()) }
}

fn last_log(machine: &Machine) -> Reply {
    let why = machine.odd.iter().find_map(|line| line.strip_prefix("says=")).unwrap_or("no such host");
    let fatal = json!({ "level": "fatal", "msg": "discovery failed", "error": why });
    let fails = machine.odd.iter().any(|line| line == "start=fails");
    let late = "etcd.service: start operation timed out. Terminating.\netcd.service: Failed with result 'timeout'.\n";
    Reply::said(match machine.unit.result {
        _ if fails => format!("{fatal}\n"),
        "timeout" => late.to_owned(),
        _ => String::new(),
    })
}

fn disk(machine: &Machine, dir: &str) -> Reply {
    assert_eq!(dir, DATA_DIR, "the model has one data directory a master");
    let mut said = String::new();
    if let Some(held) = machine.dirs.get(dir) {
        said += "exists=yes\nowner=etcd etcd 700\n";
        if let Some(data) = held {
            said += &format!("has_member=yes\ndb_bytes={}\n", data.database().to_bytes().len());
            said += if data.link.is_some() { "wal_link=yes\n" } else { "" };
        }
    }
    said += &format!("free_bytes={0}\nfree_state_bytes={0}\n", machine.free_bytes);
    for line in machine.odd.iter().filter_map(|line| line.strip_prefix("disk:")) {
        said += &format!("{line}\n");
    }
    Reply::said(said)
}

/// The end of its write-ahead log.
fn log(machine: &Machine, dir: &str) -> Reply {
    let Some(data) = machine.data_of_log(dir) else {
        return Reply::failed(1, format!("{dir} holds no write-ahead log"));
    };
    if data.damaged {
        return Reply::said("part=0000000000000000-0000000000000000.wal 0 AAAAAAAAAP8=\n");
    }
    let image = data.logged();
    let first = image.applied.saturating_sub(2).max(1);
    let entries: Vec<(u64, u64)> = (first..=image.applied).map(|index| (image.term, index)).collect();
    let text = wal::base64(&wal::segment(image.member.0, image.cluster.0, &entries));
    Reply::said(format!("replays=yes\npart=0000000000000000-0000000000000000.wal 0 {text}\n"))
}

fn traces(machine: &Machine, [marker, held_by, lock, record]: [&str; 4]) -> Reply {
    let mut said = String::new();
    if let Some(text) = machine.file(marker) {
        said += &format!("fenced=yes\nfenced_by={}\n", text.lines().next().unwrap_or_default());
        let left = text.lines().rfind(|line| line.starts_with("last_revision="));
        said += &left.map(|line| format!("{line}\n")).unwrap_or_default();
    }
    if machine.files.contains_key(held_by) && (machine.form != Form::Manifest || machine.fenced()) {
        said += "drop_in=yes\n";
    }
    if let Some(holder) = machine.file(&format!("{lock}/holder.json")) {
        said += &format!("lock={}\nunrenewed={}\n", holder.replace('\n', ""), machine.unrenewed().as_secs());
    }
    if let Some(record) = machine.file(record) {
        said += &format!("record={}\n", record.replace('\n', ""));
    }
    said += &replaced(machine);
    let aside = format!("{DATA_DIR}.{RETIRED}");
    let aside = machine.dirs.keys().filter(|path| path.starts_with(&aside));
    said += &aside.map(|path| format!("old_data={path}\n")).collect::<String>();
    Reply::said(said)
}

/// What runs have made of the data directory, as their marks say.
fn replaced(machine: &Machine) -> String {
    let mut said = String::new();
    for (path, text) in &machine.files {
        let Some((run, mark)) = path.strip_prefix("/var/lib/requorum/runs/").and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        match (mark, machine.data()) {
            ("undone", _) => said += &format!("undone={run}\n"),
            ("restored", Some(data)) if *text == data.inode.to_string().into_bytes() => {
                said += &format!("restored_by={run}\n");
            }
            ("retired", None)
                if [".", "/"].iter().any(|at| machine.dirs.contains_key(&format!("{DATA_DIR}{at}{RETIRED}{run}"))) =>
            {
                said += &format!("emptied_by={run}\n");
            }
            _ => {}
        }
    }
    said
}

/// Every certificate of the model is good for ten years from the story's first day.
fn certificates(machine: &Machine, files: &[&str]) -> Reply {
    let year = if machine.ended { 2025 } else { 2036 };
    let lines = files.chunks_exact(2).map(|file| {
        let (kind, path) = (file[0], file[1]);
        if machine.odd.iter().any(|line| line.strip_prefix("unread=") == Some(path)) {
            format!("{kind}={path}\nwhy=head: cannot open '{path}' for reading: No such file or directory\n")
        } else {
            format!("{kind}={path}\nend=Jan  1 00:00:00 {year} GMT\n")
        }
    });
    Reply::said(format!("now=1767225600\n{}", lines.collect::<String>()))
}

/// Everything that systemd reads for the unit.
fn unit_files(machine: &Machine, unit: &str) -> Reply {
    let settings = &machine.unit;
    let path = format!("/etc/systemd/system/{unit}.service");
    if let Some((path, text)) = [path.as_str(), PACKAGE_UNIT].iter().find_map(|path| Some((path, machine.file(path)?)))
    {
        return Reply::said(format!("unit\t{path}\troot root 644\t{}\n{text}\n", text.len()));
    }
    let env_files = settings.environment_files.iter().filter_map(|path| Some(("env", path, machine.file(path)?)));
    let all = [("unit", &path, machine.unit_text())].into_iter().chain(env_files);
    let told = |(kind, path, text): (&str, &String, String)| {
        format!("{kind}\t{path}\troot root 644\t{}\n{text}\n", text.len())
    };
    Reply::said(all.map(told).collect::<String>())
}
