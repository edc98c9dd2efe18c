//! Why something was refused: a status, a stable code, a sentence that says what to do.

use crate::{Data, Never};

/// What a caller outside is told, as RFC 9457 has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Which problem it is.
    pub class: ProblemClass,
    /// This occurrence of it, in a sentence, with what to do.
    pub detail: String,
}

/// A problem that can occur: part of a contract.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ProblemClass {
    /// HTTP status.
    pub status: u16,
    /// Stable: never changes once released.
    pub code: &'static str,
}

impl ProblemClass {
    /// An occurrence of this problem.
    pub fn because(self, detail: impl Into<String>) -> Problem {
        Problem { class: self, detail: detail.into() }
    }
}

/// Why an entity refuses a command or a query. Write [`refusals!`](crate::refusals) to implement it.
pub trait Refusal: Data + serde::Serialize {
    /// Every problem that [`Refusal::problem`] can yield.
    const PROBLEMS: &'static [ProblemClass];

    /// What the caller is told.
    fn problem(&self) -> Problem;
}

impl Refusal for Never {
    const PROBLEMS: &'static [ProblemClass] = &[];

    fn problem(&self) -> Problem {
        match *self {}
    }
}

/// Gives each variant of a refusal its HTTP status, stable code and sentence.
///
/// ```
/// # use entity::{data, refusals, Refusal};
/// /// Why a door stays shut.
/// #[data]
/// pub enum OpenError {
///     /// The key has `teeth` teeth.
///     Teeth {
///         /// How many.
///         teeth: u32,
///     },
///     /// It is night.
///     Night,
/// }
/// refusals! { OpenError {
///     Teeth { teeth } => 422 "door_key_teeth" "The key has {teeth} teeth; use one with 5.",
///     Night => 409 "door_night" "It is night; come back tomorrow.",
/// } }
/// assert_eq!(OpenError::Teeth { teeth: 3 }.problem().detail, "The key has 3 teeth; use one with 5.");
/// ```
#[macro_export]
macro_rules! refusals {
    ($name:ident { $($variant:ident $({ $($field:ident),+ })? => $status:literal $code:literal $detail:literal,)+ }) => {
        impl $crate::Refusal for $name {
            const PROBLEMS: &'static [$crate::ProblemClass] =
                &[$($crate::ProblemClass { status: $status, code: $code },)+];

            fn problem(&self) -> $crate::Problem {
                match self { $(
                    Self::$variant $({ $($field),+ })? =>
                        $crate::ProblemClass { status: $status, code: $code }.because(format!($detail)),
                )+ }
            }
        }
    };
}

/// Gives a type whose text form is in `Display` and `FromStr` the same form in JSON.
macro_rules! text_in_json {
    ($type:ty, $schema:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}
pub(crate) use text_in_json;
