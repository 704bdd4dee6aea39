//! JSON as Go's streaming decoder reads it into structs: the first value counts and what follows it is not looked at, keys
//! match whatever their case, of duplicates the last one wins, `null` says nothing, broken UTF-8 is replaced.
//!
//! One difference: what is nested deeper than 1,000 is refused; Go stops at 10,000.

mod scan;

use scan::Scanner;

/// Nesting beyond which a text is refused.
const DEPTH: usize = 1_000;

/// One JSON value, with everything that Go still sees: duplicate keys in their order, numbers as they were spelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was spelled.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Keys and values in order.
    Object(Vec<(String, Json)>),
}

/// Why a text is not what is wanted of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// No whole JSON value: at this byte.
    Syntax(usize),
    /// A value of another type than the field has.
    Type {
        /// The field.
        field: String,
        /// What it must be.
        wanted: &'static str,
    },
}

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Misfit::Syntax(at) => write!(f, "no JSON value: it breaks off at byte {at}"),
            Misfit::Type { field, wanted } => write!(f, "{field}: must be {wanted}"),
        }
    }
}

impl std::error::Error for Misfit {}

/// Reads the first JSON value of `bytes`.
///
/// # Errors
/// There is no whole value at the start.
pub fn first(bytes: &[u8]) -> Result<Json, Misfit> {
    Scanner::new(bytes).value().map_err(Misfit::Syntax)
}

/// The fields of an object, or of several that were given for the same field: later ones win.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    entries: Vec<(&'a str, &'a Json)>,
}

impl<'a> Fields<'a> {
    /// Of a value as a whole. `null` has none.
    ///
    /// # Errors
    /// It is not an object.
    pub fn of(value: &'a Json) -> Result<Fields<'a>, Misfit> {
        let mut fields = Fields::default();
        fields.take("the body", value)?;
        Ok(fields)
    }

    fn take(&mut self, name: &str, value: &'a Json) -> Result<(), Misfit> {
        match value {
            Json::Null => Ok(()),
            Json::Object(entries) => {
                self.entries.extend(entries.iter().map(|(key, value)| (key.as_str(), value)));
                Ok(())
            }
            Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => Err(misfit(name, "an object")),
        }
    }

    /// All values of a field in their order, `null` left out.
    fn all(&self, field: &str) -> impl Iterator<Item = &'a Json> {
        self.entries
            .iter()
            .filter(move |(key, value)| folds(key, field) && **value != Json::Null)
            .map(|(_, value)| *value)
    }

    /// A text; empty when absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn text(&self, field: &str) -> Result<String, Misfit> {
        let mut found = String::new();
        for value in self.all(field) {
            let Json::Text(text) = value else { return Err(misfit(field, "a text")) };
            found.clone_from(text);
        }
        Ok(found)
    }

    /// `true` or `false`; false when absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn flag(&self, field: &str) -> Result<bool, Misfit> {
        let mut found = false;
        for value in self.all(field) {
            let Json::Bool(flag) = value else { return Err(misfit(field, "true or false")) };
            found = *flag;
        }
        Ok(found)
    }

    /// A whole number of Go's `int`; 0 when absent. `1.0` and `1e3` are none.
    ///
    /// # Errors
    /// It is something else, or too large.
    pub fn integer(&self, field: &str) -> Result<i64, Misfit> {
        let mut found = 0;
        for value in self.all(field) {
            let number = match value {
                Json::Number(digits) => digits.parse().ok(),
                _ => None,
            };
            found = number.ok_or_else(|| misfit(field, "a whole number of 64 bits"))?;
        }
        Ok(found)
    }

    /// A whole number of Go's `int32`; 0 when absent.
    ///
    /// # Errors
    /// It is something else, or too large.
    pub fn integer32(&self, field: &str) -> Result<i32, Misfit> {
        let wide = self.integer(field)?;
        i32::try_from(wide).map_err(|_| misfit(field, "a whole number of 32 bits"))
    }

    /// The fields of an object below; none when absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn object(&self, field: &str) -> Result<Fields<'a>, Misfit> {
        let mut below = Fields::default();
        for value in self.all(field) {
            below.take(field, value)?;
        }
        Ok(below)
    }

    /// A list; empty when absent.
    ///
    /// # Errors
    /// It is something else.
    pub fn list(&self, field: &str) -> Result<&'a [Json], Misfit> {
        let mut found: &[Json] = &[];
        for value in self.all(field) {
            let Json::List(items) = value else { return Err(misfit(field, "a list")) };
            found = items;
        }
        Ok(found)
    }

    /// A list of objects.
    ///
    /// # Errors
    /// It is something else.
    pub fn objects(&self, field: &str) -> Result<Vec<Fields<'a>>, Misfit> {
        let one = |item| {
            let mut fields = Fields::default();
            fields.take(field, item).map(|()| fields)
        };
        self.list(field)?.iter().map(one).collect()
    }

    /// A list of texts; `null` in it is an empty one.
    ///
    /// # Errors
    /// It is something else.
    pub fn texts(&self, field: &str) -> Result<Vec<String>, Misfit> {
        let one = |item: &Json| match item {
            Json::Text(text) => Ok(text.clone()),
            Json::Null => Ok(String::new()),
            Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => Err(misfit(field, "a list of texts")),
        };
        self.list(field)?.iter().map(one).collect()
    }
}

fn misfit(field: &str, wanted: &'static str) -> Misfit {
    Misfit::Type { field: field.to_string(), wanted }
}

/// Go folds two more letters than ASCII has: the Kelvin sign and the long s.
fn folds(key: &str, field: &str) -> bool {
    let fold = |char: char| match char {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        char => char.to_ascii_lowercase(),
    };
    key.chars().map(fold).eq(field.chars().map(fold))
}
