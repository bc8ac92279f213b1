//! The blocks `ssh`, `etcd` and `kubernetes`: they may stand at the cluster, a zone and a master, and for each key the nearest one
//! wins. Knows neither zones nor masters.

use crate::model::cluster::{Become, ByConfig, ClientFiles, ConfigAt, EtcdSettings, Jump, RecordAt, SshSettings};
use crate::model::control_plane::ApiServerAt;
use crate::model::diagnostic::{one_of, word};
use crate::model::fields::{Fields, Reader, port_of};
use crate::model::name::{AbsPath, Address, UnitName, UserName};
use crate::model::yaml::{Entry, Kind};

pub const SSH_KEYS: [&str; 6] = ["user", "port", "become", "identity", "known_hosts", "jump"];
pub const ETCD_KEYS: [&str; 6] = ["unit", "data_dir", "config", "template", "client", "tools"];
pub const KUBERNETES_KEYS: [&str; 2] = ["manifest", "unit"];
const JUMP_FORM: &str = "jump: ops@bastion.example:22";

/// What was said so far. For `identity`, `known_hosts` and `jump` a nearer `null` takes back what was said.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    user: Option<UserName>,
    port: Option<u16>,
    elevate: Option<Become>,
    identity: Option<String>,
    known_hosts: Option<String>,
    jump: Option<Jump>,
    unit: Option<UnitName>,
    data_dir: Option<AbsPath>,
    config: Option<ConfigAt>,
    template: Option<String>,
    client: Option<ClientFiles>,
    tools: Option<AbsPath>,
    kubernetes: ApiServerAt,
}

impl Layer {
    /// This layer with what `fields` says in its blocks.
    pub fn over(&self, reader: &mut Reader<'_>, fields: &Fields<'_>) -> Self {
        let mut layer = self.clone();
        if let Some(entry) = fields.get("ssh") {
            layer.read_ssh(reader, entry);
        }
        if let Some(entry) = fields.get("etcd") {
            layer.read_etcd(reader, entry);
        }
        if let Some(entry) = fields.get("kubernetes") {
            layer.kubernetes = kubernetes(reader, entry).unwrap_or_default();
        }
        layer
    }

    /// Where a master's API server is.
    pub fn kubernetes(&self) -> ApiServerAt {
        self.kubernetes.clone()
    }

    /// How to reach a master; what nobody said is as kubespray has it.
    pub fn ssh(&self) -> Option<SshSettings> {
        let user = self.user.clone().or_else(|| UserName::new("root").ok())?;
        let usual = if user.as_str() == "root" { Become::None } else { Become::Sudo };
        Some(SshSettings {
            user,
            port: self.port.unwrap_or(22),
            elevate: self.elevate.unwrap_or(usual),
            identity: self.identity.clone(),
            known_hosts: self.known_hosts.clone(),
            jump: self.jump.clone(),
            by_config: ByConfig::default(),
        })
    }

    /// Where a master's etcd is; what nobody said is as kubespray has it.
    pub fn etcd(&self) -> Option<EtcdSettings> {
        Some(EtcdSettings {
            unit: self.unit.clone().or_else(|| UnitName::new("etcd").ok())?,
            data_dir: self.data_dir.clone().or_else(|| AbsPath::new("/var/lib/etcd").ok())?,
            config: self.config.clone().unwrap_or_default(),
            template: self.template.clone(),
            record: RecordAt::default(),
            client: self.client.clone(),
            tools: self.tools.clone(),
            container: None,
        })
    }

