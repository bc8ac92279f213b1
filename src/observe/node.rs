//! The question "what would a run meet on this node that etcd does not say?": how its data directory is made up, what
//! can be written, and what systemd does with the unit by itself. Judges nothing.

use serde::{Deserialize, Serialize};

use crate::model::command::Script;
use crate::model::{Command, Master, Output};

use super::layout::{self, Layout};
use super::marks::{STATE, fence_drop_in};
use super::policy::{self, PROPERTIES, Policy};
use super::{Asked, Unclear};

/// What a run would meet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The data directory's parts, and what can be written.
    pub layout: Layout,
    /// What systemd does with the unit.
    pub policy: Policy,
}

/// Stands in observations from before it was asked.
pub(super) fn not_asked() -> Asked<Node> {
    Err(Unclear::text(WHAT, super::NOT_ASKED))
}

const WHAT: &str = "looking at the node's layout and unit";

// What fstab or a mount unit names is mounted at the next boot, whatever is mounted now. systemd's list of conditions is
// emptied by an empty assignment in a later file.
const SCRIPT: Script = Script {
    name: "node",
    text: r#"set -u
dir=$1 unit=$2.service env=$3 drop_in=$4 state=$5 properties=$6
said=$(systemctl show "--property=$properties" "$unit") || exit 1
printf '%s\n' "$said"
for file in $(printf '%s\n' "$said" | sed -n 's/^DropInPaths=//p'); do
  grep -qs '^Condition[A-Za-z]*=[[:space:]]*$' "$file" && echo "resets=$file"
done
for part in member member/wal member/snap; do
  at=$dir/$part
  if [ -L "$at" ]; then echo "link=$part"
  elif [ -d "$at" ]; then
    if [ "$(stat -c %d "$at")" != "$(stat -c %d "$at/..")" ] || mountpoint -q "$at" 2>/dev/null
    then echo "mount=$part"; fi
  fi
done
real=$(readlink -f "$dir" 2>/dev/null) && [ -n "$real" ] || real=$dir
mounted() { awk -v at="$1" '$5 == at { found = 1 } END { exit !found }' /proc/self/mountinfo; }
{ awk '$1 !~ /^#/ && NF >= 3 && $3 != "swap" && $4 !~ /(^|,)noauto(,|$)/ { print $2 }' /etc/fstab
  sed -n 's/^Where=//p' /etc/systemd/system/*.mount; } 2>/dev/null |
while read -r place; do
  place=${place%/}
  [ -n "$place" ] || continue
  for base in "$dir" "$real"; do
    case $place in
    "$base/member" | "$base/member/wal" | "$base/member/snap") echo "mount=${place#"$base"/}" ;;
    esac
    case $base/ in "$place"/*) mounted "$place" || echo "unmounted=$place" ;; esac
  done
done
near() { at=$1; while [ ! -d "$at" ]; do at=${at%/*}; [ -n "$at" ] || at=/; done; echo "$at"; }
for place in "$dir" "${dir%/*}" "${env%/*}" "${drop_in%/*}" "$state"; do
  at=$(near "$place")
  [ -w "$at" ] || echo "read_only=$at"
done
[ ! -e "$env" ] || [ -w "$env" ] || echo "read_only=$env"
exit 0
"#,
};

/// Asks about the node.
#[must_use]
pub fn command(master: &Master) -> Command {
    let etcd = &master.etcd;
    Command::script(SCRIPT).args([etcd.data_dir.as_str(), etcd.unit.as_str(), etcd.env_file.as_str()]).args([
        fence_drop_in(&etcd.unit).as_str(),
        STATE,
        PROPERTIES,
    ])
}

/// Reads `name=value` lines.
///
/// # Errors
/// When the script did not run or systemd did not answer.
pub fn parse(output: &Output) -> Asked<Node> {
    if !output.ok() {
        return Err(Unclear::failed(WHAT, output));
    }
    Ok(Node { layout: layout::parse(&output.stdout), policy: policy::parse(&output.stdout)? })
}
