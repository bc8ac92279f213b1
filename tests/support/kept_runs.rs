//! Runs as the model leaves them, one that went well, one stopped midway, one cut off, one that came home; and drills
//! that the lab has recorded.

use std::fs;
use std::path::Path;
use std::time::Duration;

use requorum::report::history::{self, JournalFile, Report};
use requorum::run::journal;
use requorum::sim::{Cut, Event, Flags, Site};

/// The journal of a site's last run.
pub fn text(site: &Site) -> String {
    let bytes = site.kept(&format!("{}/journal.jsonl", site.last_run())).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// A journal as a report.
pub fn report(text: &str) -> Report {
    let (records, damage) = journal::readable(text);
    let file = JournalFile { damage: damage.map(|damage| damage.to_string()), ..file_of(text) };
    history::of(&records, &file, &[]).unwrap()
}

fn file_of(text: &str) -> JournalFile {
    JournalFile {
        path: "/bastion/runs/20260101-000000-0001/journal.jsonl".into(),
        bytes: text.len() as u64,
        sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        damage: None,
    }
}

/// A drill's journal and those of its runs, recorded in the lab.
pub fn drill_journals(name: &str) -> Vec<(String, String)> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/drills").join(name);
    let mut files: Vec<_> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let run = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (run(path), fs::read_to_string(path).unwrap())).collect()
}

/// As far as `text`, its own journal, goes, with the runs that are there.
pub fn drill_report(text: &str, runs: &[(String, String)]) -> Report {
    let (records, damage) = journal::readable(text);
    let parts: Vec<Report> = runs.iter().map(|(_, text)| report(text)).collect();
    let file = JournalFile { damage: damage.map(|damage| damage.to_string()), ..file_of(text) };
    history::of(&records, &file, &parts).unwrap()
}

/// A drill of the lab as a report.
pub fn drill(name: &str) -> Report {
    let journals = drill_journals(name);
    drill_report(&journals[0].1, &journals[1..])
}

/// Two masters that lost the other three.
pub async fn lost() -> (Site, Flags) {
    let site = Site::with_election(&[3, 2], Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    assert!(site.write("m1", "before"));
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    (site, Flags { attested: vec!["zone1".into()], ..Flags::default() })
}

/// All of them by name.
pub async fn all() -> Vec<(&'static str, Report)> {
    let (site, ask) = lost().await;
    site.initiate_dr(&ask).await;
    let done = text(&site);
    site.happens(&Event::On("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    site.recover(&Flags::default()).await;
    let home = text(&site);
    let (site, ask) = lost().await;
    site.cut_at(stop_of(&site, &ask).await, Cut::NotDone);
    site.initiate_dr(&ask).await;
    let stopped = text(&site);
    let lines: Vec<&str> = done.lines().collect();
    let cut_off = lines[..lines.len() * 2 / 3].join("\n") + "\n";
    vec![
        ("done", report(&done)),
        ("home", report(&home)),
        ("stopped", report(&stopped)),
        ("cut-off", report(&cut_off)),
        ("drill", drill("isolate")),
        ("drill-stop", drill("stop")),
        ("drill-given-up", drill("given-up")),
    ]
}

/// The act at which a run on such a site writes its first env file, told by one that is run to its end.
async fn stop_of(site: &Site, flags: &Flags) -> usize {
    let (twin, _) = lost().await;
    twin.initiate_dr(flags).await;
    (site.acts() + 1..=twin.acts()).find(|act| twin.act_name(*act).starts_with("write")).unwrap()
}
