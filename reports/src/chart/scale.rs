//! Axes: a range computed from the data, linear or logarithmic, with readable ticks.
//!
//! plotters moves a value it cannot place to the edge of the axis; a [`Scale`] refuses it
//! first ([`Scale::check`]), so that a drawn coordinate always equals the scaled value.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged};

use super::error::ChartError;
use crate::format;

/// A range of more than this factor is drawn on a logarithmic axis.
pub const LOG_FACTOR: f64 = 30.0;

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
    unit: String,
}

impl Scale {
    /// An axis from zero to the largest value, for bars: never logarithmic.
    pub fn from_zero(values: &[f64], unit: &str) -> Result<Scale, ChartError> {
        let (low, high) = extent(values)?;
        if low < 0.0 {
            return Err(ChartError::OutOfRange {
                value: low,
                low: 0.0,
                high,
            });
        }
        let high = if high > 0.0 { high } else { 1.0 };
        Ok(Scale {
            low: 0.0,
            high,
            log: false,
            unit: unit.to_owned(),
        })
    }

    /// An axis that spans the values with a little air: logarithmic past [`LOG_FACTOR`],
    /// otherwise linear and from zero unless that would flatten the data.
    pub fn spanning(values: &[f64], unit: &str) -> Result<Scale, ChartError> {
        let (low, high) = extent(values)?;
        if low > 0.0 && high / low > LOG_FACTOR {
            let air = (high / low).powf(0.04);
            return Ok(Scale {
                low: low / air,
                high: high * air,
                log: true,
                unit: unit.to_owned(),
            });
        }
        Self::linear_padded(values, unit)
    }

    /// Like [`Scale::spanning`] without air, for the horizontal axis.
    pub fn spanning_exactly(values: &[f64], unit: &str) -> Result<Scale, ChartError> {
        let (low, high) = extent(values)?;
        if low > 0.0 && high / low > LOG_FACTOR {
            return Ok(Scale {
                low,
                high,
                log: true,
                unit: unit.to_owned(),
            });
        }
        Self::linear(values, unit)
    }

    /// A linear axis from the smallest to the largest value.
    pub fn linear(values: &[f64], unit: &str) -> Result<Scale, ChartError> {
        let (low, high) = extent(values)?;
        let (low, high) = if high > low { (low, high) } else { around(low) };
        Ok(Scale {
            low,
            high,
            log: false,
            unit: unit.to_owned(),
        })
    }

    /// A linear axis with air above, from zero unless that would flatten the data.
    pub fn linear_padded(values: &[f64], unit: &str) -> Result<Scale, ChartError> {
        let (low, high) = extent(values)?;
        if low >= 0.0 && high > 0.0 && (low < 0.75 * high || low == high) {
            return Ok(Scale {
                low: 0.0,
                high: high * 1.04,
                log: false,
                unit: unit.to_owned(),
            });
        }
        let (low, high) = if high > low { (low, high) } else { around(low) };
        let air = (high - low) * 0.06;
        let low = if low >= 0.0 {
            (low - air).max(0.0)
        } else {
            low - air
        };
        Ok(Scale {
            low,
            high: high + air,
            log: false,
            unit: unit.to_owned(),
        })
    }

    /// The unit of the values.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Whether the axis is logarithmic.
    pub fn is_log(&self) -> bool {
        self.log
    }

    /// Lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Upper end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Refuses a value that this axis would have to move.
    pub fn check(&self, value: f64) -> Result<f64, ChartError> {
        if !value.is_finite() {
            return Err(ChartError::NotFinite {
                what: "a value".into(),
                value,
            });
        }
        if value < self.low || value > self.high {
            return Err(ChartError::OutOfRange {
                value,
                low: self.low,
                high: self.high,
            });
        }
        Ok(value)
    }

    /// Where `value` lies between the ends, 0 to 1 for a value inside.
    pub fn position(&self, value: f64) -> f64 {
        if self.log {
            (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln())
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Three to six round values inside the axis, with their labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        if self.log {
            self.log_ticks()
        } else {
            self.linear_ticks()
        }
    }

    fn linear_ticks(&self) -> Vec<(f64, String)> {
        let scaled = format::Scale::of(self.high.abs().max(self.low.abs()), self.tick_unit());
        let step = round_step((self.high - self.low) / scaled.divisor / 4.0) * scaled.divisor;
        let first = (self.low / step).ceil();
        let values: Vec<f64> = (0..8)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|v| *v <= self.high * (1.0 + 1e-12))
            .map(|v| v.min(self.high))
            .collect();
        let labels = |digits| -> Vec<String> {
            values
                .iter()
                .map(|v| tick_label(tidy(*v, step), &scaled, digits))
                .collect()
        };
        // Ticks far from zero may need many digits to differ.
        let distinct = |l: &Vec<String>| l.windows(2).all(|pair| pair[0] != pair[1]);
        let labels = (3..=12)
            .map(labels)
            .find(distinct)
            .unwrap_or_else(|| labels(12));
        values.into_iter().zip(labels).collect()
    }

