//! The ready schedules run for real: a whole drill under the unit's own sandbox, one that is refused, one that is stopped
//! midway, and one in a container's confines. No scenario: the model has no units and no containers. Knows of a schedule's files only where a site puts each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::confines::Confines;
use crate::drill::nothing_is_left;
use crate::support::{Lab, signal};
use crate::{promtool, stand_in};

const MASTERS: [&str; 3] = ["m1", "m2", "m3"];
/// A bastion with a systemd of its own: a machine of the zone that survives.
const BASTION: &str = "m3";
const METRICS: &str = "/var/lib/prometheus/node-exporter";
const REPORTS: &str = "/var/lib/requorum-bastion/reports";

fn ready(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedules").join(name)
}

/// What a site replaces: the lab's inventory says `staging`, as the schedules do, and where its keys lie.
fn inventory(lab: &Lab, keys: &str) -> String {
    let text = std::fs::read_to_string(lab.inventory()).expect("inventory");
    let own = |line: &str| match line.trim_start().split(':').next() {
        Some("cluster") => "cluster: staging\n".to_owned(),
        Some("identity" | "known_hosts") if keys.is_empty() => String::new(),
        Some("identity") => format!("  identity: {keys}/id_ed25519\n"),
        Some("known_hosts") => format!("  known_hosts: {keys}/known_hosts\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(own).collect()
}

/// Puts a file onto the bastion, owned by `owner`.
fn install(lab: &Lab, from: &Path, to: &str, mode: &str, owner: &str) {
    let shown = |path: PathBuf| path.display().to_string();
    let (key, known) = (shown(lab.state("ssh/id_ed25519")), shown(lab.state("ssh/known_hosts")));
    let address = lab.on(BASTION, "hostname -I").exits(0).stdout;
    // Until it has booted only root is let in.
    lab.on(BASTION, "for i in $(seq 300); do [ -e /run/nologin ] || exit 0; sleep 0.1; done; exit 1").exits(0);
    let target = format!("ops@{}:/tmp/sent", address.trim());
    let (known, from) = (format!("UserKnownHostsFile={known}"), from.display().to_string());
    let scp = ["bastion", "scp", "-q", "-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-i", &key, "-o", &known];
    lab.lab(&[&scp[..], &[&from, &target]].concat()).exits(0);
    lab.on(BASTION, &format!("install -o {owner} -g {owner} -m {mode} /tmp/sent {to} && rm -f /tmp/sent")).exits(0);
}

/// The bastion as the unit's own words ask for it, with the node exporter's directory as Debian's package makes it.
fn install_all(lab: &Lab) {
    let debians = format!("useradd --system prometheus && install -d {METRICS} && chown prometheus: {METRICS}/..");
    lab.on(BASTION, &debians).exits(0);
    lab.on(BASTION, "useradd --system --create-home requorum").exits(0);
    lab.on(BASTION, "install -d -o requorum -g requorum -m 700 /home/requorum/.ssh").exits(0);
    let written = lab.state("staging.yaml");
    std::fs::write(&written, inventory(lab, "")).expect("written");
    let requorum = Path::new(env!("CARGO_BIN_EXE_requorum"));
    for (from, to, mode, owner) in [
        (requorum, "/usr/local/bin/requorum", "755", "root"),
        (&ready("run-drill"), "/usr/local/bin/run-drill", "755", "root"),
        (&ready("requorum-drill.service"), "/etc/systemd/system/requorum-drill.service", "644", "root"),
        (&ready("requorum-drill.timer"), "/etc/systemd/system/requorum-drill.timer", "644", "root"),
        (&written, "/etc/requorum/staging.yaml", "644", "root"),
        (&lab.state("ssh/id_ed25519"), "/home/requorum/.ssh/id_ed25519", "600", "requorum"),
        (&lab.state("ssh/known_hosts"), "/home/requorum/.ssh/known_hosts", "600", "requorum"),
    ] {
        install(lab, from, to, mode, owner);
    }
    let unit = std::fs::read_to_string(ready("requorum-drill.service")).expect("the unit");
    let once: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    lab.on(BASTION, once[0]).exits(0);
    lab.on(BASTION, "systemctl daemon-reload").exits(0);
}

fn verified_and_timed(lab: &Lab) {
    let verify = "systemd-analyze verify /etc/systemd/system/requorum-drill.service \
                  /etc/systemd/system/requorum-drill.timer 2>&1";
    assert_eq!(lab.on(BASTION, verify).exits(0).stdout, "");
    lab.on(BASTION, "systemctl start requorum-drill.timer").exits(0);
    let timers = lab.on(BASTION, "systemctl list-timers --no-legend requorum-drill.timer").exits(0).stdout;
    assert!(timers.starts_with("Tue ") && timers.contains("10:00:00 "), "{timers}");
    assert!(timers.trim_end().ends_with("requorum-drill.timer requorum-drill.service"), "{timers}");
    lab.on(BASTION, "systemctl stop requorum-drill.timer").exits(0);
}

/// How the unit's last start ended, as systemd says it.
fn ended(lab: &Lab) -> String {
    let show = "systemctl show -p Result -p ExecMainStatus requorum-drill.service | sort | xargs";
    lab.on(BASTION, show).exits(0).stdout.trim_end().to_owned()
}

/// What the unit said, where a test fails.
fn said(lab: &Lab) -> String {
    lab.on(BASTION, "journalctl --no-pager -o cat -u requorum-drill.service | tail -n 40").stdout
}

/// The reports that are kept: who may read each, and its ending.
fn reports(lab: &Lab) -> Vec<String> {
    let said = lab.on(BASTION, &format!("stat -c '%a %U %n' {REPORTS}/*")).stdout;
    said.lines().map(|line| line.split_once("/drill-zone1-").map_or(line, |parts| parts.0).to_owned()).collect()
}

fn kept(drills: usize) -> Vec<String> {
    vec![format!("600 requorum {REPORTS}"); 2 * drills]
}

fn last_report(lab: &Lab, ending: &str) -> String {
    lab.on(BASTION, &format!("cat $(ls {REPORTS}/*.{ending} | tail -n 1)")).exits(0).stdout
}

/// What a node exporter would read, as a user who is nobody to requorum.
fn metrics(lab: &Lab) -> String {
    let text = lab.on(BASTION, &format!("setpriv --reuid nobody --clear-groups cat {METRICS}/*.prom")).exits(0).stdout;
    assert_eq!(promtool::check(&text), (true, String::new()), "{text}");
    text
}

const SUCCESS: &str = "requorum_drill_success{cluster=\"staging\",zone=\"zone1\"}";

fn a_whole_drill(lab: &Lab) {
    let begun = Instant::now();
    let code = lab.on(BASTION, "systemctl start requorum-drill.service").code;
    assert_eq!((code, ended(lab).as_str()), (0, "ExecMainStatus=0 Result=success"), "{}", said(lab));
    println!("a drill as a unit took {:?}", begun.elapsed());
    assert_eq!(reports(lab), kept(1));
    let (page, junit) = (last_report(lab, "html"), last_report(lab, "xml"));
    assert!(page.contains("</html>") && page.contains("zone1") && junit.contains("<testsuite"), "{junit}");
    lab.on(BASTION, &format!("! setpriv --reuid nobody --clear-groups ls {REPORTS} 2>/dev/null")).exits(0);
    assert!(metrics(lab).contains(&format!("{SUCCESS} 1\n")), "{}", metrics(lab));
    nothing_is_left(lab, &MASTERS);
}

fn a_refused_drill(lab: &Lab) {
    let before = metrics(lab);
    lab.on("m2", "mv /etc/requorum/environment /etc/requorum/environment.aside").exits(0);
    let code = lab.on(BASTION, "systemctl start requorum-drill.service").code;
    lab.on("m2", "mv /etc/requorum/environment.aside /etc/requorum/environment").exits(0);
    assert_eq!((code, ended(lab).as_str()), (1, "ExecMainStatus=3 Result=exit-code"), "{}", said(lab));
    assert!(said(lab).contains("drill of zone1 of staging: refused by a rule; nothing was changed"), "{}", said(lab));
    assert_eq!((reports(lab), metrics(lab)), (kept(1), before));
}

/// The unit is stopped when the zone's etcd is down and fenced; metrics that cannot be written hide nothing.
fn a_stopped_drill(lab: &Lab) {
    lab.on(BASTION, "systemctl start --no-block requorum-drill.service").exits(0);
    let began = r#"grep -l '"name":"outage","event":"began"' /var/lib/requorum-bastion/runs/*/journal.jsonl | wc -l"#;
    lab.wait_for("a second outage, by the drills' journals", 60, || {
        lab.on(BASTION, began).stdout.trim() == "2" && lab.on("m2", "test -e /var/lib/requorum/fence-etcd").code == 0
    });
    lab.on(BASTION, &format!("chmod 755 {METRICS}")).exits(0);
    let told = Instant::now();
    lab.on(BASTION, "systemctl stop requorum-drill.service").exits(0);
    println!("a stopped unit was gone after {:?}", told.elapsed());
    // Asked at once: the unit is gone, and the old cluster has its masters.
    nothing_is_left(lab, &MASTERS);
    lab.on(BASTION, &format!("chmod 1775 {METRICS}")).exits(0);
    assert_eq!(ended(lab), "ExecMainStatus=4 Result=exit-code", "{}", said(lab));
    for words in ["given up: ", "interrupted", "undone: the old cluster serves", "Permission denied"] {
        assert!(said(lab).contains(words), "{words} is not in {}", said(lab));
    }
    assert_eq!(reports(lab), kept(2));
    assert!(last_report(lab, "html").contains("undone: the old cluster serves"));
}

/// Metrics that nobody could write are no reason to lose a zone.
fn no_drill_without_its_metrics(lab: &Lab) {
    lab.on(BASTION, &format!("chmod 755 {METRICS}")).exits(0);
    let code = lab.on(BASTION, "systemctl start requorum-drill.service").code;
    lab.on(BASTION, &format!("chmod 1775 {METRICS}")).exits(0);
    assert_eq!((code, ended(lab).as_str()), (1, "ExecMainStatus=1 Result=exit-code"), "{}", said(lab));
    assert!(said(lab).contains("it failed before anything was lost"), "{}", said(lab));
    assert_eq!(reports(lab), kept(2), "an earlier drill's report under a new name");
}

/// The container's command with its variables, as its uid, on a root that is read-only, with its two mounts.
fn a_contained_drill(lab: &Lab) {
    let confines = Confines::new(&lab.state("container"), Path::new(env!("CARGO_BIN_EXE_requorum")));
    for name in ["id_ed25519", "known_hosts"] {
        let text = std::fs::read_to_string(lab.state("ssh").join(name)).expect("a file of the lab");
        confines.secret(name, &text);
    }
    confines.secret("inventory.yaml", &inventory(lab, "/etc/requorum"));
    let line = confines.line(&[]);
    let line: Vec<&str> = std::iter::once("bastion").chain(line.iter().map(String::as_str)).collect();
    lab.lab(&line).exits(0).says("the drill is done").says("drill of zone1 of staging: good");
    let mut kept: Vec<String> = confines.kept("reports").iter().map(|name| name[name.len() - 4..].to_owned()).collect();
    kept.sort();
    assert_eq!(kept, [".xml", "html"]);
    let metrics = std::fs::read_to_string(confines.state("requorum_drill.prom")).expect("metrics");
    assert!(metrics.contains(&format!("{SUCCESS} 1\n")), "{metrics}");
    nothing_is_left(lab, &MASTERS);
}

#[test]
fn schedules_drill_for_real() {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys(BASTION, "before", 10);
    install_all(&lab);
    verified_and_timed(&lab);
    a_whole_drill(&lab);
    a_refused_drill(&lab);
    a_stopped_drill(&lab);
    no_drill_without_its_metrics(&lab);
    a_contained_drill(&lab);
    assert_eq!(lab.count(BASTION, "before"), 10);
}

/// In confines of its own, without a lab: what can be written to, and who hears of a deleted pod.
#[test]
fn schedules_in_a_container_write_to_the_volume_alone_and_hear_that_it_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    stand_in::stand_in(dir.path());
    let confines = Confines::new(&dir.path().join("container"), &dir.path().join("requorum"));
    confines.secret("inventory.yaml", "");
    let start = |command: &[&str]| {
        let line = confines.line(command);
        Command::new(&line[0]).args(&line[1..]).stdin(Stdio::null()).spawn().expect("it starts")
    };
    let may = "for place in / /tmp /dev /usr/local/bin /etc/requorum; do
                   ! touch $place/x 2>/dev/null || exit 9
               done
               cat /etc/requorum/inventory.yaml && touch /var/lib/requorum/x";
    assert!(start(&["sh", "-c", may]).wait().expect("an end").success());
    std::fs::write(confines.state("code"), "4").expect("written");
    std::fs::write(confines.state("long"), "").expect("written");
    let mut container = start(&[]);
    let wait_for = |name: &str| {
        let limit = Instant::now() + Duration::from_secs(20);
        while !confines.state(name).exists() {
            assert!(Instant::now() < limit, "no {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    wait_for("begun");
    // A kubelet tells the container's first process alone.
    let unshare = container.id();
    let first = std::fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).expect("children");
    signal("TERM", first.trim().parse().expect("its process"));
    wait_for("told");
    std::fs::write(confines.state("end"), "").expect("written");
    assert_eq!(container.wait().expect("an end").code(), Some(4));
    assert_eq!(confines.kept("reports").len(), 2);
}
