//! A second etcd on the same masters, as kubespray's for events: one command brings both through the loss of a zone and back.

use std::fs;

use crate::support::{Lab, name};

const NODES: [&str; 3] = ["m1", "m2", "m3"];

/// The second etcd's env file and unit from those of the first, as kubespray names them and with its ports.
const SECOND: &str = "sed -e 's/:2379/:2383/g; s/:2380/:2382/g; s#/var/lib/etcd$#/var/lib/etcd-events#; s/k8s_etcd/k8s_events_etcd/; s/=existing/=new/' \
    /etc/etcd.env >/etc/etcd-events.env && sed 's#/etc/etcd.env#/etc/etcd-events.env#' /etc/systemd/system/etcd.service \
    >/etc/systemd/system/etcd-events.service && mkdir -m 700 /var/lib/etcd-events && systemctl daemon-reload && \
    systemctl enable --now --no-block etcd-events";

fn events(lab: &Lab, node: &str, words: &str) -> String {
    lab.on(node, &format!("set -a; . /etc/etcd-events.env; etcdctl {words}")).exits(0).stdout
}

#[test]
fn a_second_etcd_is_lost_and_comes_home_with_the_first() {
    let lab = Lab::up("2+1", "3.5");
    for node in NODES {
        lab.on(node, SECOND).exits(0);
    }
    let also = format!(
        "clusters:\n  {}-events:\n    etcd: {{ unit: etcd-events, data_dir: /var/lib/etcd-events, config: {{ env_file: \
         /etc/etcd-events.env }} }}\n",
        name()
    );
    fs::write(lab.inventory(), fs::read_to_string(lab.inventory()).unwrap() + &also).unwrap();
    let write = "set -a; . /etc/etcd-events.env; etcdctl put before-1 x";
    lab.wait_for("the second etcd to serve", 60, || lab.on("m1", write).code == 0);
    for node in NODES {
        lab.on(node, "sed -i s/=new/=existing/ /etc/etcd-events.env").exits(0);
    }
    lab.put("m1", "before", 5);
    lab.requorum(&["status"]).exits(0).says(&format!("cluster {}-events", name()));
    let both: serde_json::Value =
        serde_json::from_str(&lab.requorum(&["status", "-o", "json"]).exits(0).stdout).unwrap();
    let of = |at: usize| [&both["clusters"][at]["cluster"], &both["clusters"][at]["verdict"]].map(|it| it.to_string());
    assert_eq!(of(0), [format!("{:?}", name()), "\"healthy\"".to_owned()], "{both}");
    assert_eq!(of(1), [format!("\"{}-events\"", name()), "\"healthy\"".to_owned()], "{both}");

    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--attest", "zone1=story: the plug was pulled", "--confirm", name()]).exits(0);
    lab.put("m3", "during", 1);
    events(&lab, "m3", "put during-1 x");

    // The old members of both serve again.
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.wait_for_write("m1", "stale");
    lab.wait_for("a stale event", 60, || lab.on("m1", &write.replace("before-1", "stale")).code == 0);
    lab.requorum(&["recover", "--confirm", name()]).exits(0);
    lab.requorum(&["status"]).exits(0);
    for node in NODES {
        assert_eq!((lab.count(node, "before"), lab.count(node, "during")), (5, 1), "{node}");
        let keys = events(&lab, node, "get '' --prefix --keys-only --consistency=s");
        assert!(keys.contains("before-1") && keys.contains("during-1") && !keys.contains("stale"), "{node}: {keys}");
        let record =
            lab.on(node, "cat /var/lib/requorum/cluster.json /var/lib/requorum/cluster-*-events.json").exits(0);
        assert_eq!(record.stdout.matches("\"finished\":true").count(), 2, "{node}: {}", record.stdout);
    }
}
