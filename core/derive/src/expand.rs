//! Writes the implementation: the refusals first, then `HOLDS`, `FINALIZE` and the visits.

use std::iter::Peekable;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Data, DeriveInput, Field, Fields, Generics, Ident, Index, Member, Path, Result, Type};

use crate::attributes::{TypeOptions, field_is_leaf, refuse_on_variant};

/// The whole output of the derive for one type.
pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_lifetimes(&input.generics)?;
    let options = TypeOptions::read(&input.attrs)?;
    let shapes = shapes(input)?;
    let root = &options.root;

    let holds = holds(input, &options, &shapes);
    let drop_promises = drop_promises(input, &options, &shapes);
    let spread = spread(input, &options);
    let finalize = options.finalize.then(|| finalize(root));
    let visits = visits(&options, &shapes);
    let marker = (!options.leaf).then(|| refuse_drop(input));

    let name = &input.ident;
    let generics = bounded(&input.generics, &options);
    let (parameters, arguments, clause) = generics.split_for_impl();
    Ok(quote! {
        const _: () = {
            #marker

            // SAFETY: every field that is not declared a leaf is visited exactly once.
            #[automatically_derived]
            unsafe impl #parameters #root::Trace for #name #arguments #clause {
                const HOLDS: bool = #holds;
                #drop_promises
                const SPREAD: u32 = #spread;
                #finalize
                #[inline]
                fn trace<__ExuviaVisitor: #root::Visitor>(&self, visitor: &mut __ExuviaVisitor) {
                    #visits
                }
            }
        };
    })
}

/// A struct, or one variant of an enum, with the fields that are visited.
struct Shape<'a> {
    /// `None` for a struct.
    variant: Option<&'a Ident>,
    visited: Vec<(Member, &'a Type)>,
    leaves: Vec<&'a Type>,
}

fn shapes(input: &DeriveInput) -> Result<Vec<Shape<'_>>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![shape(None, &data.fields)?]),
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                refuse_on_variant(&variant.attrs)?;
                shape(Some(&variant.ident), &variant.fields)
            })
            .collect(),
        Data::Union(data) => Err(syn::Error::new_spanned(
            data.union_token,
            "a union cannot be traced: nothing says which of its fields is alive",
        )),
    }
}

fn shape<'a>(variant: Option<&'a Ident>, fields: &'a Fields) -> Result<Shape<'a>> {
    let mut visited = Vec::new();
    let mut leaves = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        if field_is_leaf(&field.attrs)? {
            leaves.push(&field.ty);
        } else {
            visited.push((member(index, field), &field.ty));
        }
    }
    Ok(Shape {
        variant,
        visited,
        leaves,
    })
}

fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index {
            index: u32::try_from(index).expect("a type has fewer than 2^32 fields"),
            span: Span::call_site(),
        }),
    }
}

