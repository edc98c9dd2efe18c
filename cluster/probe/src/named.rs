//! Lists of names.

/// Makes an enum of names, a list of all of them, and what each says of itself.
macro_rules! named {
    ($(#[doc = $doc:literal])+ pub enum $type:ident {
        $(#[doc = $what:literal] $(#[doc = $more:literal])* $name:ident,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $type {
            $(#[doc = $what] $(#[doc = $more])* $name,)+
        }

        impl $type {
            /// All of them, in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The one of a name.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            /// What it is, in a line.
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$name => $what.trim_ascii(),)+
                }
            }
        }
    };
}

pub(crate) use named;
