//! Which masters try which other one's usual peer port. Knows no answers.

use crate::model::{Cluster, Master};

/// How many masters of each zone try one master's port, where the zone has as many: in an inventory of hundreds all would
/// try all otherwise. Those that a master's own settings name it tries besides.
const WITNESSES: usize = 8;

/// The masters whose usual peer port this one tries: all of them in a zone of up to [`WITNESSES`].
pub fn tried_by<'a>(from: &'a Master, cluster: &'a Cluster) -> impl Iterator<Item = &'a Master> {
    let (own, size) = place(from, cluster);
    let in_zones = cluster.zones.values().flat_map(|zone| zone.masters.values().enumerate());
    in_zones.filter(move |(other, to)| to.name != from.name && is_near(own, *other, size)).map(|(_, to)| to)
}

/// Whether `from` tries the usual peer port of `to`.
#[cfg(test)]
fn tries(from: &Master, to: &Master, cluster: &Cluster) -> bool {
    let ((own, size), (other, _)) = (place(from, cluster), place(to, cluster));
    to.name != from.name && is_near(own, other, size)
}

/// Where a master stands in its zone, and how many that has.
fn place(master: &Master, cluster: &Cluster) -> (usize, usize) {
    let zone = cluster.zones.get(&master.zone).map(|zone| &zone.masters);
    let place = zone.and_then(|masters| masters.keys().position(|name| *name == master.name));
    (place.unwrap_or_default(), zone.map_or(1, std::collections::BTreeMap::len))
}

/// Whether one that stands at `own` among `size` is one of the witnesses of whoever stands at `other`: those that stand at
/// the same place and after it, and at the beginning again.
const fn is_near(own: usize, other: usize, size: usize) -> bool {
    (own + size - other % size) % size < WITNESSES
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::diagnostic::Source;
    use crate::model::inventory;

    fn of(sizes: &[usize]) -> Cluster {
        let mut text = "cluster: test\nenvironment: lab\nzones:\n".to_owned();
        for (zone, size) in sizes.iter().enumerate() {
            text += &format!("  z{zone}:\n    masters:\n");
            for master in 0..*size {
                text += &format!(
                    "      z{zone}m{master:03}: {{ address: 10.{zone}.{}.{} }}\n",
                    master / 200,
                    master % 200 + 1
                );
            }
        }
        inventory::read(&Source::new("inventory.yaml", text.as_str())).unwrap()
    }

    /// Every shape of two zones up to twelve masters each, and larger ones.
    fn shapes() -> Vec<Vec<usize>> {
        let small = (1..=12).flat_map(|one| (1..=12).map(move |other| vec![one, other]));
        small.chain([vec![1, 150], vec![150, 1], vec![3, 3, 3], vec![9, 20, 100], vec![250, 250]]).collect()
    }

    #[test]
    fn every_master_has_as_many_witnesses_in_each_zone_as_that_has_up_to_eight() {
        for sizes in shapes() {
            let cluster = of(&sizes);
            for to in cluster.masters() {
                for (name, zone) in &cluster.zones {
                    let others = zone.masters.len() - usize::from(*name == to.zone);
                    let witnesses = zone.masters.values().filter(|from| tries(from, to, &cluster)).count();
                    let least = if *name == to.zone { WITNESSES - 1 } else { WITNESSES };
                    assert_eq!(witnesses, others.min(least), "{sizes:?}: {} in {name}", to.name);
                }
            }
        }
    }

    #[test]
    fn in_zones_of_up_to_eight_all_try_all_others() {
        for sizes in shapes().into_iter().filter(|sizes| sizes.iter().all(|size| *size <= WITNESSES)) {
            let cluster = of(&sizes);
            for from in cluster.masters() {
                let tried = tried_by(from, &cluster).map(|to| &to.name);
                assert!(tried.eq(cluster.masters().map(|to| &to.name).filter(|name| **name != from.name)), "{sizes:?}");
            }
        }
    }

    #[test]
    fn both_questions_have_one_answer_and_what_is_tried_grows_with_the_masters_only() {
        for sizes in shapes() {
            let cluster = of(&sizes);
            let mut all = 0;
            for from in cluster.masters() {
                let tried: BTreeSet<_> = tried_by(from, &cluster).map(|to| to.name.clone()).collect();
                let said = cluster.masters().filter(|to| tries(from, to, &cluster)).map(|to| to.name.clone());
                assert_eq!(tried, said.collect(), "{sizes:?}: {}", from.name);
                all += tried.len();
            }
            assert!(all <= WITNESSES * sizes.len() * sizes.iter().sum::<usize>(), "{sizes:?}: {all}");
        }
    }
}
