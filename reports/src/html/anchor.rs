//! Ids for deep links: readable, stable across runs, safe whatever a benchmark is called.

use std::collections::BTreeSet;

/// FNV-1a: small and the same everywhere and always, unlike the standard hasher.
pub(super) fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |h, b| {
        (h ^ u32::from(b)).wrapping_mul(0x0100_0193)
    })
}

/// The id of a workload's details: `bench-lists-append` for `lists/append`; for a name that
/// is not a plain workload id, its plain letters and a hash of the whole.
pub(super) fn of(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_id = name.split('/').count() == 2
        && name
            .split('/')
            .all(|part| !part.is_empty() && part.chars().all(plain));
    if is_id {
        return format!("bench-{}", name.replace('/', "-"));
    }
    let kept: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if plain(c) { c } else { '-' })
        .take(40)
        .collect();
    let words: Vec<&str> = kept.split('-').filter(|w| !w.is_empty()).collect();
    let words = if words.is_empty() {
        String::new()
    } else {
        format!("{}-", words.join("-"))
    };
    format!("bench-{words}x{:08x}", hash(name))
}

/// Like [`of`], with a number appended in the unlikely case that the id is taken.
pub(super) fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let id = of(name);
    let mut candidate = id.clone();
    let mut number = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{id}-{number}");
        number += 1;
    }
    candidate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_id_stays_readable() {
        assert_eq!(of("lists/append"), "bench-lists-append");
        assert_eq!(of("weakrefs/tree_strong"), "bench-weakrefs-tree_strong");
    }

    #[test]
    fn a_hostile_name_becomes_a_safe_id_and_two_names_never_share_one() {
        let names = [
            "<script>", "a/b/c", "a/b-c", "a-b/c", "../x", "שלום", "", "%", "\"x\"", "A/b",
        ];
        let mut taken = BTreeSet::new();
        for name in names {
            let id = unique(name, &mut taken);
            assert!(id.starts_with("bench-"));
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
                "{id}"
            );
        }
        assert_eq!(taken.len(), names.len());
    }
}
