//! Reviews as a person reads them: one screen each, and within a comment's limits whatever is compared.

use super::*;
use crate::model::diagnostic::Source;
use crate::model::inventory;

const OLD: &str = "\
cluster: prod
environment: production
zones:
  zone1: { masters: { m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 } } }
  zone2: { masters: { m3: { address: 10.0.2.1 } } }
";

fn review(old: &str, new: &str) -> Review {
    let read = |text: &str| inventory::read(&Source::new("i.yaml", text)).unwrap_or_else(|found| panic!("{found:#?}"));
    let changes = Changes::between(Some(&read(old)), Some(&read(new))).unwrap();
    Review::changed("inventory/prod.yaml".to_owned(), changes, 0)
}

#[test]
fn a_master_more_is_reviewed_on_one_screen() {
    let new = OLD.replace("m3: { address: 10.0.2.1 }", "m3: { address: 10.0.2.1 }, m4: { address: \"fd00::4\" }");
    insta::assert_snapshot!(text(&[review(OLD, &new)], 1), @r"
    inventory/prod.yaml: cluster prod changes, against a safety rule

    Blast radius
      members 3 → 4; quorum 2 → 3; tolerated losses 1 as before
      4 members tolerate no more losses than 3 do
      zone1 lost: quorum lost, 1 survivor (m3) → quorum lost, 2 survivors (m3, m4)
      zone2 lost: quorum kept, 2 survivors → quorum lost, 2 survivors (m1, m2)

    Against a safety rule
      majority-moved: losing zone2 costs the quorum (2 of 4 members), and did not before
        instead: keep fewer than half of the members in zone2; else drill its loss before relying on it

    Changes
      + m4: in zone2 at fd00::4

    initiate_dr when zone1 is lost: the env file of m3
      -ETCD_INITIAL_CLUSTER=m3=<from node>
      +ETCD_INITIAL_CLUSTER=m3=<from node>,m4=<from node>
       ETCD_INITIAL_CLUSTER_STATE=existing
       ETCD_INITIAL_CLUSTER_TOKEN=<new in each run>

    initiate_dr when zone1 is lost: the env file of m4
      +ETCD_INITIAL_CLUSTER=m3=<from node>,m4=<from node>
      +ETCD_INITIAL_CLUSTER_STATE=existing
      +ETCD_INITIAL_CLUSTER_TOKEN=<new in each run>

    initiate_dr when zone2 is lost: the env file of m1, m2
      +ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>
      +ETCD_INITIAL_CLUSTER_STATE=existing
      +ETCD_INITIAL_CLUSTER_TOKEN=<new in each run>

    recover at its end: the env file of m1, m2, m3
      -ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>
      +ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>,m4=<from node>
       ETCD_INITIAL_CLUSTER_STATE=existing
       ETCD_INITIAL_CLUSTER_TOKEN=<new in each run>

    recover at its end: the env file of m4
      +ETCD_INITIAL_CLUSTER=m1=<from node>,m2=<from node>,m3=<from node>,m4=<from node>
      +ETCD_INITIAL_CLUSTER_STATE=existing
      +ETCD_INITIAL_CLUSTER_TOKEN=<new in each run>

    To follow it on the cluster, in this order
      1. m4: peer and server certificates with fd00::4 among their names, from the same CA; its SSH host key in known_hosts; its client and peer ports (2379 and 2380, unless set otherwise) open to the other masters
      2. m4: `etcdctl member add m4 --learner --peer-urls=https://[fd00::4]:2380` (or the peer port that is set), its env file with `ETCD_INITIAL_CLUSTER_STATE=existing` and the list that was answered, start it, `etcdctl member promote` once it is in sync
      3. env file of every node: `ETCD_INITIAL_CLUSTER` with the new members; no restart is needed
      4. `--etcd-servers` of every API server: voters only, one API server after the other
      5. `requorum status`: every master is a voter of one cluster
      6. drill the loss of zone1, zone2 on staging: what it means has changed
    ");
}

#[test]
fn a_comment_folds_its_details() {
    let new = OLD.replace("10.0.1.2", "10.0.1.9").replace("m3: {", "m3: { ssh: { user: ops },");
    insta::assert_snapshot!(markdown(&[review(OLD, &new)], 1), @r"
    ### inventory/prod.yaml: cluster prod changes

    **Blast radius**

    ```text
    members 3 as before; quorum 2 as before; tolerated losses 1 as before
    zone1 lost: quorum lost, 1 survivor (m3), as before
    zone2 lost: quorum kept, as before
    ```

    **Changes**

    ```text
    ~ m2: address 10.0.1.2 → 10.0.1.9
    ~ m3: ssh.user root → ops; ssh.become none → sudo
    ```

    <details><summary>To follow it on the cluster, in this order</summary>

    ```text
    1. m2: peer and server certificates with 10.0.1.9 among their names, from the same CA; its SSH host key in known_hosts; its client and peer ports (2379 and 2380, unless set otherwise) open to the other masters
    2. m2: if etcd's own address changes too (SSH may use another): `etcdctl member update` with its ID and `--peer-urls=https://10.0.1.9:2380`, then its listen and advertise URLs in its env file, then restart it; 10.0.1.2 is free only after that
    3. m3: log in with `ssh.user` ops before the old way is closed
    4. m3: log in with `ssh.become` sudo before the old way is closed
    5. env file of every node: `ETCD_INITIAL_CLUSTER` with the new members; no restart is needed
    6. `--etcd-servers` of every API server: voters only, one API server after the other
    7. `requorum status`: every master is a voter of one cluster
    ```

    </details>
    ");
}

/// Two hundred masters, and how each zone's are written.
fn large(zones: usize, master: impl Fn(usize) -> String) -> String {
    let zone = |zone: usize| {
        let each = 200 / zones;
        let masters: String =
            (zone * each..(zone + 1) * each).map(|number| format!("      {}\n", master(number))).collect();
        format!("  z{zone:02}:\n    masters:\n{masters}")
    };
    format!("cluster: large\nenvironment: staging\nzones:\n{}", (0..zones).map(zone).collect::<String>())
}

#[test]
fn no_change_makes_a_comment_too_long() {
    for zones in [2, 100] {
        let old = large(zones, |number| format!("m{number:03}: {{ address: 10.0.0.{number} }}"));
        let other = format!("{}.example", "x".repeat(60));
        let new = large(zones, |number| format!("n{number:03}: {{ address: n{number}.{other}, ssh: {{ port: 23 }} }}"));
        let review = review(&old, &new);
        for reviews in [vec![review.clone()], vec![review; 50]] {
            let comment = markdown(&reviews, reviews.len());
            assert!(comment.len() <= 60_000, "{} bytes", comment.len());
            assert!(comment.contains("quorum-at-once"));
            assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count());
            assert_eq!(comment.matches("\n```").count() % 2, 0);
        }
    }
}

#[test]
fn nothing_in_a_comment_is_markdown_but_ours() {
    let name = "a`b@everyone<img src=x>*[x](y)\u{202e}.yaml";
    let mistakes = inventory::read(&Source::new(name, "cluster: \"```\\n</details>@all\"\nzones: 3\n")).unwrap_err();
    let broken = Review { file: name.to_owned(), verdict: Comparison::Unreadable { mistakes } };
    let comment = markdown(&[broken], 1);
    let outside: String = comment.split("`````").step_by(2).collect();
    for hostile in ["@", "<img", "\u{202e}", "[x]("] {
        assert!(!outside.contains(hostile), "{hostile} in {outside}");
    }
    assert!(comment.contains("`````text\n"), "the fence is longer than what it holds: {comment}");
}
