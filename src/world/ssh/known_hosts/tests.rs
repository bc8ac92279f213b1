//! Tests of `world/ssh/known_hosts`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::PathBuf;

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::certificate::{Builder, CertType};
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PrivateKey, PublicKey, PublicKeyOrCertificate};

use super::judge::Distrust;
use super::{Known, pattern};

const NOW: u64 = 1_800_000_000;

fn key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

fn ecdsa() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }).unwrap()
}

fn text(key: &PrivateKey) -> String {
    PublicKey::new(key.public_key().key_data().clone(), "").to_openssh().unwrap()
}

fn print(key: &PrivateKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn known(file: &str, host: &str, port: u16) -> Known {
    Known::read(&[(PathBuf::from("/kh"), file.to_owned())], host, port)
}

fn judge(file: &str, host: &str, port: u16, shown: &PrivateKey) -> Result<(), Distrust> {
    known(file, host, port).judge(&shown.public_key().clone().into(), NOW)
}

fn hashed(name: &str) -> String {
    let base64 = |bytes: &[u8]| {
        use russh::keys::ssh_encoding::base64::{Base64, Encoding};
        Base64::encode_string(bytes)
    };
    let salt = [42u8; 20];
    format!("|1|{}|{}", base64(&salt), base64(&pattern::hashed(&salt, name)))
}

fn verdict(result: &Result<(), Distrust>) -> &'static str {
    match result {
        Ok(()) => "good",
        Err(Distrust::Unknown(_)) => "unknown",
        Err(Distrust::Changed(_)) => "changed",
        Err(Distrust::Revoked(_)) => "revoked",
        Err(Distrust::Unreadable(_)) => "unreadable",
        Err(Distrust::Certificate(_)) => "certificate",
    }
}

#[test]
fn each_kind_of_line_means_what_openssh_means_by_it() {
    let (mine, other) = (key(), key());
    let (k, o) = (text(&mine), text(&other));
    let (plain, ported) = (hashed("m1"), hashed("[m1]:2222"));
    let cases: &[(&str, String, &str, u16, &str)] = &[
        ("no line", String::new(), "m1", 22, "unknown"),
        ("the host", format!("m1 {k}"), "m1", 22, "good"),
        ("with a comment", format!("m1 {k} root@m1 # two"), "m1", 22, "good"),
        ("another host", format!("m2 {k}"), "m1", 22, "unknown"),
        ("a longer name", format!("m11 {k}"), "m1", 22, "unknown"),
        ("another key", format!("m1 {o}"), "m1", 22, "changed"),
        ("old and new key", format!("m1 {o}\nm1 {k}"), "m1", 22, "good"),
        ("case of the file", format!("M1.Example.ORG {k}"), "m1.example.org", 22, "good"),
        ("case of the host", format!("m1.example.org {k}"), "M1.Example.org", 22, "good"),
        ("a list", format!("m1,10.77.1.11 {k}"), "10.77.1.11", 22, "good"),
        ("IPv6", format!("fd00::1 {k}"), "fd00::1", 22, "good"),
        ("IPv6 with a port", format!("[fd00::1]:2222 {k}"), "fd00::1", 2222, "good"),
        ("the port", format!("[m1]:2222 {k}"), "m1", 2222, "good"),
        ("another port", format!("[m1]:2223 {k}"), "m1", 2222, "unknown"),
        ("no port where one is needed", format!("m1 {k}"), "m1", 2222, "unknown"),
        ("a port where none is", format!("[m1]:2222 {k}"), "m1", 22, "unknown"),
        ("star", format!("10.77.* {k}"), "10.77.1.11", 22, "good"),
        ("question mark", format!("m? {k}"), "m1", 22, "good"),
        ("question mark is one", format!("m? {k}"), "m10", 22, "unknown"),
        ("star with a port", format!("[10.77.*]:2222 {k}"), "10.77.1.11", 2222, "good"),
        ("star for any port", format!("[m1]:* {k}"), "m1", 2222, "good"),
        ("negation", format!("m*,!m1 {k}"), "m1", 22, "unknown"),
        ("negation first", format!("!m1,m* {k}"), "m1", 22, "unknown"),
        ("negation of others", format!("m*,!m2 {k}"), "m1", 22, "good"),
        ("negation alone", format!("!m2 {k}"), "m1", 22, "unknown"),
        ("negation spoils its line only", format!("m*,!m1 {o}\nm1 {k}"), "m1", 22, "good"),
        ("hashed", format!("{plain} {k}"), "m1", 22, "good"),
        ("hashed, another host", format!("{plain} {k}"), "m2", 22, "unknown"),
        ("hashed, another key", format!("{plain} {o}"), "m1", 22, "changed"),
        ("hashed with a port", format!("{ported} {k}"), "m1", 2222, "good"),
        ("a broken hash", format!("|1|x|y {k}"), "m1", 22, "unknown"),
        ("tabs", format!("m1\t{}", k.replace(' ', "\t")), "m1", 22, "good"),
        ("many blanks", format!("  m1   {}  ", k.replace(' ', "   ")), "m1", 22, "good"),
        ("line ends of Windows", format!("m2 {o}\r\nm1 {k}\r\n"), "m1", 22, "good"),
        ("a comment line", format!("# m1 {k}"), "m1", 22, "unknown"),
        ("an indented comment line", format!("\t# m1 {k}"), "m1", 22, "unknown"),
        ("an unreadable line is passed over", format!("m1 ssh-ed25519 AAAA\nm1\nm1 {k}"), "m1", 22, "good"),
        ("a line of SSH 1 is passed over", format!("m1 1024 35 1234567\nm1 {k}"), "m1", 22, "good"),
        ("a type that is not the key's", format!("m1 {}", k.replace("ssh-ed25519", "ssh-rsa")), "m1", 22, "unknown"),
        ("an unknown marker", format!("@trusted m1 {k}"), "m1", 22, "unknown"),
        ("revoked", format!("@revoked m1 {k}"), "m1", 22, "revoked"),
        ("revoked and listed", format!("m1 {k}\n@revoked * {k}"), "m1", 22, "revoked"),
        ("revoked for another host", format!("m1 {k}\n@revoked m9 {k}"), "m1", 22, "revoked"),
        ("revoked under a hash", format!("m1 {k}\n@revoked {plain} {k}"), "m1", 22, "revoked"),
        ("revoked with tabs", format!("m1 {k}\n@revoked\t*\t{}", k.replace(' ', "\t")), "m1", 22, "revoked"),
        ("another key revoked", format!("m1 {k}\n@revoked * {o}"), "m1", 22, "good"),
        ("an unreadable revocation", format!("m1 {k}\n@revoked * ssh-ed25519 AAAA"), "m1", 22, "unreadable"),
        ("an empty revocation", format!("m1 {k}\n @REVOKED"), "m1", 22, "unreadable"),
        ("an authority is not a key of the host", format!("@cert-authority m1 {k}"), "m1", 22, "unknown"),
    ];
    for (name, file, host, port, expected) in cases {
        assert_eq!(verdict(&judge(file, host, *port, &mine)), *expected, "{name}: {file}");
    }
}

