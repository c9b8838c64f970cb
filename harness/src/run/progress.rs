//! What the terminal shows during a run: a bar where there is a terminal, one line per stage where there is none.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::CaseId;

/// Progress over all processes of a run. Failures are told at once, each distinct sentence once.
pub(crate) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    told: Mutex<std::collections::BTreeSet<String>>,
}

impl Progress {
    /// A bar of so many processes.
    pub(crate) fn new(processes: u64) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = if is_terminal {
            ProgressBar::new(processes)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template(
            "{prefix:>13} {wide_bar} {pos}/{len} {elapsed}, about {eta} left {msg}",
        );
        Self {
            bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())),
            is_terminal,
            told: Mutex::default(),
        }
    }

    /// A stage begins.
    pub(crate) fn begin(&self, stage: &str) {
        self.bar.set_prefix(stage.to_owned());
    }

    /// A process has ended.
    pub(crate) fn done(&self, case: &CaseId, failure: Option<&String>) {
        self.bar.inc(1);
        if let Some(reason) = failure {
            self.say(format!("{case}: {reason}"));
        }
    }

    /// A stage has ended: its time is always printed.
    pub(crate) fn end(&self, stage: &str, cases: usize, took: Duration) {
        self.say(format!(
            "{stage:>13}  {cases} cases  {:.1} s",
            took.as_secs_f64()
        ));
    }

    /// Says a sentence once, above the bar.
    pub(crate) fn say(&self, sentence: String) {
        let Ok(mut told) = self.told.lock() else {
            return;
        };
        if !told.insert(sentence.clone()) {
            return;
        }
        if self.is_terminal {
            self.bar.println(sentence);
        } else {
            eprintln!("{sentence}");
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
