//! How numbers are written, once for every output.
//!
//! The terminal, `report.md` and `report.html` all write numbers with these functions, so that
//! they agree. The rules:
//!
//! * relative numbers have the base as their base, carry a sign (a real minus, U+2212) and at
//!   most three significant digits; ten times and more is a factor (`×12.3`);
//! * times are scaled by thousands (ns, µs, ms, s) with three digits, bytes by 1,024 (B, KiB, MiB, ...), other
//!   counts are written out below 10,000 and then scaled (k, M, G);
//! * two values that differ never look equal: [`pair`] adds digits until they do not.

mod date;
mod scale;

pub use date::{date, date_time};
pub use scale::Scale;

/// Minus sign as printed.
pub const MINUS: char = '\u{2212}';

/// What is printed in place of a number that is not there.
pub const NONE: &str = "–";

/// A relative change (`head / base - 1`) as a signed percentage or, from +900 % on, as a factor.
///
/// Zero is `0 %`. A decrease to something is never rounded to −100 %.
pub fn percent(change: f64) -> String {
    if !change.is_finite() {
        return NONE.to_owned();
    }
    if change == 0.0 {
        return "0 %".to_owned();
    }
    if change >= 1e6 {
        return format!("×{:.2e}", change + 1.0);
    }
    if change >= 9.0 {
        return format!("×{}", significant(change + 1.0, 3));
    }
    let mut points = change * 100.0;
    if points < -99.9 && change > -1.0 {
        points = -99.9;
    }
    format!(
        "{}{} %",
        sign(points),
        trimmed(&significant(points.abs(), 3))
    )
}

/// The change from `base` to `head`: a percentage, or the difference where the base is zero.
pub fn change(base: f64, head: f64, unit: &str) -> String {
    if base == head {
        return "0 %".to_owned();
    }
    if base == 0.0 {
        difference(head - base, unit)
    } else {
        percent(head / base - 1.0)
    }
}

/// A difference with its sign: `+1 object`, `−1.50 KiB`.
pub fn difference(difference: f64, unit: &str) -> String {
    format!("{}{}", sign(difference), value(difference.abs(), unit))
}

/// A value with its unit, scaled, three significant digits: `12.3 M instructions`, `1.50 KiB`.
pub fn value(value: f64, unit: &str) -> String {
    with_digits(value, unit, 3)
}

/// As [`value`], without the unit where it is a plain count: `12.3 M`, `1.50 KiB`.
///
/// For table columns whose metric already says what is counted.
pub fn bare(value: f64, unit: &str) -> String {
    strip_count_unit(&with_digits(value, unit, 3), unit)
}

/// Two values with enough digits to be told apart if they differ, each as [`value`].
pub fn pair(base: f64, head: f64, unit: &str) -> [String; 2] {
    if base == head {
        return [base, head].map(|v| value(v, unit));
    }
    (3..=15)
        .map(|digits| [base, head].map(|v| with_digits(v, unit, digits)))
        .find(|[base, head]| base != head)
        .unwrap_or_else(|| [base, head].map(|v| format!("{v:e} {unit}")))
}

/// As [`pair`], each as [`bare`].
pub fn bare_pair(base: f64, head: f64, unit: &str) -> [String; 2] {
    pair(base, head, unit).map(|text| strip_count_unit(&text, unit))
}

/// A value in full: no scaling, thousands separated, decimals only where there are some.
pub fn exact(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let minus = if value < 0.0 {
        MINUS.to_string()
    } else {
        String::new()
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{minus}{}{point}{fraction}", thousands(whole))
}

/// `1 benchmark`, `2 benchmarks`.
pub fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {noun}{s}", thousands(&count.to_string()))
}

fn with_digits(value: f64, unit: &str, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let minus = if value < 0.0 {
        MINUS.to_string()
    } else {
        String::new()
    };
    let magnitude = value.abs();
    let scale = Scale::of(magnitude, unit);
    let number = if magnitude == 0.0
        || (scale.divisor == 1.0 && magnitude.fract() == 0.0 && !scale::is_time(unit))
    {
        thousands(&format!("{magnitude:.0}"))
    } else {
        significant(magnitude / scale.divisor, digits)
    };
    let label = scale.label(magnitude);
    if label.is_empty() {
        format!("{minus}{number}")
    } else {
        format!("{minus}{number} {label}")
    }
}

