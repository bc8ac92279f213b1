//! What surrounds commands and etcd on real masters, all of it at once: shells that print, a proxy for every session, one
//! session at a time, few algorithms, a client port for gRPC only, and one for every interface. No scenario: in the model a
//! command needs no shell.

use crate::support::{Lab, name};

/// A `.bashrc` that prints and reads.
const BASHRC: &str =
    "printf 'Welcome to m3'\necho 'your password expires in 3 days' >&2\nread -t 1 nothing\ntrap 'echo Bye' EXIT\n";
/// On the survivor it changes the exit status too; the lab itself waits for the others to answer well.
const AND_EXITS: &str = "trap 'echo Bye; exit 7' EXIT\n";

/// What PAM brings into every session and into sudo.
const ENVIRONMENT: &str = "http_proxy=http://10.9.9.9:3128\nhttps_proxy=http://10.9.9.9:3128\nno_proxy=localhost\n\
    ETCDCTL_WRITE_OUT=table\nETCDCTL_API=2\nETCDCTL_ENDPOINTS=https://10.9.9.9:2379\nLANG=de_DE.UTF-8\n\
    TMPDIR=/nowhere\nGREP_OPTIONS=-v\nPOSIXLY_CORRECT=1\n";

fn write(lab: &Lab, node: &str, path: &str, text: &str) {
    lab.on(node, &format!("printf %s {} >{path}", shlex::try_quote(text).expect("no NUL"))).exits(0);
}

fn sshd(lab: &Lab, node: &str, line: &str) {
    let file = format!("/etc/ssh/sshd_config.d/01-{}.conf", line.split(' ').next().expect("a word"));
    write(lab, node, &file, &format!("{line}\n"));
    lab.on(node, "systemctl reload ssh").exits(0);
}

fn env_file(lab: &Lab, node: &str, edit: &str) {
    lab.on(node, &format!("{edit} /etc/etcd.env && systemctl restart etcd")).exits(0);
    lab.wait_for_write(node, &format!("written-through-{node}"));
}

#[test]
fn what_surrounds_a_command_on_a_master_changes_nothing() {
    let lab = Lab::up("2+1", "3.5");
    env_file(&lab, "m1", "echo ETCD_LISTEN_CLIENT_HTTP_URLS=https://127.0.0.1:2381 >>");
    env_file(
        &lab,
        "m2",
        "sed -i -e 's#^ETCD_LISTEN_CLIENT_URLS=.*#ETCD_LISTEN_CLIENT_URLS=https://[::]:2379#' -e 's#^ETCD_LISTEN_PEER_URLS=.*#ETCD_LISTEN_PEER_URLS=https://[::]:2380#'",
    );
    env_file(
        &lab,
        "m3",
        "sed -i -e 's#^ETCD_LISTEN_CLIENT_URLS=.*#ETCD_LISTEN_CLIENT_URLS=https://[::]:2379#' -e '$aETCD_LISTEN_CLIENT_HTTP_URLS=https://127.0.0.1:2381'",
    );
    lab.put("m1", "before", 5);
    lab.wait_for_keys("m3", "before", 5);
    sshd(&lab, "m3", "KexAlgorithms ecdh-sha2-nistp256,ecdh-sha2-nistp384");
    for node in ["m1", "m2", "m3"] {
        sshd(&lab, node, "MaxSessions 1");
        write(&lab, node, "/etc/environment", ENVIRONMENT);
        lab.on(node, "echo 'session required pam_env.so readenv=1 user_readenv=0' >>/etc/pam.d/sudo").exits(0);
        let exits = if node == "m3" { AND_EXITS } else { "" };
        write(&lab, node, "~ops/.bashrc", &format!("{BASHRC}{exits}"));
    }
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    lab.requorum(&["doctor"]).exits(0);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=powered off by the test"]).exits(0);
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.requorum(&["recover", "--confirm", name()]).exits(0).says("equal data");
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    // Ours is not the environment in which the lab's own etcdctl runs any more.
    for node in ["m1", "m2", "m3"] {
        lab.on(node, "rm ~ops/.bashrc; : >/etc/environment").exits(if node == "m3" { 7 } else { 0 });
        assert_eq!(lab.count(node, "before"), 5, "{node}");
    }
}
