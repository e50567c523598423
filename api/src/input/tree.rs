//! A request as it was written, before anybody says what it should be.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON, or the parameters of a query.
#[derive(Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    /// A parameter: text that may mean a number or a truth.
    Parameter(String),
    List(Vec<Tree>),
    /// In the order of the text; a name may be there twice.
    Object(Vec<(String, Tree)>),
}

impl fmt::Debug for Tree {
    /// What was sent may be a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("<what was sent>")
    }
}

impl Tree {
    /// The parameters of a query.
    pub(super) fn of_query(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self::Object(pairs.map(|(name, value)| (name.into_owned(), Self::Parameter(value.into_owned()))).collect())
    }

    /// Whether there is a `null` anywhere.
    pub(super) fn has_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.iter().any(Self::has_null),
            Self::Object(members) => members.iter().any(|(_, member)| member.has_null()),
            Self::Bool(_) | Self::Whole(_) | Self::Real(_) | Self::Text(_) | Self::Parameter(_) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Planter)
    }
}

struct Planter;

impl<'de> Visitor<'de> for Planter {
    type Value = Tree;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Whole(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Real(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Tree::Object(object))
    }
}
