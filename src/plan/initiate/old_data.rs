//! Whether a survivor's data was left behind by a newer cluster that a run recorded. Does not choose whose data is taken.

use std::collections::BTreeMap;

use crate::model::ClusterId;
use crate::observe::ClusterRecord;
use crate::observe::records::{self, Newest};
use crate::plan::checks::Refusals;
use crate::plan::draft::Participant;
use crate::plan::{Input, Rule};

use super::left;

/// Why its data is not that of the newest cluster; nothing where it is, or where no run has recorded one.
pub(super) fn why(input: Input<'_>, participant: &Participant<'_>) -> Option<String> {
    let newer = match records::newest(input.seen, &BTreeMap::new()) {
        Newest::Unrecorded => return None,
        Newest::Unclear(why) => Err(why),
        Newest::Known(record) => Ok(record),
    };
    let name = participant.name();
    let Some(id) = left(participant) else {
        let record = newer.ok().filter(|_| participant.may_hold_data())?;
        return Some(format!(
            "it is not known whose data {name} has, and run {} made cluster {}",
            record.run, record.cluster
        ));
    };
    let is_of = |record: &ClusterRecord| id == record.cluster || records::is_made_from(input.seen, id, record);
    let comes_after = |id: &ClusterId, record: &ClusterRecord| record.ancestors.contains(id);
    let why = match newer {
        Ok(record) if is_of(record) => return None,
        Ok(record) if comes_after(&id, record) => {
            format!("run {} made cluster {} after it", record.run, record.cluster)
        }
        Ok(record) => format!(
            "run {} made cluster {}, and no record tells which of the two came first",
            record.run, record.cluster
        ),
        Err(why) => why,
    };
    Some(format!("{name} has the data of cluster {id}; {why}"))
}

/// Nothing grows from it: what the newer cluster acknowledged would be lost.
pub(in crate::plan) fn refuse(participant: &Participant<'_>, why: Option<String>, refusals: &mut Refusals<'_>) {
    if let Some(why) = why.filter(|_| participant.may_hold_data()) {
        refusals.add(
            Rule::OldData,
            format!("{why}: what the other acknowledged would be lost"),
            "make a master of the newer cluster answer, or give a snapshot of it: --snapshot FILE; if older data is what you \
             want: --override old-data=REASON",
        );
    }
}
