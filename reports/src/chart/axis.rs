//! Axis furniture shared by the charts: ticks, a faint grid in one direction, names with units.

use super::canvas::{Anchor, Canvas, Frame, Look, SMALL, WIDTH};
use super::error::ChartError;
use super::labels;
use super::scale::Scale;
use super::text;
use super::theme::Paint;

/// Distance between two lines of direct labels.
const LABEL_GAP: f64 = 15.0;

/// Writes a tick label below `x`, moved sideways where it would leave the picture.
pub(crate) fn tick_label(canvas: &Canvas, x: f64, y: f64, label: &str) -> Result<(), ChartError> {
    let look = Look::tick(Anchor::Middle);
    let half = look.width(label) / 2.0;
    if x - half < 0.0 {
        canvas.text((x.max(0.0), y), label, Look::tick(Anchor::Left))
    } else if x + half > WIDTH {
        canvas.text((x.min(WIDTH), y), label, Look::tick(Anchor::Right))
    } else {
        canvas.text((x, y), label, look)
    }
}

/// Room that the labels of a vertical axis need at its left.
pub(crate) fn left_gutter(scale: &Scale) -> f64 {
    let widest = scale
        .ticks()
        .iter()
        .map(|(_, l)| text::width(l, SMALL, false))
        .fold(0.0, f64::max);
    widest + 6.0
}

/// Horizontal grid with labels at the left.
pub(crate) fn vertical(canvas: &Canvas, frame: Frame, scale: &Scale) -> Result<(), ChartError> {
    for (value, label) in scale.ticks() {
        let y = frame.bottom - scale.position(value) * (frame.bottom - frame.top);
        canvas.line(&[(frame.left, y), (frame.right, y)], Paint::Grid, 1.0)?;
        canvas.text((frame.left - 6.0, y), &label, Look::tick(Anchor::Right))?;
    }
    Ok(())
}

/// The horizontal axis line with ticks at `ticks`; labels that would touch are left out.
pub(crate) fn horizontal(
    canvas: &Canvas,
    frame: Frame,
    scale: &Scale,
    ticks: &[(f64, String)],
) -> Result<(), ChartError> {
    canvas.line(
        &[(frame.left, frame.bottom), (frame.right, frame.bottom)],
        Paint::Muted,
        1.0,
    )?;
    let mut free_from = f64::NEG_INFINITY;
    for (value, label) in ticks {
        let x = frame.left + scale.position(*value) * (frame.right - frame.left);
        canvas.line(
            &[(x, frame.bottom), (x, frame.bottom + 4.0)],
            Paint::Muted,
            1.0,
        )?;
        let half = text::width(label, SMALL, false) / 2.0;
        let (left, right) = (x - half, x + half);
        let (left, right) = if right > WIDTH {
            (x - 2.0 * half, x)
        } else {
            (left, right)
        };
        if left < free_from + 6.0 {
            continue;
        }
        tick_label(canvas, x, frame.bottom + 12.0, label)?;
        free_from = right;
    }
    Ok(())
}

/// The name of the vertical axis, above it, and of the horizontal one, below its right end.
pub(crate) fn names(canvas: &Canvas, frame: Frame, y: &str, x: &str) -> Result<(), ChartError> {
    let look = Look::tick(Anchor::Left);
    canvas.text((0.0, 8.0), &text::fit(y, SMALL, false, WIDTH), look)?;
    let look = Look::tick(Anchor::Right);
    let x = text::fit(x, SMALL, false, frame.right);
    canvas.text((frame.right, frame.bottom + 28.0), &x, look)
}

/// A label beside the right end of a line.
pub(crate) struct EndLabel {
    pub(crate) text: String,
    pub(crate) y: f64,
    pub(crate) paint: Paint,
}

/// Room that end labels need at the right, at most four tenths of the picture.
pub(crate) fn right_gutter<'a>(labels: impl Iterator<Item = &'a str>) -> f64 {
    let widest = labels
        .map(|l| text::width(l, SMALL, true))
        .fold(0.0, f64::max);
    (widest + 14.0).min(WIDTH * 0.4)
}

/// Writes labels beside `frame`, apart from each other, with a thin leader where one had to move.
pub(crate) fn end_labels(
    canvas: &Canvas,
    frame: Frame,
    ends: &[EndLabel],
) -> Result<(), ChartError> {
    let wanted: Vec<f64> = ends.iter().map(|l| l.y).collect();
    let placed = labels::spread(&wanted, LABEL_GAP, frame.top, frame.bottom);
    let x = frame.right + 12.0;
    for (end, y) in ends.iter().zip(placed) {
        if (y - end.y).abs() > 3.0 {
            let leader = [(frame.right + 4.0, end.y), (x - 2.0, y)];
            canvas.line(&leader, Paint::Muted, 0.7)?;
        }
        let shown = text::fit(&end.text, SMALL, true, WIDTH - x);
        canvas.text(
            (x, y),
            &shown,
            Look::tick(Anchor::Left).painted(end.paint).bold(),
        )?;
    }
    Ok(())
}
