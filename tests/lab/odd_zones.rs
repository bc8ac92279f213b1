//! Other shapes of a cluster: three zones of which two are lost, and two halves of which one is.

use crate::support::{Lab, name};

#[test]
fn two_zones_of_three_are_lost_and_each_is_named() {
    let lab = Lab::up("1+1+1", "3.7");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.lab(&["power-off", "zone2"]).exits(0);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=off"]).exits(3).says("zone2");
    let both = ["--failed-zone", "zone1", "--failed-zone", "zone2", "--attest", "zone1=off", "--attest", "zone2=off"];
    lab.requorum(&[&["initiate-dr", "--confirm", name()], &both[..]].concat()).exits(0);
    assert_eq!(lab.count("m3", "before"), 3);
    lab.lab(&["power-on", "zone1"]).exits(0);
    lab.lab(&["power-on", "zone2"]).exits(0);
    lab.requorum(&["recover", "--confirm", name()]).exits(0).says("3 voters");
    lab.requorum(&["status"]).exits(0);
}

#[test]
fn half_of_four_is_no_quorum() {
    let lab = Lab::up("2+2", "3.5");
    lab.put("m1", "before", 3);
    lab.wait_for_keys("m3", "before", 3);
    lab.wait_for_keys("m4", "before", 3);
    lab.lab(&["power-off", "zone1"]).exits(0);
    lab.requorum(&["initiate-dr", "--confirm", name(), "--attest", "zone1=off"]).exits(0).says("m3, m4 serve");
    assert_eq!(lab.count("m4", "before"), 3);
    lab.put("m4", "after", 3);
}