    fn log_ticks(&self) -> Vec<(f64, String)> {
        let base: f64 = if self.unit == "B" { 2.0 } else { 10.0 };
        let span = (self.high / self.low).log(base);
        let every = (span / 4.0).ceil().max(1.0);
        let first = (self.low.log(base) / every - 1e-9).ceil() as i32;
        (0..12)
            .map(|i| base.powf(f64::from(first + i) * every))
            .take_while(|v| *v <= self.high * (1.0 + 1e-9))
            .map(|v| {
                let scaled = format::Scale::of(v * (1.0 + 1e-9), self.tick_unit());
                (
                    v.clamp(self.low, self.high),
                    tick_label(tidy(v, v), &scaled, 3),
                )
            })
            .collect()
    }

    /// The unit written at the ticks: the word of a count stands in the axis' name.
    fn tick_unit(&self) -> &str {
        if matches!(
            self.unit.as_str(),
            "B" | "%" | "ns" | "us" | "µs" | "ms" | "s"
        ) {
            &self.unit
        } else {
            ""
        }
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let (from, to) = (f64::from(limit.0), f64::from(limit.1));
        (from + (to - from) * self.position(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks().into_iter().map(|(value, _)| value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

fn extent(values: &[f64]) -> Result<(f64, f64), ChartError> {
    if let Some(value) = values.iter().find(|v| !v.is_finite()) {
        return Err(ChartError::NotFinite {
            what: "a value".into(),
            value: *value,
        });
    }
    let low = values
        .iter()
        .copied()
        .reduce(f64::min)
        .ok_or(ChartError::Empty)?;
    let high = values
        .iter()
        .copied()
        .reduce(f64::max)
        .ok_or(ChartError::Empty)?;
    Ok((low, high))
}

/// A round number in the scale of its axis, without trailing zeros: `100 KiB`, `0`.
fn tick_label(value: f64, scaled: &format::Scale, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = (value / scaled.divisor).abs();
    let number = if (1000.0..1e6).contains(&size) && size.fract() == 0.0 {
        format::exact(size)
    } else if (1e-3..1e6).contains(&size) {
        let text = format!("{size:.digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{size:.0e}")
    };
    let minus = if value < 0.0 {
        format::MINUS.to_string()
    } else {
        String::new()
    };
    let label = scaled.label(0.0);
    if label.is_empty() {
        format!("{minus}{number}")
    } else {
        format!("{minus}{number}\u{a0}{label}")
    }
}

/// A range around a single value, so that it lies in the middle.
fn around(value: f64) -> (f64, f64) {
    if value == 0.0 {
        (0.0, 1.0)
    } else {
        (value - value.abs() / 2.0, value + value.abs() / 2.0)
    }
}

/// 1, 2 or 5 times a power of ten, at least `raw`.
fn round_step(raw: f64) -> f64 {
    let power = 10f64.powf(raw.log10().floor());
    let digit = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|d| d * power >= raw * 0.999);
    digit.unwrap_or(10.0) * power
}

/// Removes the rounding dust of a multiplied step.
fn tidy(value: f64, step: f64) -> f64 {
    let grain = step.abs() / 1000.0;
    if grain > 0.0 && grain.is_finite() {
        (value / grain).round() * grain
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_range_becomes_logarithmic_and_a_narrow_one_does_not() {
        assert!(Scale::spanning(&[1.0, 31.0], "ns").unwrap().is_log());
        assert!(!Scale::spanning(&[1.0, 29.0], "ns").unwrap().is_log());
        assert!(!Scale::spanning(&[0.0, 1e6], "ns").unwrap().is_log());
        assert!(!Scale::from_zero(&[1.0, 1e6], "B").unwrap().is_log());
    }

    #[test]
    fn what_an_axis_cannot_show_is_refused() {
        let scale = Scale::spanning(&[1.0, 100.0], "ns").unwrap();
        assert!(matches!(
            scale.check(f64::NAN),
            Err(ChartError::NotFinite { .. })
        ));
        assert!(matches!(
            scale.check(0.5),
            Err(ChartError::OutOfRange { .. })
        ));
        assert!(matches!(
            Scale::spanning(&[1.0, f64::INFINITY], "B"),
            Err(ChartError::NotFinite { .. })
        ));
        assert!(matches!(
            Scale::from_zero(&[-1.0], "B"),
            Err(ChartError::OutOfRange { .. })
        ));
        assert_eq!(Scale::spanning(&[], "B"), Err(ChartError::Empty));
    }

    #[test]
    fn ticks_are_round_and_lie_on_the_axis() {
        for (values, unit) in [
            (vec![0.0, 152.0], "B"),
            (vec![1.0, 1e6], "ns"),
            (vec![700.0, 90_000_000.0], "B"),
            (vec![3.0, 3.0], "instructions"),
            (vec![1e-9, 1e18], "x"),
        ] {
            let scale = Scale::spanning(&values, unit).unwrap();
            let ticks = scale.ticks();
            assert!((1..=8).contains(&ticks.len()), "{values:?}: {ticks:?}");
            assert!(
                ticks.iter().all(|(v, _)| scale.check(*v).is_ok()),
                "{ticks:?}"
            );
        }
        let far = Scale::linear(&[1_099_511_627_776.0, 1_099_511_660_032.0], "objects").unwrap();
        let labels: Vec<String> = far.ticks().into_iter().map(|(_, label)| label).collect();
        assert!(
            labels.len() > 1 && labels.windows(2).all(|pair| pair[0] != pair[1]),
            "{labels:?}"
        );
        let labels: Vec<_> = Scale::from_zero(&[152.0], "B").unwrap().ticks();
        assert_eq!(labels.last().unwrap().1, "150\u{a0}B");
    }
}
