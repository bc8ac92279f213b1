//! A review as a comment on a pull request: what matters is visible, details are folded, and the whole stays below the
//! length limits of GitHub and GitLab. Contacts no service.

use super::{Form, Part, Review, nothing, parts};
use crate::report::markup::{longest_run, prose};

/// The most bytes of a comment. GitHub takes 65,536 characters, GitLab a million.
const MOST: usize = 60_000;
/// What must remain for the sentence that says what was left out.
const RESERVE: usize = 300;
/// The most bytes that one part takes, so that no part pushes the others out.
const MOST_PART: usize = 12_000;
/// Beyond so many lines a part is folded although it matters.
const OPEN_LINES: usize = 30;

/// For a comment.
#[must_use]
pub fn markdown(reviews: &[Review], compared: usize) -> String {
    if reviews.is_empty() {
        return format!("### requorum: {}", nothing(compared));
    }
    let mut out = String::new();
    let mut left_out = 0;
    let mut push = |out: &mut String, block: &str| {
        let fits = out.len() + block.len() + RESERVE <= MOST;
        if fits {
            out.push_str(block);
        } else {
            left_out += 1;
        }
    };
    // What matters comes first for every inventory, so that it is the details which are left out.
    let all: Vec<(String, Vec<Part>)> =
        reviews.iter().map(|review| (parts::title(review), parts::of(review))).collect();
    for (title, parts) in &all {
        let matters = parts.iter().filter(|part| !part.detail).map(block).collect::<String>();
        push(&mut out, &format!("### {}\n\n{matters}", shown(title)));
    }
    for (title, parts) in &all {
        let details: Vec<&Part> = parts.iter().filter(|part| part.detail).collect();
        if all.len() > 1 && !details.is_empty() {
            push(&mut out, &format!("**{}**\n\n", shown(title)));
        }
        for part in details {
            push(&mut out, &block(part));
        }
    }
    if left_out > 0 {
        out.push_str(&format!(
            "_{left_out} parts are left out because a comment has limited space; `requorum inventory diff OLD NEW` shows all of them._\n"
        ));
    }
    out
}

/// A part as a heading and a fenced block, folded where it is long or a detail.
fn block(part: &Part) -> String {
    let lines: Vec<String> = part
        .lines
        .iter()
        .enumerate()
        .map(|(number, line)| {
            let line = crate::model::command::harmless(line);
            if part.form == Form::Ordered { format!("{}. {line}", number + 1) } else { line }
        })
        .collect();
    let (kept, cut) = within(&lines, MOST_PART);
    let mut body = kept.join("\n");
    if cut > 0 {
        body.push_str(&format!("\n… {cut} more lines"));
    }
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    let language = if part.form == Form::Diff { "diff" } else { "text" };
    let fenced = format!("{fence}{language}\n{body}\n{fence}\n");
    let title = shown(&part.title);
    if part.detail || lines.len() > OPEN_LINES {
        format!("<details><summary>{title}</summary>\n\n{fenced}\n</details>\n\n")
    } else {
        format!("**{title}**\n\n{fenced}\n")
    }
}

/// As many lines as fit into so many bytes, at least a piece of the first, and how many do not.
fn within(lines: &[String], bytes: usize) -> (Vec<String>, usize) {
    let mut room = bytes;
    let mut kept = Vec::new();
    for line in lines {
        if line.len() + 1 > room {
            if kept.is_empty() || room > bytes / 4 {
                let end = line.floor_char_boundary(room.min(bytes / 4));
                kept.push(format!("{}…", &line[..end]));
                room = room.saturating_sub(end + 4);
                continue;
            }
            break;
        }
        room -= line.len() + 1;
        kept.push(line.clone());
    }
    let cut = lines.len() - kept.len();
    (kept, cut)
}

/// Words of a file's name or an inventory in running text.
fn shown(text: &str) -> String {
    prose(&crate::model::command::harmless(text))
}
