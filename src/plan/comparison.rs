//! Whether a plan that was made again would do the same. Does not say why two plans differ.

use serde_json::Value;

use crate::step::Step;

use super::Plan;

/// Whether two plans of one request do the same to the same masters. What was found and said on the way may differ, and so
/// may the proof's time, the ports to be cut off, the old data that somebody may have removed by now, and limits, which
/// grow with a database that takes writes, as its size does.
#[must_use]
pub fn do_the_same(one: &Plan, other: &Plan) -> bool {
    acts(one) == acts(other)
}

/// The plan that was consented to, with what survivors had heard when quorum was proved lost once more: what they heard
/// between the two proofs says nothing against the second.
#[must_use]
pub fn with_silence_of(agreed: &Plan, now: &Plan) -> Plan {
    let mut plan = agreed.clone();
    let steps = plan.stages.iter_mut().flat_map(|stage| &mut stage.steps);
    for (planned, now) in steps.zip(now.steps()) {
        if let (Step::Leaderless(agreed), Step::Leaderless(now)) = (&mut planned.step, &now.step) {
            agreed.silence.clone_from(&now.silence);
        }
    }
    plan
}

fn acts(plan: &Plan) -> Value {
    let mut value = serde_json::to_value(plan).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.remove("findings");
        fields.remove("ports");
        fields.remove("old_data");
        fields.remove("proof");
    }
    without_limits(&mut value);
    value
}

fn without_limits(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("limit");
            fields.remove("expected_bytes");
            // What survivors had heard when a proof ended: another proof, made a moment later, may say another.
            fields.remove("silence");
            fields.values_mut().for_each(without_limits);
        }
        Value::Array(items) => items.iter_mut().for_each(without_limits),
        _ => {}
    }
}
