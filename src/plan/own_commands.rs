//! Whether a master's unit writes the file of etcd's settings by itself: what a run writes there would not last. Reads one
//! master's answers.

use crate::model::Master;
use crate::observe::Seen;
use crate::plan::Rule;

use super::conditions::Condition;
use super::doctor::Check;

/// Each command of the unit that plainly names the file and is not known to only read it.
pub(super) fn conditions(master: &Master, seen: &Seen) -> Vec<Condition> {
    let (Ok(node), Ok(settings)) = (&seen.node, &seen.settings) else { return Vec::new() };
    let (unit, file) = (&master.etcd.unit, &settings.file.path);
    let condition = |at: &str, text: String| Condition {
        said: Rule::WrittenByUnit.into(),
        check: Check::Unit,
        text,
        next: format!(
            "keep member list, state and token in a file that nothing else writes, or take the command out of {at} \
             (systemctl edit --full {unit}); if it only reads {file}: --override {}=REASON",
            Rule::WrittenByUnit
        ),
        diff: None,
    };
    let writes = node.policy.writes.iter().map(|one| {
        let text = format!(
            "{}: {}= of {unit} writes {file} by itself: it would overwrite what a run writes there, and the cluster of before would come back",
            one.at, one.key
        );
        condition(&one.at, text)
    });
    writes.collect()
}
