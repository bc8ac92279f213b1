//! Settings in an env file, in the flags of the unit, in a config file and in the manifest of a static pod, as others write
//! them, and etcd in a container that a unit starts: a zone is lost, and comes home after a split brain. No scenario: the model writes its files itself, and its units are one line a flag.

use crate::support::{Lab, name};

/// Keys that every master must have at the end, each with its own name as value.
const KEPT: [&str; 3] = ["before-1", "before-5", "during-1"];

fn a_zone_is_lost_and_comes_home(shape: &str, etcd: &str) {
    let lab = Lab::up_as("2+1", etcd, shape);
    lost_and_home(&lab, shape, etcd);
}

fn lost_and_home(lab: &Lab, shape: &str, etcd: &str) {
    lab.put("m1", "before", 5);
    lab.requorum(&["doctor"]).exits(0).says("verdict: good");
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--attest", "zone1=story: the plug was pulled", "--confirm", name()]).exits(0);
    lab.put("m3", "during", 1);
    // Its old members elect a leader and take a write: it must not come back.
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.wait_for_write("m1", "stale");
    lab.requorum(&["recover", "--confirm", name()]).exits(0);
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    // A pod's member is called as its machine is, and its manifest has the list of the day on which it joined.
    let pod = shape == "pod";
    let members = if pod { ["m1", "m2", "m3"] } else { ["etcd1", "etcd2", "etcd3"] };
    for node in ["m1", "m2", "m3"] {
        let keys = lab.etcdctl(node, &["get", "", "--prefix", "--keys-only", "--consistency=s"]).exits(0).stdout;
        let has = |key: &str| keys.lines().any(|line| line == key);
        assert!(KEPT.iter().all(|key| has(key)) && !keys.contains("stale"), "{shape} {etcd}, {node}:\n{keys}");
        // Whatever file it is, it names every member, and no empty directory could become a cluster of its own.
        let files = "/etc/etcd.env /etc/etcd/etcd.config.yml /etc/systemd/system/etcd.service /etc/kubernetes/manifests/etcd.yaml";
        let said = lab.on(node, &format!("grep -hi 'initial.cluster' {files} 2>/dev/null; true")).exits(0).stdout;
        let listed = |member: &&str| said.contains(&format!("{member}=https://"));
        let all = if pod { listed(&node) } else { members.iter().all(listed) };
        assert!(all, "{node}:\n{said}");
        assert!(said.contains("existing") && said.contains("requorum-"), "{node}:\n{said}");
    }
}

#[test]
fn each_master_has_its_settings_elsewhere() {
    a_zone_is_lost_and_comes_home("env,flags,config", "3.6");
}

#[test]
fn a_survivor_with_flags_and_a_joiner_with_a_config_file() {
    a_zone_is_lost_and_comes_home("flags,config", "3.5");
}

#[test]
fn a_kubelet_starts_etcd_as_a_static_pod() {
    a_zone_is_lost_and_comes_home("pod", "3.6");
}

#[test]
fn the_log_lies_on_a_file_system_of_its_own() {
    logs_lie_elsewhere("3.6");
}

/// A log on a file system of its own: named by `wal-dir` on a survivor and on a joiner, behind a link on another joiner. What
/// mounts it stands in fstab, so that it is there again when the zone's machines boot.
fn logs_lie_elsewhere(etcd: &str) {
    let lab = Lab::up_as("2+1", etcd, "env");
    for (node, log) in [
        ("m1", "echo ETCD_WAL_DIR=/wal/etcd >>/etc/etcd.env"),
        ("m2", "ln -s /wal/etcd /var/lib/etcd/member/wal"),
        ("m3", "echo ETCD_WAL_DIR=/wal/etcd >>/etc/etcd.env"),
    ] {
        let moved = format!(
            "set -e; systemctl stop etcd; mkdir -p /srv/wal /wal; echo '/srv/wal /wal none bind 0 0' >>/etc/fstab; \
             mount /wal; mv /var/lib/etcd/member/wal /wal/etcd; {log}; systemctl start etcd"
        );
        lab.on(node, &moved).exits(0);
    }
    lost_and_home(&lab, "env", etcd);
    let open = |node: &str, dir: &str| {
        let asked = format!("ls -l /proc/$(pgrep -xo etcd)/fd | grep -c ' {dir}/[0-9a-f-]*[.]wal$'");
        lab.on(node, &asked).exits(0).says("1");
        lab.on(node, "ls -d /wal/etcd*").exits(0).stdout
    };
    for node in ["m1", "m3"] {
        let dirs = open(node, "/wal/etcd");
        assert!(dirs.lines().any(|dir| dir.starts_with("/wal/etcd.retired-")), "{node}:\n{dirs}");
    }
    // etcd has put a directory in the link's place, and the old log stays where the old data's link points.
    assert_eq!(open("m2", "/var/lib/etcd/member/wal").trim(), "/wal/etcd");
}

#[test]
fn docker_starts_etcd_by_a_script_of_its_unit() {
    a_zone_is_lost_and_comes_home("docker", "3.5");
}

