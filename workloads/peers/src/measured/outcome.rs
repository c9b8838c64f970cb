//! What a work hands back.

use crate::rows::Answer;

/// Values and checks of one work.
#[derive(Default)]
pub(super) struct Outcome(Answer);

impl Outcome {
    /// Nothing measured, and why.
    pub(super) fn refused(reason: &str) -> Outcome {
        Outcome::default().note(reason)
    }

    pub(super) fn value(mut self, row: &str, value: f64) -> Outcome {
        self.0.values.push((row.to_owned(), value));
        self
    }

    /// A figure that must be the same for all peers.
    pub(super) fn check(mut self, name: &str, value: u64) -> Outcome {
        self.0.checks.push((name.to_owned(), value));
        self
    }

    pub(super) fn note(mut self, note: &str) -> Outcome {
        self.0.note = Some(note.to_owned());
        self
    }

    pub(super) fn print(&self) {
        let text = serde_json::to_string(&self.0).expect("numbers and strings become JSON");
        println!("{text}");
    }
}
