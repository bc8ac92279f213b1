//! Tests of `report/diagnostic`.

use super::*;
use crate::model::diagnostic::Source;
use crate::model::inventory;
use crate::playbook;

fn inventory_shown(text: &str) -> String {
    shown(inventory::read(&Source::new("inventory.yaml", text)).map(drop))
}

fn playbook_shown(text: &str) -> String {
    shown(playbook::text::read(&Source::new("site.yaml", text)).map(drop))
}

fn shown(read: Result<(), Vec<Diagnostic>>) -> String {
    super::text(&read.unwrap_err(), false)
}

#[test]
fn a_mistyped_key() {
    let text = "\
cluster: lab
environmnet: staging
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[unknown-key]: `environmnet` is not a key of an inventory
     --> inventory.yaml:2:1
      |
    2 | environmnet: staging
      | ^^^^^^^^^^^
      |
      = help: did you mean `environment`?
");
}

#[test]
fn a_master_in_two_zones_with_one_address() {
    let text = "\
cluster: lab
environment: lab
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m1: { address: 10.0.1.11 }, m2: { address: 10.0.1.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[duplicate-master]: `m1` is in two zones
     --> inventory.yaml:5:20
      |
    5 |   z2: { masters: { m1: { address: 10.0.1.11 }, m2: { address: 10.0.1.11 } } }
      |                    ^^
      |
     ::: inventory.yaml:4:20
      |
    4 |   z1: { masters: { m1: { address: 10.0.1.11 } } }
      |                    -- first here

    error[duplicate-address]: `10.0.1.11` is the address of `m1` too
     --> inventory.yaml:5:63
      |
    5 |   z2: { masters: { m1: { address: 10.0.1.11 }, m2: { address: 10.0.1.11 } } }
      |                                                               ^^^^^^^^^
      |
     ::: inventory.yaml:4:35
      |
    4 |   z1: { masters: { m1: { address: 10.0.1.11 } } }
      |                                   --------- first here

    2 mistakes
");
}

#[test]
fn a_key_set_twice() {
    let text = "\
cluster: lab
environment: lab
cluster: prod
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[duplicate-key]: `cluster` is set twice
     --> inventory.yaml:3:1
      |
    3 | cluster: prod
      | ^^^^^^^
      |
     ::: inventory.yaml:1:1
      |
    1 | cluster: lab
      | ------- first here
");
}

#[test]
fn one_zone_only() {
    let text = "\
cluster: lab
environment: lab
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[one-zone]: `zones` holds 1 zone
     --> inventory.yaml:3:1
      |
    3 | zones:
      | ^^^^^
      |
      = help: a cluster that can lose a zone has at least two
");
}

#[test]
fn a_command_for_a_name() {
    let text = "\
cluster: $(reboot)
environment: lab
zones:
  z1: { masters: { m1: { address: -oProxyCommand=reboot } } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[bad-name]: `$(reboot)` may hold only letters, digits, dots, dashes and underscores, and may not begin with a dot
     --> inventory.yaml:1:10
      |
    1 | cluster: $(reboot)
      |          ^^^^^^^^^

    error[bad-name]: `-oProxyCommand=reboot` begins with a dash, which a command would read as an option
     --> inventory.yaml:4:35
      |
    4 |   z1: { masters: { m1: { address: -oProxyCommand=reboot } } }
      |                                   ^^^^^^^^^^^^^^^^^^^^^

    2 mistakes
");
}

#[test]
fn an_address_without_its_key() {
    let text = "\
cluster: lab
environment: lab
zones:
  z1: { masters: { m1: 10.0.1.11 } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[wrong-type]: master `m1` is a single value, not a set of keys
     --> inventory.yaml:4:24
      |
    4 |   z1: { masters: { m1: 10.0.1.11 } }
      |                        ^^^^^^^^^
      |
      = help: write `m1: { address: 10.0.1.11 }`
");
}

#[test]
fn two_places_for_one_thing() {
    let text = "\
cluster: lab
environment: lab
kubernetes: { manifest: /m/kube-apiserver.yaml, unit: kube-apiserver }
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[two-places]: an API server is started by a kubelet or by a unit, and `kubernetes` names both
     --> inventory.yaml:3:49
      |
    3 | kubernetes: { manifest: /m/kube-apiserver.yaml, unit: kube-apiserver }
      |                                                 ^^^^
      |
      = help: keep one of them
");
}

#[test]
fn a_tab() {
    let text = "\
cluster: lab
environment: lab
zones:
\tz1: { masters: { m1: { address: 10.0.1.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[not-yaml]: not YAML: tabs disallowed within this context (block indentation)
     --> inventory.yaml:4:2
      |
    4 |  z1: { masters: { m1: { address: 10.0.1.11 } } }
      |  ^
      |
      = help: indent with spaces, never with tabs
");
}

#[test]
fn an_open_bracket() {
    let text = "\
cluster: lab
zones: { z1: { masters: { m1: { address: 10.0.1.11 } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[not-yaml]: not YAML: unclosed bracket '{'
     --> inventory.yaml:2:14
      |
    2 | zones: { z1: { masters: { m1: { address: 10.0.1.11 } }
      |              ^
      |
      = help: what is opened here is never closed
");
}

#[test]
fn an_anchor() {
    let text = "\
cluster: lab
ssh: &ssh { user: ops }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[no-references]: anchors (&), aliases (*) and tags (!) are not read here
     --> inventory.yaml:2:11
      |
    2 | ssh: &ssh { user: ops }
      |           ^
      |
      = help: write the value out; a value that begins with one of these characters needs quotes
");
}

#[test]
fn a_file_that_paints_the_terminal() {
    let text = "\
cluster: \"\\e[31mred\\u202e\"
environment: lab\u{202e}bal
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m2: { address: 10.0.2.11 } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r#"
    error[bad-name]: `�[31mred�` may hold only letters, digits, dots, dashes and underscores, and may not begin with a dot
     --> inventory.yaml:1:10
      |
    1 | cluster: "\e[31mred\u202e"
      |          ^^^^^^^^^^^^^^^^^

    error[bad-value]: `environment` cannot be `lab�bal`
     --> inventory.yaml:2:14
      |
    2 | environment: lab�bal
      |              ^^^^^^^
      |
      = help: write `production`, `staging` or `lab`

    2 mistakes
"#);
}

#[test]
fn a_very_long_line() {
    let text = "\
cluster: lab
environment: lab
zones: { z1: { masters: { m1: { address: 10.0.1.1 }, m2: { address: 10.0.1.2 }, m3: { address: 10.0.1.3 }, m4: { address: 10.0.1.4 }, m5: { address: 10.0.1.5 }, m6: { address: 10.0.1.6 }, m7: { address: 10.0.1.7 }, m8: { address: 10.0.1.8 }, m9: { address: 10.0.1.9 }, m10: { address: 10.0.1.10 }, m11: { address: 10.0.1.11 }, m12: { address: 10.0.1.12 }, m13: { adress: 10.0.1.13 } } }, z2: { masters: { m99: { address: 10.0.2.11 } } } }
";
    insta::assert_snapshot!(inventory_shown(text), @r"
    error[unknown-key]: `adress` is not a key of master `m13`
     --> inventory.yaml:3:364
      |
     ::: 
    3 | .9 }, m10: { address: 10.0.1.10 }, m11: { address: 10.0.1.11 }, m12: { address: 10.0.1.12 }, m13: { adress: 10.0.1.13 } } }, z2: { masters: { m99: { addr...
      |                                                                                                     ^^^^^^
      |
      = help: did you mean `address`?
");
}

#[test]
fn an_unknown_step_and_an_unknown_role() {
    let text = "\
playbook: site
summary: All is well.
steps:
  - fense: failed
  - fence: faild
  - run: [ip, addr, flush, eth0]
";
    insta::assert_snapshot!(playbook_shown(text), @r"
    error[unknown-step]: `fense` is not a kind of step
     --> site.yaml:4:5
      |
    4 |   - fense: failed
      |     ^^^^^
      |
      = help: did you mean `fence`?

    error[bad-value]: `fence` cannot be `faild`
     --> site.yaml:5:12
      |
    5 |   - fence: faild
      |            ^^^^^
      |
      = help: did you mean `failed`?

    error[unknown-step]: `run` is not a kind of step
     --> site.yaml:6:5
      |
    6 |   - run: [ip, addr, flush, eth0]
      |     ^^^
      |
      = help: known are `expect`, `prepare-fence`, `fence`, `snapshot`, `distribute-snapshot`, `fetch-snapshot`, `stop`, `start`, `retire`, `restore`, `write`, `join`, `restart-learner`, `promote`, `clear-nospace`, `compare`, `record`, `park`, `narrow`, `clear-leases`, `cordon`, `uncordon`, `serve-api`, `each` or `phase`

    3 mistakes
");
}

#[test]
fn data_moved_under_a_running_etcd() {
    let text = "\
playbook: site
summary: All is well.
steps:
  - stop: { what: etcd, on: survivors }
  - retire: survivors
";
    insta::assert_snapshot!(playbook_shown(text), @r"
    error[retire-running]: this moves data whose etcd could be running
     --> site.yaml:5:3
      |
    5 |   - retire: survivors
      |   ^^^^^^^^^^^^^^^^^^^
      |
      = help: put `stop` and `fence` of the same masters before: data is never moved while its unit could start
");
}

#[test]
fn a_joiner_outside_each() {
    let text = "\
playbook: site
summary: All is well.
steps:
  - retire: joiner
";
    insta::assert_snapshot!(playbook_shown(text), @r"
    error[no-joiner]: `joiner` is known only within `each`
     --> site.yaml:4:13
      |
    4 |   - retire: joiner
      |             ^^^^^^
      |
      = help: put the step under `- each: returned` and its `steps`
");
}

#[test]
fn machines_get_the_same_as_values() {
    let text = "cluster: lab\ncluster: prod\nenvironment: lab\n";
    let found = inventory::read(&Source::new("inventory.yaml", text)).unwrap_err();
    let twice = &json(&found)[1];
    assert_eq!((&twice["code"], &twice["file"]), (&json!("duplicate-key"), &json!("inventory.yaml")));
    assert_eq!((&twice["line"], &twice["column"], &twice["span"]["end"]), (&json!(2), &json!(1), &json!(20)));
    assert_eq!((&twice["line_text"], &twice["related"][0]["line"]), (&json!("cluster: prod"), &json!(1)));
}

#[test]
fn colour_is_only_added_when_asked_for() {
    let found = inventory::read(&Source::new("inventory.yaml", "x: y\n")).unwrap_err();
    assert!(super::text(&found, true).contains("\u{1b}["));
    assert!(!super::text(&found, false).contains('\u{1b}'));
}
