//! What will fail soon if nothing is done: certificates about to expire, a database near its quota. Looks at one master
//! at a time.

use jiff::tz::TimeZone;

use crate::model::Size;
use crate::observe::Code;

use super::finding::Find;
use super::{Certificates, Seen, Severity};

/// Long enough to renew in working hours, whatever the holidays.
const ENDS_SOON_DAYS: i64 = 30;

/// From this share of its quota on a database is worth a look.
const NEAR_QUOTA_PERCENT: u64 = 80;

/// Finds both.
pub(super) fn find_upcoming(seen: &Seen, find: &mut Find<'_>) {
    match &seen.certificates {
        Ok(certificates) => find_ends(certificates, find),
        // Worth knowing and no more: nothing that requorum does depends on it.
        Err(unclear) if unclear.was_asked() => {
            find(Code::Unclear, Severity::Note, format!("{unclear}; {}", unclear.next()));
        }
        Err(_) => {}
    }
    if let Some((bytes, quota)) = seen.db_of_quota()
        && bytes.saturating_mul(100) >= quota.saturating_mul(NEAR_QUOTA_PERCENT)
    {
        let text = format!(
            "its database takes {} of the {} that its quota allows; at the quota etcd refuses writes: compact and \
             defragment, or raise ETCD_QUOTA_BACKEND_BYTES",
            Size(bytes),
            Size(quota)
        );
        find(Code::NearQuota, Severity::Warning, text);
    }
}

fn find_ends(certificates: &Certificates, find: &mut Find<'_>) {
    let (mut ended, mut soon) = (Vec::new(), Vec::new());
    for (file, end) in &certificates.ends {
        let Some(end) = *end else { continue };
        let date = end.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d");
        match certificates.days(end) {
            ..0 => ended.push(format!("{file} on {date}")),
            days @ 0..ENDS_SOON_DAYS => soon.push(format!("{file} on {date} ({days} days)")),
            _ => {}
        }
    }
    for unread in certificates.unread() {
        let text = format!("{unread}: etcd could not start with it, or could not be asked; {}", unread.next());
        find(Code::CertificateUnread, Severity::Error, text);
    }
    if !ended.is_empty() {
        let text = format!("certificates have ended: {}; renew them", ended.join(", "));
        find(Code::CertificateEnded, Severity::Error, text);
    }
    if !soon.is_empty() {
        find(
            Code::CertificateEnds,
            Severity::Warning,
            format!("certificates end soon: {}; renew them", soon.join(", ")),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_certificate_is_told_by_how_long_it_lasts() {
        let ends =
            [("/ended", "2026-01-09T23:59:59Z"), ("/soon", "2026-01-15T00:00:00Z"), ("/later", "2026-02-09T00:00:00Z")];
        let mut ends: BTreeMap<String, _> =
            ends.iter().map(|(file, end)| ((*file).to_owned(), Some(end.parse().unwrap()))).collect();
        ends.insert("/unread".into(), None);
        let certificates = Certificates { now: "2026-01-10T00:00:00Z".parse().unwrap(), ends, causes: BTreeMap::new() };
        let mut found = Vec::new();
        find_ends(&certificates, &mut |code, severity, text| found.push(format!("{severity:?} {code}: {text}")));
        assert_eq!(
            found,
            [
                "Error certificate-unread: reading the certificate /unread: no certificate could be read in it: etcd could \
                 not start with it, or could not be asked; put the certificate there in PEM form, as the CA \
                 gave it",
                "Error certificate-ended: certificates have ended: /ended on 2026-01-09; renew them",
                "Warning certificate-ends: certificates end soon: /soon on 2026-01-15 (5 days); renew them",
            ]
        );
    }
}
