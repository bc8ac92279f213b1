//! API servers as kubespray, kubeadm and a guide for units write them, and those of which nothing is certain.

use super::*;

pub(super) const POD: &str = "apiVersion: v1
kind: Pod
metadata:
  labels:
    component: kube-apiserver
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=10.0.2.1
    - --etcd-cafile=/etc/ssl/etcd/ssl/ca.pem
    - --etcd-servers=https://10.0.1.1:2379,https://10.0.1.2:2379,https://10.0.2.1:2379 # all
    - --kubelet-client-certificate=/etc/kubernetes/ssl/apiserver-kubelet-client.crt
    - --kubelet-client-key=/etc/kubernetes/ssl/apiserver-kubelet-client.key
    - --secure-port=6443
    image: registry.k8s.io/kube-apiserver:v1.34.1
  hostNetwork: true
";

const UNIT: &str = "[Unit]
Description=Kubernetes API Server

[Service]
ExecStart=/usr/local/bin/kube-apiserver \\
  --etcd-servers=https://10.0.1.1:2379,https://10.0.2.1:2379 \\
  --etcd-servers-overrides='/events#https://10.0.1.1:2383;https://10.0.2.1:2383' \\
  --secure-port 8443 --bind-address=fd00::1
Restart=on-failure
";

fn pod(text: &str) -> ApiServerFile {
    ApiServerFile::manifest("/etc/kubernetes/manifests/kube-apiserver.yaml", text)
}

fn unit(text: &str) -> Result<ApiServerFile, String> {
    let path = "/etc/systemd/system/kube-apiserver.service".to_owned();
    ApiServerFile::unit(vec![TextFile { path, text: text.to_owned() }])
}

fn survivors(_: Option<&str>, servers: &[String]) -> Vec<String> {
    servers.iter().filter(|server| server.contains("10.0.2.")).cloned().collect()
}

#[test]
fn a_pods_list_is_read_and_nothing_else_changes() {
    let flags = pod(POD).flags().unwrap();
    assert_eq!(flags.etcd.servers.len(), 3);
    assert_eq!((flags.address.as_str(), flags.prefix.as_str()), ("127.0.0.1:6443", "/registry"));
    assert!(flags.client.is_some_and(|(cert, key)| cert.ends_with(".crt") && key.ends_with(".key")));
    let text = pod(POD).with_servers(&flags.etcd.each(survivors)).unwrap();
    assert_eq!(text, POD.replace("https://10.0.1.1:2379,https://10.0.1.2:2379,", ""));
    // And back.
    assert_eq!(pod(&text).with_servers(&flags.etcd).unwrap(), POD);
}

#[test]
fn quotes_and_two_words_stay_as_they_are() {
    let list = "https://10.0.1.1:2379,https://10.0.1.2:2379,https://10.0.2.1:2379";
    for form in [
        format!("    - \"--etcd-servers={list}\"\n"),
        format!("    - '--etcd-servers={list}'\n"),
        format!("    - --etcd-servers\n    - {list}\n"),
    ] {
        let text = POD.replace(&format!("    - --etcd-servers={list} # all\n"), &form);
        let etcd = pod(&text).flags().unwrap().etcd;
        assert_eq!(etcd.servers.len(), 3, "{form}");
        let narrow = pod(&text).with_servers(&etcd.each(survivors)).unwrap();
        assert_eq!(narrow, text.replace("https://10.0.1.1:2379,https://10.0.1.2:2379,", ""), "{form}");
    }
}

#[test]
fn a_units_list_is_read_with_that_of_single_resources() {
    let file = unit(UNIT).unwrap();
    let flags = file.flags().unwrap();
    assert_eq!(flags.address, "[fd00::1]:8443");
    let events = vec!["https://10.0.1.1:2383".to_owned(), "https://10.0.2.1:2383".to_owned()];
    assert_eq!(flags.etcd.overrides, [("/events".to_owned(), events)]);
    assert_eq!(flags.etcd.all().count(), 4);
    let narrow = file.with_servers(&flags.etcd.each(survivors)).unwrap();
    assert_eq!(narrow, UNIT.replace("https://10.0.1.1:2379,", "").replace("https://10.0.1.1:2383;", ""));
    assert_eq!(file.with(&narrow).with_servers(&flags.etcd).unwrap(), UNIT);
}

#[test]
fn which_program_a_manifest_starts_its_command_tells() {
    let manager = POD.replace("- kube-apiserver\n", "- kube-controller-manager\n");
    let shell = POD.replace("- kube-apiserver\n", "- sh\n    - -c\n    - exec kube-apiserver --etcd-servers=x\n");
    let other = POD.replace("- kube-apiserver\n", "- kube-vip\n");
    let of = |text: &str| program_of("/etc/kubernetes/manifests/x.yaml", text);
    assert_eq!(of(POD), Some(Program::KubeApiserver));
    assert_eq!(of(&manager), Some(Program::KubeControllerManager));
    assert_eq!(of(&shell), Some(Program::KubeApiserver));
    assert_eq!((of(&other), of("a: [")), (None, None));
    assert_eq!(program_of("/m/kube-apiserver.yaml", "a: ["), Some(Program::KubeApiserver));
}

#[test]
fn what_is_not_certain_is_refused_with_its_line() {
    for (from, to, said) in [
        (
            "--etcd-servers=https",
            "--etcd-servers=$(SERVERS),https",
            "kube-apiserver.yaml:13: the value of --etcd-servers",
        ),
        (
            "--secure-port=6443",
            "--etcd-servers=https://10.0.9.9:2379",
            "kube-apiserver.yaml:16: --etcd-servers stands twice",
        ),
        ("--etcd-servers=", "--etcd-other=", "names no --etcd-servers"),
        ("    - kube-apiserver\n", "    - sh\n    - -c\n", "starts `sh`"),
        ("  hostNetwork", "  - { name: other }\n  hostNetwork", "not exactly one container"),
        ("kind: Pod", "kind: Deployment", "not the manifest of a pod"),
        ("--secure-port=6443", "--etcd-servers-overrides=/events", "is no `/RESOURCE#URL;URL`"),
    ] {
        let why = pod(&POD.replace(from, to)).flags().unwrap_err();
        assert!(why.contains(said), "{why}");
    }
    assert!(unit(&UNIT.replace("10.0.1.1:2379", "${HOST}:2379")).unwrap_err().contains("kube-apiserver.service:6"));
    assert!(unit(&UNIT.replace("kube-apiserver \\", "hyperkube \\")).unwrap_err().contains("hyperkube"));
    // What is written in another way than the program gets it is not replaced by guess.
    let escaped = POD
        .replace("- --etcd-servers=https://10.0.1.1", "- \"--etcd-servers=https://10.0.1.1\\x3a2379,https://10.0.1.1");
    let escaped = escaped.replace(":2379 # all", ":2379\"");
    let etcd = pod(&escaped).flags().unwrap().etcd;
    assert!(pod(&escaped).with_servers(&etcd.each(survivors)).unwrap_err().contains("does not stand in the file"));
}

#[test]
fn no_list_is_written_that_is_empty_or_breaks_the_file() {
    let with = |servers: &[&str]| {
        let servers = servers.iter().map(|server| (*server).to_owned()).collect();
        pod(POD).with_servers(&EtcdServers { servers, overrides: Vec::new() })
    };
    assert!(with(&["https://10.0.2.1:2379"]).is_ok());
    for bad in [&[][..], &[""], &["https://a\n    - --insecure"], &["https://a,b"], &["https://a #"]] {
        assert!(with(bad).is_err(), "{bad:?}");
    }
}
