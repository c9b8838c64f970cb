//! Whether a function is the standard library's, told from its demangled name.
//!
//! An implementation belongs to the crate that may write it: for a trait of the standard library that is the crate of the
//! type, for any other trait the crate of the trait. Two manglings are read. The legacy one prints an implementation as it
//! is written (`<T as core::clone::Clone>::clone`), v0 as it is used (`<my_crate::Node as core::clone::Clone>::clone`).
//! There the standard library's code for every type looks like the type's own, and is taken for it.

/// Roots of the standard library, of what it brings along, and of the shims that lead to the allocator.
const ROOTS: [&str; 5] = ["core", "alloc", "std", "compiler_builtins", "__rustc"];

/// Whether the function has a path: C's functions and inlined ones in little debug information have a bare name.
pub(super) fn has_path(name: &str) -> bool {
    name.starts_with('<') || head(name).contains("::")
}

/// Whether the function is the standard library's.
///
/// `drop_in_place` is compiled from the fields of the type it drops, so it belongs to that type.
pub(super) fn is_standard(name: &str) -> bool {
    if let Some(dropped) = name.strip_prefix("core::ptr::drop_in_place") {
        let dropped = dropped.trim_start_matches("::");
        return is_standard_path(element(dropped.strip_prefix('<').unwrap_or(dropped)));
    }
    let Some(implementation) = name.strip_prefix('<').map(until_closed) else {
        return is_standard_path(name);
    };
    match split_as(implementation) {
        Some((of, does)) => is_standard_implementation(of, does),
        None => is_standard_type(implementation),
    }
}

/// Of a trait (with its parameters) for a type.
fn is_standard_implementation(of: &str, does: &str) -> bool {
    // `impl From<my_crate::Id> for u64` is the other crate's
    let for_a_foreign_parameter = names_others(does) && !names_others(of);
    is_standard_path(does) && is_standard_type(of) && !for_a_foreign_parameter
}

/// Whether no other crate may implement the standard library's traits for the type. A parameter's name tells nothing, so
/// it stands for any type.
fn is_standard_type(of: &str) -> bool {
    let of = behind_references(of);
    let built_in = ["[", "(", "*", "fn(", "unsafe ", "extern ", "!"];
    if built_in.iter().any(|start| of.starts_with(start)) {
        return true;
    }
    let of = of.strip_prefix("dyn ").unwrap_or(of);
    !head(of).contains("::") || is_standard_path(of)
}

fn is_standard_path(path: &str) -> bool {
    let root = head(path).split("::").next().unwrap_or(path);
    // v0 with disambiguators: `alloc[5f3c]::vec`
    let root = root.split('[').next().unwrap_or(root);
    head(path).contains("::") && ROOTS.contains(&root)
}

/// A path up to its first parameters or the blank behind it.
fn head(path: &str) -> &str {
    let end = path.find(['<', ' ', '(', '{', ',', '>', '+']);
    &path[..end.unwrap_or(path.len())]
}

/// `&'a mut T` without what refers to it.
fn behind_references(mut of: &str) -> &str {
    while let Some(behind) = of.strip_prefix('&') {
        let behind = match behind.strip_prefix('\'') {
            Some(lifetime) => lifetime.split_once(' ').map_or(lifetime, |(_, of)| of),
            None => behind,
        };
        of = behind.strip_prefix("mut ").unwrap_or(behind);
    }
    of
}

/// The type of which a reference, pointer, slice, array or tuple is made, the first of several.
fn element(of: &str) -> &str {
    let of = of.trim_start_matches(['&', '[', '*', '(']);
    ["mut ", "const ", "dyn "]
        .iter()
        .fold(of, |of, word| of.trim_start_matches(word))
}

/// Whether a path of another crate stands anywhere in the text.
fn names_others(text: &str) -> bool {
    let is_of_a_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
    let mut paths = text.split(|c| !is_of_a_path(c));
    paths.any(|path| !path.starts_with(':') && path.contains("::") && !is_standard_path(path))
}

/// The text up to the `>` that closes what was opened before it.
fn until_closed(text: &str) -> &str {
    let closed = outermost(text).find(|(_, depth, c)| *depth == 0 && *c == '>');
    &text[..closed.map_or(text.len(), |(at, ..)| at)]
}

/// Type and trait of an implementation.
fn split_as(implementation: &str) -> Option<(&str, &str)> {
    let mut outermost = outermost(implementation);
    let at = outermost.find_map(|(at, depth, _)| {
        (depth == 0 && implementation[at..].starts_with(" as ")).then_some(at)
    })?;
    Some((&implementation[..at], &implementation[at + " as ".len()..]))
}