    /// What nobody said of an etcd beside the main one: there is no usual place for it.
    pub fn missing_of_its_own(&self) -> Option<&'static str> {
        let unit = self.unit.is_some() || matches!(self.config, Some(ConfigAt::StaticPod(_)));
        if !unit { Some("unit") } else { self.data_dir.is_none().then_some("data_dir") }
    }

    fn read_ssh(&mut self, reader: &mut Reader<'_>, entry: &Entry) {
        let form = "ssh: { user: ops, become: sudo }";
        let Some(fields) = reader.fields(&entry.value, &entry.span, "`ssh`", &SSH_KEYS, form) else { return };
        if let Some(entry) = fields.get("user") {
            self.user = reader.name(entry, "user: ops", UserName::new);
        }
        if let Some(entry) = fields.get("port") {
            self.port = reader.port(entry);
        }
        if let Some(entry) = fields.get("become") {
            self.elevate = reader.choice(entry, &[("sudo", Become::Sudo), ("none", Become::None)]);
        }
        if let Some(entry) = fields.get("identity") {
            self.identity = bastion_file(reader, entry);
        }
        if let Some(entry) = fields.get("known_hosts") {
            self.known_hosts = bastion_file(reader, entry);
        }
        if let Some(entry) = fields.get("jump") {
            self.jump = jump(reader, entry);
        }
    }

    fn read_etcd(&mut self, reader: &mut Reader<'_>, entry: &Entry) {
        let form = "etcd: { unit: etcd, data_dir: /var/lib/etcd }";
        let Some(fields) = reader.fields(&entry.value, &entry.span, "`etcd`", &ETCD_KEYS, form) else { return };
        if let Some(entry) = fields.get("unit") {
            self.unit = reader.name(entry, "unit: etcd", UnitName::new);
        }
        if let Some(entry) = fields.get("data_dir") {
            self.data_dir = reader.name(entry, "data_dir: /var/lib/etcd", AbsPath::new);
        }
        if let Some(entry) = fields.get("template") {
            self.template = reader.file_name(entry, "template: etcd.env.j2");
        }
        if let Some(entry) = fields.get("config") {
            self.read_config(reader, entry);
        }
        if let Some(entry) = fields.get("client") {
            self.client = client(reader, entry);
        }
        if let Some(entry) = fields.get("tools") {
            let given = entry.value.kind != Kind::Null;
            self.tools = given.then(|| reader.name(entry, "tools: /srv/etcd", AbsPath::new)).flatten();
        }
    }

    fn read_config(&mut self, reader: &mut Reader<'_>, entry: &Entry) {
        const KEYS: [&str; 4] = ["env_file", "unit_flags", "config_file", "static_pod"];
        const FORM: &str = "config: { env_file: /etc/etcd.env }";
        let Some(fields) = reader.fields(&entry.value, &entry.span, "`config`", &KEYS, FORM) else { return };
        let said: Vec<&Entry> = KEYS.iter().filter_map(|key| fields.get(key)).collect();
        match said[..] {
            [] => {
                let hint = format!("leave it out where the unit on the master says it, or write `{FORM}`");
                reader.hinted("missing-key", &entry.span, "`config` says nothing", hint);
            }
            [one] if one.key == "unit_flags" => {
                self.config = reader.choice(one, &[("true", ())]).map(|()| ConfigAt::UnitFlags);
            }
            [one] if one.key == "config_file" => {
                let path = reader.name(one, "config_file: /etc/etcd/etcd.config.yml", AbsPath::new);
                self.config = path.map(ConfigAt::ConfigFile);
            }
            [one] if one.key == "static_pod" => {
                let path = reader.name(one, "static_pod: /etc/kubernetes/manifests/etcd.yaml", AbsPath::new);
                self.config = path.map(ConfigAt::StaticPod);
            }
            [one] => {
                self.config = reader.name(one, "env_file: /etc/etcd.env", AbsPath::new).map(ConfigAt::EnvFile);
            }
            [_, second, ..] => {
                let said = "etcd reads its settings from one place, and `config` names two".to_owned();
                reader.hinted("two-places", &second.span, said, format!("keep one of {}", one_of(&KEYS)));
            }
        }
    }
}

