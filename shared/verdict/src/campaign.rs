//! Which mails belong to a sending that their owner did on purpose.

use daimon_domain::campaign::Marks;
use daimon_domain::origin::Origin;

use crate::template::template;

/// Whether the returned mail shows what marks the campaign: a Message-ID, a part of its subject or List-Id, or its letter.
///
/// A time narrows that down; mail that shows none may be of any. A letter without a subject is like too many others.
pub fn belongs(origin: &Origin, marks: &Marks) -> bool {
    let holds = |text: Option<&String>, part: Option<&String>| match (text, part.map(|part| part.trim().to_lowercase()))
    {
        (Some(text), Some(part)) => !part.is_empty() && text.to_lowercase().contains(&part),
        _neither => false,
    };
    let is_in_time = origin.date.is_none_or(|date| {
        marks.starts_at.is_none_or(|start| date >= start) && marks.ends_at.is_none_or(|end| date <= end)
    });
    let has_subject = origin.subject.as_deref().is_some_and(|subject| !subject.trim().is_empty());
    is_in_time
        && (origin.message_id.as_ref().is_some_and(|id| marks.message_ids.contains(id))
            || holds(origin.subject.as_ref(), marks.subject.as_ref())
            || holds(origin.list.as_ref(), marks.list_id.as_ref())
            || (has_subject && !marks.templates.is_empty() && marks.templates.contains(&template(origin))))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    fn letter() -> Origin {
        Origin {
            message_id: Some("1@news.example".to_owned()),
            subject: Some("Autumn offers for 4711".to_owned()),
            list: Some("<Autumn.sakura.example>".to_owned()),
            date: Some(DateTime::UNIX_EPOCH),
            ..Origin::default()
        }
    }

    #[test]
    fn any_mark_is_enough_and_none_is_not() {
        let text = |text: &str| Some(text.to_owned());
        let marks = [
            Marks { message_ids: vec!["1@news.example".to_owned()], ..Marks::default() },
            Marks { subject: text("autumn OFFERS"), ..Marks::default() },
            Marks { list_id: text("autumn.sakura.example"), ..Marks::default() },
            Marks { templates: vec![template(&letter())], ..Marks::default() },
        ];
        for marks in marks {
            assert!(belongs(&letter(), &marks), "{marks:?}");
            assert!(!belongs(&Origin::default(), &marks), "{marks:?}");
            let early = Marks { starts_at: Some(DateTime::UNIX_EPOCH + TimeDelta::seconds(1)), ..marks.clone() };
            assert!(!belongs(&letter(), &early), "{early:?}");
            let late = Marks { ends_at: Some(DateTime::UNIX_EPOCH - TimeDelta::seconds(1)), ..marks };
            assert!(!belongs(&letter(), &late), "{late:?}");
        }
        assert!(!belongs(&letter(), &Marks::default()));
        assert!(!belongs(&letter(), &Marks { subject: text(" "), ..Marks::default() }));
    }

    #[test]
    fn bounces_that_return_nothing_are_no_letter_of_anybody() {
        let nothing = Marks { templates: vec![template(&Origin::default())], ..Marks::default() };
        assert!(!belongs(&Origin::default(), &nothing));
    }
}
