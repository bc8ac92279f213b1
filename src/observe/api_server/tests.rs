//! Answers of masters with an API server, without one, and with one that nobody understands.

use super::*;

const POD: &str =
    "kind: Pod\nspec:\n  containers:\n  - command:\n    - kube-apiserver\n    - --etcd-servers=https://10.0.1.1:2379\n";

fn told(kind: &str, path: &str, text: &str) -> String {
    format!("{kind}\t{path}\troot root 600\t{}\n{text}\n", text.len())
}

fn found(at: &ApiServerAt, parts: &[String]) -> Answer<Found> {
    parse(at, &Output { stdout: parts.concat(), ..Output::default() })
}

fn api(at: &ApiServerAt, parts: &[String]) -> ApiServer {
    match found(at, parts).unwrap() {
        Found::Pod(api) => *api,
        other => panic!("{other:?}"),
    }
}

const FOLDER: &str = "/etc/kubernetes/manifests";
const HELD: &str = "/var/lib/requorum/held";

fn manager() -> String {
    POD.replace("kube-apiserver", "kube-controller-manager")
}

#[test]
fn an_api_server_is_found_with_what_is_started_after_it() {
    let parts = [
        told("manifest", &format!("{FOLDER}/kube-apiserver.yaml"), POD),
        told("manifest", &format!("{FOLDER}/kube-controller-manager.yaml"), &manager()),
        told("state", "-", "runs=kube-apiserver\nruns=kube-controller-manager\nyoung=yes\n"),
    ];
    let api = api(&ApiServerAt::Anywhere, &parts);
    assert_eq!(api.component.word(), format!("kube-apiserver={FOLDER}/kube-apiserver.yaml"));
    assert_eq!(api.after[0].word(), format!("kube-controller-manager={FOLDER}/kube-controller-manager.yaml"));
    assert!(
        api.runs && !api.is_held_back() && api.flags.is_ok_and(|flags| flags.etcd.servers == ["https://10.0.1.1:2379"])
    );
    assert!(api.young);
    assert_eq!(found(&ApiServerAt::Anywhere, &parts[2..]), Ok(Found::Nothing));
}

#[test]
fn a_parked_one_is_told_with_its_home_and_who_did_it() {
    let parts = |rewritten: &str| {
        let state = format!(
            "parked=kube-apiserver run 7 of ann\nwas=kube-apiserver /m/kube-apiserver.yaml\nrewritten={HELD}/{rewritten}\n"
        );
        [
            told("held", &format!("{HELD}/kube-apiserver.yaml"), POD),
            told("held", &format!("{HELD}/kube-controller-manager.yaml"), &manager()),
            told("state", "-", &state),
        ]
    };
    assert!(!api(&ApiServerAt::Anywhere, &parts("etcd.yaml")).rewritten, "etcd's own manifest was");
    let api = api(&ApiServerAt::Anywhere, &parts("kube-apiserver.yaml"));
    assert!(api.parked && api.rewritten && !api.runs);
    assert_eq!(api.parked_by.as_deref(), Some("run 7 of ann"));
    assert_eq!(api.component.word(), "kube-apiserver=/m/kube-apiserver.yaml");
    assert_eq!(api.file.path, format!("{HELD}/kube-apiserver.yaml"));
    assert!(api.after_parked);
    // Nobody wrote down where it was.
    assert_eq!(api.after[0].word(), format!("kube-controller-manager={FOLDER}/kube-controller-manager.yaml"));
    assert_eq!(ready_command(&api, 1), None);
}

#[test]
fn what_the_inventory_names_must_be_there() {
    let path = AbsPath::new("/m/api.yaml").unwrap();
    let at = ApiServerAt::Manifest(path);
    let state = told("state", "-", "unit=kube-apiserver\n");
    let parts =
        [told("manifest", "/m/api.yaml", POD), told("manifest", &format!("{FOLDER}/x.yaml"), POD), state.clone()];
    assert_eq!(api(&at, &parts).component.word(), "kube-apiserver=/m/api.yaml");
    assert!(found(&at, &parts[1..]).is_err_and(|why| why.why.contains("/m/api.yaml")));
    let unit = ApiServerAt::Unit(UnitName::new("kube-apiserver").unwrap());
    assert!(matches!(found(&unit, &parts), Ok(Found::Unit(..))));
    assert!(found(&unit, &[told("state", "-", "")]).is_err_and(|why| why.why.contains("no unit kube-apiserver")));
    assert_eq!(command(&ApiServerAt::Nowhere), None);
    // Two that would both run.
    let two = api(&ApiServerAt::Anywhere, &parts);
    assert!(two.flags.unwrap_err().contains("/m/api.yaml and /etc/kubernetes/manifests/x.yaml"));
}