/// The OR of the visited fields' `HOLDS`.
fn holds(input: &DeriveInput, options: &TypeOptions, shapes: &[Shape<'_>]) -> TokenStream {
    if options.leaf || options.holds {
        return options.holds.to_token_stream();
    }
    let root = &options.root;
    let terms = visited_types(shapes).map(|ty| {
        if contains(ty, &input.ident) {
            quote!(true)
        } else {
            quote!(<#ty as #root::Trace>::HOLDS)
        }
    });
    quote!(false #(|| #terms)*)
}

/// The AND of the visited fields' `QUIET_DROP`, or `EDGES_ONLY`, and of "needs no drop" of the leaves: a type that is visited has
/// no drop code of its own. Where that is not so, or not to be known, the trait's careful defaults stay.
fn drop_promises(
    input: &DeriveInput,
    options: &TypeOptions,
    shapes: &[Shape<'_>],
) -> Option<TokenStream> {
    let unknown = visited_types(shapes).any(|ty| contains(ty, &input.ident));
    if options.leaf || options.holds || unknown {
        return None;
    }
    let root = &options.root;
    let of_all = |promise: Ident| {
        let visited = visited_types(shapes).map(|ty| quote!(<#ty as #root::Trace>::#promise));
        let leaves = shapes.iter().flat_map(|shape| &shape.leaves);
        let leaves = leaves.map(|ty| quote!(!::core::mem::needs_drop::<#ty>()));
        let terms = visited.chain(leaves);
        quote!(const #promise: bool = true #(&& #terms)*;)
    };
    let (quiet, edges) = (format_ident!("QUIET_DROP"), format_ident!("EDGES_ONLY"));
    Some([of_all(quiet), of_all(edges)].into_iter().collect())
}

fn visited_types<'a>(shapes: &'a [Shape<'_>]) -> impl Iterator<Item = &'a Type> {
    let fields = shapes.iter().flat_map(|shape| &shape.visited);
    fields.map(|(_, ty)| *ty)
}

/// Whether a field's type may contain the type itself other than behind a handle: its constants would be defined by themselves.
fn contains(ty: &Type, name: &Ident) -> bool {
    mentions(ty.to_token_stream(), name)
}

fn mentions(tokens: TokenStream, name: &Ident) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let found = match &token {
            TokenTree::Ident(ident) if ident == "Gc" || ident == "Weak" => {
                skip_arguments(&mut tokens);
                false
            }
            TokenTree::Ident(ident) => ident == name || ident == "Self",
            TokenTree::Group(group) => mentions(group.stream(), name),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if found {
            return true;
        }
    }
    false
}

/// Skips `<..>`: the constants of a handle do not depend on its referent's.
fn skip_arguments(tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) {
    let (mut depth, mut arrow) = (0, false);
    while let Some(token) = tokens.peek() {
        let sign = match token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match sign {
            '<' => depth += 1,
            '>' if !arrow => depth -= 1,
            _ if depth == 0 => return,
            _ => {}
        }
        arrow = sign == '-';
        tokens.next();
        if depth == 0 {
            return;
        }
    }
}

/// What tells a type from others of its shape: a hash (FNV-1a) of its name, and its parameters.
fn spread(input: &DeriveInput, options: &TypeOptions) -> TokenStream {
    let name = input.ident.to_string();
    let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let root = &options.root;
    let constants = input.generics.const_params().map(|parameter| {
        let name = &parameter.ident;
        quote!(#name as u32)
    });
    let types = input.generics.type_params().filter(|_| !options.leaf);
    let types = types.map(|parameter| {
        let name = &parameter.ident;
        quote!((<#name as #root::Trace>::SPREAD ^ ::core::mem::size_of::<#name>() as u32))
    });
    let parameters = constants.chain(types);
    parameters.fold(
        quote!(#hash),
        |before, parameter| quote!((#before).rotate_left(5).wrapping_add(#parameter)),
    )
}

fn finalize(root: &Path) -> TokenStream {
    quote! {
        const FINALIZE: ::core::option::Option<fn(&#root::Gc<Self>)> =
            ::core::option::Option::Some(<Self as #root::Finalize>::finalize);
    }
}

fn visits(options: &TypeOptions, shapes: &[Shape<'_>]) -> TokenStream {
    if options.leaf {
        return quote!(let _ = visitor;);
    }
    let arms = shapes.iter().map(|shape| arm(&options.root, shape));
    quote! {
        let _ = &visitor;
        match *self { #(#arms)* }
    }
}

/// Matches one shape and visits its fields in the order of declaration, each after its name.
fn arm(root: &Path, shape: &Shape<'_>) -> TokenStream {
    let variant = shape.variant.map(|name| quote!(::#name));
    let members = shape.visited.iter().map(|(member, _)| member);
    let labels = shape.visited.iter().map(|(member, _)| match member {
        Member::Named(name) => name.to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    });
    let names: Vec<Ident> = (0..shape.visited.len())
        .map(|index| format_ident!("field_{index}", span = Span::mixed_site()))
        .collect();
    quote! {
        Self #variant { #(#members: ref #names,)* .. } => {
            #(
                #root::Visitor::at_field(visitor, #labels);
                #root::Trace::trace(#names, visitor);
            )*
        }
    }
}

/// Two implementations of one private trait, which conflict exactly when the type implements `Drop`.
fn refuse_drop(input: &DeriveInput) -> TokenStream {
    let name = &input.ident;
    let (parameters, arguments, clause) = input.generics.split_for_impl();
    quote! {
        trait a_traced_type_must_not_implement_Drop_use_Finalize {}
        impl<__ExuviaDropped: ::core::ops::Drop> a_traced_type_must_not_implement_Drop_use_Finalize for __ExuviaDropped {}
        impl #parameters a_traced_type_must_not_implement_Drop_use_Finalize for #name #arguments #clause {}
    }
}

fn refuse_lifetimes(generics: &Generics) -> Result<()> {
    match generics.lifetimes().next() {
        None => Ok(()),
        Some(lifetime) => Err(syn::Error::new_spanned(
            lifetime,
            "a traced type lives as long as its heap wants: it cannot have lifetime parameters",
        )),
    }
}

/// The type's generics with `T: Trace` on every type parameter (`T: 'static` for a leaf type).
fn bounded(generics: &Generics, options: &TypeOptions) -> Generics {
    let mut generics = generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|p| p.ident.clone()).collect();
    let root = &options.root;
    let clause = generics.make_where_clause();
    for parameter in parameters {
        clause.predicates.push(if options.leaf {
            syn::parse_quote!(#parameter: 'static)
        } else {
            syn::parse_quote!(#parameter: #root::Trace)
        });
    }
    generics
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn refusal(input: &DeriveInput) -> String {
        expand(input).expect_err("must be refused").to_string()
    }

    #[test]
    fn a_union_is_refused() {
        let input = parse_quote! { union U { a: u32, b: f32 } };
        assert!(refusal(&input).contains("union cannot be traced"));
    }

    #[test]
    fn a_packed_type_is_refused_and_an_aligned_one_is_not() {
        let packed = parse_quote! { #[repr(C, packed(2))] struct P { a: u32 } };
        assert!(refusal(&packed).contains("packed type"));
        let aligned = parse_quote! { #[repr(C, align(64))] struct A { a: u32 } };
        assert!(expand(&aligned).is_ok());
    }

    #[test]
    fn a_type_behind_a_handle_is_not_contained() {
        let node: Ident = parse_quote!(Node);
        for behind in [
            "Option<Gc<Node>>",
            "core::Weak<Node>",
            "Gc<fn() -> Node>",
            "Vec<Other>",
        ] {
            let ty = syn::parse_str(behind).expect("a type");
            assert!(!contains(&ty, &node), "{behind}");
        }
        for inside in [
            "Vec<Node>",
            "(Gc<u8>, Node)",
            "Box<Self>",
            "[Node; 2]",
            "Pair<Gc<u8>, Node>",
        ] {
            let ty = syn::parse_str(inside).expect("a type");
            assert!(contains(&ty, &node), "{inside}");
        }
    }

    #[test]
    fn an_unknown_or_repeated_option_is_refused() {
        let unknown = parse_quote! { #[trace(weak)] struct A; };
        assert!(refusal(&unknown).contains("unknown option of a traced type"));
        let on_field = parse_quote! { struct A { #[trace(finalize)] a: u32 } };
        assert!(refusal(&on_field).contains("unknown option of a traced field"));
        let twice = parse_quote! { struct A { #[trace(leaf, leaf)] a: u32 } };
        assert!(refusal(&twice).contains("twice"));
        let contradiction = parse_quote! { #[trace(leaf, holds)] struct A; };
        assert!(refusal(&contradiction).contains("contradict"));
    }

    #[test]
    fn options_on_a_variant_and_lifetimes_are_refused() {
        let variant = parse_quote! { enum E { #[trace(leaf)] A(u32) } };
        assert!(refusal(&variant).contains("not on a variant"));
        let lifetime = parse_quote! { struct L<'a> { a: &'a u32 } };
        assert!(refusal(&lifetime).contains("lifetime parameters"));
    }

    #[test]
    fn only_a_leaf_type_may_implement_drop() {
        let marker = "must_not_implement_Drop";
        let container = expand(&parse_quote! { struct A { a: u32 } }).expect("accepted");
        assert!(container.to_string().contains(marker));
        let leaf = expand(&parse_quote! { #[trace(leaf)] struct A { a: u32 } }).expect("accepted");
        assert!(!leaf.to_string().contains(marker));
    }
}
