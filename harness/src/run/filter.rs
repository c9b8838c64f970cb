//! Which cases a word on the command line means.

use crate::CaseId;

/// Words of which one must match: a part of the case's name, a pattern with `*` and `?` over all of it, or a tag.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    words: Vec<String>,
}

impl Filter {
    /// A filter of these words; without any it matches everything.
    #[must_use]
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether nothing is filtered out.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The words as the user gave them.
    #[must_use]
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Whether one of the words means this case.
    #[must_use]
    pub(crate) fn matches(&self, case: &CaseId, tags: &[String]) -> bool {
        let name = case.to_string();
        let means = |word: &String| {
            let pattern = word.contains(['*', '?']) && glob(word.as_bytes(), name.as_bytes());
            pattern || name.contains(word.as_str()) || tags.contains(word)
        };
        self.words.is_empty() || self.words.iter().any(means)
    }
}

/// Whether `pattern` covers all of `text`; `*` is any run of bytes, `?` any one byte.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else {
                    return false;
                };
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(word: &str) -> bool {
        let case = "lists/append[grow]{n=1000}".parse().expect("a case");
        Filter::new(vec![word.to_owned()]).matches(&case, &["young".to_owned()])
    }

    #[test]
    fn parts_patterns_and_tags_match() {
        for word in [
            "append",
            "lists/",
            "[grow]",
            "lists/*n=1000}",
            "*append?grow?*",
            "young",
        ] {
            assert!(matches(word), "{word}");
        }
    }

    #[test]
    fn a_pattern_covers_the_whole_name() {
        for word in ["append*x", "*n=100", "you", "?"] {
            assert!(!matches(word), "{word}");
        }
    }
}