/// Every character with the number of angle brackets that are open before it. An arrow closes none; demanglers print it as
/// `->` and `.>`.
fn outermost(text: &str) -> impl Iterator<Item = (usize, usize, char)> {
    let (mut depth, mut before) = (0_usize, ' ');
    text.char_indices().map(move |(at, c)| {
        let found = (at, depth, c);
        match c {
            '<' => depth += 1,
            '>' if !matches!(before, '-' | '.') => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
        found
    })
}

#[cfg(test)]
mod tests {
    use super::{has_path, is_standard};

    #[test]
    fn the_standard_librarys_functions_are_told_by_their_names() {
        for name in [
            // legacy
            "alloc::raw_vec::RawVec<T,A>::grow_one",
            "alloc::slice::<impl [T]>::sort_by_key",
            "core::ops::function::FnOnce::call_once{{vtable.shim}}",
            "core::ops::function::impls::<impl core::ops::function::FnMut<A> for &mut F>::call_mut",
            "core::slice::sort::unstable::ipnsort",
            "std::rt::lang_start::{{closure}}",
            "<T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec",
            "<&T as core::fmt::Debug>::fmt",
            "<&mut core::fmt::Formatter as core::fmt::Write>::write_str",
            "<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop",
            "<core::iter::adapters::filter_map::FilterMap<I,F> as core::iter::traits::iterator::Iterator>::next",
            "<u64 as core::fmt::Display>::fmt",
            "core::ptr::drop_in_place<alloc::string::String>",
            "core::ptr::drop_in_place<alloc::vec::Vec<my_crate::Node>>",
            // v0
            "<alloc::raw_vec::RawVec<alloc::vec::Vec<u8>>>::grow_one",
            "<alloc::raw_vec::RawVecInner>::finish_grow",
            "<alloc::vec::Vec<my_crate::Node> as core::ops::drop::Drop>::drop",
            "<alloc::vec::Vec<my_crate::Node> as core::iter::traits::collect::FromIterator<my_crate::Node>>::from_iter::<core::iter::Empty<my_crate::Node>>",
            "<[my_crate::Node]>::sort_unstable_by::<my_crate::order>",
            "<[my_crate::Node] as core::slice::cmp::SlicePartialEq<my_crate::Node>>::equal",
            "<*const my_crate::Node>::is_null",
            "<fn(my_crate::Node) -> u64 as core::ops::function::FnOnce<(my_crate::Node,)>>::call_once",
            "<alloc[5f3c]::string::String as core[9]::clone::Clone>::clone",
            "<dyn core::any::Any>::downcast_ref::<u8>",
            "__rustc::__rust_alloc",
            "compiler_builtins::mem::memcpy",
        ] {
            assert!(is_standard(name), "{name}");
        }
    }

    #[test]
    fn what_another_crate_writes_for_the_standard_librarys_types_and_traits_is_its_own() {
        for name in [
            "my_crate::f",
            "my_crate::f::{{closure}}",
            "my_crate::f::{closure#0}",
            "std_like::f",
            "<my_crate::Node as core::clone::Clone>::clone",
            "<my_crate::Node as core::ops::drop::Drop>::drop",
            "<&my_crate::Node as core::iter::traits::collect::IntoIterator>::into_iter",
            "<&'a mut my_crate::Node as core::fmt::Debug>::fmt",
            "<my_crate::f::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
            "<alloc::vec::Vec<T> as my_crate::Shape>::area",
            "<T as my_crate::Shape>::area",
            "<[u8] as my_crate::Shape>::area",
            "<u64 as core::convert::From<my_crate::Id>>::from",
            "<my_crate::Node>::grow",
            "<my_crate::Node<fn(u8) .> u8> as core::clone::Clone>::clone",
            "<dyn my_crate::Shape>::twice",
            "my_crate::_::<impl core::fmt::Debug for my_crate::Node>::fmt",
            "core::ptr::drop_in_place<my_crate::Node>",
            "core::ptr::drop_in_place::<my_crate::Node>",
            "core::ptr::drop_in_place<[my_crate::Node]>",
            "core::ptr::drop_in_place<&mut dyn my_crate::Shape>",
        ] {
            assert!(!is_standard(name), "{name}");
        }
    }

    #[test]
    fn a_bare_name_is_nobodys() {
        for name in [
            "__rust_alloc",
            "memcpy@GLIBC_2.2.5",
            "grow_one<my_crate::Node>",
            "{closure#3}",
        ] {
            assert!(!has_path(name) && !is_standard(name), "{name}");
        }
        for name in ["my_crate::f", "<T as core::clone::Clone>::clone"] {
            assert!(has_path(name), "{name}");
        }
    }
}
