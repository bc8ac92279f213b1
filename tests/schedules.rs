//! The ready files of `docs/schedules`: the alert rules as promtool tries them, and the script and the jobs as a shell
//! runs them. requorum is a stand-in; `tests/lab/schedules.rs` drills for real.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/promtool.rs"]
mod promtool;
#[path = "support/stand_in.rs"]
mod stand_in;

fn schedules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedules")
}

#[test]
fn the_alerts_fire_when_they_should_and_not_before() {
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts.test.yaml"]] {
        let done = promtool::promtool().args(arguments).current_dir(schedules()).output().expect("promtool");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success(), "{said}");
    }
    // The control: a metric that is none.
    assert!(!promtool::check("requorum_x{a=\"\"b\"} 1\n").0);
}

/// Where a schedule runs: a checkout, a stand-in on the path, a place for what is kept.
struct Site {
    dir: TempDir,
}

impl Site {
    /// The next drill ends with `code`.
    fn new(code: u8) -> Self {
        let site = Self { dir: TempDir::new().unwrap() };
        stand_in::stand_in(&site.path("bin"));
        for place in ["state", "metrics", "checkout"] {
            fs::create_dir(site.path(place)).unwrap();
        }
        fs::write(site.path("state/code"), code.to_string()).unwrap();
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        assert!(Command::new("cp").arg("-a").args([docs, site.path("checkout")]).status().unwrap().success());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A program in the checkout, in an environment with nothing but a path and these variables.
    fn program(&self, name: impl AsRef<std::ffi::OsStr>, variables: &[(String, String)]) -> Command {
        let mut command = Command::new(name);
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        command.env_clear().env("PATH", path).env("REQUORUM_STATE", self.path("state"));
        command.envs(variables.iter().cloned()).current_dir(self.path("checkout"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The script as a schedule calls it.
    fn run_drill(&self, more: &[(&str, &str)]) -> Command {
        let reports = ("REPORTS".to_owned(), self.path("reports").display().to_string());
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut command =
            self.program("docs/schedules/run-drill", &more.chain(std::iter::once(reports)).collect::<Vec<_>>());
        command.args(["zone1", "site"]);
        command
    }

    /// The endings of what is kept in a directory; none where there is no such directory.
    fn kept(&self, place: &Path) -> Vec<String> {
        let entries = fs::read_dir(self.path("checkout").join(place)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
        names.sort();
        names.iter().map(|name| name.rsplit('.').next().unwrap().to_owned()).collect()
    }
}

const REPORT: [&str; 2] = ["html", "xml"];

/// An end, of which the test is sure that it comes.
fn end(mut child: Child) -> (i32, String) {
    let limit = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > limit {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stderr, output.stdout].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(said).unwrap())
}

fn wait_for(path: &Path) {
    let limit = Instant::now() + Duration::from_secs(20);
    while !path.exists() {
        assert!(Instant::now() < limit, "{} is not there", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_exit_code_is_the_drills_and_its_report_is_kept() {
    for (code, word, reported) in [
        (0, "good", true),
        (1, "before anything was lost", true),
        (3, "refused", false),
        (4, "given up", true),
        (5, "journal could not be written", true),
        (6, "objective", true),
        (7, "another run", false),
        (65, "inventory is wrong", false),
        (137, "unexpected", true),
    ] {
        let site = Site::new(code);
        let (ended, said) = end(site.run_drill(&[]).spawn().unwrap());
        assert_eq!(ended, i32::from(code), "{said}");
        assert!(said.contains(word), "{said}");
        let calls = site.read("state/calls");
        assert!(calls.contains("drill --zone zone1 --confirm site --outage stop --max-outage 5m\n"), "{calls}");
        assert_eq!(site.kept(&site.path("reports")), if reported { &REPORT[..] } else { &[] }, "{code}: {said}");
    }
    let site = Site::new(0);
    end(site.run_drill(&[("TEXTFILE", "/m/d.prom"), ("OUTAGE", "isolate"), ("MAX_OUTAGE", "2m")]).spawn().unwrap());
    let calls = site.read("state/calls");
    assert!(calls.contains("--outage isolate --max-outage 2m --textfile /m/d.prom\n"), "{calls}");
}

#[test]
fn an_earlier_drills_report_is_not_kept_as_this_ones() {
    let site = Site::new(1);
    fs::create_dir(site.path("reports")).unwrap();
    fs::write(site.path("state/journal"), "an earlier drill\n").unwrap();
    fs::write(site.path("state/no-journal"), "").unwrap();
    assert_eq!(end(site.run_drill(&[]).spawn().unwrap()).0, 1);
    assert_eq!(site.kept(&site.path("reports")), [""; 0]);
    // The control: the next one begins.
    fs::remove_file(site.path("state/no-journal")).unwrap();
    assert_eq!(end(site.run_drill(&[]).spawn().unwrap()).0, 1);
    assert_eq!(site.kept(&site.path("reports")), REPORT);
}

#[test]
fn nothing_is_lost_for_a_report_that_would_have_no_place() {
    let site = Site::new(0);
    fs::write(site.path("reports"), "a file").unwrap();
    let (code, said) = end(site.run_drill(&[]).spawn().unwrap());
    assert_eq!(code, 1, "{said}");
    assert!(!site.read("state/calls").contains("drill --zone"));
}

/// The program itself, on masters that nobody could ask: it says so before it looks at them.
#[test]
fn nothing_is_lost_for_metrics_that_would_have_no_place() {
    let site = Site::new(0);
    let zones = "zones:\n  z1: { masters: { m1: { address: 192.0.2.1 }, m2: { address: 192.0.2.2 } } }\n  \
                 z2: { masters: { m3: { address: 192.0.2.3 } } }\n";
    fs::write(site.path("site.yaml"), format!("cluster: site\nenvironment: lab\n{zones}")).unwrap();
    let mut command = site.program(assert_cmd::cargo::cargo_bin!("requorum"), &[]);
    command.args(["-i", "../site.yaml", "drill", "--zone", "z1", "--confirm", "site", "--textfile", "../none/d.prom"]);
    let (code, said) = end(command.spawn().unwrap());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("../none/d.prom") && said.contains("Nothing was changed.\n"), "{said}");
    assert!(!said.contains("looking at"), "{said}");
}

fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap().success());
}

/// Tells a program that runs a long drill to stop, and again: the drill is told once, is waited for, and its report kept.
fn told_to_stop(site: &Site, mut command: Command, signals: [&str; 2], reports: &Path) {
    fs::write(site.path("state/long"), "").unwrap();
    let child = command.spawn().unwrap();
    wait_for(&site.path("state/begun"));
    send(signals[0], child.id());
    wait_for(&site.path("state/told"));
    send(signals[1], child.id());
    fs::write(site.path("state/end"), "").unwrap();
    let (code, said) = end(child);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("given up"), "{said}");
    assert_eq!(site.read("state/told"), "told, and the mark of the job is: \n");
    assert_eq!(site.kept(reports), REPORT);
}

#[test]
fn whoever_stops_the_script_stops_the_drill_once_and_in_peace() {
    for signals in [["INT", "TERM"], ["TERM", "INT"], ["INT", "INT"]] {
        let site = Site::new(4);
        let command = site.run_drill(&[]);
        told_to_stop(&site, command, signals, &site.path("reports"));
    }
}

/// A schedule as a value.
fn schedule(name: &str) -> Value {
    serde_yaml::from_str(&fs::read_to_string(schedules().join(name)).unwrap()).unwrap()
}

/// A map of variables, each as the service would expand it.
fn variables(map: &Value, expand: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let entries = map.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), expand(value.as_str().unwrap()))).collect()
}

