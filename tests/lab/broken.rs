//! Breaks a drill at a moment of its course, and does what requorum itself says comes next. Knows no test.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::support::{Lab, Said, name};

pub const NODES: [&str; 3] = ["m1", "m2", "m3"];
/// What requorum finds where it has been, and a drill's firewall rules and timers.
const TRACES: &str = "ls /var/lib/requorum/fence-* /var/lib/requorum/lock 2>/dev/null; nft list tables; \
                      systemctl list-timers --all --no-legend 'requorum*'";

/// The moment in which a drill is broken: when its journal, or a run's of it, has said this so often.
#[derive(Clone, Debug)]
pub struct At(String, usize);

/// When a phase begins for the `time`th time.
pub fn phase(name: &str, time: usize) -> At {
    At(format!("{{\"phase\":{{\"name\":\"{name}\",\"event\":\"began\"}}}}"), time)
}

/// When a run of the drill has said this so often.
pub fn said(words: &str, times: usize) -> At {
    At(words.to_owned(), times)
}

/// A 2+1 lab with ten keys.
pub fn lab() -> Lab {
    let lab = Lab::up("2+1", "3.5");
    lab.put("m1", "before", 10);
    lab.wait_for_keys("m3", "before", 10);
    lab
}

/// Begins a drill, and does `fault` to it at that moment.
pub fn broken(lab: &Lab, flags: &[&str], At(words, times): &At, fault: impl FnOnce(&mut Child)) -> Said {
    let before = lab.journals().len();
    let line = [&["drill", "--zone", "zone1", "--confirm", name()], flags].concat();
    let mut drill = lab.spawn(&line);
    let begun = Instant::now();
    while lab.journals()[before..].concat().matches(words.as_str()).count() < *times {
        let over = drill.try_wait().expect("asked").is_some();
        if over || begun.elapsed() > Duration::from_secs(150) {
            let said = Said::of(drill.wait_with_output().expect("an end"));
            panic!("the drill never came to {words}:\n{}", said.all());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    fault(&mut drill);
    Said::of(drill.wait_with_output().expect("an end"))
}

/// Every fence, lock, rule and timer on a master is named by the report of the drill, or there is none.
fn what_is_left_is_named(lab: &Lab) {
    let report = lab.requorum(&["report", "last-drill"]).exits(0).stdout;
    for node in NODES {
        let traces = lab.on(node, TRACES);
        let silent = traces.code == 255 || !traces.stderr.is_empty();
        let names = |words: &str| assert!(report.contains(words), "{node}: {words} is not in\n{report}");
        if silent {
            names(&format!("{node} does not answer"));
        }
        for (trace, words) in [("/lock", " unlock "), ("fence-", "fenced"), ("requorum_drill", "nft delete")] {
            if traces.stdout.contains(trace) {
                names(words);
            }
        }
    }
}

/// Does what requorum says comes next, word by word, until it has nothing left to say.
fn follow(lab: &Lab) -> Vec<String> {
    let (begun, mut done) = (Instant::now(), Vec::new());
    loop {
        let status = lab.requorum(&["status"]);
        if status.code == 0 {
            return done;
        }
        assert!(begun.elapsed() < Duration::from_secs(400), "after {done:#?}:\n{}", status.all());
        let next: Vec<String> = status.all().lines().filter_map(|line| command(line.strip_prefix("next: ")?)).collect();
        for command in next {
            let mut words = shlex::split(&command).expect("words");
            words.remove(0);
            if ["initiate-dr", "recover", "fence", "unfence"].iter().any(|verb| words.iter().any(|word| word == verb)) {
                words.extend(["--confirm".to_owned(), name().to_owned()]);
            }
            let said = lab.requorum(&words.iter().map(String::as_str).collect::<Vec<_>>());
            println!("  {command}: {}", said.code);
            done.push(format!("{command} → {}\n{}", said.code, said.all()));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The command in a line, without what is said beside it.
fn command(line: &str) -> Option<String> {
    let line = line.split("  #").next().unwrap_or(line);
    Some(line[line.rfind("requorum ")?..].trim().to_owned())
}

/// As after every break: what is left is named, the way on is told and leads home, and nothing that was written is lost.
fn comes_home(lab: &Lab) {
    what_is_left_is_named(lab);
    let done = follow(lab);
    for node in NODES {
        assert_eq!(lab.on(node, TRACES).exits(0).stdout, "", "{node} after {done:#?}");
        lab.wait_for_write(node, "afterwards");
    }
    assert_eq!(lab.count("m3", "before"), 10, "after {done:#?}");
}

/// One after the other, on one lab.
pub fn kills(moments: &[(&str, At)]) {
    let lab = lab();
    moments.iter().for_each(|(outage, at)| killed(&lab, outage, at));
}

/// The program is killed in mid-drill.
pub fn killed(lab: &Lab, outage: &str, at: &At) {
    println!("killed at {at:?} of a drill by {outage}");
    broken(lab, &["--outage", outage, "--max-outage", "60s"], at, |drill| drill.kill().expect("killed"));
    comes_home(lab);
}

/// A master is unplugged in mid-drill; the drill ends by itself, says so, and the machine comes back later.
pub fn unplugged(lab: &Lab, outage: &str, node: &str, at: &At) {
    println!("{node} unplugged at {at:?} of a drill by {outage}");
    let begun = Instant::now();
    let said = broken(lab, &["--outage", outage, "--max-outage", "90s"], at, |_| {
        lab.lab(&["power-off", node]).exits(0);
    });
    println!("  it ended with {} after {:?}", said.code, begun.elapsed());
    assert!([1, 4].contains(&said.code), "{}", said.all());
    what_is_left_is_named(lab);
    lab.lab(&["power-on", node]).exits(0);
    comes_home(lab);
}

/// A disk fills in mid-drill, and has room again later.
pub fn full(lab: &Lab, node: &str, at: &At) {
    println!("the disk of {node} is full at {at:?}");
    let said = broken(lab, &[], at, |_| lab.fill_disk(node, true));
    println!("  it ended with {}", said.code);
    assert_eq!(said.code, 4, "{}", said.all());
    what_is_left_is_named(lab);
    lab.fill_disk(node, false);
    comes_home(lab);
}

/// A template is spoiled while the drill goes on.
pub fn spoiled(lab: &Lab, at: &At) {
    println!("the template breaks at {at:?}");
    let templates = lab.state("templates");
    std::fs::create_dir_all(&templates).expect("made");
    let file = templates.join("etcd.env.j2");
    std::fs::write(&file, include_str!("../../templates/etcd.env.j2")).expect("written");
    let path = templates.display().to_string();
    let said = broken(lab, &["--templates", &path], at, |_| {
        std::fs::write(&file, "ETCD_NAME={{ nobody }}\n").expect("written");
    });
    said.exits(4).says("template");
    comes_home(lab);
}
