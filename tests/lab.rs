//! requorum against real machines: every test has a lab of its own and tells one story. Needs root; see the README.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

#[path = "support/lines.rs"]
mod lines;
#[path = "support/promtool.rs"]
mod promtool;
#[path = "support/set_ups.rs"]
#[allow(dead_code, reason = "tests/set_ups.rs uses all of it")]
mod set_ups;
#[path = "support/stand_in.rs"]
mod stand_in;
#[path = "lab/support.rs"]
#[allow(dead_code, reason = "tests/faults.rs uses all of it")]
mod support;

#[path = "lab/accepted.rs"]
mod accepted;
#[path = "lab/beside.rs"]
mod beside;
#[path = "lab/broken.rs"]
#[allow(dead_code, reason = "tests/faults.rs uses all of it")]
mod broken;
#[path = "lab/broken_drills.rs"]
mod broken_drills;
#[path = "lab/certificates.rs"]
mod certificates;
#[path = "lab/confines.rs"]
mod confines;
#[path = "lab/doctor.rs"]
mod doctor;
#[path = "lab/drill.rs"]
mod drill;
#[path = "lab/kubernetes.rs"]
mod kubernetes;
#[path = "lab/large.rs"]
mod large;
#[path = "lab/midway.rs"]
mod midway;
#[path = "lab/refusals.rs"]
mod refusals;
#[path = "lab/returns.rs"]
mod returns;
#[path = "lab/schedules.rs"]
mod schedules;
#[path = "lab/shapes.rs"]
mod shapes;
#[path = "lab/surroundings.rs"]
mod surroundings;
#[path = "lab/told.rs"]
mod told;
