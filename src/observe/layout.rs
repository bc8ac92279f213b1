//! Whether the data directory is in one piece, and whether the places that a run writes to are writable. A run renames
//! the directory as a whole; what is mounted or linked inside it may not move with it as one would expect. Knows
//! nothing about etcd's process.

use serde::{Deserialize, Serialize};

/// What lies elsewhere although it is named inside the data directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Directories in it that are mount points of their own, now or at the next boot: `member/wal`.
    pub mounts: Vec<String>,
    /// Directories in it that are symbolic links.
    pub links: Vec<String>,
    /// What would be mounted over it, or over a directory above it, at the next boot and is not mounted now.
    #[serde(default)]
    pub unmounted: Vec<String>,
    /// Places that a run writes to and that cannot be written.
    #[serde(default)]
    pub read_only: Vec<String>,
}

/// Reads `name=value` lines; those of other questions are passed over.
#[must_use]
pub fn parse(lines: &str) -> Layout {
    let mut layout = Layout::default();
    for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
        let list = match name {
            "mount" => &mut layout.mounts,
            "link" => &mut layout.links,
            "unmounted" => &mut layout.unmounted,
            "read_only" => &mut layout.read_only,
            _ => continue,
        };
        if !list.iter().any(|known| known == value) {
            list.push(value.to_owned());
        }
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_lie_elsewhere_are_named_once() {
        assert_eq!(parse(""), Layout::default());
        let layout =
            parse("mount=member/wal\nlink=member/snap\nmount=member/wal\nread_only=/etc\nunmounted=/var/lib\nelse=x\n");
        assert_eq!((&layout.mounts[..], &layout.links[..]), (&["member/wal".into()][..], &["member/snap".into()][..]));
        assert_eq!((&layout.read_only[..], &layout.unmounted[..]), (&["/etc".into()][..], &["/var/lib".into()][..]));
    }
}
