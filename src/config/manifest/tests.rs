//! A manifest as kubeadm writes it, others that say the same, and those of which nothing is certain.

use proptest::prelude::*;

use super::*;

const KUBEADM: &str = "apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.0.0.3:2379
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - --advertise-client-urls=https://10.0.0.3:2379
    - --client-cert-auth=true
    - --data-dir=/var/lib/etcd
    - --initial-cluster=m1=https://10.0.0.1:2380,m3=https://10.0.0.3:2380 # of that day
    - --initial-cluster-state=existing
    - --name=m3
    image: registry.k8s.io/etcd:3.6.4-0
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
  volumes:
  - hostPath:
      path: /var/lib/etcd
      type: DirectoryOrCreate
    name: etcd-data
status: {}
";

fn parse(text: &str) -> Outcome<Manifest> {
    Manifest::parse(Source::new("etcd.yaml", text))
}

fn identity() -> Identity {
    Identity {
        initial_cluster: "m3=https://10.0.0.3:2380".to_owned(),
        state: "existing".to_owned(),
        token: "requorum-7".to_owned(),
    }
}

fn refusal(text: &str) -> String {
    match parse(text).and_then(|manifest| manifest.with_identity(&identity())) {
        Err(why) => format!("{}:{} {}", why.place.line, why.place.column, why.code),
        Ok(text) => panic!("taken: {text}"),
    }
}

#[test]
fn kubeadms_manifest_is_read_and_only_its_cluster_changes() {
    let manifest = parse(KUBEADM).unwrap();
    let value = |flag: &str| manifest.values().get(flag).map(String::as_str);
    assert_eq!(value("name"), Some("m3"));
    assert_eq!(value("client-cert-auth"), Some("true"));
    assert_eq!(value("initial-cluster"), Some("m1=https://10.0.0.1:2380,m3=https://10.0.0.3:2380"));
    let after = manifest.with_identity(&identity()).unwrap();
    let expected = KUBEADM.replace(
        "--initial-cluster=m1=https://10.0.0.1:2380,m3=https://10.0.0.3:2380 # of that day\n",
        "--initial-cluster=m3=https://10.0.0.3:2380 # of that day\n    - --initial-cluster-token=requorum-7\n",
    );
    assert_eq!(after, expected);
    assert_eq!(parse(&after).unwrap().with_identity(&identity()).unwrap(), after, "once more changes nothing");
}

/// The first node of a cluster says no state, for etcd's own is `new`.
#[test]
fn a_state_that_nobody_said_is_added() {
    let first = KUBEADM.replace("    - --initial-cluster-state=existing\n", "");
    let after = parse(&first).unwrap().with_identity(&identity()).unwrap();
    let values = parse(&after).unwrap().values().clone();
    assert_eq!(values["initial-cluster-state"], "existing");
    assert_eq!(values["initial-cluster-token"], "requorum-7");
}

#[test]
fn other_ways_to_write_the_same_are_read_too() {
    let quoted = KUBEADM
        .replace("- --initial-cluster-state=existing", "- \"--initial-cluster-state=new\"")
        .replace("- --name=m3", "- --name\n    - m3");
    let after = parse(&quoted).unwrap().with_identity(&identity()).unwrap();
    assert!(after.contains("- \"--initial-cluster-state=existing\"\n") && after.contains("- --name\n    - m3\n"));
    let args = KUBEADM.replace("    - --advertise", "    args:\n    - --advertise");
    let taken = parse(&args).unwrap().with_identity(&identity()).unwrap();
    assert!(taken.contains("    args:\n    - --advertise"), "{taken}");
    let windows = KUBEADM.replace('\n', "\r\n");
    let after = parse(&windows).unwrap().with_identity(&identity()).unwrap();
    assert!(
        after.contains("# of that day\r\n    - --initial-cluster-token=requorum-7\r\n    - --initial-cluster-state")
    );
}

