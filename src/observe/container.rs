//! The question "how does this unit start etcd in a container?". Knows the unit's files and its script, not docker's state.

use crate::config::container::{Container, is_docker};
use crate::model::diagnostic::Source;
use crate::model::{AbsPath, Command, Output, UnitName};

use super::settings_place::{READING, UNIT_FILES, files_told};
use super::{Answer, Tools, Unclear, Unit};

/// What a unit starts in etcd's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starts {
    /// docker's client itself.
    Docker,
    /// A script, by its path.
    Script(String),
}

impl Starts {
    /// What this unit starts, where it is not etcd itself.
    #[must_use]
    pub fn of(unit: &Unit, tools: Option<&Tools>) -> Option<Self> {
        let program = unit.program().filter(|_| unit.loaded)?;
        let script = tools.and_then(|tools| tools.script.clone());
        match script.filter(|script| script == program) {
            Some(script) => Some(Self::Script(script)),
            None => is_docker(program).then_some(Self::Docker),
        }
    }
}

/// What is told where docker does not say what state the container is in.
const STATE: &str = "asking docker for etcd's container";

/// What is told where the unit's files or its script do not come.
const FILES: &str = "reading how the unit starts etcd";

/// The same reason, told of docker.
#[must_use]
pub fn of_docker(why: Unclear) -> Unclear {
    Unclear { what: STATE.to_owned(), ..why }
}

/// The same reason, told of the unit's files.
#[must_use]
pub fn of_files(why: Unclear) -> Unclear {
    Unclear { what: FILES.to_owned(), ..why }
}

/// Whether it is not known for this reason how etcd is started, or whether it runs in its container.
#[must_use]
pub fn is_unknown(why: &Unclear) -> bool {
    [STATE, FILES, READING].contains(&why.what.as_str())
}

/// Asks for the unit's files and the script.
#[must_use]
pub fn command(starts: &Starts, unit: &UnitName) -> Command {
    let asked = Command::script(UNIT_FILES).arg(unit.as_str());
    match starts {
        Starts::Docker => asked,
        Starts::Script(path) => asked.arg(path.as_str()),
    }
}

/// Reads them.
///
/// # Errors
/// When they are not there, or do not tell: with the line, and what to do.
pub fn parse(unit: &UnitName, data_dir: &AbsPath, output: &Output) -> Answer<Container> {
    let files = files_told(output).map_err(of_files)?;
    let of = |kind: &str| -> Vec<Source> {
        let those = files.iter().filter(|told| told.kind == kind);
        those.map(|told| Source::new(told.file.path.clone(), told.file.text.clone())).collect()
    };
    let script = of("script");
    let read = Container::read(unit.as_str(), &of("unit"), script.first()).and_then(|container| {
        container.has_data_in_place(data_dir.as_str())?;
        Ok(container)
    });
    read.map_err(|why| Unclear { what: READING.to_owned(), why: why.in_one_line() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(program: &str) -> Unit {
        Unit { loaded: true, argv: vec![program.to_owned()], ..Unit::default() }
    }

    #[test]
    fn a_unit_that_starts_etcd_itself_is_no_container() {
        let tools = |script: Option<&str>| Tools { script: script.map(str::to_owned), ..Tools::default() };
        let of = |program: &str, script: Option<&str>| Starts::of(&unit(program), Some(&tools(script)));
        assert_eq!(of("/usr/local/bin/etcd", None), None);
        assert_eq!(of("/opt/etcd/etcd", Some("/usr/local/bin/etcd")), None, "a script that the unit does not start");
        assert_eq!(of("/usr/bin/docker", None), Some(Starts::Docker));
        let script = Starts::Script("/usr/local/bin/etcd".to_owned());
        assert_eq!(of("/usr/local/bin/etcd", Some("/usr/local/bin/etcd")), Some(script));
        assert_eq!(Starts::of(&Unit { loaded: false, ..unit("/usr/bin/docker") }, None), None);
    }

    #[test]
    fn half_an_answer_is_no_container_and_a_line_is_told_with_its_file() {
        let (etcd, data) = (UnitName::new("etcd").unwrap(), AbsPath::new("/var/lib/etcd").unwrap());
        let text = "[Service]\nExecStart=/usr/bin/docker run --rm --net=host --env-file=/e -v /var/lib/etcd:/var/lib/etcd --name=x i\n";
        let told = format!("unit\t/etc/systemd/system/etcd.service\troot root 644\t{}\n{text}\n", text.len());
        let read = |stdout: &str| parse(&etcd, &data, &Output { stdout: stdout.to_owned(), ..Output::default() });
        assert_eq!(read(&told).unwrap().name.as_str(), "x");
        let cut = read(&told[..told.len() - 9]).unwrap_err();
        assert!(is_unknown(&cut) && cut.why.contains("not whole"), "{cut}");
        let why = read(&told.replace("=x i", "=% i")).unwrap_err();
        assert!(why.what == READING && why.why.starts_with("/etc/systemd/system/etcd.service:2: "), "{why}");
    }
}