/// `null` where there is none, or what starts it.
fn kubernetes(reader: &mut Reader<'_>, entry: &Entry) -> Option<ApiServerAt> {
    if entry.value.kind == Kind::Null {
        return Some(ApiServerAt::Nowhere);
    }
    let form = "kubernetes: { manifest: /etc/kubernetes/manifests/kube-apiserver.yaml }";
    let fields = reader.fields(&entry.value, &entry.span, "`kubernetes`", &KUBERNETES_KEYS, form)?;
    match (fields.get("manifest"), fields.get("unit")) {
        (Some(manifest), None) => {
            reader.name(manifest, &form[14..form.len() - 2], AbsPath::new).map(ApiServerAt::Manifest)
        }
        (None, Some(unit)) => reader.name(unit, "unit: kube-apiserver", UnitName::new).map(ApiServerAt::Unit),
        (None, None) => {
            let hint = format!("leave it out where it is at its usual place, or write `{form}`");
            reader.hinted("missing-key", &entry.span, "`kubernetes` says nothing", hint);
            None
        }
        (Some(_), Some(unit)) => {
            let said = "an API server is started by a kubelet or by a unit, and `kubernetes` names both";
            reader.hinted("two-places", &unit.span, said, "keep one of them");
            None
        }
    }
}

/// `null`, or both files.
fn client(reader: &mut Reader<'_>, entry: &Entry) -> Option<ClientFiles> {
    if entry.value.kind == Kind::Null {
        return None;
    }
    let form = "client: { cert: /etc/etcd/root.crt, key: /etc/etcd/root.key }";
    let fields = reader.fields(&entry.value, &entry.span, "`client`", &["cert", "key"], form)?;
    let mut file = |key: &str, form: &str| {
        let entry = reader.required(&fields, key, "`client`", form)?;
        reader.name(entry, form, AbsPath::new)
    };
    let (cert, key) = (file("cert", "cert: /etc/etcd/root.crt"), file("key", "key: /etc/etcd/root.key"));
    Some(ClientFiles { cert: cert?, key: key? })
}

/// A file on the bastion, or `null`. A relative path would mean another file in another directory.
fn bastion_file(reader: &mut Reader<'_>, entry: &Entry) -> Option<String> {
    if entry.value.kind == Kind::Null {
        return None;
    }
    let text = reader.text(entry, &format!("{}: ~/.ssh/{}", entry.key, entry.key))?;
    let rooted = text.starts_with('/') || text.starts_with("~/");
    if !rooted || text.len() > 1024 || text.chars().any(char::is_control) {
        let said = format!("{} is not a path on the bastion", word(text));
        reader.hinted("bad-path", &entry.value.span, said, "write an absolute path, or one that begins with `~/`");
        return None;
    }
    Some(text.to_owned())
}

/// `null`, `user@host:port` or the same as keys.
fn jump(reader: &mut Reader<'_>, entry: &Entry) -> Option<Jump> {
    match &entry.value.kind {
        Kind::Null => None,
        Kind::Text(_) => {
            let text = reader.text(entry, JUMP_FORM)?;
            jump_of(reader, entry, text)
        }
        _ => {
            let keys = ["address", "port", "user"];
            let fields = reader.fields(&entry.value, &entry.span, "`jump`", &keys, JUMP_FORM)?;
            let address = reader.required(&fields, "address", "`jump`", "address: bastion.example");
            let address = address.and_then(|entry| reader.name(entry, "address: bastion.example", Address::new));
            let user = reader.required(&fields, "user", "`jump`", "user: ops");
            let user = user.and_then(|entry| reader.name(entry, "user: ops", UserName::new));
            let port = fields.get("port").map_or(Some(22), |entry| reader.port(entry));
            Some(Jump { address: address?, port: port?, user: user? })
        }
    }
}

fn jump_of(reader: &mut Reader<'_>, entry: &Entry, text: &str) -> Option<Jump> {
    let span = &entry.value.span;
    let Some((user, host)) = text.split_once('@') else {
        let said = format!("{} is not a valid jump host", word(text));
        reader.hinted("bad-jump", span, said, format!("write `{JUMP_FORM}`"));
        return None;
    };
    // An IPv6 address stands in brackets, as its colons would be taken for the port's.
    let (address, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or_default())),
        None => host.split_once(':').map_or((host, None), |(address, port)| (address, Some(port))),
    };
    let user = reader.checked(user, span, UserName::new);
    let address = reader.checked(address, span, Address::new);
    let port = port.map_or(Some(22), port_of);
    if port.is_none() {
        let said = format!("{} does not end with a port", word(text));
        reader.hinted("bad-port", span, said, "a port is a number from 1 to 65535; put an IPv6 address in brackets");
    }
    Some(Jump { address: address?, port: port?, user: user? })
}