fn strip_count_unit(text: &str, unit: &str) -> String {
    let singular = unit.strip_suffix('s').unwrap_or(unit);
    let stripped = text
        .strip_suffix(unit)
        .or_else(|| text.strip_suffix(singular));
    match stripped {
        Some(rest) if scale::is_count(unit) && !unit.is_empty() => rest.trim_end().to_owned(),
        _ => text.to_owned(),
    }
}

fn sign(value: f64) -> String {
    if value < 0.0 {
        MINUS.to_string()
    } else {
        "+".to_owned()
    }
}

/// At least `digits` significant digits for the fraction, every digit of the whole part.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = |v: f64| {
        let magnitude = v.abs().log10().floor() as i64;
        (digits as i64 - 1 - magnitude).clamp(0, 12) as usize
    };
    let first = format!("{value:.*}", decimals(value));
    let rounded: f64 = first.parse().unwrap_or(value);
    let text = if rounded == 0.0 {
        format!("{value:.0e}")
    } else {
        format!("{value:.*}", decimals(rounded))
    };
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", thousands(whole)),
        None if text.contains('e') => text,
        None => thousands(&text),
    }
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

fn thousands(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentages_carry_a_sign_and_three_digits_at_most() {
        let cases = [
            (0.0, "0 %"),
            (0.01, "+1 %"),
            (0.003, "+0.3 %"),
            (0.012_345, "+1.23 %"),
            (-0.0099, "−0.99 %"),
            (1.0546, "+105 %"),
            (11.34, "×12.3"),
            (1.5e18, "×1.50e18"),
            (-0.999_99, "−99.9 %"),
            (-1.0, "−100 %"),
            (1e-6, "+0.0001 %"),
            (f64::NAN, "–"),
        ];
        for (change, text) in cases {
            assert_eq!(percent(change), text, "{change}");
        }
    }

    #[test]
    fn values_are_scaled_with_their_unit() {
        let cases = [
            (0.52, "ns", "0.520 ns"),
            (1_500.0, "ns", "1.50 µs"),
            (2.5e9, "ns", "2.50 s"),
            (1_000.0, "B", "1,000 B"),
            (1_536.0, "B", "1.50 KiB"),
            (1_047_552.0, "B", "1,023 KiB"),
            (9_999.0, "objects", "9,999 objects"),
            (1.0, "objects", "1 object"),
            (12_345_678.0, "instructions", "12.3 M instructions"),
            (0.0, "B", "0 B"),
            (11.0, "ns", "11.0 ns"),
            (-2_048.0, "B", "−2.00 KiB"),
            (3.5, "", "3.50"),
        ];
        for (v, unit, text) in cases {
            assert_eq!(value(v, unit), text, "{v} {unit}");
        }
        assert_eq!(bare(12_345_678.0, "instructions"), "12.3 M");
        assert_eq!(bare(1.0, "objects"), "1");
        assert_eq!(bare(1_536.0, "B"), "1.50 KiB");
    }

    #[test]
    fn one_object_more_among_a_million_is_seen() {
        assert_eq!(
            bare_pair(1_000_000.0, 1_000_001.0, "objects"),
            ["1.000000 M".to_owned(), "1.000001 M".to_owned()]
        );
        assert_eq!(exact(1_000_001.0), "1,000,001");
        assert_eq!(exact(-0.5), "−0.5");
    }

    #[test]
    fn a_change_from_nothing_is_a_difference() {
        assert_eq!(change(0.0, 1.0, "objects"), "+1 object");
        assert_eq!(change(0.0, 0.0, "B"), "0 %");
        assert_eq!(change(200.0, 100.0, "B"), "−50 %");
    }

    proptest! {
        #[test]
        fn a_percentage_reads_back_as_the_change(change in -0.99_f64..8.9) {
            let text = percent(change).replace(MINUS, "-").replace(" %", "");
            let read: f64 = text.parse().unwrap();
            let tolerance = (change.abs() * 100.0 * 0.006).max(1e-9);
            prop_assert!((read - change * 100.0).abs() <= tolerance, "{change} {text}");
        }

        #[test]
        fn different_values_never_look_equal(a in 0u64..1 << 40, d in 1u64..1_000) {
            for unit in ["B", "ns", "objects"] {
                let [left, right] = pair(a as f64, (a + d) as f64, unit);
                prop_assert_ne!(left, right);
            }
        }
    }
}
