//! Two texts as a unified diff. Does not know what the texts are.

use std::time::Duration;

use similar::TextDiff;

/// After this long the shortest difference is no longer looked for, and a longer one is taken: of two files of 50,000
/// lines that share none it takes half a minute.
const LOOKED_FOR: Duration = Duration::from_secs(2);

/// What differs, line by line, without the lines around it; with a header where the texts have names.
#[must_use]
pub fn diff(before: &str, after: &str, names: Option<(&str, &str)>) -> String {
    let diff = TextDiff::configure().timeout(LOOKED_FOR).diff_lines(before, after);
    let mut unified = diff.unified_diff();
    unified.context_radius(0);
    if let Some((before, after)) = names {
        unified.header(before, after);
    }
    unified.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_are_shown_and_files_without_a_common_line_end_soon() {
        assert_eq!(diff("a\nb\n", "a\nc\n", Some(("x", "y"))), "--- x\n+++ y\n@@ -2 +2 @@\n-b\n+c\n");
        let lines = |from: u32| (from..from + 40_000).map(|n| format!("{n}\n")).collect::<String>();
        let begun = std::time::Instant::now();
        // Every line moves: the worst there is.
        let turned: String = lines(0).lines().rev().map(|line| format!("{line}\n")).collect();
        assert!(diff(&lines(0), &turned, None).len() > 200_000);
        assert!(diff(&lines(0), &lines(100_000), None).len() > 200_000);
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}
