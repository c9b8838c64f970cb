//! The name of one case: `lists/append[append]{n=1000}`.

use std::fmt;
use std::str::FromStr;

/// One workload, one variant, one value for each parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CaseId {
    /// The workload's id, `crate/name`.
    pub workload: String,
    /// The variant's name.
    pub variant: String,
    /// Names and values in the order of declaration.
    pub params: Vec<(String, u64)>,
}

/// A text that is not the name of a case.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a case; write WORKLOAD[VARIANT]{{NAME=VALUE,..}} as `list` prints it")]
pub struct CaseIdError(String);

impl CaseId {
    /// The name as a file name: letters, digits and `_`, `-`, `.` only, different for different cases of one suite.
    #[must_use]
    pub fn file_name(&self) -> String {
        let mut name = format!("{}.{}", self.workload.replace('/', "-"), self.variant);
        for (key, value) in &self.params {
            name.push_str(&format!(".{key}-{value}"));
        }
        name
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.workload, self.variant)?;
        if self.params.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (index, (name, value)) in self.params.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{name}={value}")?;
        }
        f.write_str("}")
    }
}

impl FromStr for CaseId {
    type Err = CaseIdError;

    fn from_str(text: &str) -> Result<Self, CaseIdError> {
        parse(text).ok_or_else(|| CaseIdError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<CaseId> {
    let (workload, rest) = text.split_once('[')?;
    let (variant, rest) = rest.split_once(']')?;
    let inner = match rest {
        "" => "",
        braced => braced.strip_prefix('{')?.strip_suffix('}')?,
    };
    let params = inner
        .split(',')
        .filter(|part| !part.is_empty())
        .map(param)
        .collect::<Option<Vec<_>>>()?;
    Some(CaseId {
        workload: workload.to_owned(),
        variant: variant.to_owned(),
        params,
    })
}

fn param(text: &str) -> Option<(String, u64)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_owned(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_name_reads_back_as_the_same_case() {
        for text in [
            "lists/append[append]{n=1000}",
            "a/b[c]",
            "a/b[c]{n=1,depth=18446744073709551615}",
        ] {
            let case: CaseId = text.parse().expect("a valid name");
            assert_eq!(case.to_string(), text);
        }
    }

    #[test]
    fn a_broken_name_is_refused_with_the_form_to_use() {
        for text in ["", "a/b", "a/b[c", "a/b[c]{n}", "a/b[c]{n=-1}", "a/b[c]n=1"] {
            let error = text.parse::<CaseId>().expect_err("refused");
            assert!(error.to_string().contains("WORKLOAD[VARIANT]"));
        }
    }

    #[test]
    fn file_names_hold_no_separator() {
        let case: CaseId = "lists/append[append]{n=1000}".parse().expect("valid");
        assert_eq!(case.file_name(), "lists-append.append.n-1000");
    }
}
