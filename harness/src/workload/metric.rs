//! A user's own exact number beside the four instruments.

use super::Params;

/// Which direction of a metric is an improvement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Better {
    /// Smaller is better.
    #[default]
    Less,
    /// Larger is better.
    More,
    /// Neither: shown, never judged.
    None,
}

#[cfg(feature = "cli")]
impl From<Better> for exuvia_reports::record::Better {
    fn from(better: Better) -> Self {
        match better {
            Better::Less => Self::Less,
            Better::More => Self::More,
            Better::None => Self::None,
        }
    }
}

/// A number a metric may return.
pub trait MetricValue {
    /// The value as it is recorded; integers above 2^53 lose their last bits.
    fn value(self) -> f64;
}

impl MetricValue for f64 {
    fn value(self) -> f64 {
        self
    }
}

macro_rules! integer_metric {
    ($($integer:ty),+) => { $(
        impl MetricValue for $integer {
            fn value(self) -> f64 {
                self as f64
            }
        }
    )+ };
}
integer_metric!(u8, u16, u32, u64, usize, i32, i64, f32);

/// A named number read after one run.
pub(crate) struct Metric {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) read: Box<dyn Fn(&Params) -> f64>,
}
