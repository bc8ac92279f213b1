//! Tests of `playbook/template`.

use super::*;
use crate::playbook::shipped;

/// As kubespray writes it, shortened; with a comment that stays and a setting twice.
const CURRENT: &str = "\
# Environment file for etcd 3.6.16
ETCD_DATA_DIR=/var/lib/etcd
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://10.77.2.11:2380
ETCD_INITIAL_CLUSTER_STATE=existing
ETCD_METRICS=basic
ETCD_INITIAL_CLUSTER_TOKEN=k8s_etcd
ETCD_NAME=etcd3

# CLI settings
ETCDCTL_CACERT=\"/etc/ssl/etcd/ssl/ca.pem\"
ETCD_INITIAL_CLUSTER=etcd1=https://10.77.1.11:2380,etcd2=https://10.77.1.12:2380,etcd3=https://10.77.2.11:2380
";

fn file(text: &str) -> SettingsFile {
    SettingsFile::env_file("/etc/etcd.env", text)
}

fn context(current: &str) -> Context {
    let word = str::to_owned;
    let node = Node { name: word("m3"), member: word("etcd3"), zone: word("zone2"), address: word("10.77.2.11") };
    let peer = Peer { name: word("etcd3"), peer_url: word("https://10.77.2.11:2380") };
    Context::new(node, &file(current), "requorum-7f3a", vec![peer]).unwrap()
}

fn shipped(current: &str) -> String {
    let template = shipped::template("etcd.env.j2").unwrap();
    render(template.path, template.text, &context(current)).unwrap()
}

fn mistakes(text: &str) -> Vec<String> {
    let found = render("site.j2", text, &context(CURRENT)).unwrap_err();
    found
        .iter()
        .map(|d| {
            let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}:{} {}{hint}", d.place.line, d.place.column, d.message)
        })
        .collect()
}

#[test]
fn the_shipped_template_changes_the_three_settings_and_nothing_else() {
    let rendered = shipped(CURRENT);
    let expected = CURRENT
        .replace("=k8s_etcd\n", "=requorum-7f3a\n")
        .replace("etcd1=https://10.77.1.11:2380,etcd2=https://10.77.1.12:2380,", "");
    assert_eq!(rendered, expected);
    assert_eq!(check_rendered(&rendered, &file(CURRENT), &context(CURRENT)), Ok(()));
    assert_eq!(shipped(&rendered), rendered, "a second rendering finds nothing to do");
}

#[test]
fn what_is_missing_is_added_and_a_state_of_new_is_not_kept() {
    let current = "ETCD_NAME=etcd3\nETCD_INITIAL_CLUSTER_STATE=new";
    let rendered = shipped(current);
    assert_eq!(
        rendered,
        "ETCD_NAME=etcd3\nETCD_INITIAL_CLUSTER_STATE=existing\nETCD_INITIAL_CLUSTER=etcd3=https://10.77.2.11:2380\n\
         ETCD_INITIAL_CLUSTER_TOKEN=requorum-7f3a\n"
    );
    assert_eq!(check_rendered(&rendered, &file(current), &context(current)), Ok(()));
}

#[test]
fn a_setting_that_stands_twice_is_changed_twice() {
    let current = "ETCD_INITIAL_CLUSTER_TOKEN=a\nETCD_NAME=etcd3\nETCD_INITIAL_CLUSTER_TOKEN=\"b\"\n";
    assert_eq!(shipped(current).matches("TOKEN=requorum-7f3a\n").count(), 2);
}

