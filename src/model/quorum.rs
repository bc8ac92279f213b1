//! Quorum arithmetic, in one place. Knows only numbers of voters.

/// How many voters must agree when `voters` have a vote.
///
/// Raft's majority: more than half. Zero voters have no quorum, so one is needed.
#[must_use]
pub const fn needed(voters: usize) -> usize {
    voters / 2 + 1
}

/// Whether `present` of `voters` can elect a leader and acknowledge writes.
#[must_use]
pub const fn is_quorum(present: usize, voters: usize) -> bool {
    voters > 0 && present >= needed(voters)
}

/// How many voters may be lost with quorum still standing.
#[must_use]
pub const fn tolerance(voters: usize) -> usize {
    voters.saturating_sub(needed(voters))
}

/// The same as words, of voters that all vote now.
#[must_use]
pub fn tolerated(lost: usize) -> String {
    if lost == 0 { "no loss is tolerated".to_owned() } else { format!("the loss of {lost} is tolerated") }
}

/// The voters of a cluster that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How many have a vote, whether they vote now or not.
    pub voters: usize,
    /// How many were seen to vote now.
    pub present: usize,
    /// How many could not be asked. The others do not vote now: down, or never started.
    pub unseen: usize,
}

impl Tally {
    /// How many of those that vote now may be lost at least and at most. A cluster that serves has its majority, so that
    /// some of those that could not be asked may have to be a part of it.
    #[must_use]
    pub const fn may_be_lost(self) -> (usize, usize) {
        let needed = needed(self.voters);
        (self.present.saturating_sub(needed), (self.present + self.unseen).saturating_sub(needed))
    }

    /// The same as a sentence.
    #[must_use]
    pub fn words(self) -> String {
        let Self { voters, present, unseen } = self;
        match self.may_be_lost() {
            _ if present == voters => format!("voters: {voters}; {}", tolerated(tolerance(voters))),
            (0, 0) => format!("voters: {voters}; {present} vote now: no further loss is tolerated"),
            (lost, most) if lost == most => {
                format!("voters: {voters}; {present} vote now: the loss of {lost} more is tolerated")
            }
            (least, most) => {
                let or = if most == least + 1 { "or" } else { "to" };
                format!(
                    "voters: {voters}; {present} vote, {unseen} unknown: the loss of {least} {or} {most} more is tolerated"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_no_quorum() {
        assert!(!is_quorum(1, 2));
        assert!(!is_quorum(2, 4));
        assert!(is_quorum(2, 3));
        assert!(is_quorum(3, 5));
        assert!(is_quorum(1, 1));
        assert!(!is_quorum(0, 0));
    }

    #[test]
    fn two_members_tolerate_no_loss_and_neither_does_one() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7].map(tolerance), [0, 0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn any_two_quorums_share_a_voter() {
        for voters in 1..50 {
            assert!(2 * needed(voters) > voters);
            assert!(is_quorum(voters - tolerance(voters), voters));
            assert!(!is_quorum(voters - tolerance(voters) - 1, voters));
        }
    }
}
