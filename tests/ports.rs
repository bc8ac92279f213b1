//! A whole disaster at a site whose etcd uses other ports than etcd's own: whatever is said of ports names those.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/kept_runs.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod kept_runs;

use std::time::Duration;

use requorum::plan::Goal;
use requorum::report::{junit, page, plan, status, text};
use requorum::run::exit;
use requorum::sim::{End, Event, Flags, Site};

/// Everything that is said, with who said it.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn take(&mut self, who: &str, text: &str) {
        self.0.push((who.to_owned(), text.to_owned()));
    }

    fn end(&mut self, who: &str, site: &Site, end: &End) {
        self.take(who, &end.text);
        if let Some(planned) = &end.plan {
            self.take(&format!("{who}'s plan"), &(plan::summary(planned) + &plan::details(planned)));
            let report = kept_runs::report(&kept_runs::text(site));
            let forms = [page::html(&report).unwrap(), page::markdown(&report).unwrap(), junit::xml(&report)];
            forms.iter().for_each(|form| self.take(&format!("{who}'s report"), form));
            self.take(&format!("{who}'s report"), &text::text(&report));
        }
    }

    async fn status(&mut self, who: &str, site: &Site) {
        let (seen, assessment) = site.status().await;
        self.take(who, &site.words(&seen, &assessment));
        self.take(who, &status::verdict(&site.cluster(), &seen, &assessment, "requorum", None));
    }
}

/// etcd's own ports where a sentence names them, each with what stands around it. Not those of URLs: a master's usual one is
/// tried beside those that are known.
fn usual(text: &str) -> Vec<&str> {
    let alone = |at: usize| !text[..at].ends_with(|c: char| c.is_ascii_digit() || c == ':');
    let around = |at: usize| {
        let begin = (0..=at.saturating_sub(60)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text[begin..].lines().next().unwrap_or_default()
    };
    let found = ["2379", "2380"].iter().flat_map(|port| text.match_indices(port));
    found.filter(|(at, _)| alone(*at)).map(|(at, _)| around(at)).collect()
}

async fn lost() -> Site {
    let site = Site::with_ports(&[3, 2], 12379, 12380);
    site.wait(Duration::from_secs(15)).await;
    assert!(site.write("m1", "before"));
    site
}

#[tokio::test(start_paused = true)]
async fn whatever_is_said_of_ports_names_the_clusters_own() {
    let (site, mut said) = (lost().await, Said::default());
    let ask = Flags { attested: vec!["zone1".into()], ..Flags::default() };
    said.status("status in peace", &site).await;
    let (_, diagnosis) = site.doctor(None).await;
    assert!(diagnosis.good, "{diagnosis:#?}");
    diagnosis.remarks.iter().for_each(|remark| said.take("doctor", &format!("{} {}", remark.text, remark.next)));
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    said.status("status after the loss", &site).await;
    said.end("refused", &site, &site.initiate_dr(&Flags::default()).await);

    // The zone is heard again in the middle of the run.
    let heard = site.fork();
    heard.at(true, "start", None, 0, Event::On("zone1".into()));
    let end = heard.initiate_dr(&ask).await;
    said.end("cut short", &heard, &end);
    said.status("status with both", &heard).await;

    let end = site.initiate_dr(&ask).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    said.end("initiate-dr", &site, &end);
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(15)).await;
    said.status("status with the zone back", &site).await;
    let fence = Flags { failed_zones: vec!["zone1".into()], ..Flags::default() };
    said.end("fence", &site, &site.go(Goal::Fence, &fence).await);
    let end = site.recover(&Flags::default()).await;
    assert_eq!(end.code, Some(exit::DONE), "{}", end.text);
    said.end("recover", &site, &end);
    said.status("status at home", &site).await;

    let others: Vec<String> = said
        .0
        .iter()
        .flat_map(|(who, text)| usual(text).into_iter().map(move |around| format!("{who}: …{around}")))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    let own = |who: &str, port: &str| said.0.iter().any(|(by, text)| by == who && text.contains(port));
    assert!(own("initiate-dr", "etcd's ports 12379 and 12380"), "{:#?}", said.0);
    assert!(own("fence's plan", "12380") || own("fence", "12380") || own("recover's plan", "12380"));
    assert_eq!(usual("ports 2379 and 12380, https://a:2380"), ["ports 2379 and 12380, https://a:2380"]);
}
