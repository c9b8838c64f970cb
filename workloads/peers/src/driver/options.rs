//! The words of the command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::rows::{WORKS, Work};

pub(super) const USAGE: &str = "usage: exuvia peers [ROW].. [--quick] [--repetitions N] [--peers NAMES] [--limit SECONDS] [--out FILE] [--json]

Measures this heap beside other managed heaps on the same work, every (work, peer) in a process of its own, the peers
interleaved, and prints ratios with their 95 % intervals. Writes target/exuvia/peers.json.
  ROW                a row or a work of the table, or the beginning of one; default: all
  --quick            without the works of 10^6 live nodes and more, and 5 repetitions
  --repetitions N    default 10; an interval needs 6
  --peers NAMES      only these, separated by commas (exuvia is always there; cpython is every version)
  --limit SECONDS    a child that takes longer is out (default 60)
  --out FILE         where the JSON goes
  --json             print the JSON
CPython: every python3.x on PATH and in pyenv that has a shared library, or the libraries named by EXUVIA_LIBPYTHON
(separated by colons).";

#[derive(Debug, PartialEq)]
pub(super) struct Options {
    pub(super) rows: Vec<String>,
    pub(super) quick: bool,
    pub(super) repetitions: usize,
    pub(super) peers: Option<Vec<String>>,
    pub(super) limit: Duration,
    pub(super) out: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) help: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options {
            rows: Vec::new(),
            quick: false,
            repetitions: 0,
            peers: None,
            limit: Duration::from_secs(60),
            out: None,
            json: false,
            help: false,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "-h" | "--help" => options.help = true,
                "--repetitions" => options.repetitions = positive(argument, value()?)?,
                "--limit" => {
                    options.limit = Duration::from_secs(positive(argument, value()?)? as u64)
                }
                "--peers" => {
                    options.peers = Some(value()?.split(',').map(str::to_owned).collect());
                }
                "--out" => options.out = Some(PathBuf::from(value()?)),
                unknown if unknown.starts_with('-') => {
                    return Err(format!("unknown option {unknown}"));
                }
                row => options.rows.push(row.to_owned()),
            }
        }
        if options.repetitions == 0 {
            options.repetitions = if options.quick { 5 } else { 10 };
        }
        options.check_rows()?;
        Ok(options)
    }

    fn check_rows(&self) -> Result<(), String> {
        let unknown = |row: &&String| !WORKS.iter().any(|work| names(work, row));
        match self.rows.iter().find(unknown) {
            Some(row) => Err(format!("no row begins with `{row}`")),
            None => Ok(()),
        }
    }

    /// A row that is asked for by name is measured in `--quick` too.
    pub(super) fn wants(&self, work: &Work) -> bool {
        match self.rows.as_slice() {
            [] => !(self.quick && work.large),
            rows => rows.iter().any(|row| names(work, row)),
        }
    }

    pub(super) fn wants_peer(&self, name: &str) -> bool {
        let wanted = |peers: &Vec<String>| peers.iter().any(|peer| is_meant(peer, name));
        name == crate::rows::OURS || self.peers.as_ref().is_none_or(wanted)
    }

    /// A peer that was asked for and is none of these.
    pub(super) fn unknown_peer(&self, known: &[&str]) -> Option<&str> {
        let is_unknown = |peer: &&String| !known.iter().any(|name| is_meant(peer, name));
        let asked = self.peers.as_ref()?;
        asked.iter().find(is_unknown).map(String::as_str)
    }
}

/// `cpython` means every version.
fn is_meant(peer: &str, name: &str) -> bool {
    name.strip_prefix(peer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && peer == "cpython")
}

fn names(work: &Work, row: &str) -> bool {
    work.name.starts_with(row) || work.rows.iter().any(|known| known.id.starts_with(row))
}

fn positive(option: &str, value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} needs a number above 0, not `{value}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, String> {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        Options::parse(&words)
    }

    #[test]
    fn a_beginning_names_every_row_that_begins_so() {
        let options = parse(&["rings", "--repetitions", "7"]).unwrap();
        assert_eq!(options.repetitions, 7);
        let wanted: Vec<_> = WORKS
            .iter()
            .filter(|work| options.wants(work))
            .map(|work| work.name)
            .collect();
        assert_eq!(wanted, ["rings_2", "rings_10", "rings_1e6"]);
    }

    #[test]
    fn large_works_are_left_out_of_a_quick_run_unless_named() {
        let large = WORKS.iter().find(|work| work.large).unwrap();
        assert!(!parse(&["--quick"]).unwrap().wants(large));
        assert!(parse(&["--quick", large.name]).unwrap().wants(large));
    }

    #[test]
    fn cpython_means_every_version_and_an_unknown_peer_is_named() {
        let known = [
            "exuvia",
            "rc",
            "rc+mimalloc",
            "cpython-3.11",
            "cpython-3.13",
        ];
        let wanted = |names: &str| {
            let options = parse(&["--peers", names]).unwrap();
            let wanted = known.iter().filter(|name| options.wants_peer(name));
            let unknown = options.unknown_peer(&known).map(str::to_owned);
            (wanted.copied().collect::<Vec<_>>(), unknown)
        };
        let all = vec!["exuvia", "rc", "cpython-3.11", "cpython-3.13"];
        assert_eq!(wanted("rc,cpython"), (all, None));
        let one = vec!["exuvia", "cpython-3.13"];
        assert_eq!(wanted("cpython-3.13,boo"), (one, Some("boo".to_owned())));
    }

    #[test]
    fn mistakes_are_named() {
        for (words, part) in [
            (["--repetitions", "0"], "above 0"),
            (["--what", "x"], "--what"),
            (["nothing", "--json"], "`nothing`"),
        ] {
            assert!(parse(&words).unwrap_err().contains(part), "{words:?}");
        }
        assert!(parse(&["--limit"]).unwrap_err().contains("needs a value"));
    }
}
