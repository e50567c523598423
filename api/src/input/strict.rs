//! From what was written to what was meant, more strictly than serde by itself.
//!
//! A derived `Deserialize` fills a structure from a list too, by position, so that a body means something that no
//! document says. Here only an object is one, however deep. And a refusal says where it is and what is wrong, in words
//! of the request and not of the program.

use std::collections::HashSet;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected, Visitor};

use super::tree::Tree;

/// What can't be accepted, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// From the innermost name outwards.
    names: Vec<String>,
    /// What is wrong there.
    pub(super) because: Because,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Because {
    /// It is of another kind than what is wanted, in general words; the document may know better ones.
    Kind(&'static str),
    /// The domain says so.
    Told(String),
    /// There is no such name, but these.
    Unknown(&'static [&'static str]),
    /// It has to be there.
    Missing,
    /// It is there twice.
    Twice,
}

impl Refused {
    fn new(because: Because) -> Self {
        Self { names: Vec::new(), because }
    }

    fn under(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// The names that lead there.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().rev().map(String::as_str)
    }
}

const fn kind(words: &'static str) -> Because {
    Because::Kind(words)
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.because)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Because::Told(message.to_string()))
    }

    fn invalid_type(_found: Unexpected<'_>, _wanted: &dyn Expected) -> Self {
        Self::new(kind("is of the wrong kind"))
    }

    fn invalid_value(_found: Unexpected<'_>, _wanted: &dyn Expected) -> Self {
        Self::new(kind("is out of range"))
    }

    fn invalid_length(_found: usize, _wanted: &dyn Expected) -> Self {
        Self::new(kind("has the wrong length"))
    }

    fn unknown_variant(_found: &str, _known: &'static [&'static str]) -> Self {
        Self::new(kind("is none of the accepted words"))
    }

    fn unknown_field(found: &str, known: &'static [&'static str]) -> Self {
        Self::new(Because::Unknown(known)).under(found)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Because::Missing).under(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(Because::Twice).under(name)
    }
}

/// Numbers by the visitor's own bounds: what does not fit, it refuses.
fn visit_whole<'de, V: Visitor<'de>>(number: i128, visitor: V) -> Result<V::Value, Refused> {
    if let Ok(number) = u64::try_from(number) {
        visitor.visit_u64(number)
    } else if let Ok(number) = i64::try_from(number) {
        visitor.visit_i64(number)
    } else {
        Err(Refused::new(kind("is out of range")))
    }
}

impl Tree {
    fn whole<'de, V: Visitor<'de>>(&self, visitor: V) -> Result<V::Value, Refused> {
        let number = match self {
            Self::Whole(number) => Some(*number),
            Self::Parameter(text) => text.parse().ok(),
            Self::Null | Self::Bool(_) | Self::Real(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        };
        visit_whole(number.ok_or_else(|| Refused::new(kind("must be a whole number")))?, visitor)
    }

    fn text(&self) -> Result<&str, Refused> {
        match self {
            Self::Text(text) | Self::Parameter(text) => Ok(text),
            Self::Null | Self::Bool(_) | Self::Whole(_) | Self::Real(_) | Self::List(_) | Self::Object(_) => {
                Err(Refused::new(kind("must be text")))
            }
        }
    }

    fn list<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Self::List(items) => visitor.visit_seq(Items { items: items.iter(), next: 0 }),
            Self::Null
            | Self::Bool(_)
            | Self::Whole(_)
            | Self::Real(_)
            | Self::Text(_)
            | Self::Parameter(_)
            | Self::Object(_) => Err(Refused::new(kind("must be a list"))),
        }
    }

    fn object<'de, V: Visitor<'de>>(&'de self, visitor: V) -> Result<V::Value, Refused> {
        let Self::Object(members) = self else { return Err(Refused::new(kind("must be an object"))) };
        let mut seen = HashSet::new();
        if let Some((twice, _)) = members.iter().find(|(name, _)| !seen.insert(name)) {
            return Err(Refused::new(Because::Twice).under(twice));
        }
        visitor.visit_map(Members { members: members.iter(), value: None })
    }
}

macro_rules! as_whole {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.whole(visitor)
        }
    )+};
}

macro_rules! as_text {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor.visit_str(self.text()?)
        }
    )+};
}

impl<'de> Deserializer<'de> for &'de Tree {
    type Error = Refused;

    as_whole! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    as_text! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Whole(number) => visit_whole(*number, visitor),
            Tree::Real(number) => visitor.visit_f64(*number),
            Tree::Text(text) | Tree::Parameter(text) => visitor.visit_str(text),
            Tree::List(_) => self.list(visitor),
            Tree::Object(_) => self.object(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Parameter(text) if text == "true" || text == "false" => visitor.visit_bool(text == "true"),
            Tree::Null
            | Tree::Whole(_)
            | Tree::Real(_)
            | Tree::Text(_)
            | Tree::Parameter(_)
            | Tree::List(_)
            | Tree::Object(_) => Err(Refused::new(kind("must be true or false"))),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self {
            Tree::Whole(number) => visit_whole(*number, visitor),
            Tree::Real(number) => visitor.visit_f64(*number),
            Tree::Parameter(text) => {
                visitor.visit_f64(text.parse().map_err(|_no_number| Refused::new(kind("must be a number")))?)
            }
            Tree::Null | Tree::Bool(_) | Tree::Text(_) | Tree::List(_) | Tree::Object(_) => {
                Err(Refused::new(kind("must be a number")))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if *self == Tree::Null { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.object(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.object(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(StrDeserializer::new(self.text()?))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct }
}

struct Items<'de> {
    items: std::slice::Iter<'de, Tree>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Refused> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|refused| refused.under(index.to_string()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Members<'de> {
    members: std::slice::Iter<'de, (String, Tree)>,
    value: Option<(&'de str, &'de Tree)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Refused> {
        let Some((name, value)) = self.members.next() else { return Ok(None) };
        self.value = Some((name, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let (name, value) = self.value.take().unwrap_or(("", &Tree::Null));
        seed.deserialize(value).map_err(|refused| refused.under(name))
    }
}
