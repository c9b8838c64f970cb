//! Scaling curves: one measure against a parameter, one line per variant.

use super::axis::{self, EndLabel};
use super::bars::plus_minus;
use super::canvas::{Canvas, Frame, Plane, WIDTH};
use super::error::ChartError;
use super::scale::Scale;
use super::theme::Paint;
use super::{Caption, Chart, DataTable};
use super::{round, show};

const HEIGHT: f64 = 236.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 38.0;

/// One measured point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The parameter.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Interval of the value; `None` for exact counts.
    pub interval: Option<(f64, f64)>,
}

/// The curve of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name of the variant.
    pub name: String,
    /// Colour number of the variant.
    pub colour: usize,
    /// Points in any order of x.
    pub points: Vec<Point>,
}

/// A chart of curves over one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What the chart says.
    pub caption: Caption,
    /// Name of the parameter.
    pub x_name: String,
    /// Name of the measure.
    pub y_name: String,
    /// Unit of the measure.
    pub unit: String,
    /// One line per variant.
    pub curves: Vec<Curve>,
    /// Values that the vertical axis must also span, so that a group of charts shares it.
    pub shared: Vec<f64>,
}

impl Curves {
    fn points(&self) -> impl Iterator<Item = &Point> {
        self.curves.iter().flat_map(|c| &c.points)
    }

    fn x_scale(&self) -> Result<Scale, ChartError> {
        let xs: Vec<f64> = self.points().map(|p| p.x).collect();
        Scale::spanning_exactly(&xs, "")
    }

    fn y_scale(&self) -> Result<Scale, ChartError> {
        let mut all = self.shared.clone();
        for curve in &self.curves {
            for point in &curve.points {
                all.push(point.y);
                if let Some((low, high)) = point.interval {
                    super::check_interval(&curve.name, point.y, low, high)?;
                    all.extend([low, high]);
                }
            }
        }
        Scale::spanning(&all, &self.unit)
    }

    /// Up to five measured parameters are the ticks themselves.
    fn x_ticks(&self, scale: &Scale) -> Vec<(f64, String)> {
        let mut xs: Vec<f64> = self.points().map(|p| p.x).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        if xs.len() > 5 {
            return scale.ticks();
        }
        xs.into_iter().map(|x| (x, round(x, ""))).collect()
    }
}

impl Chart for Curves {
    fn caption(&self) -> &Caption {
        &self.caption
    }

    fn description(&self) -> String {
        let item = |c: &Curve| {
            let points: Vec<String> = sorted(c)
                .iter()
                .map(|p| format!("{} at {}", show(p.y, &self.unit), show(p.x, "")))
                .collect();
            format!("{}: {}", c.name, points.join(", "))
        };
        self.curves.iter().map(item).collect::<Vec<_>>().join("; ")
    }

    fn draw(&self) -> Result<Canvas, ChartError> {
        let (x, y) = (self.x_scale()?, self.y_scale()?);
        let canvas = Canvas::new(WIDTH, HEIGHT);
        let right = axis::right_gutter(self.curves.iter().map(|c| c.name.as_str()));
        let frame = Frame {
            left: axis::left_gutter(&y).max(8.0),
            right: WIDTH - right,
            top: TOP,
            bottom: BOTTOM,
        };
        axis::vertical(&canvas, frame, &y)?;
        axis::horizontal(&canvas, frame, &x, &self.x_ticks(&x))?;
        axis::names(
            &canvas,
            frame,
            &axis_name(&self.y_name, &y),
            &axis_name(&self.x_name, &x),
        )?;
        let plane = canvas.plane(frame, x, y);
        let mut ends = Vec::new();
        for curve in self.curves.iter().filter(|c| !c.points.is_empty()) {
            ends.push(draw_curve(&canvas, &plane, curve)?);
        }
        axis::end_labels(&canvas, frame, &ends)?;
        Ok(canvas)
    }

    fn table(&self) -> DataTable {
        let columns = ["variant", &self.x_name, &self.y_name, "interval"]
            .map(str::to_owned)
            .to_vec();
        let row = |c: &Curve, p: &Point| {
            let interval = p
                .interval
                .map_or("exact".to_owned(), |(l, h)| plus_minus(p.y, l, h));
            vec![
                c.name.clone(),
                show(p.x, ""),
                show(p.y, &self.unit),
                interval,
            ]
        };
        let rows = self
            .curves
            .iter()
            .flat_map(|c| sorted(c).into_iter().map(move |p| row(c, &p)));
        DataTable {
            columns,
            rows: rows.collect(),
        }
    }
}

fn draw_curve(canvas: &Canvas, plane: &Plane, curve: &Curve) -> Result<EndLabel, ChartError> {
    let points = sorted(curve);
    let line: Vec<(f64, f64)> = points.iter().map(|p| (p.x, p.y)).collect();
    if points.len() > 1 && points.iter().any(|p| p.interval.is_some()) {
        plane.band(&band(&points), Paint::Series(curve.colour))?;
    }
    plane.line(&line, Paint::Series(curve.colour), 1.8)?;
    let mut last = (0.0, 0.0);
    for datum in line {
        last = plane.at(datum)?;
        canvas.marker(last, curve.colour)?;
    }
    Ok(EndLabel {
        text: curve.name.clone(),
        y: last.1,
        paint: Paint::SeriesText(curve.colour),
    })
}

/// The outline of the interval: along the upper ends, back along the lower ones.
fn band(points: &[Point]) -> Vec<(f64, f64)> {
    let ends = |p: &Point| p.interval.unwrap_or((p.y, p.y));
    let upper = points.iter().map(|p| (p.x, ends(p).1));
    let lower = points.iter().rev().map(|p| (p.x, ends(p).0));
    upper.chain(lower).collect()
}

fn sorted(curve: &Curve) -> Vec<Point> {
    let mut points = curve.points.clone();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    points
}

/// An axis says when it is logarithmic or does not start at zero.
pub(crate) fn axis_name(name: &str, scale: &Scale) -> String {
    if scale.is_log() {
        format!("{name} (log)")
    } else if scale.low() > 0.0 && !name.is_empty() {
        format!("{name} (axis from {})", round(scale.low(), scale.unit()))
    } else {
        name.to_owned()
    }
}
