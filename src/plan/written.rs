//! What a file that a plan writes says of the cluster, read line by line without the parsers that wrote it: the safety rules
//! share nothing with the planner.

use std::collections::BTreeMap;

use crate::config::Form;

/// What the text says of a flag; nothing where it says it twice. Of the unit's flags some take it from these variables.
pub(super) fn says(form: Form, variables: &BTreeMap<String, String>, text: &str, flag: &str) -> Option<String> {
    let bare = |word: &str| word.trim().trim_matches(['"', '\'']).to_owned();
    let after = |line: &str, start: &str| line.trim_start().strip_prefix(start).map(str::to_owned);
    let own = || format!("ETCD_{}=", flag.to_uppercase().replace('-', "_"));
    match form {
        Form::UnitEnvFile => {
            let start = variables.get(flag).map_or_else(own, |name| format!("{name}="));
            text.lines().rev().find_map(|line| after(line, &start))
        }
        Form::EnvFile => {
            let start = own();
            text.lines().rev().find_map(|line| after(line, &start))
        }
        Form::ConfigFile => {
            let (start, lines) = (format!("{flag}:"), text.lines().filter(|line| !line.starts_with('#')));
            let mut found = lines.filter_map(|line| after(line, &start));
            let value = found.next().filter(|_| found.next().is_none())?;
            Some(bare(value.split(" #").next().unwrap_or_default()))
        }
        Form::Manifest => {
            let start = format!("--{flag}=");
            let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
            let mut found =
                lines.filter_map(|line| line.trim_matches(['"', '\'']).strip_prefix(&start).map(str::to_owned));
            let value = found.next().filter(|_| found.next().is_none())?;
            Some(bare(value.split(" #").next().unwrap_or_default()))
        }
        Form::UnitFlags => {
            let lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
            let words: Vec<&str> = lines.flat_map(str::split_whitespace).filter(|word| *word != "\\").collect();
            let is = |word: &str| word.trim_matches(['"', '\'']).trim_start_matches('-') == flag;
            let pairs = words
                .windows(2)
                .filter(|pair| pair[0].trim_matches(['"', '\'']).starts_with('-') && is(pair[0]))
                .map(|pair| bare(pair[1]));
            let (start, variable) = (format!("{flag}="), format!("ETCD_{}=", flag.to_uppercase().replace('-', "_")));
            let joined = words.iter().filter_map(|word| {
                let word = word.trim_matches(['"', '\'']);
                let set = word.strip_prefix("Environment=").unwrap_or(word).trim_matches(['"', '\'']);
                let of_flag = word.strip_prefix('-').map(|word| word.trim_start_matches('-'));
                of_flag.and_then(|word| word.strip_prefix(&start)).or_else(|| set.strip_prefix(&variable)).map(bare)
            });
            let mut found = pairs.chain(joined);
            let (first, second) = (found.next(), found.next());
            let name = match &first {
                _ if second.is_some() => return None,
                Some(value) => value.strip_prefix('$').map(|name| name.trim_start_matches('{').trim_end_matches('}')),
                // The flag stands in another file, and takes its value from here.
                None => Some(variables.get(flag)?.as_str()),
            };
            let Some(name) = name else { return first };
            let start = format!("{name}=");
            let mut set = words.iter().filter_map(|word| {
                let word = word.strip_prefix("Environment=").unwrap_or(word).trim_matches(['"', '\'']);
                word.strip_prefix(&start).map(bare)
            });
            set.next().filter(|_| set.next().is_none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Identity, SettingsFile, TextFile};

    #[test]
    fn each_form_is_read_and_what_stands_twice_is_not_believed() {
        let state = |form, text: &str| says(form, &BTreeMap::new(), text, "initial-cluster-state");
        let existing = Some("existing".to_owned());
        assert_eq!(
            state(Form::EnvFile, "ETCD_INITIAL_CLUSTER_STATE=new\nETCD_INITIAL_CLUSTER_STATE=existing\n"),
            existing
        );
        for text in [
            "ExecStart=/usr/bin/etcd --initial-cluster-state=existing --name m1\n",
            "ExecStart=/usr/bin/etcd \\\n  --initial-cluster-state existing \\\n  --name m1\n",
            "ExecStart=/usr/bin/etcd \\\n# --initial-cluster-state=new\n  \"--initial-cluster-state=existing\"\n",
            "ExecStart=/usr/bin/etcd -initial-cluster-state=existing -name m1\n",
            "Environment=ETCD_NAME=m1 \"ETCD_INITIAL_CLUSTER_STATE=existing\"\nExecStart=/usr/bin/etcd\n",
            "Environment=ETCD_INITIAL_CLUSTER_STATE=existing\nExecStart=/usr/bin/etcd\n",
        ] {
            assert_eq!(state(Form::UnitFlags, text), existing, "{text}");
        }
        let twice = "ExecStart=/usr/bin/etcd --initial-cluster-state=existing --initial-cluster-state new\n";
        assert_eq!(state(Form::UnitFlags, twice), None);
        for text in [
            "    - --initial-cluster-state=existing\n    - --name=m1\n",
            "    - \"--initial-cluster-state=existing\"  # not new\n",
        ] {
            assert_eq!(state(Form::Manifest, text), existing, "{text}");
        }
        let twice = "    - --initial-cluster-state=existing\n    - --initial-cluster-state=new\n";
        assert_eq!(state(Form::Manifest, twice), None);
        for text in [
            "initial-cluster-state: existing\n",
            "initial-cluster-state: 'existing'  # or new\n",
            "# initial-cluster-state: new\nname: m1\ninitial-cluster-state: \"existing\"\n",
        ] {
            assert_eq!(state(Form::ConfigFile, text), existing, "{text}");
        }
        assert_eq!(state(Form::ConfigFile, "initial-cluster-state: existing\ninitial-cluster-state: new\n"), None);
        assert_eq!(state(Form::ConfigFile, "name: m1\n"), None);
        let variables = BTreeMap::from([("initial-cluster-state".to_owned(), "STATE".to_owned())]);
        let named = |text: &str| says(Form::UnitEnvFile, &variables, text, "initial-cluster-state");
        assert_eq!(named("STATE=new\nSTATE=existing\nETCD_INITIAL_CLUSTER_STATE=new\n"), existing);
        assert_eq!(named("ETCD_INITIAL_CLUSTER_STATE=existing\n"), None);
        assert_eq!(state(Form::UnitEnvFile, "ETCD_INITIAL_CLUSTER_STATE=existing\n"), existing);
    }
    #[test]
    fn a_flag_that_takes_a_variable_of_the_unit_says_what_that_says() {
        let existing = Some("existing".to_owned());
        let in_unit = |text: &str| {
            let variables = BTreeMap::from([("initial-cluster-state".to_owned(), "STATE".to_owned())]);
            says(Form::UnitFlags, &variables, text, "initial-cluster-state")
        };
        for text in [
            "Environment=STATE=existing\nExecStart=/usr/bin/etcd --initial-cluster-state=${STATE}\n",
            "Environment=A=b \"STATE=existing\"\nExecStart=/usr/bin/etcd --initial-cluster-state $STATE\n",
            // The flag stands in another file.
            "[Service]\nEnvironment='STATE=existing'\n",
            // It is written out, and the variable has another use.
            "Environment=STATE=new\nExecStart=/usr/bin/etcd --initial-cluster-state=existing\nExecReload=/x $STATE\n",
        ] {
            assert_eq!(in_unit(text), existing, "{text}");
        }
        for text in [
            "Environment=STATE=new\nEnvironment=STATE=existing\nExecStart=/usr/bin/etcd --initial-cluster-state=${STATE}\n",
            "Environment=STATES=existing\nExecStart=/usr/bin/etcd --initial-cluster-state=${STATE}\n",
            "#Environment=STATE=existing\n",
        ] {
            assert_eq!(in_unit(text), None, "{text}");
        }
    }

    /// From a unit and a drop-in to what is written: the flag stands in one file, its variable in the other.
    #[test]
    fn a_drop_in_that_sets_the_variables_is_read_as_it_is_written() {
        let unit = "[Service]\nExecStart=/usr/bin/etcd --name m1 --initial-cluster=${LIST} --initial-cluster-state=${STATE} \
            --initial-cluster-token=${TOKEN}\n";
        let drop_in = "[Service]\nEnvironment=LIST=m1=http://h:1 STATE=new\nEnvironment=\"TOKEN=old\"\n";
        let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
        let settings = SettingsFile::unit("etcd", vec![file("/u", unit), file("/d", drop_in)], Vec::new()).unwrap();
        let [initial_cluster, state, token] = ["m9=http://h:9", "existing", "requorum-1"].map(str::to_owned);
        let identity = Identity { initial_cluster, state, token };
        let after = settings.with_identity(&identity).unwrap();
        assert_eq!(settings.path, "/d");
        assert_eq!(
            after,
            "[Service]\nEnvironment=LIST=m9=http://h:9 STATE=existing\nEnvironment=\"TOKEN=requorum-1\"\n"
        );
        let variables = settings.with(&after).variables();
        for (flag, value) in identity.settings() {
            assert_eq!(says(settings.form, &variables, &after, flag).as_deref(), Some(value), "{flag}");
        }
    }
}
