//! Drills of masters with a control plane: the outage that is measured through the API is what a client of the API saw. No
//! scenario: the model has no API server that answers its clients.

use crate::support::{Lab, name};

/// The longest time without an acknowledged write through a master's API server, in seconds.
fn longest_gap(seen: &str, via: &str) -> f64 {
    let lines = seen.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let ours = lines.filter(|seen| seen["via"] == via && seen["did"] == "create" && seen["error"].is_null());
    let at: Vec<f64> = ours.filter_map(|seen| seen["at"].as_f64()).collect();
    at.windows(2).map(|pair| (pair[1] - pair[0]) / 1000.0).fold(0.0, f64::max)
}

#[test]
fn a_drill_with_api_servers_measures_what_a_client_of_the_api_saw() {
    let lab = Lab::up_with(&["--zones", "2+1", "--etcd", "3.6", "--kubernetes"]);
    let mut clients = lab.lab_into("clients.jsonl", &["clients"]);
    let text = || std::fs::read_to_string(lab.state("clients.jsonl")).expect("what they saw");
    lab.wait_for("writes through m3", 60, || text().matches("\"via\":\"m3\",\"did\":\"create\"").count() > 20);
    let said = lab.requorum(&["drill", "--zone", "zone1", "--confirm", name()]).exits(0).says("the drill is done");
    let row = |name: &str| -> f64 {
        let all = said.stdout.lines().find_map(|line| line.strip_prefix(name)).expect("a row");
        all.trim().trim_end_matches(" s").parse().expect("seconds")
    };
    let (etcd, api) = (row("time without writes (RTO)"), row("time without writes through the API"));
    let seen = longest_gap(&text(), "m3");
    clients.kill().expect("killed");
    clients.wait().expect("waited");
    println!("without writes: etcd {etcd:.2} s, through the API {api:.2} s; a client of the API saw {seen:.2} s");
    // It tries every tenth of a second, and one try may wait for two seconds.
    assert!(api > etcd && (api - seen).abs() <= 2.5, "{}", said.all());
    lab.requorum(&["status"]).exits(0).says("etcd servers of the API servers of m1, m2, m3: m1, m2, m3: cluster");
    let left = "ls /var/lib/requorum/parked-* 2>/dev/null";
    for node in ["m1", "m2", "m3"] {
        assert_eq!(lab.on(node, left).stdout, "", "{node}");
        lab.lab(&["kubectl", node, "-n", "kube-system", "get", "configmap", "requorum-drill"])
            .exits(1)
            .says("NotFound");
    }
}
