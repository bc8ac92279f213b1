//! An operator who does what the last words and the refusals say, and nothing cleverer.

use std::time::Duration;

use requorum::run::exit;
use requorum::sim::{Ask, Event, Site};

/// How often the operator tries again before giving up.
const TRIES: usize = 8;

/// What `--attest zone1` and nothing else asks for.
pub fn attest(zones: &[&str]) -> Ask {
    Ask { attested: zones.iter().map(|zone| (*zone).to_owned()).collect(), ..Ask::default() }
}

/// A cluster that was healthy, has three keys, and has just lost its first zone for good.
pub async fn lost(zones: &[usize]) -> Site {
    let site = Site::new(zones);
    site.wait(Duration::from_secs(10)).await;
    for number in 1..=3 {
        assert!(site.write("m1", &format!("before-{number}")), "a healthy cluster takes writes");
    }
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(12)).await;
    site
}

/// The first master of the second zone.
pub fn survivor(zones: &[usize]) -> String {
    format!("m{}", zones[0] + 1)
}

async fn unlock(site: &Site, tale: &mut Vec<String>) {
    for run in site.locked_by() {
        tale.push(format!("unlock {run}"));
        site.unlock(&run).await;
    }
}

/// Goes on with an interrupted `initiate-dr` until one cluster takes writes. The tale says what was tried.
pub async fn finish_initiate_dr(site: &Site, mut ask: Ask, kept: &str) -> Result<Vec<String>, Vec<String>> {
    let mut tale = Vec::new();
    for _ in 0..TRIES {
        unlock(site, &mut tale).await;
        let end = site.initiate_dr(&ask).await;
        tale.push(format!("initiate-dr {ask:?}: {:?} {}", end.code, end.text));
        if end.code == Some(exit::DONE) {
            return Ok(tale);
        }
        if end.refused_by("quorum-alive") {
            // What serves is left alone: that is an end, if it is the new cluster.
            return Ok(tale);
        }
        if (end.refused_by("no-data") || end.refused_by("which-seed")) && ask.snapshot.is_none() {
            ask.snapshot = Some(kept.to_owned());
        } else if end.refused_by("snapshot-unhashed") {
            ask.overrides.push("snapshot-unhashed".into());
        } else if let Some(path) = end.text.split("--snapshot ").nth(1).filter(|_| end.code != Some(exit::REFUSED)) {
            ask.snapshot = path.lines().next().map(str::to_owned);
        } else if end.code == Some(exit::REFUSED) {
            return Err(tale);
        }
    }
    Err(tale)
}

/// Goes on with an interrupted `recover` until it is done.
pub async fn finish_recover(site: &Site) -> Result<Vec<String>, Vec<String>> {
    let mut tale = Vec::new();
    for _ in 0..TRIES {
        unlock(site, &mut tale).await;
        let end = site.recover(&Ask::default()).await;
        tale.push(format!("recover: {:?} {}", end.code, end.text));
        if end.code == Some(exit::DONE) {
            return Ok(tale);
        }
        if end.code == Some(exit::REFUSED) {
            return Err(tale);
        }
    }
    Err(tale)
}