/// docker starts a container again at boot that a loss of power has ended, whatever condition its unit has.
#[test]
fn a_container_stays_down_where_docker_would_start_it_at_boot() {
    let lab = Lab::up_as("2+1", "3.6", "docker");
    lab.put("m1", "before", 5);
    lab.wait_for_keys("m3", "before", 5);
    let dr = ["initiate-dr", "--attest", "zone1=story: the plug was pulled", "--confirm", name()];
    let process = |node: &str| lab.on(node, "pgrep -xa etcd | grep -v bash; true").exits(0).stdout;
    lab.lab(&["power-off", "zone1"]).exits(0);
    // Which container it is must stand in the script.
    let (before, script) = (process("m3"), "/usr/local/bin/etcd");
    lab.on("m3", &format!("sed -i.was 's/--name=etcd3/--name=$NAME/' {script}")).exits(0);
    lab.requorum(&dr).exits(3).says("[config-style]").says(&format!("{script}:9: what "));
    assert!(!before.is_empty() && process("m3") == before, "{before} is now {}", process("m3"));
    lab.on("m3", &format!("mv {script}.was {script}")).exits(0);
    // Its data is moved aside, and the machine loses its power.
    lab.killed_after(&dr, "retire", "m3");
    let run = lab.last_plan().run.to_string();
    lab.lab(&["power-off", "m3"]).exits(0);
    lab.lab(&["power-on", "m3"]).exits(0);
    lab.on("m3", "systemctl start docker && docker ps -a --format '{{.Names}} {{.State}}'")
        .exits(0)
        .says("etcd3 exited");
    assert_eq!(process("m3"), "");
    lab.requorum(&["unlock", &run]).exits(0);
    lab.requorum(&["undo", &run, "--confirm", name()]).exits(0);
    lab.requorum(&dr).exits(0).says("restarted-survivor");
    assert_eq!(lab.count("m3", "before"), 5);
    // The old members come back, are fenced, and lose their power once more.
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.wait_for_write("m1", "stale");
    lab.requorum(&["fence", "zone1", "--confirm", name()]).exits(0);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.lab(&["power-on", "zone1"]).exits(0);
    for node in ["m1", "m2"] {
        lab.on(node, "systemctl restart docker && docker ps -a --format '{{.State}}'").exits(0).says("exited");
        assert_eq!(process(node), "", "{node}");
    }
    lab.requorum(&["recover", "--confirm", name()]).exits(0);
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    assert_eq!(lab.count("m1", "before"), 5);
}

/// Puts the values of flags into variables of an env file: `$flags` says which. With `$in_shell` a shell starts etcd.
const INTO_VARIABLES: &str = r#"set -e
unit=/etc/systemd/system/etcd.service
for flag in name $flags; do
    variable=CLUSTER_$(echo "$flag" | tr a-z- A-Z_)
    value=$(sed -n "s/^ *--$flag[= ]\([^ ]*\).*/\1/p" $unit)
    [ -n "$value" ]
    echo "$variable=\"$value\"" >>/etc/etcd.env
    sed -i "s/\(--$flag[= ]\)[^ ]*/\1\${$variable}/" $unit
done
if [ "$in_shell" ]; then
    command=$(sed -n '/^ExecStart/,/[^\]$/p' $unit | tr -d '\\\n' | sed 's/^ExecStart=//')
    sed -i -e '/^  --/d' -e "s|^ExecStart=.*|ExecStart=/bin/sh -c \"exec $command\"|" $unit
fi
sed -i 's|^ExecStart=|EnvironmentFile=/etc/etcd.env\n&|' $unit
cp $unit /root/unit
systemctl daemon-reload
systemctl restart etcd
"#;

/// The identity in three variables, in three variables of a shell's command, and the list alone in one.
fn flags_take_variables(etcd: &str) {
    const UNIT: &str = "/etc/systemd/system/etcd.service";
    let lab = Lab::up_as("2+1", etcd, "flags");
    let all = "initial-cluster initial-cluster-state initial-cluster-token";
    for (node, flags, in_shell) in [("m1", all, ""), ("m2", all, "yes"), ("m3", "initial-cluster", "")] {
        lab.on(node, &format!("flags='{flags}' in_shell={in_shell}\n{INTO_VARIABLES}")).exits(0);
    }
    lost_and_home(&lab, "variables", etcd);
    // One file has changed: the unit is as it was where the whole identity stood in the env file.
    for node in ["m1", "m2"] {
        lab.on(node, &format!("cmp {UNIT} /root/unit && ls /etc/etcd.env.retired-*")).exits(0);
    }
    lab.on("m3", "ls /etc/etcd.env.retired-*").exits(2);
    lab.on("m3", &format!("grep -c -e '--name[ =]${{CLUSTER_NAME}}' {UNIT}")).exits(0).says("1");
    // List and token; `existing` it said before.
    lab.on("m3", &format!("diff {UNIT} /root/unit | grep -c '^<  *--initial-cluster'")).exits(0).says("2");
}

/// The shape and version that SHAPE and ETCD name: `make matrix` goes through all. `set-ups` are the public ones, of which only
/// the start of a joiner is tried.
#[test]
fn by_name() {
    let given = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    match (given("SHAPE", "config").as_str(), given("ETCD", "3.7").as_str()) {
        ("set-ups", etcd) => crate::accepted::each_set_up(etcd),
        ("log", etcd) => logs_lie_elsewhere(etcd),
        ("variables", etcd) => flags_take_variables(etcd),
        (shape, etcd) => a_zone_is_lost_and_comes_home(shape, etcd),
    }
}
