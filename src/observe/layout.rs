//! The question "is the data directory one piece?". A run renames it as a whole; what is mounted or linked inside does
//! not come along as one would think. Knows nothing of etcd's process.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{AbsPath, Command, Output};

use super::Unclear;

/// What lies elsewhere although it is named inside the data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Directories in it that are mount points of their own: `member/wal`.
    pub mounts: Vec<String>,
    /// Directories in it that are symbolic links.
    pub links: Vec<String>,
}

const SCRIPT: Script = Script {
    name: "layout",
    text: r#"set -u
dir=$1
for part in member member/wal member/snap; do
  at=$dir/$part
  if [ -L "$at" ]; then echo "link=$part"
  elif [ -d "$at" ]; then
    if [ "$(stat -c %d "$at")" != "$(stat -c %d "$at/..")" ] || mountpoint -q "$at" 2>/dev/null
    then echo "mount=$part"; fi
  fi
done
exit 0
"#,
};

/// Asks about the data directory's parts.
#[must_use]
pub fn command(data_dir: &AbsPath) -> Command {
    Command::script(SCRIPT).arg(data_dir.as_str())
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run.
pub fn parse(output: &Output) -> Result<Layout, Unclear> {
    if !output.ok() {
        return Err(Unclear::failed("looking into the data directory", output));
    }
    let mut layout = Layout::default();
    for (name, value) in output.stdout.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "mount" => layout.mounts.push(value.to_owned()),
            "link" => layout.links.push(value.to_owned()),
            _ => {}
        }
    }
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_lie_elsewhere_are_named() {
        let say = |stdout: &str| parse(&Output { stdout: stdout.into(), ..Output::default() }).unwrap();
        assert_eq!(say(""), Layout::default());
        let layout = say("mount=member/wal\nlink=member/snap\nelse=x\n");
        assert_eq!((&layout.mounts[..], &layout.links[..]), (&["member/wal".into()][..], &["member/snap".into()][..]));
        assert!(parse(&Output { status: 1, ..Output::default() }).is_err());
    }
}
