//! The checks a record passes before it is believed or written.

use super::{Record, SCHEMA, Status};
use std::collections::BTreeSet;
use thiserror::Error;

/// A record that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// The record was written by another, usually newer, version.
    #[error(
        "the schema is `{found}`, this version reads `{SCHEMA}`: {}",
        advice(found)
    )]
    Schema {
        /// Schema string in the record.
        found: String,
    },
    /// A number is NaN or infinite.
    #[error("{place}: {field} is not a finite number: record the row as missing, with a reason")]
    NotFinite {
        /// Case and metric.
        place: String,
        /// Which number.
        field: &'static str,
    },
    /// Two measurements share case and metric.
    #[error("{place} is measured twice: one of the two would be lost in a comparison")]
    Duplicate {
        /// Case and metric.
        place: String,
    },
    /// A metric does not begin with its instrument.
    #[error("{place}: the metric must begin with `{instrument}/`, the instrument of the row")]
    Metric {
        /// Case and metric.
        place: String,
        /// Instrument of the row.
        instrument: String,
    },
    /// A measured row without a value.
    #[error("{place} says measured, yet has no value")]
    NoValue {
        /// Case and metric.
        place: String,
    },
    /// A missing or failed row without a reason.
    #[error("{place} is not measured, yet gives no reason")]
    NoReason {
        /// Case and metric.
        place: String,
    },
    /// The ends of an interval are the wrong way round or do not enclose the value.
    #[error("{place}: the interval from {low} to {high} does not hold the value {value}")]
    Interval {
        /// Case and metric.
        place: String,
        /// Lower end.
        low: String,
        /// Upper end.
        high: String,
        /// The value.
        value: String,
    },
    /// A text of the environment is an absolute path.
    #[error("the environment's {field} holds an absolute path: records are published")]
    Path {
        /// Name of the field.
        field: &'static str,
    },
}

fn advice(found: &str) -> String {
    let version = |schema: &str| {
        schema
            .strip_prefix("exuvia.run/")
            .and_then(|v| v.parse::<u32>().ok())
    };
    match (version(found), version(SCHEMA)) {
        (Some(theirs), Some(ours)) if theirs > ours => {
            "it was written by a newer exuvia; update this one, or measure again with it".to_owned()
        }
        _ => "it is not a run record; give the run.json that `cargo exuvia run` wrote".to_owned(),
    }
}

impl Record {
    /// Checks every invariant of the module.
    ///
    /// # Errors
    /// The first contradiction found, naming case and metric.
    pub fn validate(&self) -> Result<(), Invalid> {
        if self.schema != SCHEMA {
            return Err(Invalid::Schema {
                found: self.schema.clone(),
            });
        }
        self.validate_environment()?;
        self.validate_measurements()?;
        self.validate_series()?;
        self.validate_leaks()
    }

    fn validate_environment(&self) -> Result<(), Invalid> {
        match self
            .environment
            .describe()
            .into_iter()
            .find(|(_, value)| has_absolute_path(value))
        {
            Some((field, _)) => Err(Invalid::Path { field }),
            None => Ok(()),
        }
    }

    fn validate_measurements(&self) -> Result<(), Invalid> {
        let mut seen = BTreeSet::new();
        for m in &self.measurements {
            let case = m.case();
            let place = format!("{case} {}", m.metric);
            for (field, number) in [
                ("value", m.value),
                ("low", m.low),
                ("high", m.high),
                ("level", m.level),
            ] {
                finite(&place, field, number)?;
            }
            if !m
                .metric
                .strip_prefix(&m.instrument)
                .is_some_and(|rest| rest.starts_with('/'))
            {
                return Err(Invalid::Metric {
                    place,
                    instrument: m.instrument.clone(),
                });
            }
            match (m.status, m.value, &m.reason) {
                (Status::Measured, None, _) => return Err(Invalid::NoValue { place }),
                (Status::Missing | Status::Failed, _, None) => {
                    return Err(Invalid::NoReason { place });
                }
                _ => {}
            }
            if let (Some(value), Some([low, high])) = (m.measured(), m.interval())
                && (low > value || value > high)
            {
                let [low, high, value] = [low, high, value].map(|v| v.to_string());
                return Err(Invalid::Interval {
                    place,
                    low,
                    high,
                    value,
                });
            }
            if !seen.insert((case, m.metric.as_str())) {
                return Err(Invalid::Duplicate { place });
            }
        }
        Ok(())
    }

    fn validate_series(&self) -> Result<(), Invalid> {
        for s in &self.series {
            let place = format!("{} series {}", s.case(), s.name);
            for [x, y] in &s.points {
                finite(&place, "x of a point", Some(*x))?;
                finite(&place, "y of a point", Some(*y))?;
            }
        }
        Ok(())
    }

    fn validate_leaks(&self) -> Result<(), Invalid> {
        for leak in &self.leaks {
            let place = format!("{} leak finding", leak.case());
            finite(&place, "rate", leak.rate)?;
            finite(&place, "bound", leak.bound)?;
        }
        Ok(())
    }
}

fn finite(place: &str, field: &'static str, number: Option<f64>) -> Result<(), Invalid> {
    match number {
        Some(n) if !n.is_finite() => Err(Invalid::NotFinite {
            place: place.to_owned(),
            field,
        }),
        _ => Ok(()),
    }
}

/// Whether a word of the text begins like a path from the root (`/x`, `C:\x`).
fn has_absolute_path(text: &str) -> bool {
    text.split([' ', '=', ':', '"', '\'', '(']).any(|word| {
        let mut chars = word.chars();
        match chars.next() {
            Some('/') => chars.next().is_some_and(char::is_alphanumeric),
            Some('\\') => true,
            _ => false,
        }
    })
}
