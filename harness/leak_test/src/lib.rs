//! `#[leak_test]`: a test that runs its body under the leak detector, in a process of its own.
//!
//! Documented where it is used from: `exuvia_harness::leak_test`. This crate only writes the test function.
#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::{Error, ItemFn, LitInt, LitStr, Path, Result};

/// Options of the attribute, as calls on a `LeakCheck`.
#[derive(Default)]
struct Options {
    calls: proc_macro2::TokenStream,
    setup: Option<Path>,
}

impl Options {
    fn take(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name = meta.path.require_ident()?.to_string();
        let calls = &self.calls;
        match name.as_str() {
            "iterations" | "max_live_bytes" | "max_blocks" => {
                let value: LitInt = meta.value()?.parse()?;
                let method = meta.path.require_ident()?;
                self.calls = quote!(#calls .#method(#value));
            }
            "budget_ms" => {
                let value: LitInt = meta.value()?.parse()?;
                self.calls = quote!(#calls .budget(::std::time::Duration::from_millis(#value)));
            }
            "expect_growth" => {
                let value: LitStr = meta.value()?.parse()?;
                self.calls = quote!(#calls .expect_growth(#value));
            }
            "setup" => self.setup = Some(meta.value()?.parse()?),
            _ => {
                return Err(meta.error(
                    "unknown option of a leak test: `iterations`, `budget_ms`, `expect_growth`, `setup`, \
                     `max_live_bytes` and `max_blocks` exist",
                ));
            }
        }
        Ok(())
    }
}

/// See `exuvia_harness::leak_test`.
#[proc_macro_attribute]
pub fn leak_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut options = Options::default();
    let parser = syn::meta::parser(|meta| options.take(&meta));
    let parsed = Parser::parse(parser, arguments).and_then(|()| syn::parse(item));
    parsed
        .and_then(|function| expand(&options, &function))
        .unwrap_or_else(|error: Error| error.to_compile_error())
        .into()
}

fn expand(options: &Options, function: &ItemFn) -> Result<proc_macro2::TokenStream> {
    let signature = &function.sig;
    if signature.asyncness.is_some() || !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            signature,
            "a leak test is a plain function: neither async nor generic",
        ));
    }
    let (name, attributes, body) = (&signature.ident, &function.attrs, &function.block);
    let (calls, inputs) = (&options.calls, &signature.inputs);
    let run = match (inputs.len(), &options.setup) {
        (0, None) => quote!(check.run_plain(body)),
        (1, None) => quote!(check.run(body)),
        (2, Some(setup)) => quote!(check.run_with(#setup, body)),
        (2, None) => {
            return Err(Error::new_spanned(
                inputs,
                "who prepares the second argument? Name the function: `#[leak_test(setup = prepare)]`",
            ));
        }
        _ => {
            return Err(Error::new_spanned(
                inputs,
                "a leak test takes nothing (plain Rust code), `heap: &Heap`, or `heap: &Heap` and `&mut` what `setup` returned",
            ));
        }
    };
    Ok(quote! {
        #(#attributes)*
        #[test]
        fn #name() {
            fn body(#inputs) #body
            ::exuvia_harness::leak::in_own_process(
                ::core::concat!(::core::module_path!(), "::", ::core::stringify!(#name)),
                || {
                    let check = ::exuvia_harness::leak::LeakCheck::new().watch_process() #calls;
                    #run
                },
            );
        }
    })
}
