//! The question "where else are etcd's addresses written down?", asked of a master with an API server. Judges nothing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::config::api_server::ApiServerFlags;
use crate::model::command::{Script, clean};
use crate::model::{Command, Output, Url};

use super::{Answer, Observation, Unclear};

/// Where etcd's addresses were found, beside the settings of etcd and of its API server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdHolders {
    /// Files on the master.
    pub files: BTreeSet<String>,
    /// `ConfigMap`s of the cluster: `NAMESPACE/NAME`.
    pub config_maps: BTreeSet<String>,
    /// Why those could not be asked for.
    pub unasked: Option<String>,
}

const WHAT: &str = "looking where else etcd's addresses are written down";

const SCRIPT: Script = Script { name: "etcd holders", text: include_str!("scripts/etcd-holders.sh") };

/// Nobody asked: the master has no API server.
pub fn not_put() -> Answer<EtcdHolders> {
    Err(Unclear::not_put("it has no API server"))
}

/// The addresses, with their ports, by which clients know the masters' etcds. One of the machine itself leads nowhere else.
#[must_use]
pub fn addresses(seen: &Observation) -> BTreeSet<String> {
    let of_members = seen.answering().filter_map(|(_, seen)| seen.members.as_ref().ok()).flat_map(|all| &all.list);
    let of_settings = seen.answering().filter_map(|(_, seen)| seen.settings.as_ref().ok());
    let urls = of_members.flat_map(|member| member.client_urls.iter().cloned());
    let urls = urls.chain(of_settings.flat_map(|settings| settings.list("advertise-client-urls")));
    let address = |url: String| {
        let (host, rest) = (Url::parse(&url)?, url.split_once("://")?.1.split('/').next()?.to_owned());
        let local = host.host() == "localhost" || host.address().is_some_and(|ip| ip.is_loopback());
        (!local && rest.contains(':')).then_some(rest)
    };
    urls.filter_map(address).collect()
}

/// Asks for them.
#[must_use]
pub fn command(flags: Option<&ApiServerFlags>, addresses: &BTreeSet<String>) -> Command {
    let (cert, key) = flags.and_then(|flags| flags.client.clone()).unwrap_or_default();
    let api = flags.map(|flags| flags.address.clone()).unwrap_or_default();
    Command::script(SCRIPT).args([api, cert, key]).args(addresses.iter().cloned())
}

/// Reads the answer.
///
/// # Errors
/// When it is not whole.
pub fn parse(output: &Output) -> Answer<EtcdHolders> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let mut holders = EtcdHolders::default();
    let mut whole = false;
    for (key, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match key {
            "file" => drop(holders.files.insert(clean(value))),
            "configmap" => drop(holders.config_maps.insert(clean(value))),
            "unasked" => holders.unasked = Some(clean(value)),
            "asked" => whole = true,
            _ => {}
        }
    }
    if whole { Ok(holders) } else { Err(Unclear::text(WHAT, "the answer is not whole")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        let said = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() });
        assert!(said("file=/etc/calico/calicoctl.cfg\n").is_err());
        let whole = said("file=/etc/calico/calicoctl.cfg\nconfigmap=kube-system/kubeadm-config\nasked=yes\n").unwrap();
        assert_eq!(whole.files.into_iter().collect::<Vec<_>>(), ["/etc/calico/calicoctl.cfg"]);
        assert_eq!(whole.config_maps.into_iter().collect::<Vec<_>>(), ["kube-system/kubeadm-config"]);
        assert_eq!(
            said("unasked=curl is not installed\nasked=yes\n").unwrap().unasked.as_deref(),
            Some("curl is not installed")
        );
    }
}
