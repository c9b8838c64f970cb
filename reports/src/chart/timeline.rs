//! Memory or live objects over time: what grew, when, and what came back.

use super::axis::{self, EndLabel};
use super::canvas::{Anchor, Canvas, Frame, Look, WIDTH};
use super::curves::axis_name;
use super::error::ChartError;
use super::scale::Scale;
use super::show;
use super::theme::Paint;
use super::{Caption, Chart, DataTable};

const HEIGHT: f64 = 216.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = HEIGHT - 38.0;

/// Most points one line is drawn with: twice its logical width.
const MOST_POINTS: usize = 720;

/// One line over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// What the line shows.
    pub name: String,
    /// Colour number.
    pub colour: usize,
    /// Time and value, in order of time.
    pub points: Vec<(f64, f64)>,
}

/// A level worth naming, e.g. `before`, `peak`, `after`.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Its name.
    pub name: String,
    /// Its value, in the unit of the chart.
    pub value: f64,
}

/// A chart of tracks over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// What the chart says.
    pub caption: Caption,
    /// Name of the horizontal axis, e.g. `iteration`.
    pub x_name: String,
    /// Unit of the horizontal axis (`s`, `ms` or a word for a count).
    pub x_unit: String,
    /// Name of the measure.
    pub y_name: String,
    /// Unit of the measure.
    pub unit: String,
    /// The lines.
    pub tracks: Vec<Track>,
    /// Named levels, drawn as thin lines across.
    pub levels: Vec<Level>,
    /// Where blocks of iterations begin, or where a level changed.
    pub boundaries: Vec<f64>,
    /// What the boundaries are: `blocks`, `steps`.
    pub boundary_name: &'static str,
}

impl Timeline {
    fn x_scale(&self) -> Result<Scale, ChartError> {
        let xs = self
            .tracks
            .iter()
            .flat_map(|t| t.points.iter().map(|p| p.0));
        let xs: Vec<f64> = xs.chain(self.boundaries.iter().copied()).collect();
        Scale::linear(&xs, &self.x_unit)
    }

    fn y_scale(&self) -> Result<Scale, ChartError> {
        let ys = self
            .tracks
            .iter()
            .flat_map(|t| t.points.iter().map(|p| p.1));
        let ys: Vec<f64> = ys.chain(self.levels.iter().map(|l| l.value)).collect();
        Scale::linear_padded(&ys, &self.unit)
    }

    /// A few blocks are the ticks themselves.
    fn x_ticks(&self, scale: &Scale) -> Vec<(f64, String)> {
        if self.boundaries.is_empty() || self.boundaries.len() > 8 {
            return scale.ticks();
        }
        let label = |x: &f64| (*x, show(*x, &self.x_unit));
        self.boundaries.iter().map(label).collect()
    }

    fn end_names(&self) -> Vec<String> {
        let level = |l: &Level| format!("{} {}", l.name, show(l.value, &self.unit));
        let names = self.levels.iter().map(level);
        if self.tracks.len() > 1 || self.levels.is_empty() {
            return names
                .chain(self.tracks.iter().map(|t| t.name.clone()))
                .collect();
        }
        names.collect()
    }
}

impl Chart for Timeline {
    fn caption(&self) -> &Caption {
        &self.caption
    }

    fn description(&self) -> String {
        let track = |t: &Track| {
            let show =
                |p: Option<&(f64, f64)>| p.map(|p| show(p.1, &self.unit)).unwrap_or_default();
            format!(
                "{}: from {} to {}",
                t.name,
                show(t.points.first()),
                show(t.points.last())
            )
        };
        let level = |l: &Level| format!("{} {}", l.name, show(l.value, &self.unit));
        let items: Vec<String> = self
            .tracks
            .iter()
            .map(track)
            .chain(self.levels.iter().map(level))
            .collect();
        items.join("; ")
    }

