//! One section of the file as a table of its keys, from which everything else is made: the reader of the file, of the
//! environment and of `--set`, the messages about mistakes and `docs/config.md`.

use std::ops::RangeInclusive;

use toml::de::DeValue;

use super::settings::Settings;
use super::value::{Culprit, Setting};

/// A value on its way into a setting.
#[derive(Clone, Copy)]
pub(super) enum Given<'a> {
    /// From the file.
    Toml(&'a DeValue<'a>),
    /// From the environment or a flag.
    Text(&'a str),
}

impl Given<'_> {
    pub(super) fn read<T: Setting>(self) -> Option<T> {
        match self {
            Self::Toml(value) => T::from_toml(value),
            Self::Text(text) => T::from_text(text),
        }
    }
}

/// One key of the file, as the reader and the documentation see it.
pub(super) struct Key {
    /// The name inside its section.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// What may stand there, in words.
    pub(super) expected: fn() -> String,
    /// In a list that cannot be taken, the first entry that is at fault.
    pub(super) culprit: fn(&DeValue<'_>) -> Option<Culprit>,
    /// The words that may stand there, each with what it means.
    pub(super) words: fn() -> Vec<(&'static str, &'static str)>,
    /// The default, as TOML.
    pub(super) default: fn() -> String,
    /// Whether it is the same in both.
    pub(super) same: fn(&Settings, &Settings) -> bool,
    /// Takes a value over; `false` when it is not what is expected.
    pub(super) set: fn(&mut Settings, Given<'_>) -> bool,
}

/// One section of the file.
pub(super) struct Section {
    /// The name between the brackets.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// The keys, in the order in which they are documented.
    pub(super) keys: &'static [Key],
}

/// A struct that holds the settings of one section.
pub(super) trait InSection {
    /// The section.
    const SECTION: Section;
}

/// Makes the struct of a section, its defaults and its table: each key with its documentation, type, default and, where
/// not every value of the type will do, the range of those that do.
macro_rules! section {
    ($(#[doc = $about:literal])* $section:ident: $Section:ident {
        $($(#[doc = $doc:literal])* $key:ident: $type:ty = $default:expr $(=> $range:expr)?;)*
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Section { $($(#[doc = $doc])* pub $key: $type,)* }

        impl Default for $Section {
            fn default() -> Self {
                Self { $($key: $default,)* }
            }
        }

        impl $crate::config::section::InSection for $Section {
            const SECTION: $crate::config::section::Section = $crate::config::section::Section {
                name: stringify!($section),
                doc: &[$($about),*],
                keys: &[$($crate::config::section::Key {
                    name: stringify!($key),
                    doc: &[$($doc),*],
                    expected: || $crate::config::section::within::<$type>(&[$($range)?]),
                    culprit: <$type as $crate::config::value::Setting>::culprit,
                    words: <$type as $crate::config::value::Setting>::words,
                    default: || $crate::config::value::Setting::show(&Self::default().$key),
                    same: |one, other| one.$section.$key == other.$section.$key,
                    set: |settings, given| {
                        let Some(value) = given.read::<$type>() else { return false };
                        $(if !($range).contains(&value) {
                            return false;
                        })?
                        settings.$section.$key = value;
                        settings.named.add(concat!(stringify!($section), ".", stringify!($key)));
                        true
                    },
                }),*],
            };
        }
    };
}

pub(super) use section;

/// What a key takes, with the bounds where it has any.
pub(super) fn within<T: Setting>(range: &[RangeInclusive<T>]) -> String {
    let bounds = |range: &RangeInclusive<T>| format!(" from {} to {}", range.start().show(), range.end().show());
    T::expected() + &range.iter().map(bounds).collect::<String>()
}
