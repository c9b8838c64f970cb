//! `#[derive(Trace)]` writes the one unsafe trait of `exuvia-core` from a type's declaration, so that no edge is missed or visited twice.
//!
//! What the derive reads, all in `#[trace(..)]`:
//!
//! | on | option | effect |
//! | --- | --- | --- |
//! | type | `finalize` | `FINALIZE` is the type's `Finalize::finalize` |
//! | type | `leaf` | `HOLDS` is false and nothing is visited; fields need no `Trace` |
//! | type | `holds` | `HOLDS` is true without looking at the fields (breaks a cycle between types that contain each other) |
//! | type | `crate = path` | where `exuvia_core` is to be found, when not at `::exuvia_core` |
//! | field | `leaf` | the field is not visited and needs no `Trace` |
//!
//! Invariants of the code it writes:
//! - every field that is not a leaf is visited exactly once, in the order of declaration;
//! - `HOLDS` is true if any visited field's is (a field whose type names the type itself counts as true);
//! - `QUIET_DROP` is true if dropping runs no code that could panic: every visited field's is, and no leaf needs dropping;
//! - a type that is visited cannot implement `Drop`: both implementations of a private marker trait would then apply, which is a
//!   compile error. User code must never run on a half-dead graph; `Finalize` runs on a whole one. A `leaf` type may implement `Drop`:
//!   whatever it holds counts as held from outside.
//! - names are absolute (`::core`, `::exuvia_core`) and every local name is hygienic, so that the derive works inside `macro_rules`
//!   and beside types called `Option` or `Visitor`.
//!
//! It refuses, with an error at the offending token: unions, packed types, lifetime parameters, unknown or repeated options.

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `exuvia_core::Trace` by visiting every field once, in order; see the crate's page for the `#[trace(..)]` options.
#[proc_macro_derive(Trace, attributes(trace))]
pub fn derive_trace(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
