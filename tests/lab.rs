//! requorum against real machines: every test has a lab of its own and tells one story. Needs root; see the README.

#[path = "lab/support.rs"]
mod support;

#[path = "lab/circle.rs"]
mod circle;
#[path = "lab/midway.rs"]
mod midway;
#[path = "lab/odd_zones.rs"]
mod odd_zones;
#[path = "lab/refusals.rs"]
mod refusals;