#[test]
fn a_changed_key_is_shown_with_its_line_and_the_command_that_removes_it() {
    let (old, new) = (key(), ecdsa());
    let file = format!("# masters\n\n[m1]:2222 {}", text(&old));
    let error = judge(&file, "m1", 2222, &new).unwrap_err().to_string();
    let parts =
        ["CHANGED", "/kh:3", &print(&old), &print(&new), "ssh-keygen -f /kh -R '[m1]:2222'", "ssh_host_ecdsa_key.pub"];
    for part in parts {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn an_unknown_host_is_shown_with_the_line_to_add() {
    let new = key();
    let files = ["/home/op/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"].map(|path| (path.into(), String::new()));
    let error = Known::read(&files, "m1", 22).judge(&new.public_key().clone().into(), NOW).unwrap_err().to_string();
    for part in ["/home/op/.ssh/known_hosts, /etc/ssh/ssh_known_hosts", &print(&new), &format!("m1 {}", text(&new))] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn a_revocation_in_the_second_file_counts() {
    let mine = key();
    let files = [("/a".into(), format!("m1 {}", text(&mine))), ("/b".into(), format!("\n@revoked * {}", text(&mine)))];
    let error = Known::read(&files, "m1", 22).judge(&mine.public_key().clone().into(), NOW).unwrap_err();
    assert!(matches!(&error, Distrust::Revoked(why) if why.contains("/b:2")), "{error}");
}

#[test]
fn algorithms_of_listed_keys_are_asked_for_first() {
    let file = format!("m1 {}", text(&ecdsa()));
    let ours = known(&file, "m1", 22);
    assert_eq!(ours.key_algorithms()[0], Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 });
    assert!(ours.key_algorithms().contains(&Algorithm::Ed25519), "an unlisted key must still be shown");
    assert!(ours.certificate_algorithms().is_empty());
    assert_eq!(known(&file, "m2", 22).key_algorithms()[0], Algorithm::Ed25519);
    let authority = format!("@cert-authority m* {}", text(&key()));
    assert!(!known(&authority, "m1", 22).certificate_algorithms().is_empty());
    assert!(!ours.key_algorithms().contains(&Algorithm::Rsa { hash: None }), "SHA-1");
}

/// What a certificate of a test says.
struct Says {
    kind: CertType,
    names: &'static [&'static str],
    from: u64,
    until: u64,
    critical: bool,
}

const FINE: Says = Says { kind: CertType::Host, names: &["m1"], from: NOW - 60, until: NOW + 60, critical: false };

fn certify(host: &PrivateKey, authority: &PrivateKey, says: &Says) -> Certificate {
    let public = host.public_key().key_data().clone();
    let mut builder = Builder::new_with_random_nonce(&mut safe_rng(), public, says.from, says.until).unwrap();
    builder.cert_type(says.kind).unwrap().key_id("test").unwrap();
    for name in says.names {
        builder.valid_principal(*name).unwrap();
    }
    if says.names.is_empty() {
        builder.all_principals_valid().unwrap();
    }
    if says.critical {
        builder.critical_option("force-command", "true").unwrap();
    }
    builder.sign(authority).unwrap()
}

#[test]
fn a_host_certificate_counts_only_with_authority_kind_name_and_time() {
    let (host, ca, other) = (key(), key(), key());
    let (c, o, k) = (text(&ca), text(&other), text(&host));
    let listed = format!("@cert-authority m1 {c}");
    let cases: Vec<(&str, String, Says, Result<(), &str>)> = vec![
        ("fine", listed.clone(), FINE, Ok(())),
        ("by pattern", format!("@cert-authority *,!m2 {c}"), FINE, Ok(())),
        ("a wildcard name", listed.clone(), Says { names: &["m*"], ..FINE }, Ok(())),
        ("one of many names", listed.clone(), Says { names: &["m9", "M1"], ..FINE }, Ok(())),
        ("for ever", listed.clone(), Says { until: u64::MAX, ..FINE }, Ok(())),
        ("another authority", format!("@cert-authority m1 {o}"), FINE, Err("no @cert-authority")),
        ("an authority for others", format!("@cert-authority m2 {c}"), FINE, Err("no @cert-authority")),
        ("a user's", listed.clone(), Says { kind: CertType::User, ..FINE }, Err("a user certificate")),
        ("another name", listed.clone(), Says { names: &["m2"], ..FINE }, Err("it is for [m2], not for m1")),
        ("no name", listed.clone(), Says { names: &[], ..FINE }, Err("not for m1")),
        ("too early", listed.clone(), Says { from: NOW + 1, ..FINE }, Err("not valid yet")),
        ("expired", listed.clone(), Says { until: NOW, ..FINE }, Err("has expired")),
        ("a critical option", listed.clone(), Says { critical: true, ..FINE }, Err("critical option")),
        ("bad, but the key is listed", format!("m1 {k}"), FINE, Ok(())),
        ("the authority revoked", format!("{listed}\n@revoked * {c}"), FINE, Err("REVOKED")),
        ("the host's key revoked", format!("{listed}\n@revoked * {k}"), FINE, Err("REVOKED")),
        ("listed and its authority revoked", format!("m1 {k}\n@revoked * {c}"), FINE, Err("REVOKED")),
    ];
    for (name, file, says, expected) in cases {
        let shown = PublicKeyOrCertificate::from(certify(&host, &ca, &says));
        let judged = known(&file, "m1", 22).judge(&shown, NOW);
        match (&judged, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            _ => panic!("{name}: {judged:?}"),
        }
    }
}

#[test]
fn a_certificate_whose_signature_was_tampered_with_does_not_hold() {
    let (host, ca) = (key(), key());
    let mut bytes = certify(&host, &ca, &FINE).to_bytes().unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let shown = PublicKeyOrCertificate::from(Certificate::from_bytes(&bytes).unwrap());
    let error = known(&format!("@cert-authority m1 {}", text(&ca)), "m1", 22).judge(&shown, NOW).unwrap_err();
    assert!(error.to_string().contains("signature is not valid"), "{error}");
}

#[test]
fn a_list_of_revoked_keys_is_heeded_whatever_else_lists_them() {
    let (mine, other) = (key(), key());
    let (k, o) = (text(&mine), text(&other));
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("nothing", Vec::new(), "good"),
        ("another key", format!("# old ones\n\n{o} root@m1\n").into(), "good"),
        ("the key", format!("{o}\n{k} with a comment\n").into(), "revoked"),
        ("tabs, blanks and line ends of Windows", format!("  {}\r\n", k.replace(' ', "\t ")).into(), "revoked"),
        ("a line that cannot be read", format!("{o}\nssh-ed25519 AAAA\n").into(), "unreadable"),
        ("fingerprints", print(&other).into(), "unreadable"),
        ("a binary list", b"SSHKRL\n\0\0\0\0\x01".to_vec(), "unreadable"),
    ];
    for (what, list, expected) in cases {
        let mut known = known(&format!("m1 {k}"), "m1", 22);
        known.revoke(&PathBuf::from("/revoked"), list);
        let result = known.judge(&mine.public_key().clone().into(), NOW);
        assert_eq!(verdict(&result), *expected, "{what}");
        let text = result.err().map(|why| why.to_string()).unwrap_or_default();
        assert!(*expected == "good" || text.contains("/revoked") && text.contains("next:"), "{what}: {text}");
    }
}
