//! Findings about questions that got no answer, among them an etcd that runs and does not answer: what was asked,
//! where, and why there may be no answer.

use crate::model::command::clean;
use crate::observe::Code;

use super::finding::Find;
use super::{Seen, Settings, Severity, client_urls, denied};

/// Questions about the node that had no answer: a run would be refused for it, so it is better known before.
pub(super) fn find_unasked(seen: &Seen, find: &mut Find<'_>) {
    // A log is asked for where nothing serves, and where there is no data there is none.
    let log = seen.log.as_ref().err().filter(|_| seen.disk.as_ref().is_ok_and(|disk| disk.has_member));
    let place = seen.wal_place.as_ref().err();
    let process = seen.process.as_ref().err();
    let api_server = seen.api_server.as_ref().err();
    let all = [seen.node.as_ref().err(), process, api_server, place, seen.peer_ports.as_ref().err(), log];
    for unclear in all.into_iter().flatten() {
        if unclear.was_asked() {
            find(Code::Unclear, Severity::Warning, format!("{unclear}; {}", unclear.next()));
        }
    }
}

/// An etcd that systemd calls active and that does not answer, and a client port whose certificate is for elsewhere.
pub(super) fn find_unanswered(seen: &Seen, find: &mut Find<'_>) {
    let (Ok(unit), Ok(settings), Ok(_)) = (&seen.unit, &seen.settings, &seen.tools) else { return };
    if let Some(taken) = &settings.answers_at {
        let best =
            Settings { answers_at: None, ..settings.clone() }.client_access().map_or_else(String::new, |one| one.url);
        let text =
            format!("its etcd does not answer at {}, but answers at {}, which is used", clean(&best), clean(taken));
        find(Code::ClientUrlTaken, Severity::Note, text);
    }
    if unit.running() && unit.active_state != "active" {
        // Its client port opens with its quorum; its peer port answers all the same.
        if let Some(unclear) = seen.members.as_ref().err().filter(|unclear| unclear.was_asked()) {
            find(Code::Unclear, Severity::Warning, format!("{unclear}; {}", unclear.next()));
        }
    }
    if !unit.running() || unit.active_state != "active" {
        return;
    }
    if let Some(word) = &seen.denied {
        find(Code::Denied, Severity::Error, format!("etcd does not let requorum in ({word}); {}", denied::NEXT));
    }
    let read = seen.read.as_ref().err().filter(|unclear| unclear.was_asked() && seen.denied.is_none());
    for unclear in [seen.status.as_ref().err(), seen.members.as_ref().err(), read].into_iter().flatten() {
        find(Code::Unclear, Severity::Error, format!("{unclear}; {}", unclear.next()));
    }
    let names = settings.names.as_deref().unwrap_or_default();
    if let Some(access) = settings.client_access()
        && seen.status.is_err()
        && !client_urls::fits(&access.url, settings.names.as_deref())
    {
        let text = format!(
            "no client URL in its env file ({}) is in its certificate ({}): add one that is to ETCD_LISTEN_CLIENT_URLS",
            clean(&client_urls::candidates(settings).join(", ")),
            clean(&names.join(", ")),
        );
        find(Code::ClientUrl, Severity::Error, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;
    use crate::observe::{Ports, Tools, Unclear, Unit, certificates};

    fn codes(names: &[&str], why: &str) -> Vec<(Code, String)> {
        let text =
            "ETCD_LISTEN_CLIENT_URLS=https://127.0.0.1:2379\nETCDCTL_CACERT=/a\nETCDCTL_CERT=/b\nETCDCTL_KEY=/c\n";
        let names = Some(names.iter().map(|name| (*name).to_owned()).collect());
        let unclear = |what: &str| Unclear::text(what, why);
        let seen = Seen {
            unit: Ok(Unit { active_state: "active".into(), main_pid: 7, ..Unit::default() }),
            settings: Ok(Settings { names, ..Settings::of(SettingsFile::env_file("/etc/etcd.env", text)) }),
            tools: Ok(Tools::default()),
            disk: Err(unclear("disk")),
            wal_place: Ok(None),
            traces: Err(unclear("marks")),
            status: Err(unclear("etcdctl endpoint status")),
            members: Err(unclear("asking the peer port for its members")),
            read: Err(unclear("read")),
            denied: None,
            peer_ports: Ok(Ports::default()),
            certificates: certificates::not_asked(),
            log: crate::observe::log::not_asked(),
            node: crate::observe::node::not_asked(),
            process: crate::observe::process::not_asked(),
            api_server: crate::observe::api_server::not_asked(),
        };
        let mut found = Vec::new();
        find_unanswered(&seen, &mut |code, _, text| found.push((code, text)));
        found
    }

    #[test]
    fn no_answer_is_found_with_its_cause_and_a_url_that_fits_no_certificate_with_its_names() {
        let found = codes(&["127.0.0.1"], "exit 1: context deadline exceeded");
        // Status, members and the read.
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|(code, text)| *code == Code::Unclear && text.contains("etcd's log")), "{found:?}");
        let found = codes(&["10.0.0.1", "m1"], "exit 1: context deadline exceeded");
        let url =
            found.iter().find(|(code, _)| *code == Code::ClientUrl).map(|(_, text)| text.as_str()).unwrap_or_default();
        assert!(url.contains("(https://127.0.0.1:2379) is in its certificate (10.0.0.1, m1)"), "{found:?}");
    }
}
