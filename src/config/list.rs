//! One list of tables, such as all `[[forward]]`, as a table of its keys, from which everything else is made, as
//! `section` does it for a section.

use toml::de::{DeTable, DeValue};

use super::Problem;
use super::complaint::{Found, nearest, not_a_section, unfit};
use super::settings::Settings;
use super::value::{Culprit, Setting};

/// How a list is written.
const FORM: &str = "a list of tables, each under a heading in two pairs of brackets";

/// One key of a table, as the reader and the documentation see it.
pub(super) struct Field {
    /// Its name.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// What may stand there, in words.
    pub(super) expected: fn() -> String,
    /// In a list that cannot be taken, the first entry that is at fault.
    pub(super) culprit: fn(&DeValue<'_>) -> Option<Culprit>,
    /// Whether a value may stand there.
    pub(super) fits: fn(&DeValue<'_>) -> bool,
    /// The default as TOML; `None` when the key must be there.
    pub(super) default: fn() -> Option<String>,
}

/// A list of tables.
pub(super) struct List {
    /// The name between the brackets.
    pub(super) name: &'static str,
    /// The lines of documentation.
    pub(super) doc: &'static [&'static str],
    /// The keys of each table.
    pub(super) fields: &'static [Field],
    /// An example.
    pub(super) example: &'static str,
    /// Whether it is the same in both.
    pub(super) same: fn(&Settings, &Settings) -> bool,
    /// Takes the whole list over; there is no mistake in it.
    pub(super) take: fn(&mut Settings, &[&DeTable<'_>]),
}

/// A struct that holds one table of a list.
pub(super) trait InList {
    /// The list.
    const LIST: List;
}

impl List {
    /// Takes over what stands in the file, behind the name at the byte `at`; nothing of it when there is a mistake.
    pub(super) fn read(&self, value: &DeValue<'_>, at: usize, text: &str, settings: &mut Settings) -> Found {
        let Some(entries) = value.as_array() else { return vec![(at, not_a_section(self.name, FORM))] };
        let (mut tables, mut found) = (Vec::new(), Found::new());
        for entry in entries {
            let at = entry.span().start;
            match entry.get_ref().as_table() {
                Some(table) => {
                    found.extend(self.mistakes(table, at, text));
                    tables.push(table);
                }
                None => found.push((at, not_a_section(self.name, FORM))),
            }
        }
        if found.is_empty() {
            (self.take)(settings, &tables);
        }
        found
    }

    /// What is wrong with the table at the byte `at`.
    fn mistakes(&self, table: &DeTable<'_>, at: usize, text: &str) -> Found {
        let mut found = Found::new();
        for (name, value) in table {
            let given = name.get_ref().as_ref();
            let Some(field) = self.fields.iter().find(|field| field.name == given) else {
                let few: Vec<_> = self.fields.iter().map(|field| field.name).collect();
                let nearest = nearest(given, few.iter().copied()).map(str::to_owned);
                let problem =
                    Problem::UnknownKey { section: self.name.to_owned(), key: given.to_owned(), nearest, few };
                found.push((name.span().start, problem));
                continue;
            };
            if !(field.fits)(value.get_ref()) {
                let culprit = (field.culprit)(value.get_ref());
                found.push(unfit(format!("{}.{given}", self.name), (value.span(), text), culprit, field.expected));
            }
        }
        // A key that is misspelt is not missing as well.
        if found.is_empty() {
            let absent = |field: &&Field| (field.default)().is_none() && !table.contains_key(field.name);
            let absent = self.fields.iter().filter(absent);
            found.extend(absent.map(|field| (at, Problem::Lacks(self.name, field.name))));
        }
        found
    }
}

/// The value of a key in a table, or its default if it has one.
pub(super) fn value<T: Setting + Clone>(table: &DeTable<'_>, name: &str, default: &[T]) -> Option<T> {
    table.get(name).map_or_else(|| default.first().cloned(), |value| T::from_toml(value.get_ref()))
}

/// Whether there is anything in a list.
pub(super) fn not_empty<T>(list: &[T]) -> bool {
    !list.is_empty()
}

/// Makes the struct of one table and the list: each key with its documentation and type, with what a value must be
/// besides where not every one of the type will do, and with a default where it need not be there.
macro_rules! list {
    ($(#[doc = $about:literal])* $list:ident: $Row:ident in $place:ident, such as $example:literal {
        $($(#[doc = $doc:literal])* $key:ident: $type:ty $(where $is:ident)? $(= $default:expr)?;)*
    }) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Row { $($(#[doc = $doc])* pub $key: $type,)* }

        impl $crate::config::list::InList for $Row {
            const LIST: $crate::config::list::List = $crate::config::list::List {
                name: stringify!($list),
                doc: &[$($about),*],
                fields: &[$($crate::config::list::Field {
                    name: stringify!($key),
                    doc: &[$($doc),*],
                    expected: <$type as $crate::config::value::Setting>::expected,
                    culprit: <$type as $crate::config::value::Setting>::culprit,
                    fits: |value| {
                        let value = <$type as $crate::config::value::Setting>::from_toml(value);
                        value.is_some() $(&& value.as_ref().is_some_and(|value| $is(value)))?
                    },
                    default: || {
                        let default: &[$type] = &[$($default)?];
                        default.first().map($crate::config::value::Setting::show)
                    },
                }),*],
                example: concat!("[[", stringify!($list), "]]\n", $example),
                same: |one, other| one.$place == other.$place,
                take: |settings, tables| {
                    let row = |table: &&toml::de::DeTable<'_>| Some(Self {
                        $($key: $crate::config::list::value(table, stringify!($key), &[$($default)?])?,)*
                    });
                    settings.$place = tables.iter().filter_map(row).collect();
                },
            };
        }
    };
}

pub(super) use list;
