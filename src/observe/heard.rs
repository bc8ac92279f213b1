//! The question "what have you heard from your peers?", asked at a member's metrics: how many bytes of raft came from each
//! of them. A member hears its leader by its own ID several times a second; the heartbeats of the link alone are counted
//! for nobody (etcd `rafthttp/stream.go`, `From="0"`). Compares nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::command::Script;
use crate::model::{Command, MemberId, Output};

use super::{Unclear, settings::Access};

/// Bytes by sender since the member's start. One that never sent anything is missing.
pub type Heard = BTreeMap<MemberId, u64>;

/// The heartbeats of the link itself are counted for this sender.
pub const LINK: MemberId = MemberId(0);

const SCRIPT: Script =
    Script { name: "heard", text: concat!(include_str!("scripts/prelude/get.sh"), include_str!("scripts/heard.sh")) };

/// Asks where a member shows its metrics.
#[must_use]
pub fn command(metrics: &Access) -> Command {
    Command::script(SCRIPT).arg(metrics.url.clone()).args(metrics.files())
}

/// It cannot be asked: its settings do not say where its metrics are.
#[must_use]
pub fn nowhere() -> Unclear {
    Unclear::text(WHAT, "its settings name no URL where its metrics can be asked")
}

const WHAT: &str = "reading what it has heard from its peers";

/// Reads the counters of this member.
///
/// # Errors
/// Where these are no metrics of etcd's, or another member's (a load balancer may answer, or a wrong URL), or a line cannot
/// be read: a sender that is overlooked would count as silent.
pub fn parse(output: &Output, own: MemberId) -> Result<Heard, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    let mut heard = Heard::new();
    let (mut is_etcd, mut whose) = (false, None);
    for line in output.stdout.lines() {
        let unread = || Unclear::text(WHAT, &format!("no counter: {line}"));
        if line.starts_with("etcd_server_has_leader ") {
            is_etcd = true;
        } else if let Some(id) = line.strip_prefix(SERVER_ID) {
            whose = Some(server(id).ok_or_else(unread)?);
        } else {
            let (sender, bytes) = sender(line).ok_or_else(unread)?;
            *heard.entry(sender).or_default() += bytes;
        }
    }
    match whose {
        _ if !is_etcd => Err(Unclear::text(WHAT, "these are no metrics of etcd")),
        None => Err(Unclear::text(WHAT, "its metrics do not say which member they are of")),
        Some(other) if other != own => {
            Err(Unclear::text(WHAT, &format!("these are the metrics of {other}, not of {own}")))
        }
        Some(_) => Ok(heard),
    }
}

const SERVER_ID: &str = "etcd_server_id{server_id=\"";

/// `etcd_server_id{server_id="dd95…"} 1`, without its beginning.
fn server(rest: &str) -> Option<MemberId> {
    let (id, one) = rest.split_once("\"}")?;
    id.parse().ok().filter(|_| one.trim() == "1")
}

/// Who has sent something in between and may not, and how much. A counter that has gone back began anew: that counts too.
#[must_use]
pub fn moved(before: &Heard, after: &Heard, may_be_heard: &BTreeSet<MemberId>) -> Vec<(MemberId, u64)> {
    let senders: BTreeSet<&MemberId> = before.keys().chain(after.keys()).collect();
    let bytes = |heard: &Heard, sender: &MemberId| heard.get(sender).copied().unwrap_or_default();
    let apart = |sender: &MemberId| (*sender, bytes(after, sender).abs_diff(bytes(before, sender)));
    let strangers = senders.into_iter().filter(|sender| !may_be_heard.contains(sender));
    strangers.map(apart).filter(|(_, bytes)| *bytes > 0).collect()
}

/// `etcd_network_peer_received_bytes_total{From="fd73…"} 7.911e+03`.
fn sender(line: &str) -> Option<(MemberId, u64)> {
    let rest = line.strip_prefix("etcd_network_peer_received_bytes_total{From=\"")?;
    let (sender, count) = rest.split_once("\"}")?;
    let bytes: f64 = count.trim().parse().ok()?;
    let whole = bytes.is_finite() && bytes >= 0.0;
    // Counters stay far below the 53 bits that such a number holds exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    whole.then_some((sender.parse().ok()?, bytes as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: MemberId = MemberId(0xdd95_5900_6451_bede);
    const REST: &str = "etcd_server_has_leader 1\netcd_server_id{server_id=\"dd9559006451bede\"} 1\n";

    fn said(text: &str) -> Result<Heard, Unclear> {
        parse(&Output { stdout: text.to_owned(), ..Output::default() }, OWN)
    }

    #[test]
    fn bytes_are_counted_by_sender() {
        let heard = said(&format!(
            "etcd_network_peer_received_bytes_total{{From=\"0\"}} 1.2048e+04\n\
             etcd_network_peer_received_bytes_total{{From=\"fd422379fda50e48\"}} 7911\n\
             etcd_network_peer_received_bytes_total{{From=\"a0b1\"}} 1.21458e+06\n{REST}"
        ));
        let id = MemberId;
        let expected = [(id(0), 12048), (id(0xa0b1), 1_214_580), (id(0xfd42_2379_fda5_0e48), 7911)];
        assert_eq!(heard.unwrap(), expected.into());
    }

    #[test]
    fn who_has_heard_nobody_says_so_and_another_page_says_nothing() {
        assert_eq!(said(REST).unwrap(), Heard::new());
        for unclear in [
            "".to_owned(),
            "etcd_network_peer_received_bytes_total{From=\"a\"} 1\n".to_owned(),
            format!("etcd_network_peer_received_bytes_total{{From=\"a\"}} x\n{REST}"),
            format!("etcd_network_peer_received_bytes_total{{From=\"z\"}} 1\n{REST}"),
            format!("etcd_network_peer_received_bytes_total{{From=\"a\"}} NaN\n{REST}"),
        ] {
            assert!(said(&unclear).is_err(), "{unclear:?}");
        }
    }

    #[test]
    fn what_another_member_heard_is_not_what_this_one_heard() {
        let of = |id: &str| said(&format!("etcd_server_has_leader 1\netcd_server_id{{server_id=\"{id}\"}} 1\n"));
        assert!(of("dd9559006451bede").is_ok());
        let other = of("68d66ee761884a17").unwrap_err();
        assert_eq!(other.why, "these are the metrics of 68d66ee761884a17, not of dd9559006451bede");
        // One that has ended its server shows 0.
        assert!(said("etcd_server_has_leader 1\netcd_server_id{server_id=\"dd9559006451bede\"} 0\n").is_err());
        assert!(said("etcd_server_has_leader 1\n").unwrap_err().why.contains("do not say which member"));
    }
}
