//! Certificates of real masters: one that has no loopback address among its names, behind a port for every interface; a
//! client certificate that cannot be read; and one for a name that no URL has. No scenario: the model has no X.509.

use std::process::Command;

use crate::support::{Lab, name};

const DIR: &str = "/etc/ssl/etcd/ssl";

fn put(lab: &Lab, node: &str, path: &str, text: &str) {
    lab.on(node, &format!("printf %s {} >{path}", shlex::try_quote(text).expect("no NUL"))).exits(0);
}

/// Gives a master's client port a certificate of its own, made out to `names` only, and a port for every interface.
fn serve_as(lab: &Lab, node: &str, names: &str) {
    let (made, pki) = (lab.state("made"), lab.state("pki"));
    let (made, pki) = (made.display(), pki.display());
    let make = format!(
        "set -e; mkdir -p {made}; cd {made}
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=etcd -keyout key -out csr
         printf 'extendedKeyUsage = serverAuth, clientAuth\\nsubjectAltName = {names}\\n' >extensions
         openssl x509 -req -in csr -CA {pki}/ca.pem -CAkey {pki}/ca-key.pem -set_serial 0x$(openssl rand -hex 8) \
           -days 3650 -extfile extensions -out cert"
    );
    let output = Command::new("sh").args(["-c", &make]).output().expect("sh runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for part in ["cert", "key"] {
        let text = std::fs::read_to_string(lab.state("made").join(part)).expect("made");
        put(lab, node, &format!("{DIR}/client-port-{part}"), &text);
    }
    let edit = format!(
        "sed -i -e 's#^ETCD_CERT_FILE=.*#ETCD_CERT_FILE={DIR}/client-port-cert#' \
         -e 's#^ETCD_KEY_FILE=.*#ETCD_KEY_FILE={DIR}/client-port-key#' \
         -e 's#^ETCD_LISTEN_CLIENT_URLS=.*#ETCD_LISTEN_CLIENT_URLS=https://[::]:2379#' /etc/etcd.env"
    );
    lab.on(node, &format!("{edit} && systemctl restart etcd")).exits(0);
    lab.wait_for_write("m2", &format!("while-{node}-restarts"));
}

/// The master's own address, as its env file tells it to others.
fn address(lab: &Lab, node: &str) -> String {
    let said =
        lab.on(node, "sed -n 's#^ETCD_ADVERTISE_CLIENT_URLS=https://\\(.*\\):2379#\\1#p' /etc/etcd.env").exits(0);
    said.stdout.trim().to_owned()
}

#[test]
fn a_master_is_asked_where_its_certificate_fits_and_one_that_cannot_be_asked_is_named() {
    let lab = Lab::up("2+1", "3.6");
    lab.put("m2", "before", 5);
    // The lab's own etcdctl still asks at 127.0.0.1, and so says that requorum must not.
    for node in ["m1", "m3"] {
        serve_as(&lab, node, &format!("IP:{}", address(&lab, node)));
        let refused = lab.etcdctl(node, &["--command-timeout=2s", "endpoint", "status"]);
        assert!(refused.code != 0, "{node} answers at 127.0.0.1: {}", refused.all());
    }
    lab.requorum(&["status"]).exits(0).says("verdict: healthy");
    lab.requorum(&["doctor"]).exits(0).says("verdict: good");

    let client = format!("{DIR}/admin-m2.pem");
    lab.on("m2", &format!("mv {client} /root/")).exits(0);
    lab.requorum(&["status"])
        .exits(10)
        .says(&format!("[certificate-unread] m2: reading the certificate {client}: "))
        .says("No such file or directory")
        .says("verdict: degraded");
    lab.on("m2", &format!("mv /root/admin-m2.pem {client}")).exits(0);
    lab.requorum(&["status"]).exits(0);
    // On the only survivor it is no mere finding.
    let client = format!("{DIR}/admin-m3.pem");
    lab.on("m3", &format!("cp -p {client} /root/")).exits(0);
    put(&lab, "m3", &client, "not a certificate\n");
    lab.requorum(&["doctor", "--no-measure"])
        .exits(3)
        .says(&format!("[certificate-unread] m3: reading the certificate {client}: it holds no certificate"))
        .says("put the certificate there in PEM form");
    lab.on("m3", &format!("mv /root/admin-m3.pem {client}")).exits(0);
    lab.requorum(&["status"]).exits(0);

    serve_as(&lab, "m1", "DNS:elsewhere.example");
    lab.requorum(&["status"])
        .exits(10)
        .says("[client-url] m1: no client URL in its env file")
        .says("is in its certificate (elsewhere.example)")
        .says("verdict: degraded");

    // The survivor's certificate lacks the loopback address all the way.
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=powered off by the test"]).exits(0);
    lab.requorum(&["status"]).exits(12).says("verdict: one zone serves alone");
}
