//! Reads `#[trace(..)]` from types and fields; anything it does not know is an error, never ignored.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Path, Result, parse_quote};

/// The options of a type.
pub(crate) struct TypeOptions {
    /// `crate = path`: the path under which `exuvia_core`'s items are reached.
    pub(crate) root: Path,
    /// `leaf`: can never hold a reference.
    pub(crate) leaf: bool,
    /// `holds`: may hold references, whatever the fields say.
    pub(crate) holds: bool,
    /// `finalize`: implements `Finalize`.
    pub(crate) finalize: bool,
}

impl TypeOptions {
    /// Reads the options of a type from all its attributes, and refuses `#[repr(packed)]`.
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        refuse_packed(attributes)?;
        let mut root = None;
        let mut options = Self {
            root: parse_quote!(::exuvia_core),
            leaf: false,
            holds: false,
            finalize: false,
        };
        for_each_option(attributes, |meta| {
            if meta.path.is_ident("crate") {
                let path: Path = meta.value()?.parse()?;
                return match root.replace(path) {
                    None => Ok(()),
                    Some(_) => Err(meta.error("`crate` is given twice")),
                };
            }
            if meta.path.is_ident("leaf") {
                return set_once(&mut options.leaf, &meta);
            }
            if meta.path.is_ident("holds") {
                return set_once(&mut options.holds, &meta);
            }
            if meta.path.is_ident("finalize") {
                return set_once(&mut options.finalize, &meta);
            }
            Err(meta.error("unknown option of a traced type: expected `finalize`, `leaf`, `holds` or `crate = path`"))
        })?;
        if options.leaf && options.holds {
            return Err(syn::Error::new_spanned(
                attributes.iter().find(|a| a.path().is_ident("trace")),
                "`leaf` and `holds` contradict each other",
            ));
        }
        options.root = root.unwrap_or(options.root);
        Ok(options)
    }
}

/// Whether a field is marked `#[trace(leaf)]`.
pub(crate) fn field_is_leaf(attributes: &[Attribute]) -> Result<bool> {
    let mut leaf = false;
    for_each_option(attributes, |meta| {
        if meta.path.is_ident("leaf") {
            return set_once(&mut leaf, &meta);
        }
        Err(meta.error("unknown option of a traced field: expected `leaf`"))
    })?;
    Ok(leaf)
}

/// A variant has no options of its own: they belong to the type or to a field.
pub(crate) fn refuse_on_variant(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|a| a.path().is_ident("trace")) {
        None => Ok(()),
        Some(attribute) => Err(syn::Error::new_spanned(
            attribute,
            "`#[trace(..)]` belongs on the type or on a field, not on a variant",
        )),
    }
}

fn for_each_option(
    attributes: &[Attribute],
    mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    attributes
        .iter()
        .filter(|a| a.path().is_ident("trace"))
        .try_for_each(|a| a.parse_nested_meta(&mut read))
}

fn set_once(flag: &mut bool, meta: &ParseNestedMeta<'_>) -> Result<()> {
    if std::mem::replace(flag, true) {
        return Err(meta.error("this option is given twice"));
    }
    Ok(())
}

/// A reference to a packed field may be misaligned, so its edges cannot be visited in place.
fn refuse_packed(attributes: &[Attribute]) -> Result<()> {
    for attribute in attributes.iter().filter(|a| a.path().is_ident("repr")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("packed") {
                return Err(meta.error(
                    "a packed type cannot be traced: its fields cannot be referenced in place",
                ));
            }
            // Skips the argument of `align(..)`, `packed(..)` and the like.
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<proc_macro2::TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(())
}
