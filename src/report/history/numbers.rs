//! The numbers of a run's steps within its words, moved to where its steps stand in a longer list. Knows how the words name
//! a step: `step 7`, and a line of a list that begins with `7. `.

/// The words with every step's number increased by `by`.
#[must_use]
pub(super) fn moved(text: &str, by: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (before, rest) = split_digits(line.trim_start_matches(' '));
        let indent = line.len() - line.trim_start_matches(' ').len();
        let rest = match before {
            Some(number) if indent > 0 && rest.starts_with(". ") => {
                let width = indent + line[indent..].len() - rest.len();
                out.push_str(&format!("{:>width$}", number + by));
                rest
            }
            _ => line,
        };
        within(rest, by, &mut out);
    }
    out
}

/// Every `step N` that is a word of its own.
fn within(line: &str, by: usize, out: &mut String) {
    const WORD: &str = "step ";
    let mut rest = line;
    while let Some(at) = rest.find(WORD) {
        let (before, after) = (&rest[..at], &rest[at + WORD.len()..]);
        out.push_str(before);
        out.push_str(WORD);
        rest = match split_digits(after) {
            (Some(number), tail) if !before.ends_with(char::is_alphanumeric) => {
                out.push_str(&(number + by).to_string());
                tail
            }
            _ => after,
        };
    }
    out.push_str(rest);
}

/// The number that a text begins with, and what comes after it.
fn split_digits(text: &str) -> (Option<usize>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_of_steps_are_moved() {
        let plan = "plan 12 · run 3\n   1. m1: look at step 2\n  12. m2: start\nNo way back from step 12 on: 7 steps, a footstep 3.\n";
        let moved = moved(plan, 9);
        assert_eq!(
            moved,
            "plan 12 · run 3\n  10. m1: look at step 11\n  21. m2: start\nNo way back from step 21 on: 7 steps, a footstep 3.\n"
        );
        assert_eq!(super::moved("12. at the margin; step", 1), "12. at the margin; step");
        assert_eq!(super::moved(plan, 0), plan);
    }
}