#[test]
fn what_is_not_certain_is_refused_with_its_line() {
    let with = |from: &str, to: &str| {
        assert!(KUBEADM.contains(from), "{from}");
        KUBEADM.replacen(from, to, 1)
    };
    let cases = [
        (with("kind: Pod", "kind: Deployment"), "1:1 manifest-kind"),
        (with("    image:", "  - name: other\n    image:"), "10:5 manifest-containers"),
        (with("    - etcd\n", "    - sh\n    - -c\n    - exec etcd --name=m3\n"), "11:7 manifest-wrapper"),
        (with("--name=m3", "--name=$(NODE_NAME)"), "17:7 manifest-variable"),
        (with("--name=m3", "--initial-cluster-state=new"), "17:7 manifest-twice"),
        (with("--initial-cluster-state=existing", "&state --initial-cluster-state=existing"), "16:14 manifest-form"),
        (with("    - --client-cert-auth=true", "    - --config-file=/etc/etcd.yml"), "13:7 manifest-config-file"),
        (
            with("    image:", "    env:\n    - name: ETCD_INITIAL_CLUSTER_TOKEN\n      value: x\n    image:"),
            "19:7 manifest-variable",
        ),
        (
            with(
                "    image:",
                "    env:\n    - name: ETCD_LISTEN_METRICS_URLS\n      value: http://$(IP):2381\n    image:",
            ),
            "19:7 manifest-variable",
        ),
        (
            with(
                "    image:",
                "    env:\n    - name: ETCD_ELECTION_TIMEOUT\n      valueFrom: { fieldRef: x }\n    image:",
            ),
            "19:7 manifest-variable",
        ),
        (with("    image:", "    envFrom:\n    - configMapRef: { name: x }\n    image:"), "19:7 manifest-variable"),
        (with("      path: /var/lib/etcd", "      path: /data/etcd"), "20:7 manifest-mount"),
        (with("mountPath: /var/lib/etcd", "mountPath: /other"), "10:5 manifest-mount"),
    ];
    let (told, expected): (Vec<_>, Vec<_>) =
        cases.into_iter().map(|(text, expected)| (refusal(&text), expected)).unzip();
    assert_eq!(told, expected);
    let mut broken = identity();
    broken.token = "a\nb".to_owned();
    assert_eq!(parse(KUBEADM).unwrap().with_identity(&broken).unwrap_err().code, "manifest-value");
}

#[test]
fn of_a_variable_that_stands_twice_the_last_counts() {
    let twice = "    env:\n    - { name: ETCD_METRICS, value: basic }\n    - { name: ETCD_METRICS, value: extensive }\n    image:";
    let manifest = parse(&KUBEADM.replacen("    image:", twice, 1)).unwrap();
    assert_eq!(manifest.values()["metrics"], "extensive");
}

proptest! {
    /// Only the identity differs, whatever flags stand around it and in whatever order.
    #[test]
    fn only_the_identity_differs(
        others in proptest::collection::vec(("[a-z]{2,9}(-[a-z]{2,9})?", "[A-Za-z0-9/:.,=_ #'\"-]{0,20}"), 0..8),
        quoted in any::<bool>(),
        token in "[a-zA-Z0-9._:/@+-]{1,30}",
        at in 0_usize..9,
    ) {
        let yaml = |text: &str| if quoted { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{}\"", text.replace('"', "\\\"")) };
        let mut lines: Vec<String> = others
            .iter()
            .map(|(name, value)| format!("    - {}\n", yaml(&format!("--x-{name}={value}"))))
            .collect();
        lines.insert(at.min(lines.len()), "    - --initial-cluster=a=http://h:2380\n".to_owned());
        let text = KUBEADM.replace("    - --client-cert-auth=true\n", &lines.concat()).replace(
            "    - --initial-cluster=m1=https://10.0.0.1:2380,m3=https://10.0.0.3:2380 # of that day\n", "",
        );
        let manifest = parse(&text).unwrap();
        let wanted = Identity { token, ..identity() };
        let after = manifest.with_identity(&wanted).unwrap();
        let now = parse(&after).unwrap();
        for (flag, value) in wanted.settings() {
            prop_assert_eq!(now.values().get(flag).map(String::as_str), Some(value));
        }
        let stays = |manifest: &Manifest| -> Vec<(String, String)> {
            manifest.values().clone().into_iter().filter(|(name, _)| !OWNED.contains(&name.as_str())).collect()
        };
        prop_assert_eq!(stays(&manifest), stays(&now));
        let kept: Vec<&str> = text.lines().filter(|line| !line.contains("--initial-cluster")).collect();
        let left: Vec<&str> = after.lines().filter(|line| !line.contains("--initial-cluster")).collect();
        prop_assert_eq!(kept, left);
    }
}
