//! `init --from` on the model's sites: what it writes of one master's words, and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use requorum::cli::{self, args::Cli};
use requorum::config::Form;
use requorum::model::diagnostic::Source;
use requorum::model::inventory;
use requorum::run::ports::Prompt;
use requorum::sim::{Event, Site};
use requorum::verbs::files::{Files, Side, Text, Variables};

/// The disk: what was written.
#[derive(Default)]
struct Disk(Mutex<BTreeMap<PathBuf, String>>);

fn unused<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Files for Disk {
    fn reviewed(&self, _path: &Path) -> io::Result<String> {
        unused()
    }
    fn sides(&self, _first: &str, _second: Option<&str>) -> Result<(Side, Side), String> {
        Err("unused".into())
    }
    fn text(&self, _text: &Text) -> io::Result<String> {
        unused()
    }
    fn ansible_inventory(&self, _path: &Path) -> io::Result<PathBuf> {
        unused()
    }
    fn ansible_vars(&self, _inventory: &Path, _kind: Variables, _name: &str) -> io::Result<Vec<PathBuf>> {
        unused()
    }
    fn write_new(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        if files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        files.insert(path.to_owned(), text.to_owned());
        Ok(())
    }
}

/// A person who types these lines, the last one first.
struct Typing(Mutex<Vec<&'static str>>);

impl Prompt for Typing {
    fn attended(&self) -> bool {
        true
    }
    fn line(&self, _question: &str) -> io::Result<String> {
        self.0.lock().unwrap().pop().map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
    fn secret(&self, _question: &str) -> io::Result<zeroize::Zeroizing<String>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

struct Told {
    code: u8,
    said: String,
    file: Option<String>,
}

async fn init_with(site: &Site, flags: &str, prompt: Option<Arc<dyn Prompt>>) -> Told {
    let disk = Disk::default();
    let cli = Cli::try_parse_from(format!("requorum -i new.yaml init {flags}").split(' ')).unwrap();
    let mut given = site.given_to_verbs();
    given.prompt = prompt.unwrap_or(given.prompt);
    let before = site.said();
    let code = cli::run(cli, &given, &disk).await;
    let file = disk.0.lock().unwrap().remove(Path::new("new.yaml"));
    Told { code, said: site.said_since(before), file }
}

async fn init(site: &Site, flags: &str) -> Told {
    init_with(site, flags, None).await
}

async fn healthy(zones: &[usize]) -> Site {
    let site = Site::with_election(zones, Duration::from_secs(1));
    site.wait(Duration::from_secs(4)).await;
    site
}

fn odd(site: &Site, line: &str) {
    site.happens(&Event::Odd("m1".into(), line.into()));
}

#[tokio::test(start_paused = true)]
async fn one_master_is_enough() {
    let site = healthy(&[2, 1]).await;
    let flags = "--from m1 --cluster prod --environment production --user ops --zone a=etcd1,m2.example --zone b=etcd3";
    let told = init(&site, &flags.replace("m2.example", "etcd2")).await;
    insta::assert_snapshot!(told.file.clone().unwrap(), @r##"
    # From the etcd of m1. "?" marks what it does not say; `requorum inventory check` finds it.

    cluster: prod
    environment: production

    ssh:
      user: ops
    etcd:
      data_dir: /var/lib/etcd

    zones:
      a:
        masters:
          etcd1: { address: m1 }   # host m1
          etcd2: { address: 10.77.1.12 }
      b:
        masters:
          etcd3: { address: 10.77.2.11 }
    "##);
    insta::assert_snapshot!(told.said, @r##"
    wrote new.yaml: 3 masters in 2 zones; etcd 3.6.16 under systemd (unit etcd), its settings in an env file (/etc/etcd.env)
    remark: its peers reach m1 at https://10.77.1.11:2380; the others' addresses are those of their peer URLs: check that SSH reaches them there
    remark: only m1 was asked: the others are taken to be reached and set up as it is, and `requorum status` tells where they are not
    next: requorum -i new.yaml status      # looks at every master, changes nothing
    "##);
    assert_eq!(told.code, 0);
    let cluster = inventory::read(&Source::new("new.yaml", told.file.unwrap())).unwrap();
    assert_eq!(cluster.masters().count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_static_pod_is_found_and_named() {
    let site = healthy(&[2, 1]).await.written_as(Form::Manifest);
    let told = init(&site, "--from m1 --cluster prod --environment lab --zone a=etcd1,etcd2 --zone b=etcd3").await;
    assert_eq!(told.code, 0, "{}", told.said);
    assert!(told.file.unwrap().contains("config: { static_pod: /etc/kubernetes/manifests/etcd.yaml }"));
    assert!(told.said.contains("etcd 3.6.16 as a static pod (/etc/kubernetes/manifests/etcd.yaml)"), "{}", told.said);
}

#[tokio::test(start_paused = true)]
async fn each_form_under_systemd_is_found() {
    for (form, words) in [
        (Form::UnitFlags, "its settings in flags (/etc/systemd/system/etcd.service)"),
        (Form::UnitEnvFile, "its settings in flags and an env file (/etc/etcd.env)"),
        (Form::ConfigFile, "its settings in a config file (/etc/etcd/etcd.config.yml)"),
    ] {
        let site = healthy(&[2, 1]).await.written_as(form);
        let told = init(&site, "--from m1").await;
        assert_eq!(told.code, 2, "{}", told.said);
        assert!(told.said.contains(words), "{}", told.said);
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_says_is_left_open() {
    let site = healthy(&[2, 1]).await;
    let told = init(&site, "--from m1").await;
    insta::assert_snapshot!(told.said, @r##"
    wrote new.yaml: 3 masters in 0 zones; etcd 3.6.16 under systemd (unit etcd), its settings in an env file (/etc/etcd.env)
    remark: its peers reach m1 at https://10.77.1.11:2380; the others' addresses are those of their peer URLs: check that SSH reaches them there
    remark: Kubernetes does not say the zones: asking Kubernetes for the zones of its nodes: exit 3: there is no kubectl
    remark: not every zone is known: write it into the file, or begin again with `--zone NAME=HOST,HOST`
    remark: only m1 was asked: the others are taken to be reached and set up as it is, and `requorum status` tells where they are not
    3 values left to fill in, each a "?"
    next: edit new.yaml, then: requorum -i new.yaml inventory check
    "##);
    assert_eq!(told.code, 2);
    let wrong = inventory::read(&Source::new("new.yaml", told.file.unwrap())).unwrap_err();
    let lines: Vec<(usize, &str)> = wrong.iter().map(|mistake| (mistake.place.line, mistake.code)).collect();
    assert_eq!(lines, [(3, "left-open"), (4, "left-open"), (11, "one-zone"), (12, "left-open")]);
}

#[tokio::test(start_paused = true)]
async fn the_labels_of_kubernetes_say_the_zones() {
    let site = healthy(&[2, 1]).await;
    // By an address, by the member's name, and one whose label is none that could be a name.
    let own = site.cluster().masters().next().unwrap().address.to_string();
    odd(&site, &format!("kube=node-1 east {own}"));
    odd(&site, "kube=etcd2 east 192.0.2.9");
    odd(&site, "kube=etcd3 $(reboot) 192.0.2.10");
    let told = init(&site, "--from m1 --cluster prod --environment lab").await;
    let file = told.file.unwrap();
    assert!(
        file.contains("  east:\n    masters:\n      etcd1:") && file.contains("# host node-1\n      etcd2:"),
        "{file}"
    );
    assert!(file.contains("  \"?\":") && !file.contains("reboot"), "{file}");
    assert!(told.said.contains("its label topology.kubernetes.io/zone, `$(reboot)`, may hold only"), "{}", told.said);
    assert_eq!(told.code, 2);
    // What is said weighs more.
    let told = init(&site, "--from m1 --zone west=node-1,etcd2 --zone b=etcd3 --cluster prod --environment lab").await;
    assert!(told.code == 0 && !told.file.unwrap().contains("east"), "{}", told.said);
}

#[tokio::test(start_paused = true)]
async fn a_person_is_asked_and_may_leave_it_open() {
    let site = healthy(&[2, 1]).await;
    let typed = Typing(Mutex::new(vec!["b", "", "no zone!", "a", "lab", "prod"]));
    let told = init_with(&site, "--from m1 --zone a=etcd1", Some(Arc::new(typed))).await;
    let file = told.file.unwrap();
    assert!(
        file.contains("cluster: prod\nenvironment: lab\n") && file.contains("  a:\n    masters:\n      etcd1:"),
        "{file}"
    );
    assert!(file.contains("etcd2:") && told.code == 2, "{file}");
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_the_members_own_word_is_taken_and_told_as_such() {
    let site = healthy(&[2, 1]).await;
    site.happens(&Event::Off("zone1".into()));
    site.wait(Duration::from_secs(4)).await;
    let told = init(&site, "--from m3").await;
    assert!(told.said.contains("no quorum answered: the members are those that m3 knew last"), "{}", told.said);
    assert!(told.file.unwrap().contains("etcd1:"));
    let dark = init(&site, "--from m1").await;
    assert!(dark.code == 1 && dark.file.is_none() && dark.said.contains("m1 could not be asked"), "{}", dark.said);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_asked_or_is_wrong_writes_nothing() {
    let site = healthy(&[2, 1]).await;
    for (flags, code, words) in [
        ("--from -x", 64, ""),
        ("--from m1;reboot", 64, "--from `m1;reboot`: it is neither an IP address nor a host name"),
        ("--from m1 --zone a", 64, "write NAME=HOST,HOST"),
        ("--from m1 --zone a=etcd9", 64, "no member is called so"),
        ("--from m1 --zone a=etcd1 --zone b=etcd1", 64, "is in two zones, a and b"),
        ("--from m1 --user $(x)", 64, "could not be a user name"),
        ("--from m1 --identity id", 64, "is not a path on the bastion"),
        ("--from m1 --cluster a/b", 64, "--cluster `a/b`"),
    ] {
        let Ok(_) = Cli::try_parse_from(format!("requorum init {flags}").split(' ')) else { continue };
        let told = init(&site, flags).await;
        assert_eq!((told.code, told.file), (code, None), "{flags}: {}", told.said);
        assert!(told.said.contains(words), "{flags}: {}", told.said);
    }
    odd(&site, "embedded_in=rke2-server");
    let told = init(&site, "--from m1").await;
    assert!(told.code == 1 && told.file.is_none() && told.said.contains("RKE2"), "{}", told.said);
    // A file that is there is not touched, and nobody is asked.
    let cli = Cli::try_parse_from(["requorum", "init", "--from", "m1"]).unwrap();
    let (disk, before) = (Disk::default(), site.said());
    assert_eq!(cli::run(cli, &site.given_to_verbs(), &disk).await, 1);
    assert!(site.said_since(before).contains("inventory.yaml is there already\nno master was asked"));
}
