//! Patterns on names: `*` stands for any text, `?` for one character.

/// Whether the whole of `name` matches `pattern`.
///
/// Linear in memory and at worst quadratic in time: on a mismatch the last `*` takes one more
/// character, earlier ones are never revisited.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    n = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_cross_slashes_and_question_marks_take_one_character() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "lists/append", true),
            ("lists/*", "lists/append", true),
            ("lists/*", "list/append", false),
            ("*/append", "lists/append", true),
            ("l*s/a?pend", "lists/append", true),
            ("lists", "lists/append", false),
            ("", "x", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b-", false),
            ("?", "é", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    /// The textbook definition.
    fn naive(pattern: &[char], name: &[char]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', tail)), None) => naive(tail, name),
            (Some(('*', tail)), Some((_, rest))) => naive(tail, name) || naive(pattern, rest),
            (Some(_), None) => false,
            (Some((p, tail)), Some((n, rest))) => (*p == '?' || p == n) && naive(tail, rest),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_recursive_definition(pattern in "[ab?*]{0,8}", name in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &name), naive(&chars(&pattern), &chars(&name)));
        }
    }
}
