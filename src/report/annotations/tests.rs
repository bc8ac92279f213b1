//! Tests of `report/annotations`.

use super::*;
use crate::model::diagnostic::Source;
use crate::model::inventory;

const TEXT: &str = "\
cluster: \"a,b: 100%\"
environment: lab
zones:
  z1: { masters: { m1: { address: 10.0.1.11 } } }
  z2: { masters: { m1: { address: 10.0.1.12 } } }
";

fn found() -> Vec<Diagnostic> {
    inventory::read(&Source::new("dir/in ventory:1.yaml", TEXT)).unwrap_err()
}

#[test]
fn github_reads_one_command_a_line() {
    insta::assert_snapshot!(github(&found()), @r"
    ::error file=dir/in ventory%3A1.yaml,line=1,col=10,endColumn=20,title=bad-name::`a,b: 100%25` may hold only letters, digits, dots, dashes and underscores, and may not begin with a dot
    ::error file=dir/in ventory%3A1.yaml,line=5,col=20,endColumn=21,title=duplicate-master::`m1` is in two zones
    ");
}

#[test]
fn no_file_can_write_a_command_of_its_own() {
    let hostile = "cluster: x\nenvironment: \"lab\\r\\n::error::owned %0A::warning::too\"\nzones: {}\n";
    let shown = github(&inventory::read(&Source::new("i\n::error::x.yaml", hostile)).unwrap_err());
    assert!(shown.lines().all(|line| line.starts_with("::error file=")), "{shown}");
    assert!(!shown.contains("%0A::warning"), "{shown}");
}

#[test]
fn sarif_names_file_rule_and_both_places() {
    let sarif = sarif(&found());
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"], json!([{ "id": "bad-name" }, { "id": "duplicate-master" }]));
    insta::assert_snapshot!(serde_json::to_string_pretty(&run["results"][1]).unwrap(), @r#"
    {
      "level": "error",
      "locations": [
        {
          "physicalLocation": {
            "artifactLocation": {
              "uri": "dir/in%20ventory%3A1.yaml"
            },
            "region": {
              "endColumn": 22,
              "startColumn": 20,
              "startLine": 5
            }
          }
        }
      ],
      "message": {
        "text": "`m1` is in two zones"
      },
      "relatedLocations": [
        {
          "message": {
            "text": "first here"
          },
          "physicalLocation": {
            "artifactLocation": {
              "uri": "dir/in%20ventory%3A1.yaml"
            },
            "region": {
              "endColumn": 22,
              "startColumn": 20,
              "startLine": 4
            }
          }
        }
      ],
      "ruleId": "duplicate-master"
    }
    "#);
}

#[test]
fn gitlab_knows_a_mistake_again_when_lines_are_added_above() {
    let prints = |text: &str| -> Vec<String> {
        let found = inventory::read(&Source::new("i.yaml", text)).unwrap_err();
        let report = gitlab(&found);
        assert_eq!(report[0]["location"]["path"], "i.yaml");
        report.as_array().unwrap().iter().map(|entry| entry["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    let before = prints(TEXT);
    assert_eq!(before, prints(&format!("# a comment\n\n{TEXT}")));
    assert_ne!(before[0], before[1]);
    let twice = "cluster: x\nenvironment: lab\nzones:\n  z1: {}\n  z2: {}\n";
    let prints = prints(twice);
    assert_eq!(prints.len(), prints.iter().collect::<std::collections::BTreeSet<_>>().len());
}
