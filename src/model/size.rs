//! A number of bytes as a person reads it. Knows nothing about files.

use std::fmt;

/// A size, shown in binary units with at most one digit after the point: `512 B`, `1.5 KiB`, `20 MiB`, `2 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
        let mut amount = self.0 as f64;
        let mut unit = UNITS[0];
        for larger in &UNITS[1..] {
            if amount < 1023.5 {
                break;
            }
            amount /= 1024.0;
            unit = larger;
        }
        if amount < 9.95 && amount.fract() >= 0.05 && amount.fract() < 0.95 {
            write!(f, "{amount:.1} {unit}")
        } else {
            write!(f, "{amount:.0} {unit}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (20 << 10, "20 KiB"),
            ((20 << 20) + 7, "20 MiB"),
            (1 << 30, "1 GiB"),
            ((1 << 30) - 1, "1 GiB"),
            (1_900_000_000, "1.8 GiB"),
            (2_147_483_648, "2 GiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown, "{bytes}");
        }
    }
}
