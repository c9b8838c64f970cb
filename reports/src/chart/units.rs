//! Numbers as people read them: SI (bytes: binary) prefixes, three significant digits, a real
//! minus sign, a space that does not break between number and unit.

/// Joins number and unit.
const JOIN: char = '\u{a0}';

/// A prefix shared by all values of one axis or label.
#[derive(Debug, Clone, PartialEq)]
pub struct Prefix {
    /// Value of one prefixed unit in the recorded unit.
    pub factor: f64,
    /// What follows the number, e.g. `KiB`, `µs` or `M`; may be empty.
    pub symbol: String,
}

impl Prefix {
    /// The prefix in which `largest` (in `unit`) has one to three digits before the point.
    pub fn for_largest(largest: f64, unit: &str) -> Prefix {
        let (steps, base) = ladder(unit);
        let in_base = largest.abs() * base;
        let step = steps
            .iter()
            .rev()
            .find(|(size, _)| in_base >= *size)
            .unwrap_or(&steps[0]);
        Prefix {
            factor: step.0 / base,
            symbol: step.1.to_owned(),
        }
    }

    /// The number of `value` in this prefix, without its symbol.
    pub fn number(&self, value: f64) -> String {
        significant(value / self.factor)
    }

    /// Number and symbol.
    pub fn label(&self, value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        join(&self.number(value), &self.symbol)
    }
}

/// `value` in its own best prefix, e.g. `1.23 µs`.
pub fn show(value: f64, unit: &str) -> String {
    let prefix = Prefix::for_largest(value, unit);
    let text = join(&prefix.number(value), &prefix.symbol);
    // 999.6 rounds to four digits: the next prefix says it in three.
    if text.starts_with("1000") || text.starts_with("1024") || text.starts_with("−1000") {
        let next = Prefix::for_largest(value * 1.001, unit);
        return join(&next.number(value), &next.symbol);
    }
    text
}

/// Whether `unit` is a number of bytes, whose axes are divided by powers of two.
pub(crate) fn is_bytes(unit: &str) -> bool {
    matches!(unit, "B" | "bytes" | "byte")
}

/// At most three significant digits, a real minus sign; whole numbers stay whole.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 {
        "0".to_owned()
    } else if size < 1000.0 && size.fract() == 0.0 {
        format!("{size:.0}")
    } else if !(1e-3..1e6).contains(&size) {
        format!("{size:.2e}")
    } else if size >= 99.95 {
        format!("{size:.0}")
    } else if size >= 9.995 {
        format!("{size:.1}")
    } else if size >= 0.9995 {
        format!("{size:.2}")
    } else {
        format!("{size:.3}")
    };
    if value < 0.0 {
        format!("−{text}")
    } else {
        text
    }
}

fn join(number: &str, symbol: &str) -> String {
    if symbol.is_empty() {
        number.to_owned()
    } else {
        format!("{number}{JOIN}{symbol}")
    }
}

type Step = (f64, &'static str);

const TIME: [Step; 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
const BYTES: [Step; 5] = [
    (1.0, "B"),
    (1024.0, "KiB"),
    (1_048_576.0, "MiB"),
    (1_073_741_824.0, "GiB"),
    (1_099_511_627_776.0, "TiB"),
];
const COUNT: [Step; 7] = [
    (1.0, ""),
    (1e3, "k"),
    (1e6, "M"),
    (1e9, "G"),
    (1e12, "T"),
    (1e15, "P"),
    (1e18, "E"),
];
const PERCENT: [Step; 1] = [(1.0, "%")];

/// The prefixes of a unit and the value of one `unit` in the first of them.
fn ladder(unit: &str) -> (&'static [Step], f64) {
    match unit {
        "ns" => (&TIME, 1.0),
        "us" | "µs" => (&TIME, 1e3),
        "ms" => (&TIME, 1e6),
        "s" => (&TIME, 1e9),
        "KiB" => (&BYTES, 1024.0),
        "%" => (&PERCENT, 1.0),
        unit if is_bytes(unit) => (&BYTES, 1.0),
        _ => (&COUNT, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_prefix_that_leaves_one_to_three_digits() {
        assert_eq!(show(1234.0, "ns"), "1.23\u{a0}µs");
        assert_eq!(show(0.25, "s"), "250\u{a0}ms");
        assert_eq!(show(152.0, "B"), "152\u{a0}B");
        assert_eq!(show(1536.0, "B"), "1.50\u{a0}KiB");
        assert_eq!(show(1_234_567.0, "instructions"), "1.23\u{a0}M");
        assert_eq!(show(-3.5, "%"), "−3.50\u{a0}%");
        assert_eq!(show(0.0, "B"), "0\u{a0}B");
        assert_eq!(show(999_999.0, "instructions"), "1.00\u{a0}M");
    }

    #[test]
    fn three_digits_are_enough_and_whole_numbers_stay_whole() {
        assert_eq!(significant(264.993), "265");
        assert_eq!(significant(26.4993), "26.5");
        assert_eq!(significant(2.64993), "2.65");
        assert_eq!(significant(0.000_000_001), "1.00e-9");
        assert_eq!(significant(56.0), "56");
    }
}
