//! A track in one line: where it began, where it is, its steps, and a curve of block characters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Track;
use crate::format;
use crate::stats::change_points::{ChangePoint, Steps, change_points};

/// Columns of the curve.
const WIDTH: usize = 40;

/// A track with its steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// The track.
    pub track: Track,
    /// Where it moved to another level.
    pub steps: Vec<ChangePoint>,
}

impl Trend {
    /// Finds the steps of a track.
    pub fn new(track: Track) -> Self {
        let values: Vec<f64> = track.points.iter().map(|point| point.value).collect();
        let steps = change_points(&values, &Steps::default());
        Self { track, steps }
    }

    /// `lists/append[append]{n=1000} instructions/ir  ▁▁▁▇▇  4,096 to 4,300 (+5 %)`, then a line per step.
    pub fn lines(&self) -> Vec<String> {
        let track = &self.track;
        let (Some(first), Some(last)) = (track.points.first(), track.points.last()) else {
            return Vec::new();
        };
        let ends = format::pair(first.value, last.value, &track.unit);
        let mut lines = vec![
            format!("{} {}", track.benchmark, track.metric),
            format!(
                "    {}  {} to {} ({}), {}",
                self.curve(),
                ends[0],
                ends[1],
                format::change(first.value, last.value, &track.unit),
                format::plural(track.points.len() as u64, "run")
            ),
        ];
        lines.extend(
            self.step_lines()
                .into_iter()
                .map(|line| format!("    {line}")),
        );
        lines
    }

    /// `+5 % at 2023-11-24 13:20 UTC (0a1b2c3d4e5f): 4,096 to 4,300` for each step.
    pub fn step_lines(&self) -> Vec<String> {
        self.steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&self, step: &ChangePoint) -> String {
        let point = &self.track.points[step.index];
        let commit = point
            .commit
            .as_deref()
            .map_or("unknown commit", |commit| &commit[..commit.len().min(12)]);
        let levels = format::pair(step.before, step.after, &self.track.unit);
        format!(
            "{} at {} ({commit}): {} to {}",
            format::change(step.before, step.after, &self.track.unit),
            format::date_time(point.created.max(0) as u64),
            levels[0],
            levels[1]
        )
    }

    /// The means of as many stretches as fit, from the lowest to the highest value.
    pub fn curve(&self) -> String {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let values: Vec<f64> = self.track.points.iter().map(|point| point.value).collect();
        let stretches = values.len().min(WIDTH);
        let means: Vec<f64> = (0..stretches)
            .map(|column| {
                let (from, to) = (
                    column * values.len() / stretches,
                    (column + 1) * values.len() / stretches,
                );
                values[from..to].iter().sum::<f64>() / (to - from) as f64
            })
            .collect();
        let low = means.iter().copied().fold(f64::INFINITY, f64::min);
        let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let level = |mean: &f64| {
            let share = if high > low {
                (mean - low) / (high - low)
            } else {
                0.0
            };
            LEVELS[(share * (LEVELS.len() - 1) as f64).round() as usize]
        };
        means.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Point;

    #[test]
    fn a_step_is_told_with_its_commit() {
        let point = |index: i64| Point {
            created: 1_700_000_000 + index * 86_400,
            commit: Some(format!("{index:040}")),
            value: if index < 10 { 1_000.0 } else { 1_050.0 },
            interval: None,
        };
        let track = Track {
            benchmark: "a/b[c]".to_owned(),
            metric: "instructions/ir".to_owned(),
            unit: "instructions".to_owned(),
            better: "less".to_owned(),
            points: (0..20).map(point).collect(),
        };
        let trend = Trend::new(track);
        assert_eq!(
            trend.curve(),
            format!("{}{}", "▁".repeat(10), "█".repeat(10))
        );
        let lines = trend.lines();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(
            lines[2].contains("+5 %") && lines[2].contains("2023-11-24"),
            "{lines:?}"
        );
    }
}
