//! What `status` says about the doctor's last results: how old they are, and whether they are good. Touches no disk.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// What of a kept result is needed; other versions may hold more.
#[derive(Deserialize)]
struct StoredResult {
    at: Timestamp,
    errors: usize,
    good: bool,
}

fn read(text: Option<&str>) -> Option<StoredResult> {
    serde_json::from_str(text?).ok()
}

/// One line on the last result and the last good one.
#[must_use]
pub fn last(newest: Option<&str>, good: Option<&str>, now: Timestamp) -> String {
    let last_good = match read(good) {
        Some(kept) => format!("last good {}", ago(now.duration_since(kept.at))),
        None => "none was good so far".to_owned(),
    };
    match read(newest) {
        None if read(good).is_none() => "doctor: never run from this host; run `requorum doctor`\n".to_owned(),
        None => format!("doctor: {last_good}\n"),
        Some(kept) if kept.good => format!("doctor: last good {}\n", ago(now.duration_since(kept.at))),
        Some(kept) => {
            let errors = if kept.errors == 1 { "1 error".to_owned() } else { format!("{} errors", kept.errors) };
            format!("doctor: last run {} found {errors}; {last_good}\n", ago(now.duration_since(kept.at)))
        }
    }
}

/// The same for machines: `null` where it never ran.
#[must_use]
pub fn last_json(newest: Option<&str>, good: Option<&str>) -> Value {
    match (read(newest), read(good)) {
        (None, None) => Value::Null,
        (newest, good) => json!({
            "at": newest.as_ref().map(|kept| kept.at),
            "good": newest.as_ref().map(|kept| kept.good),
            "errors": newest.as_ref().map(|kept| kept.errors),
            "last_good": good.map(|kept| kept.at),
        }),
    }
}

fn ago(time: SignedDuration) -> String {
    let minutes = time.as_mins();
    match minutes {
        ..=-2 => "in the future (a clock was set back)".to_owned(),
        // Two clocks may be a little apart.
        -1..=0 => format!("{} s ago", time.as_secs().max(0)),
        1..=119 => format!("{minutes} min ago"),
        120..=2879 => format!("{} h ago", minutes / 60),
        _ => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_results_are_told_in_a_line() {
        let now: Timestamp = "2026-05-10T12:00:00Z".parse().unwrap();
        let kept = |at: &str, good: bool| format!(r#"{{"at":"{at}","errors":3,"good":{good},"more":1}}"#);
        let said = |newest: Option<&str>, good: Option<&str>| last(newest, good, now);
        let (bad, old) = (kept("2026-05-10T10:00:00Z", false), kept("2026-05-01T12:00:00Z", true));
        assert_eq!(said(None, None), "doctor: never run from this host; run `requorum doctor`\n");
        assert_eq!(said(Some(&bad), Some(&old)), "doctor: last run 2 h ago found 3 errors; last good 9 days ago\n");
        assert_eq!(said(Some(&bad), None), "doctor: last run 2 h ago found 3 errors; none was good so far\n");
        assert_eq!(said(Some(&old), Some(&old)), "doctor: last good 9 days ago\n");
        let now = kept("2026-05-10T11:59:53Z", false);
        assert_eq!(said(Some(&now), None), "doctor: last run 7 s ago found 3 errors; none was good so far\n");
        assert_eq!(said(Some("{half"), None), "doctor: never run from this host; run `requorum doctor`\n");
        assert_eq!(last_json(None, None), Value::Null);
        assert_eq!(last_json(Some(&bad), Some(&old))["last_good"], "2026-05-01T12:00:00Z");
    }
}