#[test]
fn a_units_files_are_read_and_a_line_that_is_not_understood_is_told() {
    let unit = UnitName::new("kube-apiserver").unwrap();
    let Ok(Found::Unit(_, parts)) = found(
        &ApiServerAt::Anywhere,
        &[told(
            "state",
            "-",
            "unit=kube-apiserver\nrewritten=/etc/systemd/system/kube-apiserver.service\nunit=kube-scheduler\n\
             runs=kube-apiserver\nparked=kube-apiserver me\n",
        )],
    ) else {
        panic!()
    };
    let text = "[Service]\nExecStart=/usr/local/bin/kube-apiserver --etcd-servers=https://10.0.1.1:2379\n";
    let read = |text: &str| {
        let stdout = told("unit", "/etc/systemd/system/kube-apiserver.service", text);
        parse_unit(unit.clone(), &parts, &Output { stdout, ..Output::default() }).unwrap()
    };
    let api = read(text);
    assert_eq!(api.after.iter().map(Component::word).collect::<Vec<_>>(), ["kube-scheduler=kube-scheduler"]);
    assert!(api.parked && api.flags.is_ok() && api.rewritten);
    let why = read(&text.replace("https", "$SERVERS,https")).flags.unwrap_err();
    assert!(why.contains("kube-apiserver.service:2"), "{why}");
    assert!(parse_unit(unit, &parts, &Output { status: 1, ..Output::default() }).is_err());
}

#[test]
fn half_an_answer_is_no_answer() {
    let whole = [told("manifest", "/m/api.yaml", POD), told("state", "-", "")].concat();
    for cut in [0, 10, whole.len() - 3] {
        assert!(found(&ApiServerAt::Anywhere, &[whole[..cut].to_owned()]).is_err(), "{cut}");
    }
}

#[test]
fn whoever_does_not_let_us_ask_is_not_said_to_be_down() {
    let of = |stdout: &str| parse_ready(&Output { stdout: stdout.into(), ..Output::default() });
    assert_eq!((of("code=200\n"), of("down=yes\n")), (Health::Ready, Health::Down));
    assert!(matches!(of("code=500\n"), Health::NotReady(_)) && of("slow=yes\n") == Health::Slow);
    let starting = of("code=500\nfailed=etcd\nfailed=poststarthook/rbac/bootstrap-roles\n");
    let why = "/readyz answers 500, not ready yet: etcd, poststarthook/rbac/bootstrap-roles";
    assert_eq!(starting, Health::NotReady(why.to_owned()));
    assert!(["401", "403"].iter().all(|code| of(&format!("code={code}\n")) == Health::Refuses((*code).to_owned())));
    assert!(["why=curl ended with 35\n", ""].map(of).iter().all(|health| matches!(health, Health::Unknown(_))));
    assert!(matches!(parse_ready(&Output { status: 1, ..Output::default() }), Health::Unknown(_)));
}

/// What the script says where curl answers with these codes one after the other, and how often it asked.
fn asked_of(answers: &str, refused_s: u64) -> (String, usize) {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let stub = dir.path().join("curl");
    let text = format!(
        "#!/bin/sh\necho x >>{0}/asked; n=$(wc -l <{0}/asked); set -- {answers}; [ $n -le $# ] || n=$#; shift $((n - 1))\n\
         [ $1 != 500 ] || printf '[+]ping ok\\n[-]etcd failed: reason withheld\\n[-]poststarthook/a-b failed: x\\nreadyz check failed\\n'\n\
         printf '\\n%s' $1\n",
        dir.path().display()
    );
    std::fs::write(&stub, text).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = ready(&ApiServerFlags::default(), 1, refused_s);
    let words: Vec<String> = command.argv.iter().map(ToString::to_string).collect();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let output = std::process::Command::new(&words[0]).args(&words[1..]).env("PATH", path).output().unwrap();
    let asked = std::fs::read_to_string(dir.path().join("asked")).unwrap().lines().count();
    (String::from_utf8(output.stdout).unwrap(), asked)
}

#[test]
fn a_refusal_of_one_that_was_just_started_is_no_answer() {
    assert_eq!(asked_of("403 403 200", 0), ("code=403\n".to_owned(), 1));
    assert_eq!(asked_of("403 403 200", 30), ("code=200\n".to_owned(), 3));
    assert_eq!(asked_of("403 401 200", 30), ("code=401\n".to_owned(), 2));
    assert_eq!(asked_of("403 500", 30), ("code=500\nfailed=etcd\nfailed=poststarthook/a-b\n".to_owned(), 2));
    let (said, asked) = asked_of("403", 1);
    assert!(said == "code=403\n" && asked > 1, "{said} {asked}");
}
