//! Horizontal bars: the variants of one workload side by side in one measure.

use super::canvas::{Anchor, Canvas, Frame, Look, SMALL, WIDTH};
use super::error::ChartError;
use super::scale::Scale;
use super::show;
use super::text;
use super::theme::Paint;
use super::{Caption, Chart, DataTable};
use crate::format;

const ROW: f64 = 40.0;
const NAME_Y: f64 = 9.0;
const BAR_TOP: f64 = 18.0;
const BAR_HEIGHT: f64 = 11.0;
const BASE_HEIGHT: f64 = 3.0;
const AXIS: f64 = 20.0;
const FACTOR_WIDTH: f64 = 54.0;
const REASON_LINE: f64 = 12.0;

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// Name of the variant.
    pub name: String,
    /// Colour number of the variant.
    pub colour: usize,
    /// The value, or the reason why there is none.
    pub value: Result<f64, String>,
    /// Interval of the value; `None` for exact counts.
    pub interval: Option<(f64, f64)>,
    /// The value of the baseline.
    pub base: Option<f64>,
}

/// A bar chart; bars are sorted by value, gaps stay visible at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    /// What the chart says.
    pub caption: Caption,
    /// Unit of all values.
    pub unit: String,
    /// The bars, in any order.
    pub bars: Vec<Bar>,
}

impl Bars {
    fn sorted(&self) -> Vec<&Bar> {
        let mut bars: Vec<&Bar> = self.bars.iter().collect();
        let key = |bar: &Bar| bar.value.as_ref().copied().unwrap_or(f64::INFINITY);
        bars.sort_by(|a, b| key(a).total_cmp(&key(b)).then_with(|| a.name.cmp(&b.name)));
        bars
    }

    fn smallest(&self) -> Option<f64> {
        let values: Vec<f64> = self
            .bars
            .iter()
            .filter_map(|b| b.value.as_ref().ok().copied())
            .collect();
        let smallest = values.iter().copied().reduce(f64::min)?;
        (values.len() > 1 && smallest > 0.0).then_some(smallest)
    }

    fn scale(&self) -> Result<Scale, ChartError> {
        let mut all = Vec::new();
        for bar in &self.bars {
            let Ok(value) = bar.value else { continue };
            all.push(value);
            all.extend(bar.base);
            if let Some((low, high)) = bar.interval {
                super::check_interval(&bar.name, value, low, high)?;
                all.extend([low, high]);
            }
        }
        Scale::from_zero(&all, &self.unit)
    }

    fn draw_row(
        &self,
        canvas: &Canvas,
        scale: &Scale,
        bar: &Bar,
        top: f64,
    ) -> Result<(), ChartError> {
        match &bar.value {
            Ok(value) => {
                let label_width = self.draw_value(canvas, bar, *value, top)?;
                self.draw_name(canvas, bar, top, label_width)?;
                draw_bar(canvas, scale, bar, *value, top)
            }
            Err(reason) => {
                self.draw_name(canvas, bar, top, 0.0)?;
                let look = Look::tick(Anchor::Left);
                let lines = text::wrap(&not_measured(reason), SMALL, false, WIDTH);
                let mut y = top + BAR_TOP + BAR_HEIGHT / 2.0;
                for line in lines {
                    canvas.text((0.0, y), &line, look)?;
                    y += REASON_LINE;
                }
                Ok(())
            }
        }
    }

    fn draw_name(&self, canvas: &Canvas, bar: &Bar, top: f64, used: f64) -> Result<(), ChartError> {
        let look = Look::text(Anchor::Left);
        let name = text::fit(&bar.name, look.size, false, WIDTH - used - 12.0);
        canvas.text((0.0, top + NAME_Y), &name, look)
    }

    /// Writes value and factor right-aligned and returns the width they take.
    fn draw_value(
        &self,
        canvas: &Canvas,
        bar: &Bar,
        value: f64,
        top: f64,
    ) -> Result<f64, ChartError> {
        let mut right = WIDTH;
        if let Some(smallest) = self.smallest() {
            let look = Look::tick(Anchor::Right);
            canvas.text((right, top + NAME_Y), &factor(value / smallest), look)?;
            right -= FACTOR_WIDTH;
        }
        let look = Look::text(Anchor::Right).bold();
        let label = show(value, &self.unit);
        canvas.text((right, top + NAME_Y), &label, look)?;
        let spread = bar
            .interval
            .map(|(low, high)| plus_minus(value, low, high))
            .unwrap_or_default();
        let end = right - look.width(&label) - 6.0;
        let look = Look::tick(Anchor::Right);
        canvas.text((end, top + NAME_Y), &spread, look)?;
        Ok(WIDTH - end + look.width(&spread))
    }
}

