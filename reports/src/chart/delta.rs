//! The small bar beside a relative change: zero in the middle, the limit marked.

use super::canvas::Canvas;
use super::error::ChartError;
use super::theme::Paint;
use crate::format::percent;

const WIDTH: f64 = 88.0;
const HEIGHT: f64 = 14.0;

/// A relative change and what it is measured against, all as fractions (0.01 is one percent).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delta {
    /// New value over baseline, minus one.
    pub change: f64,
    /// Allowed change, if a limit was set.
    pub limit: Option<f64>,
    /// Largest change of the column: the bar's full length, shared by all its rows.
    pub reach: f64,
    /// Colour: grey unless the change crossed its limit.
    pub paint: Paint,
}

impl Delta {
    /// The bar as SVG with the given unique id.
    pub fn svg(&self, id: &str) -> Result<String, ChartError> {
        self.check()?;
        let canvas = Canvas::new(WIDTH, HEIGHT);
        let middle = WIDTH / 2.0;
        let x = |fraction: f64| middle + fraction / self.reach * (middle - 2.0);
        canvas.rect((middle, 3.0), (x(self.change), HEIGHT - 3.0), self.paint)?;
        if let Some(limit) = self.limit.filter(|l| *l > 0.0 && *l <= self.reach) {
            for side in [-limit, limit] {
                canvas.line(
                    &[(x(side), 1.0), (x(side), HEIGHT - 1.0)],
                    Paint::Muted,
                    0.8,
                )?;
            }
        }
        canvas.line(&[(middle, 0.0), (middle, HEIGHT)], Paint::Ink, 1.0)?;
        let limit = self.limit.map_or("no limit set".to_owned(), |l| {
            format!("limit {}", percent(l))
        });
        let desc = format!("change {}, {limit}", percent(self.change));
        Ok(canvas.finish("delta", id, "Change against the baseline", &desc))
    }

    fn check(&self) -> Result<(), ChartError> {
        let values = [self.change, self.reach, self.limit.unwrap_or(0.0)];
        if let Some(value) = values.into_iter().find(|v| !v.is_finite()) {
            return Err(ChartError::NotFinite {
                what: "the change".into(),
                value,
            });
        }
        if self.reach <= 0.0 || self.change.abs() > self.reach {
            let (low, high) = (-self.reach, self.reach);
            return Err(ChartError::OutOfRange {
                value: self.change,
                low,
                high,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_beyond_the_reach_is_refused_and_not_cut() {
        let delta = Delta {
            change: 2.0,
            limit: None,
            reach: 1.0,
            paint: Paint::Base,
        };
        assert!(matches!(delta.svg("d"), Err(ChartError::OutOfRange { .. })));
        let delta = Delta {
            change: f64::INFINITY,
            ..delta
        };
        assert!(matches!(delta.svg("d"), Err(ChartError::NotFinite { .. })));
    }

    #[test]
    fn the_bar_is_as_long_as_its_share_of_the_reach() {
        let delta = Delta {
            change: -0.5,
            limit: Some(0.25),
            reach: 1.0,
            paint: Paint::Better,
        };
        let svg = delta.svg("d").unwrap();
        assert!(
            svg.contains("<rect x=\"230\" y=\"30\" width=\"210\""),
            "{svg}"
        );
        let said = format!("change {}, limit {}", percent(-0.5), percent(0.25));
        assert!(svg.contains(&said), "{svg}");
    }
}
