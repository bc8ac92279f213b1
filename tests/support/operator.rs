//! An operator who does what the last words and the refusals say, and nothing cleverer.

use std::time::Duration;

use requorum::observe::Code;
use requorum::plan::Rule;
use requorum::run::exit;
use requorum::sim::{Event, Flags, Site};

/// How often the operator tries again before giving up.
const TRIES: usize = 8;

/// What `--attest zone1` and nothing else asks for.
pub fn attest(zones: &[&str]) -> Flags {
    Flags { attested: zones.iter().map(|zone| (*zone).to_owned()).collect(), ..Flags::default() }
}

/// A cluster that was healthy, has three keys, and has just lost its first zone for good.
pub async fn lost(zones: &[usize]) -> Site {
    // A second, etcd's default: the proof is short then, and the same.
    let site = Site::with_election(zones, Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    for number in 1..=3 {
        assert!(site.write("m1", &format!("before-{number}")), "a healthy cluster takes writes");
    }
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
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

/// Whether the run's snapshot is on the bastion; where its copy did not come that far, the seed has it.
fn have_snapshot(site: &Site, kept: &str, seed: &str) -> bool {
    let run = kept.trim_end_matches("/snapshot.db").rsplit('/').next().unwrap_or_default();
    if site.kept(kept).is_none()
        && let Some(text) = site.file(seed, &format!("/var/lib/requorum/runs/{run}/snapshot.db"))
    {
        site.bring(kept, text.into_bytes());
    }
    site.kept(kept).is_some()
}

/// Whether `status` sends back to the command for the API servers' sake.
async fn names_parked(site: &Site) -> bool {
    let (_, assessment) = site.status().await;
    assessment.findings.iter().any(|finding| finding.code == Code::ApiServerParked)
}

/// Goes on with an interrupted `initiate-dr` until one cluster takes writes. The tale says what was tried.
pub async fn finish_initiate_dr(
    site: &Site,
    mut flags: Flags,
    seed: &str,
    kept: &str,
) -> Result<Vec<String>, Vec<String>> {
    let mut tale = Vec::new();
    for _ in 0..TRIES {
        unlock(site, &mut tale).await;
        let end = site.initiate_dr(&flags).await;
        tale.push(format!("initiate-dr {flags:?}: {:?} {}", end.code, end.text));
        if end.code == Some(exit::DONE) {
            return Ok(tale);
        }
        if end.refused_by(Rule::QuorumAlive) {
            // What serves is left alone: that is an end, if it is the new cluster and its API servers are not parked.
            if !names_parked(site).await {
                return Ok(tale);
            }
            continue;
        }
        let wants_a_file =
            [Rule::NoData, Rule::WhichSeed, Rule::SurvivorDown].into_iter().any(|rule| end.refused_by(rule));
        if wants_a_file && flags.snapshot.is_none() && have_snapshot(site, kept, seed) {
            flags.snapshot = Some(kept.to_owned());
        } else if end.refused_by(Rule::SurvivorDown) {
            flags.overrides.push("survivor-down".into());
        } else if end.refused_by(Rule::SnapshotUnhashed) {
            flags.overrides.push("snapshot-unhashed".into());
        } else if let Some(path) = end.text.split("--snapshot ").nth(1).filter(|_| end.code != Some(exit::REFUSED)) {
            flags.snapshot = path.lines().next().map(str::to_owned);
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
        let end = site.recover(&Flags::default()).await;
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
