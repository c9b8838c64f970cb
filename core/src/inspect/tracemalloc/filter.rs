//! Which traces a snapshot keeps.

use super::snapshot::{AllocationTrace, Domain};
use super::traceback::Frame;

/// A condition on traces; see [`Snapshot::filter_traces`](super::Snapshot::filter_traces).
///
/// ```
/// use exuvia_core::tracemalloc::{Domain, Filter};
/// let mine = Filter::include("*/src/cache.rs").line(12).all_frames();
/// let no_tests = Filter::exclude("*/tests/*");
/// let objects = Filter::only(Domain::Object);
/// # let _ = (mine, no_tests, objects);
/// ```
#[derive(Clone, Debug)]
pub struct Filter {
    inclusive: bool,
    /// File pattern; `None` for a filter on the domain alone.
    pattern: Option<String>,
    line: Option<u32>,
    all_frames: bool,
    domain: Option<Domain>,
}

impl Filter {
    fn new(inclusive: bool, pattern: Option<&str>) -> Filter {
        Filter {
            inclusive,
            pattern: pattern.map(str::to_owned),
            line: None,
            all_frames: false,
            domain: None,
        }
    }

    /// Keeps traces whose newest frame is in a file that matches `pattern`
    /// (`*` any text, `?` any character).
    pub fn include(pattern: &str) -> Filter {
        Filter::new(true, Some(pattern))
    }

    /// Removes them instead.
    pub fn exclude(pattern: &str) -> Filter {
        Filter::new(false, Some(pattern))
    }

    /// Keeps the traces of a domain.
    pub fn only(domain: Domain) -> Filter {
        Filter::new(true, None).domain(domain)
    }

    /// Removes the traces of a domain.
    pub fn without(domain: Domain) -> Filter {
        Filter::new(false, None).domain(domain)
    }

    /// Matches this line alone.
    pub fn line(mut self, line: u32) -> Filter {
        self.line = Some(line);
        self
    }

    /// Matches when any frame does, not only the newest.
    pub fn all_frames(mut self) -> Filter {
        self.all_frames = true;
        self
    }

    /// Matches traces of this domain alone.
    pub fn domain(mut self, domain: Domain) -> Filter {
        self.domain = Some(domain);
        self
    }

    pub(super) fn is_inclusive(&self) -> bool {
        self.inclusive
    }

    /// Whether the filter lets a trace pass.
    pub(super) fn passes(&self, trace: &AllocationTrace) -> bool {
        let domain = self.domain.is_none_or(|domain| domain == trace.domain);
        let frames = trace.traceback.frames();
        let frames = if self.all_frames {
            frames
        } else {
            &frames[frames.len() - 1..]
        };
        let named = match &self.pattern {
            Some(pattern) => frames.iter().any(|frame| self.matches(pattern, frame)),
            None => true,
        };
        (domain && named) == self.inclusive
    }

    fn matches(&self, pattern: &str, frame: &Frame) -> bool {
        self.line.is_none_or(|line| line == frame.line)
            && matches(pattern.as_bytes(), frame.file.as_bytes())
    }
}

/// Shell patterns of `*` and `?`, linear in practice: only the last star is
/// ever tried again.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut again = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                again = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match again {
                Some((after, from)) => {
                    again = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_and_question_marks_match_as_in_a_shell() {
        let yes = [
            ("*", ""),
            ("a*c", "abbc"),
            ("*/b.rs", "a/b.rs"),
            ("?b*", "ab"),
            ("a*b*c", "axbxbxc"),
        ];
        let no = [
            ("a", "ab"),
            ("?", ""),
            ("*.rs", "a.py"),
            ("a*b*c", "axbx"),
            ("", "a"),
        ];
        for (pattern, text) in yes {
            assert!(
                matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
        for (pattern, text) in no {
            assert!(
                !matches(pattern.as_bytes(), text.as_bytes()),
                "{pattern} {text}"
            );
        }
    }
}
