//! Who may do what, as the document says it: in an operation's text, and in the example and the `x-permission` of its 403.
//!
//! The types of the handlers decide. A story asks every operation with what stands here and with everything else, so that
//! what the document says is so; an operation without a line here fails.

use daimon_domain::scope::Permission;
use utoipa::openapi::RefOr;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::Operation;

use crate::problem::Problem;

pub(super) const TABLE: &str = include_str!("access.txt");

/// Whom an operation is for.
pub(super) enum Access {
    /// Whoever has this permission.
    Permitted(Permission),
    /// Who has signed in with a password.
    Person,
    /// Every token opens it, but for that of a user who has to enrol a second factor first.
    AnyCaller,
    /// Every token opens it.
    Oneself,
}

impl Access {
    /// As it stands in the table.
    pub(super) fn of(operation: &Operation) -> Option<Self> {
        let id = operation.operation_id.as_deref()?;
        match TABLE.lines().find_map(|line| line.strip_prefix(id)?.strip_prefix(' '))? {
            "a person" => Some(Self::Person),
            "any caller" => Some(Self::AnyCaller),
            "oneself" => Some(Self::Oneself),
            permission => permission.parse().ok().map(Self::Permitted),
        }
    }

    /// How others are refused, and what that means.
    pub(super) const fn refusal(&self) -> Option<(Problem, &'static str)> {
        match self {
            Self::Permitted(permission) => Some((
                Problem::Forbidden(*permission),
                "`forbidden`: the token may not, which is found before anything is looked up, or what is asked for reaches further \
                 than whoever asks. `enrolment_required`: this user has to enrol a second factor first",
            )),
            Self::Person => Some((Problem::NotAPerson, "`forbidden`: it is the token of an API key")),
            Self::AnyCaller => {
                Some((Problem::EnrolmentRequired, "`enrolment_required`: this user has to enrol a second factor first"))
            }
            Self::Oneself => None,
        }
    }

    /// Says it of an operation that has its answers.
    pub(super) fn say(&self, operation: &mut Operation) {
        let (text, word) = match self {
            Self::Permitted(permission) => {
                (format!("Needs the permission `{permission}`."), Some(permission.to_string()))
            }
            Self::Person => ("For people who have signed in, not for API keys.".to_owned(), Some("person".to_owned())),
            Self::AnyCaller => {
                ("Open to every token, of a user who needs a second factor once it is enrolled.".to_owned(), None)
            }
            Self::Oneself => ("Open to every token.".to_owned(), None),
        };
        if let Some(description) = &mut operation.description {
            description.push_str("\n\n");
            description.push_str(&text);
        }
        if let (Some(RefOr::T(refused)), Some(word)) = (operation.responses.responses.get_mut("403"), word) {
            refused.extensions.get_or_insert_default().merge(Extensions::from_iter([("x-permission", word)]));
        }
    }
}