impl Chart for Bars {
    fn caption(&self) -> &Caption {
        &self.caption
    }

    fn description(&self) -> String {
        let item = |bar: &&Bar| match &bar.value {
            Ok(value) => format!("{} {}", bar.name, show(*value, &self.unit)),
            Err(reason) => format!("{} {}", bar.name, not_measured(reason)),
        };
        self.sorted()
            .iter()
            .map(item)
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn draw(&self) -> Result<Canvas, ChartError> {
        let scale = self.scale()?;
        let bars = self.sorted();
        let bottom = bars.iter().map(|bar| height(bar)).sum();
        let canvas = Canvas::new(WIDTH, bottom + AXIS);
        draw_axis(&canvas, &scale, bottom)?;
        let mut top = 0.0;
        for bar in bars {
            self.draw_row(&canvas, &scale, bar, top)?;
            top += height(bar);
        }
        Ok(canvas)
    }

    fn table(&self) -> DataTable {
        let with_base = self.bars.iter().any(|b| b.base.is_some());
        let mut columns = vec![
            "variant".to_owned(),
            "value".to_owned(),
            "interval".to_owned(),
        ];
        if with_base {
            columns.push("baseline".to_owned());
        }
        let rows = self
            .sorted()
            .into_iter()
            .map(|bar| self.table_row(bar, with_base))
            .collect();
        DataTable { columns, rows }
    }
}

impl Bars {
    fn table_row(&self, bar: &Bar, with_base: bool) -> Vec<String> {
        let show = |v: f64| show(v, &self.unit);
        let value = match &bar.value {
            Ok(value) => show(*value),
            Err(reason) => not_measured(reason),
        };
        let interval = match bar.interval {
            Some((low, high)) => format!("{} to {}", show(low), show(high)),
            None if bar.value.is_ok() => "exact".to_owned(),
            None => String::new(),
        };
        let mut row = vec![bar.name.clone(), value, interval];
        if with_base {
            row.push(bar.base.map(show).unwrap_or_default());
        }
        row
    }
}

fn not_measured(reason: &str) -> String {
    format!("not measured: {reason}")
}

/// A row is higher where the reason for a gap takes more than one line.
fn height(bar: &Bar) -> f64 {
    match &bar.value {
        Ok(_) => ROW,
        Err(reason) => {
            let lines = text::wrap(&not_measured(reason), SMALL, false, WIDTH).len();
            ROW + lines.saturating_sub(1) as f64 * REASON_LINE
        }
    }
}

fn draw_bar(
    canvas: &Canvas,
    scale: &Scale,
    bar: &Bar,
    value: f64,
    top: f64,
) -> Result<(), ChartError> {
    let y = top + BAR_TOP;
    let end = |v: f64| scale.check(v).map(|v| scale.position(v) * WIDTH);
    canvas.rect(
        (0.0, y),
        (end(value)?, y + BAR_HEIGHT),
        Paint::Series(bar.colour),
    )?;
    if let Some(base) = bar.base {
        let under = y + BAR_HEIGHT + 1.0;
        canvas.rect((0.0, under), (end(base)?, under + BASE_HEIGHT), Paint::Base)?;
    }
    if let Some((low, high)) = bar.interval {
        let (low, high, middle) = (end(low)?, end(high)?, y + BAR_HEIGHT / 2.0);
        canvas.line(&[(low, middle), (high, middle)], Paint::Ink, 1.2)?;
        for x in [low, high] {
            canvas.line(&[(x, middle - 3.0), (x, middle + 3.0)], Paint::Ink, 1.2)?;
        }
    }
    Ok(())
}

fn draw_axis(canvas: &Canvas, scale: &Scale, bottom: f64) -> Result<(), ChartError> {
    let frame = Frame {
        left: 0.0,
        right: WIDTH,
        top: 4.0,
        bottom,
    };
    for (value, label) in scale.ticks() {
        let x = scale.position(value) * WIDTH;
        canvas.line(&[(x, frame.top), (x, frame.bottom)], Paint::Grid, 1.0)?;
        super::axis::tick_label(canvas, x, bottom + 10.0, &label)?;
    }
    Ok(())
}

/// How many times the smallest value, e.g. `2.71×`.
pub(crate) fn factor(ratio: f64) -> String {
    format!("{}×", format::bare(ratio, ""))
}

/// Half the width of the interval in percent of the value, e.g. `±2.1 %`.
pub(crate) fn plus_minus(value: f64, low: f64, high: f64) -> String {
    if value == 0.0 {
        return String::new();
    }
    let percent = (high - low) / 2.0 / value.abs() * 100.0;
    let digits = usize::from(percent < 10.0);
    format!("±{percent:.digits$}\u{a0}%")
}