    fn draw(&self) -> Result<Canvas, ChartError> {
        let (x, y) = (self.x_scale()?, self.y_scale()?);
        let canvas = Canvas::new(WIDTH, HEIGHT);
        let names = self.end_names();
        let right = axis::right_gutter(names.iter().map(String::as_str));
        let frame = Frame {
            left: axis::left_gutter(&y).max(8.0),
            right: WIDTH - right,
            top: TOP,
            bottom: BOTTOM,
        };
        axis::vertical(&canvas, frame, &y)?;
        axis::horizontal(&canvas, frame, &x, &self.x_ticks(&x))?;
        axis::names(&canvas, frame, &axis_name(&self.y_name, &y), &self.x_name)?;
        let plane = canvas.plane(frame, x.clone(), y.clone());
        for boundary in &self.boundaries {
            plane.line(
                &[(*boundary, y.low()), (*boundary, y.high())],
                Paint::Grid,
                1.0,
            )?;
        }
        let mut ends = Vec::new();
        for level in &self.levels {
            let line = [(x.low(), level.value), (x.high(), level.value)];
            plane.line(&line, Paint::Base, 0.8)?;
            let text = format!("{} {}", level.name, show(level.value, &self.unit));
            ends.push(EndLabel {
                text,
                y: plane.at(line[1])?.1,
                paint: Paint::Ink,
            });
        }
        for track in self.tracks.iter().filter(|t| !t.points.is_empty()) {
            let thinned = thin(&track.points, MOST_POINTS);
            plane.line(&thinned, Paint::Series(track.colour), 1.8)?;
            if thinned.len() <= 40 {
                for datum in &thinned {
                    canvas.marker(plane.at(*datum)?, track.colour)?;
                }
            }
            let end = plane.at(thinned[thinned.len() - 1])?;
            if self.tracks.len() > 1 || self.levels.is_empty() {
                let paint = Paint::SeriesText(track.colour);
                ends.push(EndLabel {
                    text: track.name.clone(),
                    y: end.1,
                    paint,
                });
            }
        }
        axis::end_labels(&canvas, frame, &ends)?;
        if !self.boundaries.is_empty() {
            let look = Look::tick(Anchor::Left);
            canvas.text(
                (frame.left, frame.bottom + 28.0),
                &format!("vertical lines: {}", self.boundary_name),
                look,
            )?;
        }
        Ok(canvas)
    }

    fn table(&self) -> DataTable {
        let columns = ["line", &self.x_name, &self.y_name]
            .map(str::to_owned)
            .to_vec();
        let mut rows = Vec::new();
        for level in &self.levels {
            rows.push(vec![
                level.name.clone(),
                String::new(),
                show(level.value, &self.unit),
            ]);
        }
        for track in &self.tracks {
            for (x, y) in thin(&track.points, 12) {
                let x = show(x, &self.x_unit);
                rows.push(vec![track.name.clone(), x, show(y, &self.unit)]);
            }
        }
        DataTable { columns, rows }
    }
}

/// At most about `most` of the points, first and last and the extremes of each stretch kept.
pub(crate) fn thin(points: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    if points.len() <= most.max(4) {
        return points.to_vec();
    }
    let stretch = points.len().div_ceil(most / 2 - 1);
    let mut kept = vec![points[0]];
    for part in points[1..points.len() - 1].chunks(stretch) {
        let at = |best: usize, i: usize, less: bool| {
            if (part[i].1 < part[best].1) == less && part[i].1 != part[best].1 {
                i
            } else {
                best
            }
        };
        let low = (0..part.len()).fold(0, |best, i| at(best, i, true));
        let high = (0..part.len()).fold(0, |best, i| at(best, i, false));
        kept.push(part[low.min(high)]);
        if low != high {
            kept.push(part[low.max(high)]);
        }
    }
    kept.push(points[points.len() - 1]);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_ends_and_the_extremes() {
        let mut points: Vec<(f64, f64)> = (0..10_000).map(|i| (f64::from(i), 1.0)).collect();
        points[5_003].1 = 99.0;
        points[7_777].1 = -5.0;
        let thinned = thin(&points, 100);
        assert!(thinned.len() <= 102, "{}", thinned.len());
        assert_eq!(
            (thinned[0], thinned[thinned.len() - 1]),
            (points[0], points[9_999])
        );
        assert!(thinned.contains(&points[5_003]) && thinned.contains(&points[7_777]));
        assert!(thinned.windows(2).all(|w| w[0].0 < w[1].0));
    }
}