/// What of a site's own a test replaces: where its node exporter looks.
fn of_site(site: &Site, text: &str) -> String {
    text.replace("/var/lib/prometheus/node-exporter", &site.path("metrics").display().to_string())
}

/// Expands `${{ … }}` with the contexts that GitHub knows at that place, and fails at any other as GitHub does.
fn github(site: &Site, text: &str, in_a_step: bool) -> String {
    let mut pieces = text.split("${{");
    let mut whole = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (expression, rest) = piece.split_once("}}").unwrap();
        assert!(in_a_step, "{expression}: GitHub knows neither runner nor job nor env where a job's env stands");
        assert_eq!(expression.trim(), "runner.temp");
        whole += &site.path("temp").display().to_string();
        whole += rest;
    }
    of_site(site, &whole)
}

/// The job's own step, ready to run, and where the artifact is taken from.
fn github_job(site: &Site) -> (Command, PathBuf) {
    let job = &schedule("github-drill.yaml")["jobs"]["drill"];
    let steps = job["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["name"] == "drill").unwrap();
    let upload = steps.iter().find(|step| step["uses"].as_str().unwrap_or_default().contains("upload")).unwrap();
    assert_eq!(upload["if"], "always()");
    let mut all = variables(&job["env"], |text| github(site, text, false));
    all.extend(variables(&step["env"], |text| github(site, text, true)));
    all.push(("RUNNER_TRACKING_ID".into(), "github_1".into()));
    let script = site.path("script.sh");
    fs::write(&script, github(site, step["run"].as_str().unwrap(), true)).unwrap();
    let mut command = site.program("bash", &all);
    command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(script);
    (command, github(site, upload["with"]["path"].as_str().unwrap(), true).into())
}

/// The same for GitLab, whose runner expands `$CI_PROJECT_DIR`.
fn gitlab_job(site: &Site) -> (Command, PathBuf) {
    let job = &schedule("gitlab-drill.yaml")["drill"];
    let checkout = site.path("checkout").display().to_string();
    let all = variables(&job["variables"], |text| of_site(site, &text.replace("$CI_PROJECT_DIR", &checkout)));
    let lines: Vec<&str> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let mut command = site.program("sh", &all);
    command.args(["-e", "-c", &lines.join("\n")]);
    assert_eq!(job["artifacts"]["when"], "always");
    let place = job["artifacts"]["paths"][0].as_str().unwrap();
    assert_eq!(job["artifacts"]["reports"]["junit"], format!("{place}/*.xml"));
    (command, place.into())
}

#[test]
fn a_job_ends_with_the_drills_code_and_its_artifact_holds_the_report() {
    for job in [github_job, gitlab_job] {
        for (code, reported) in [(0, true), (1, true), (3, false), (4, true), (5, true), (6, true), (7, false)] {
            let site = Site::new(code);
            let (mut command, artifact) = job(&site);
            let (ended, said) = end(command.spawn().unwrap());
            assert_eq!(ended, i32::from(code), "{said}");
            assert_eq!(site.kept(&artifact), if reported { &REPORT[..] } else { &[] }, "{code}: {said}");
            let calls = site.read("state/calls");
            let metrics = site.path("metrics/requorum_drill.prom").display().to_string();
            let called =
                format!("drill --zone zone1 --confirm staging --outage stop --max-outage 5m --textfile {metrics}\n");
            assert!(calls.contains(&called), "{calls}");
        }
    }
}

/// GitHub tells the step's process with SIGINT and then SIGTERM, and ends whatever bears the job's mark.
#[test]
fn a_cancelled_job_lets_the_drill_bring_the_cluster_back() {
    let site = Site::new(4);
    let (command, artifact) = github_job(&site);
    told_to_stop(&site, command, ["INT", "TERM"], &artifact);
}

/// Each schedule calls the script with the same two words.
#[test]
fn every_schedule_calls_the_script() {
    for name in ["cronjob.yaml", "github-drill.yaml", "gitlab-drill.yaml", "requorum-drill.service"] {
        let text = fs::read_to_string(schedules().join(name)).unwrap();
        let calls = text.contains("run-drill zone1 staging") || text.contains("[run-drill, zone1, staging]");
        assert!(calls, "{name} calls something else");
    }
}
