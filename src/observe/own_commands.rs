//! The question "does the unit itself write the file of etcd's settings?", asked where one of its commands names that file.
//! Asks nothing itself.

use crate::config::Form;
use crate::config::unit_file::beside;
use crate::model::diagnostic::Source;
use crate::model::{Command, Output, UnitName};

use super::policy::{Policy, Writes};
use super::settings_place::{UNIT_FILES, files_told};
use super::{Answer, Settings, Unit};

/// Asks for the unit's files, where a command of the unit may name the file.
#[must_use]
pub fn command(policy: &Policy, settings: &Settings, unit: Option<&Unit>, name: &UnitName) -> Option<Command> {
    let path = settings.file.path.as_str();
    let variables = || unit.into_iter().flat_map(|unit| unit.environment.iter().map(String::as_str));
    let stands_for_it = || variables().chain(settings.file.texts()).any(|text| text.contains(path));
    let names = |line: &String| line.contains(path) || line.replace("$MAINPID", "").contains('$') && stands_for_it();
    // A pod's manifest is nobody's unit's.
    let asked = settings.file.form != Form::Manifest && policy.commands.iter().any(names);
    asked.then(|| Command::script(UNIT_FILES).arg(name.as_str()))
}

/// Reads which of them write it. Where that cannot be told, the unit may: no answer is not none.
#[must_use]
pub fn parse(policy: &Policy, path: &str, name: &UnitName, output: Answer<Output>) -> Vec<Writes> {
    let unknown = || vec![Writes { key: beside::KEYS.join("=, "), at: policy.fragment.clone() }];
    let Ok(told) = output.and_then(|output| files_told(&output)) else { return unknown() };
    let of = |kind: &str| -> Vec<Source> {
        let those = told.iter().filter(|one| one.kind == kind);
        those.map(|one| Source::new(one.file.path.clone(), one.file.text.clone())).collect()
    };
    let Ok(found) = beside::writing(name.as_str(), &of("unit"), &of("env"), path) else { return unknown() };
    let writes =
        |one: beside::WritingCommand| Writes { at: format!("{}:{}", one.place.file, one.place.line), key: one.key };
    found.into_iter().map(writes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingsFile;

    fn policy(command: &str) -> Policy {
        let fragment = "/etc/systemd/system/etcd.service".to_owned();
        Policy { commands: vec![command.to_owned()], fragment, ..Policy::default() }
    }

    #[test]
    fn the_files_are_asked_for_only_where_a_command_may_name_the_file() {
        let settings = Settings::of(SettingsFile::env_file("/etc/etcd.env", "ETCD_NAME=m1\n"));
        let name = UnitName::new("etcd").unwrap();
        let of = |environment: &[&str]| Unit {
            environment: environment.iter().map(|word| (*word).to_owned()).collect(),
            ..Unit::default()
        };
        let asked = |line: &str, unit: &Unit| command(&policy(line), &settings, Some(unit), &name).is_some();
        for (line, environment, expected) in [
            ("{ path=/bin/sh ; argv[]=/bin/sh -c date > /etc/etcd.env ; }", &[][..], true),
            ("{ path=/bin/x ; argv[]=/bin/x $OUT ; }", &["OUT=/etc/etcd.env"], true),
            ("{ path=/bin/x ; argv[]=/bin/x $OUT ; }", &["OUT=/etc/other"], false),
            ("{ path=/bin/kill ; argv[]=/bin/kill -HUP $MAINPID ; }", &["OUT=/etc/etcd.env"], false),
            ("{ path=/usr/bin/docker ; argv[]=/usr/bin/docker rm -f etcd1 ; }", &[], false),
        ] {
            assert_eq!(asked(line, &of(environment)), expected, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_told_may_write() {
        let (policy, name) = (policy(""), UnitName::new("etcd").unwrap());
        let told = |text: &str| format!("unit\t/u\troot root 644\t{}\n{text}\n", text.len());
        let said = |stdout: String| parse(&policy, "/etc/etcd.env", &name, Ok(Output { stdout, ..Output::default() }));
        let text = told("[Service]\nExecStartPre=/opt/x /etc/etcd.env\n");
        assert_eq!(said(text.clone()), [Writes { key: "ExecStartPre".into(), at: "/u:2".into() }]);
        assert_eq!(said(told("[Service]\nExecStartPre=/bin/cat /etc/etcd.env\n")), []);
        let cut = said(text[..20].to_owned());
        assert_eq!(cut[0].at, "/etc/systemd/system/etcd.service");
    }
}
