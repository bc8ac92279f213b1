//! Quorum arithmetic, in one place. Knows numbers of voters only.

/// How many voters must agree when `voters` have a vote.
///
/// Raft's majority: more than half. Zero voters have no quorum, so one is needed.
#[must_use]
pub const fn needed(voters: usize) -> usize {
    voters / 2 + 1
}

/// Whether `present` of `voters` can elect a leader and acknowledge writes.
#[must_use]
pub const fn stands(present: usize, voters: usize) -> bool {
    voters > 0 && present >= needed(voters)
}

/// How many voters may be lost with quorum still standing.
#[must_use]
pub const fn tolerance(voters: usize) -> usize {
    voters.saturating_sub(needed(voters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_no_quorum() {
        assert!(!stands(1, 2));
        assert!(!stands(2, 4));
        assert!(stands(2, 3));
        assert!(stands(3, 5));
        assert!(stands(1, 1));
        assert!(!stands(0, 0));
    }

    #[test]
    fn two_members_tolerate_no_loss_and_neither_does_one() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(tolerance), [0, 0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn any_two_quorums_share_a_voter() {
        for voters in 1..50 {
            assert!(2 * needed(voters) > voters);
            assert!(stands(voters - tolerance(voters), voters));
            assert!(!stands(voters - tolerance(voters) - 1, voters));
        }
    }
}
