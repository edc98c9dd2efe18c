//! Where an operation is found from outside: method, path, schema.
//!
//! Services declare routes in their `api.rs`; the gateway serves them and describes them in `OpenAPI`.
//! A route that is one command to one entity, or one query, needs no code at all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::kind::{Form, Kind};
use crate::operation::{Operating, Operation, Stop};
use crate::registry::{folder_name, type_name};
use crate::{Caller, Command, ProblemClass, Query, Refusal};

/// How a request is made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Method {
    /// Reads; fields come from the query string.
    Get,
    /// Creates; fields come from a JSON body.
    Post,
    /// Sets; fields come from a JSON body.
    Put,
    /// Deletes; fields come from the query string.
    Delete,
}

impl Method {
    /// Whether fields come from a JSON body.
    pub fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put)
    }

    /// As HTTP writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// Who may ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    /// Anyone, without a token.
    Anyone,
    /// Whoever has the token of an account.
    Account,
    /// Whoever has the operator's token.
    Operator,
}

/// Which entity a route leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Of {
    /// The one that has the caller's account as its key.
    Caller,
    /// The one whose key is this part of the path.
    Path(&'static str),
    /// The only one of its kind, by its key.
    Only(&'static str),
}

/// What a request says: parts of the path, and the fields of query string or body.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Parts of the path by name.
    pub path: BTreeMap<String, String>,
    /// All other fields.
    pub fields: Map<String, Value>,
}

type Run = dyn Fn(Input, &mut Operating<'_>) -> Result<Value, Stop> + Send + Sync;

/// One route.
pub struct Route {
    /// How.
    pub method: Method,
    /// Where. Parts in braces are named.
    pub path: &'static str,
    /// What it is called in `OpenAPI` and over a socket.
    pub name: &'static str,
    /// The service that it belongs to: the folder of its command, query or operation.
    pub service: &'static str,
    /// Who may ask.
    pub access: Access,
    /// HTTP status of a reply.
    pub success: u16,
    /// Every problem besides those of the gateway itself.
    pub problems: Vec<ProblemClass>,
    /// Schema of the fields.
    pub fields: fn(&mut SchemaGenerator) -> Schema,
    /// Schema of the reply.
    pub reply: fn(&mut SchemaGenerator) -> Schema,
    run: Box<Run>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.method.name(), self.path, self.name)
    }
}

/// The input is not what the route's schema says.
pub const INVALID_INPUT: ProblemClass = ProblemClass { status: 422, code: "invalid_input" };

/// A part of the path is not of its type: nothing can be there.
pub const NOT_FOUND: ProblemClass = ProblemClass { status: 404, code: "not_found" };

impl Route {
    /// A route that sends one command to one entity.
    pub fn command<C>(method: Method, path: &'static str, of: Of) -> Self
    where
        C: Command + Sync,
    {
        let run = move |input: Input, cx: &mut Operating<'_>| {
            let (key, command) = parse::<<C::Kind as Kind>::Key, C>(of, input, cx)?;
            Ok(json(&cx.call(&key, &command)??))
        };
        Self::new::<C, C::Reply>(method, path, C::Error::PROBLEMS.to_vec(), Box::new(run))
    }

    /// A route that asks one query of one entity.
    pub fn query<Q>(path: &'static str, of: Of) -> Self
    where
        Q: Query + Sync,
    {
        let run = move |input: Input, cx: &mut Operating<'_>| {
            let (key, query) = parse::<<Q::Kind as Kind>::Key, Q>(of, input, cx)?;
            Ok(json(&cx.ask(&key, &query)??))
        };
        Self::new::<Q, Q::Reply>(Method::Get, path, Q::Error::PROBLEMS.to_vec(), Box::new(run))
    }

    /// A route to an operation. Parts of the path are fields of the operation.
    pub fn operation<O: Operation>(method: Method, path: &'static str) -> Self {
        let run = |input: Input, cx: &mut Operating<'_>| Ok(json(&fields::<O>(input)?.run(cx)?));
        Self::new::<O, O::Reply>(method, path, O::problems(), Box::new(run))
    }

    fn new<F: Form, R: Form>(
        method: Method,
        path: &'static str,
        problems: Vec<ProblemClass>,
        run: Box<Run>,
    ) -> Self {
        Self {
            method,
            path,
            name: type_name::<F>(),
            service: folder_name::<F>(),
            access: Access::Account,
            success: 200,
            problems,
            fields: F::json_schema,
            reply: R::json_schema,
            run,
        }
    }

    /// Opens the route to anyone.
    #[must_use]
    pub fn anyone(mut self) -> Self {
        self.access = Access::Anyone;
        self
    }

    /// Closes the route to all but operators.
    #[must_use]
    pub fn operator(mut self) -> Self {
        self.access = Access::Operator;
        self
    }

    /// Answers with 201 instead of 200.
    #[must_use]
    pub fn creates(mut self) -> Self {
        self.success = 201;
        self
    }

    /// Names of the parts of the path.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Runs the operation once; see [`crate::operation`].
    ///
    /// # Errors
    ///
    /// [`Stop`]
    pub fn run(&self, input: Input, cx: &mut Operating<'_>) -> Result<Value, Stop> {
        (self.run)(input, cx)
    }
}

fn parse<K: FromStr, F: Form>(
    of: Of,
    mut input: Input,
    cx: &Operating<'_>,
) -> Result<(K, F), Stop> {
    let (name, text) = match of {
        Of::Caller => ("account", cx.account()?.to_string()),
        Of::Path(name) => (name, input.path.remove(name).expect("declared in the path")),
        Of::Only(key) => ("entity", key.to_owned()),
    };
    let nothing = |_| NOT_FOUND.because(format!("There is no {name} called {text:?}."));
    let key = text.parse().map_err(nothing).map_err(Stop::Refused)?;
    Ok((key, fields(input)?))
}

/// All fields, parts of the path among them, as what they should be.
fn fields<F: Form>(input: Input) -> Result<F, Stop> {
    let mut fields = input.fields;
    fields.extend(input.path.into_iter().map(|(name, text)| (name, Value::String(text))));
    serde_json::from_value(Value::Object(fields)).map_err(|error| {
        Stop::Refused(INVALID_INPUT.because(format!("The input does not fit: {error}.")))
    })
}

fn json<R: Form>(reply: &R) -> Value {
    serde_json::to_value(reply).expect("a reply is plain data")
}

/// Whether anyone may ask for what `access` protects.
pub fn admits(access: Access, caller: &Caller) -> bool {
    match access {
        Access::Anyone => true,
        Access::Account => matches!(caller, Caller::Account(_)),
        Access::Operator => matches!(caller, Caller::Operator),
    }
}
