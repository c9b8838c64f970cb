//! The arguments of a measured process.

use std::path::PathBuf;
use std::time::Duration;

use exuvia_reports::record::Depth;

use super::{Inject, PROTOCOL};
use crate::CaseId;

/// What a measured process measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Instrument {
    /// Nothing: one run with its checksum.
    Plain,
    /// Wall time by criterion.
    Time,
    /// One run under callgrind.
    Instructions,
    /// One run under dhat, objects in the system allocator.
    Heap,
    /// One run in the heap's own pages, read through the probes.
    Footprint,
    /// Blocks of growing length with the probes read between them.
    Leaks,
    /// One run between two markers.
    Rss,
}

impl Instrument {
    const ALL: [Self; 7] = [
        Self::Plain,
        Self::Time,
        Self::Instructions,
        Self::Heap,
        Self::Footprint,
        Self::Leaks,
        Self::Rss,
    ];

    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Time => "time",
            Self::Instructions => "instructions",
            Self::Heap => "heap",
            Self::Footprint => "footprint",
            Self::Leaks => "leaks",
            Self::Rss => "rss",
        }
    }

    /// The instrument of the rows it gives: the footprint is one of the heap's two measurements.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::Footprint => "heap",
            other => other.as_str(),
        }
    }

    /// The instrument of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|instrument| instrument.as_str() == word)
    }
}

/// One case, one instrument, and its budget.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) case: CaseId,
    pub(crate) instrument: Instrument,
    pub(crate) depth: Depth,
    /// Where to write the raw dhat profile, if it is wanted.
    pub(crate) raw: Option<PathBuf>,
    /// What is added to each run, for the self test.
    pub(crate) inject: Option<Inject>,
}

/// Arguments of `exec` that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No case was given.
    #[error(
        "no case; use exec CASE --instrument time|instructions|heap|footprint|leaks|rss|plain --protocol {PROTOCOL}"
    )]
    NoCase,
    /// The case's name cannot be read.
    #[error(transparent)]
    Case(#[from] crate::CaseIdError),
    /// A word that is none of the known ones.
    #[error("unknown argument or value `{0}`")]
    Unknown(String),
    /// The runner speaks another version.
    #[error(
        "this program speaks protocol {PROTOCOL}, not `{0}`: build it with the exuvia that runs it"
    )]
    Protocol(String),
}

impl Request {
    /// Reads the arguments after `exec`.
    pub(crate) fn parse(args: &[String]) -> Result<Self, RequestError> {
        let mut args = args.iter().filter(|arg| *arg != "--bench");
        let case = args.next().ok_or(RequestError::NoCase)?.parse()?;
        let mut request = Self {
            case,
            instrument: Instrument::Plain,
            depth: Depth::Quick,
            raw: None,
            inject: None,
        };
        while let Some(key) = args.next() {
            let value = args
                .next()
                .ok_or_else(|| RequestError::Unknown(key.clone()))?;
            request.set(key, value)?;
        }
        Ok(request)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), RequestError> {
        let unknown = || RequestError::Unknown(format!("{key} {value}"));
        match key {
            "--instrument" => self.instrument = Instrument::from_word(value).ok_or_else(unknown)?,
            "--depth" => self.depth = depth_of(value).ok_or_else(unknown)?,
            "--inject" => self.inject = Some(value.parse().map_err(|()| unknown())?),
            "--raw" => self.raw = Some(value.into()),
            "--protocol" if value == PROTOCOL.to_string() => {}
            "--protocol" => return Err(RequestError::Protocol(value.to_owned())),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// The arguments that [`Request::parse`] reads back.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let mut args = vec!["exec".to_owned(), self.case.to_string()];
        args.extend(["--instrument", self.instrument.as_str(), "--protocol"].map(str::to_owned));
        args.extend([
            PROTOCOL.to_string(),
            "--depth".to_owned(),
            self.depth.to_string(),
        ]);
        if let Some(inject) = &self.inject {
            args.extend(["--inject".to_owned(), inject.to_string()]);
        }
        if let Some(raw) = &self.raw {
            args.extend(["--raw".to_owned(), raw.display().to_string()]);
        }
        args
    }

    /// How long the leak detector may go on.
    pub(crate) fn leak_budget(&self) -> Duration {
        match self.depth {
            Depth::Quick => Duration::from_millis(1_200),
            Depth::Default => Duration::from_secs(5),
            Depth::Full => Duration::from_secs(20),
        }
    }
}

fn depth_of(word: &str) -> Option<Depth> {
    [Depth::Quick, Depth::Default, Depth::Full]
        .into_iter()
        .find(|depth| depth.to_string() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_from_its_arguments() {
        let request = Request {
            case: "a/b[c]{n=1}".parse().expect("a case"),
            instrument: Instrument::Heap,
            depth: Depth::Full,
            raw: Some("x.json".into()),
            inject: Some(Inject::Slow(5.0)),
        };
        assert_eq!(
            Request::parse(&request.to_args()[1..]).expect("parses"),
            request
        );
    }

    #[test]
    fn another_protocol_is_refused() {
        let args = ["a/b[c]", "--protocol", "2"].map(str::to_owned);
        assert!(matches!(
            Request::parse(&args),
            Err(RequestError::Protocol(_))
        ));
    }
}
