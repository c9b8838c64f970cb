//! Distributions: every sample as a tick, the middle half as a box, the median as a line.

use super::axis;
use super::canvas::{Anchor, Canvas, Frame, Look, WIDTH};
use super::curves::axis_name;
use super::error::ChartError;
use super::scale::Scale;
use super::show;
use super::text;
use super::theme::Paint;
use super::{Caption, Chart, DataTable};

const ROW: f64 = 42.0;
const NAME_Y: f64 = 9.0;
const STRIP_TOP: f64 = 19.0;
const STRIP_BOTTOM: f64 = 35.0;
const AXIS: f64 = 36.0;

/// More samples than this are thinned, their ends kept.
const MOST_TICKS: usize = 40;

/// The samples of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Strip {
    /// Name of the variant.
    pub name: String,
    /// Colour number; `None` for the baseline, which is grey.
    pub colour: Option<usize>,
    /// The samples in any order; at least one.
    pub samples: Vec<f64>,
}

/// Distributions under each other on one axis, which may start off zero and is logarithmic over a wide range.
#[derive(Debug, Clone, PartialEq)]
pub struct Strips {
    /// What the chart says.
    pub caption: Caption,
    /// Name of the measure.
    pub name: String,
    /// Unit of the samples.
    pub unit: String,
    /// The variants, in their order.
    pub strips: Vec<Strip>,
}

impl Strip {
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// Least, lower quartile, median, upper quartile, most; nothing without samples.
    pub fn five(&self) -> Option<[f64; 5]> {
        let sorted = self.sorted();
        let last = sorted.len().checked_sub(1)?;
        Some([0.0, 0.25, 0.5, 0.75, 1.0].map(|share| {
            let at = share * last as f64;
            let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
            low + (high - low) * at.fract()
        }))
    }

    /// The samples that are drawn.
    fn ticks(&self) -> Vec<f64> {
        let sorted = self.sorted();
        if sorted.len() <= MOST_TICKS {
            return sorted;
        }
        let step = (sorted.len() - 1) as f64 / (MOST_TICKS - 1) as f64;
        (0..MOST_TICKS)
            .map(|i| sorted[(i as f64 * step).round() as usize])
            .collect()
    }
}

impl Strips {
    fn scale(&self) -> Result<Scale, ChartError> {
        let all: Vec<f64> = self
            .strips
            .iter()
            .flat_map(|strip| strip.samples.iter().copied())
            .collect();
        Scale::spanning(&all, &self.unit)
    }

    fn draw_row(
        &self,
        canvas: &Canvas,
        scale: &Scale,
        strip: &Strip,
        top: f64,
    ) -> Result<(), ChartError> {
        let Some([_, low, median, high, _]) = strip.five() else {
            return Ok(());
        };
        let paint = strip.colour.map_or(Paint::Base, Paint::Series);
        let frame = Frame {
            left: 0.0,
            right: WIDTH,
            top: top + STRIP_TOP,
            bottom: top + STRIP_BOTTOM,
        };
        let value = format!("median {}", show(median, &self.unit));
        let look = Look::text(Anchor::Right).bold();
        canvas.text((WIDTH, top + NAME_Y), &value, look)?;
        let room = WIDTH - look.width(&value) - 12.0;
        let name = Look::text(Anchor::Left);
        canvas.text(
            (0.0, top + NAME_Y),
            &text::fit(&strip.name, name.size, false, room),
            name,
        )?;
        let at = |value: f64| -> Result<f64, ChartError> {
            Ok(frame.left + scale.position(scale.check(value)?) * (frame.right - frame.left))
        };
        canvas.rect(
            (at(low)?, frame.top + 2.0),
            (at(high)?, frame.bottom - 2.0),
            Paint::Grid,
        )?;
        for sample in strip.ticks() {
            let x = at(sample)?;
            canvas.line(&[(x, frame.top + 4.0), (x, frame.bottom - 4.0)], paint, 1.2)?;
        }
        let x = at(median)?;
        canvas.line(&[(x, frame.top), (x, frame.bottom)], Paint::Ink, 2.0)
    }
}

impl Chart for Strips {
    fn caption(&self) -> &Caption {
        &self.caption
    }

    fn description(&self) -> String {
        let said = |strip: &Strip| {
            let [least, _, median, _, most] = strip.five()?;
            let [least, median, most] = [least, median, most].map(|v| show(v, &self.unit));
            Some(format!(
                "{}: median {median}, {least} to {most}",
                strip.name
            ))
        };
        let all: Vec<String> = self.strips.iter().filter_map(said).collect();
        all.join("; ")
    }

    fn draw(&self) -> Result<Canvas, ChartError> {
        let scale = self.scale()?;
        let rows = self.strips.len() as f64;
        let canvas = Canvas::new(WIDTH, rows * ROW + AXIS);
        for (i, strip) in self.strips.iter().enumerate() {
            self.draw_row(&canvas, &scale, strip, i as f64 * ROW)?;
        }
        let frame = Frame {
            left: 0.0,
            right: WIDTH,
            top: 0.0,
            bottom: rows * ROW,
        };
        axis::horizontal(&canvas, frame, &scale, &scale.ticks())?;
        let name = axis_name(&self.name, &scale);
        let look = Look::tick(Anchor::Right);
        let fitted = text::fit(&name, look.size, false, WIDTH);
        canvas.text((WIDTH, frame.bottom + 28.0), &fitted, look)?;
        Ok(canvas)
    }

    fn table(&self) -> DataTable {
        let columns = [
            "variant",
            "samples",
            "least",
            "lower quartile",
            "median",
            "upper quartile",
            "most",
        ];
        let row = |strip: &Strip| {
            let five = strip.five()?;
            let numbers = five.map(|v| show(v, &self.unit));
            Some(
                [strip.name.clone(), strip.samples.len().to_string()]
                    .into_iter()
                    .chain(numbers)
                    .collect(),
            )
        };
        DataTable {
            columns: columns.map(str::to_owned).to_vec(),
            rows: self.strips.iter().filter_map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(samples: Vec<f64>) -> Strip {
        Strip {
            name: "slots".to_owned(),
            colour: Some(0),
            samples,
        }
    }

    #[test]
    fn quartiles_lie_between_the_samples_and_thinning_keeps_both_ends() {
        assert_eq!(
            strip(vec![4.0, 1.0, 3.0, 2.0, 5.0]).five(),
            Some([1.0, 2.0, 3.0, 4.0, 5.0])
        );
        assert_eq!(strip(vec![]).five(), None);
        let many = strip((0..1000).map(f64::from).collect());
        let ticks = many.ticks();
        assert_eq!(
            (ticks.len(), ticks[0], ticks[MOST_TICKS - 1]),
            (MOST_TICKS, 0.0, 999.0)
        );
    }

    #[test]
    fn a_sample_that_is_no_number_is_refused() {
        let chart = |samples| Strips {
            caption: Caption::default(),
            name: "time".to_owned(),
            unit: "ns".to_owned(),
            strips: vec![strip(samples)],
        };
        assert!(chart(vec![1.0, f64::NAN]).draw().is_err());
        assert!(chart(vec![1.0, 2.0, 400.0]).draw().is_ok());
        assert!(chart(vec![1.0]).draw().is_ok());
    }
}
