//! Expands `#[data]`.

use std::collections::BTreeMap;

use proc_macro::{TokenStream, TokenTree};

/// What the attribute says; see [`crate::data`].
struct Layout {
    version: String,
    release: String,
    previous: Option<String>,
    is_secret: bool,
}

pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> TokenStream {
    let layout = match parse(arguments) {
        Ok(layout) => layout,
        Err(message) => return error(&message),
    };
    let Some((shape, name)) = shape_and_name(&item) else {
        return error("#[data] goes on a struct or an enum without type parameters");
    };
    let mut out = attributes(&shape, &layout).parse::<TokenStream>().expect("attributes are Rust");
    out.extend(item);
    out.extend(implementation(&name, &layout).parse::<TokenStream>().expect("an impl is Rust"));
    out
}

fn parse(arguments: &TokenStream) -> Result<Layout, String> {
    let text = arguments.to_string();
    let mut given = BTreeMap::new();
    let mut words: Vec<&str> = text.split(',').filter(|it| !it.trim().is_empty()).collect();
    let is_secret = words.first().is_some_and(|it| it.trim() == "secret");
    for pair in words.split_off(usize::from(is_secret)) {
        let (name, value) = pair.split_once('=').ok_or("expected `name = value`")?;
        given.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    if given.is_empty() {
        return Ok(Layout { version: "1".into(), release: "1".into(), previous: None, is_secret });
    }
    let mut take = |name: &str| given.remove(name).ok_or(format!("`{name}` is missing"));
    let layout = Layout {
        version: take("version")?,
        release: take("release")?,
        previous: Some(take("previous")?),
        is_secret,
    };
    match given.keys().next() {
        Some(name) => Err(format!("`{name}` is unknown")),
        None => Ok(layout),
    }
}

/// `struct` or `enum`, and the name after it.
fn shape_and_name(item: &TokenStream) -> Option<(String, String)> {
    let mut tokens = item.clone().into_iter();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(word) = token else { continue };
        let word = word.to_string();
        if word == "struct" || word == "enum" {
            return Some((word, tokens.next()?.to_string()));
        }
    }
    None
}

fn attributes(shape: &str, layout: &Layout) -> String {
    let debug = if layout.is_secret { "" } else { "Debug," };
    let json = match shape {
        "struct" => "#[serde(deny_unknown_fields)]",
        _ => "#[serde(rename_all = \"snake_case\")]",
    };
    format!(
        "#[derive(
            Clone, {debug} Eq, PartialEq,
            ::entity::export::rkyv::Archive,
            ::entity::export::rkyv::Serialize,
            ::entity::export::rkyv::Deserialize,
            ::entity::export::serde::Serialize,
            ::entity::export::serde::Deserialize,
            ::entity::export::schemars::JsonSchema,
        )]
        #[rkyv(crate = ::entity::export::rkyv)]
        #[serde(crate = \"::entity::export::serde\")]
        #[schemars(crate = \"::entity::export::schemars\")]
        {json}"
    )
}

fn implementation(name: &str, layout: &Layout) -> String {
    let Layout { version, release, previous, is_secret } = layout;
    let (before, up, down) = match previous {
        None => ("::entity::Never", "match before {}".to_owned(), "None".to_owned()),
        Some(before) => (
            before.as_str(),
            format!("<Self as ::entity::Upgrade<{before}>>::up(before)"),
            format!("Some(<Self as ::entity::Upgrade<{before}>>::down(self))"),
        ),
    };
    let debug = if *is_secret { hiding_debug(name) } else { String::new() };
    format!(
        "{debug}
        impl ::entity::Data for {name} {{
            const VERSION: u16 = {version};
            const RELEASE: ::entity::Release = ::entity::Release({release});
            type Previous = {before};
            fn write(&self, to: &mut Vec<u8>) {{ ::entity::export::write(self, to); }}
            fn read(bytes: &[u8]) -> Result<Self, ::entity::DataError> {{
                ::entity::export::read::<Self>(bytes)
            }}
            fn up(before: Self::Previous) -> Self {{ {up} }}
            fn down(&self) -> Option<Self::Previous> {{ {down} }}
        }}"
    )
}

fn hiding_debug(name: &str) -> String {
    format!(
        "impl ::std::fmt::Debug for {name} {{
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {{
                f.write_str(\"{name}(..)\")
            }}
        }}"
    )
}

fn error(message: &str) -> TokenStream {
    format!("compile_error!({message:?});").parse().expect("a compile error is Rust")
}
