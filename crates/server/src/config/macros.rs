//! The declaration from which type, default, limits, documentation and environment name of a setting all come.

/// Declares one section: a struct, and how it is read. `floor` and `ceiling` are inclusive; `source` names the
/// standard that a number comes from.
macro_rules! settings {
    (
        $(#[$attr:meta])*
        pub struct $name:ident($prefix:literal) {
            $(
                $(#[doc = $doc:literal])+
                $field:ident : $ty:ty = $default:expr
                    $(, floor = $floor:expr)? $(, ceiling = $ceiling:expr)? $(, source = $source:literal)? ;
            )*
        }
        $(nest { $( $(#[doc = $nest_doc:literal])+ $nest:ident : $nest_ty:ty ),+ $(,)? })?
    ) => {
        $(#[$attr])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $ty, )*
            $($( $(#[doc = $nest_doc])+ pub $nest: $nest_ty, )+)?
        }

        impl $name {
            pub(super) fn read(reader: &mut $crate::config::reader::Reader) -> Self {
                Self {
                    $($field: reader.take(
                        &$crate::config::reader::Rule {
                            path: concat!($prefix, stringify!($field)),
                            doc: &[$($doc),+],
                            floor: None $(.or(Some($floor)))?,
                            ceiling: None $(.or(Some($ceiling)))?,
                            source: None $(.or(Some($source)))?,
                        },
                        $default,
                    ),)*
                    $($($nest: <$nest_ty>::read(reader),)+)?
                }
            }
        }
    };
}

/// Declares a setting that is one of a few words.
macro_rules! choice {
    (
        $(#[$attr:meta])*
        pub enum $name:ident: $kind:literal { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $(#[$attr])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant ),+ }

        impl $name {
            /// The word in the configuration.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::config::value::Setting for $name {
            const KIND: &'static str = $kind;
            fn parse(value: &toml::Value) -> Result<Self, String> {
                match $crate::config::value::text(value, Self::KIND)? {
                    $($word => Ok(Self::$variant),)+
                    other => Err(format!("expected {}, found {other:?}", Self::KIND)),
                }
            }
            fn show(&self) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

pub(super) use {choice, settings};
