//! The attribute `#[data]`.
//!
//! It writes out, in one word, the derives and the `Data` implementation that every stored or
//! transmitted type carries. It adds no field and no function of its own.

mod data;

use proc_macro::TokenStream;

/// Makes a type storable and transmittable: rkyv layout, JSON form, JSON schema, version.
///
/// - `#[data]`: the type's first layout.
/// - `#[data(version = 2, release = 3, previous = PostV1)]`: a later layout, first written by
///   cluster release 3; `Upgrade<PostV1>` tells how to come from the one before, and back.
/// - `#[data(secret)]`, or `secret` in front of the others: `Debug` shows the name alone, so that
///   no log can hold the value.
///
/// Unknown JSON fields are refused; enum variants are written in `snake_case`.
#[proc_macro_attribute]
pub fn data(arguments: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(&arguments, item)
}