#[test]
fn a_rendered_file_that_means_something_else_is_refused() {
    let context = context(CURRENT);
    let good = shipped(CURRENT);
    for (from, to, said) in [
        ("STATE=existing", "STATE=new", "ETCD_INITIAL_CLUSTER_STATE is \"new\""),
        ("requorum-7f3a", "k8s_etcd", "ETCD_INITIAL_CLUSTER_TOKEN is \"k8s_etcd\""),
        ("ETCD_NAME=etcd3", "ETCD_NAME=etcd1", "ETCD_NAME is \"etcd1\""),
        ("ETCD_DATA_DIR=/var/lib/etcd\n", "", "ETCD_DATA_DIR is not set"),
        ("ETCD_METRICS=basic", "ETCD_FORCE_NEW_CLUSTER=true", "ETCD_FORCE_NEW_CLUSTER is set"),
        // The quote swallows the lines after it.
        ("ETCD_METRICS=basic", "ETCD_METRICS=\"basic", "ETCD_INITIAL_CLUSTER_TOKEN is"),
        ("# CLI settings", "ETCD_INITIAL_CLUSTER_STATE=existing # or new", "ETCD_INITIAL_CLUSTER_STATE is"),
    ] {
        let refused = check_rendered(&good.replace(from, to), &file(CURRENT), &context).unwrap_err();
        assert!(refused.contains(said), "{to}: {refused}");
    }
}

#[test]
fn every_unknown_name_is_told_with_what_was_meant() {
    let text = "{# cluster.tokn #}\nETCD_NAME={{ node.membr }}\n{% if host %}\nT={{ cluster.tokn }}\n{% endif %}\n";
    assert_eq!(
        mistakes(text),
        [
            "2:14 `node.membr` is unknown in a template (did you mean `node.member`?)",
            "3:7 `host` is unknown in a template (known are `node.name`, `node.member`, `node.zone`, `node.address`, \
             `current`, `lines`, `rewritten`, `cluster.token`, `cluster.state`, `cluster.initial_cluster` or \
             `cluster.initial_cluster_text`)",
            "4:6 `cluster.tokn` is unknown in a template (did you mean `cluster.token`?)",
        ]
    );
}

#[test]
fn other_mistakes_are_told_with_their_place() {
    for (text, said) in [
        ("A=1\nB={{ node.name \n", "syntax error"),
        ("A=1\nB={{ current.NOT_THERE }}\n", "undefined value"),
        ("A=1\nB={{ none }}\n", "nothing is there to be written"),
        ("A=1\nB={{ node.name | shout }}\n", "unknown filter"),
        ("A=1\nB={{ 'a\\nb' | env_value }}\n", "line break"),
        ("A=1\n{% include 'etc/passwd' %}\n", "template not found"),
        ("A=1\n{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}\n", "fuel"),
    ] {
        let found = mistakes(text);
        assert!(found[0].starts_with("2:") && found[0].contains(said), "{text:?}: {found:?}");
    }
}

#[test]
fn truth_is_written_as_etcd_reads_it() {
    let rendered = render("t", "A={{ true }} {{ 1 }} {{ 'x' }} {{ lines | length > 3 }}\n", &context(CURRENT));
    assert_eq!(rendered.unwrap(), "A=true 1 x true\n");
}

#[test]
fn a_template_that_nests_as_deep_as_it_is_long_ends_and_a_longer_one_is_not_read() {
    let begun = std::time::Instant::now();
    for (before, piece, after) in [
        ("{{ x", ".y", " }}"),
        ("{{ 1", "+1", " }}"),
        ("{{ x", "|f", " }}"),
        ("{{ x", "[0]", " }}"),
        ("{{ x", "()", " }}"),
        ("{{ ", "not ", "x }}"),
        ("{{ ", "-", "1 }}"),
        ("{{ x", "~x", " }}"),
        ("{% if x %}", "{% elif x %}", "{% endif %}"),
        ("", "{#", ""),
        ("", "{% raw %}", ""),
    ] {
        let of = |bytes: usize| {
            let middle = piece.repeat((bytes - before.len() - after.len()) / piece.len());
            check(&Source::new("t", format!("{before}{middle}{after}")))
        };
        // Whatever it says: the program goes on.
        drop(of(MOST_TEMPLATE));
        assert_eq!(of(MOST_TEMPLATE * 2).unwrap_err()[0].code, "too-large", "{piece}");
    }
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}
