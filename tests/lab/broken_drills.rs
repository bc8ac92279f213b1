//! A drill broken in six ways on real machines; `tests/faults.rs` has them all. No scenario, as `drill.rs` says.

use crate::broken::{full, killed, lab, phase, said, spoiled, unplugged};

#[test]
fn a_drill_that_is_broken_is_finished_by_what_requorum_says_comes_next() {
    let lab = lab();
    killed(&lab, "stop", &said("[stop] etcd", 2));
    killed(&lab, "isolate", &said("[retire] ", 1));
    killed(&lab, "isolate", &said("[join] ", 1));
    unplugged(&lab, "isolate", "m3", &phase("detection", 1));
    lab.own_disk("m2");
    full(&lab, "m2", &phase("recover", 1));
    spoiled(&lab, &phase("detection", 1));
}
