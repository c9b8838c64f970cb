//! Units and the power by which a value is divided before it is shown.

/// A divisor and the label that goes with it.
///
/// For an axis, take the scale of its largest value and divide every tick by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Divide a value of the original unit by this.
    pub divisor: f64,
    /// SI prefix of a count (`k`, `M`, ...) or the scaled unit (`KiB`, `µs`).
    prefix: &'static str,
    /// Unit of a count, written after the prefix.
    unit: String,
}

const TIMES: [(f64, &str); 4] = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
const BYTES: [(f64, &str); 5] = [
    (1_099_511_627_776.0, "TiB"),
    (1_073_741_824.0, "GiB"),
    (1_048_576.0, "MiB"),
    (1_024.0, "KiB"),
    (1.0, "B"),
];
const COUNTS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")];

/// Nanoseconds in one of the unit, for units of time.
fn nanoseconds(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1.0),
        "us" | "µs" => Some(1e3),
        "ms" => Some(1e6),
        "s" => Some(1e9),
        _ => None,
    }
}

/// Whether the unit is one of time.
pub(super) fn is_time(unit: &str) -> bool {
    nanoseconds(unit).is_some()
}

/// Whether the unit counts things, so that the metric's name already says it.
pub(super) fn is_count(unit: &str) -> bool {
    unit != "B" && unit != "%" && !is_time(unit)
}

impl Scale {
    /// The scale in which `magnitude` (not negative) of `unit` reads best.
    pub fn of(magnitude: f64, unit: &str) -> Self {
        let scale = |divisor, prefix: &'static str, unit: &str| Self {
            divisor,
            prefix,
            unit: unit.to_owned(),
        };
        if let Some(factor) = nanoseconds(unit) {
            let (divisor, label) = largest(&TIMES, magnitude * factor).unwrap_or((1.0, "ns"));
            return scale(divisor / factor, label, "");
        }
        if unit == "B" {
            let (divisor, label) = largest(&BYTES, magnitude).unwrap_or((1.0, "B"));
            return scale(divisor, label, "");
        }
        match largest(&COUNTS, magnitude) {
            Some((_, "k")) => scale(1e3, "k", unit),
            Some((divisor, prefix)) => scale(divisor, prefix, unit),
            None => scale(1.0, "", unit),
        }
    }

    /// Prefix and unit for the value `magnitude`: `KiB`, `M instructions`, `object` for one.
    pub fn label(&self, magnitude: f64) -> String {
        let one = magnitude == 1.0 && self.unit.len() > 1;
        let unit = if one {
            self.unit.strip_suffix('s').unwrap_or(&self.unit)
        } else {
            &self.unit
        };
        match (self.prefix, unit) {
            (prefix, "") => prefix.to_owned(),
            ("", unit) => unit.to_owned(),
            (prefix, unit) => format!("{prefix} {unit}"),
        }
    }
}

fn largest(steps: &[(f64, &'static str)], magnitude: f64) -> Option<(f64, &'static str)> {
    steps.iter().copied().find(|(step, _)| magnitude >= *step)
}
