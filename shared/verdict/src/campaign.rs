//! Which mails belong to a sending that their owner did on purpose.

use daimon_domain::campaign::Marks;
use daimon_domain::origin::Origin;

use crate::hosts::organisation;
use crate::template::{fnv, shape, template};

/// Whether the returned mail shows what marks the campaign: a Message-ID, a part of its subject or List-Id, or its letter.
///
/// A time narrows that down; mail that shows none may be of any. A letter without a subject is like too many others. What is
/// known by how it is made belongs to it at any time: the next newsletter has another subject and another day.
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
    let is_made_alike =
        !marks.fingerprints.is_empty() && fingerprint(origin).is_some_and(|made| marks.fingerprints.contains(&made));
    let is_marked = origin.message_id.as_ref().is_some_and(|id| marks.message_ids.contains(id))
        || holds(origin.subject.as_ref(), marks.subject.as_ref())
        || holds(origin.list.as_ref(), marks.list_id.as_ref())
        || (has_subject && !marks.templates.is_empty() && marks.templates.contains(&template(origin)));
    is_made_alike || (is_in_time && is_marked)
}

/// How a sending is made, whatever it says: the program, its list, and the shape and domain of its Message-IDs. `None` where
/// nothing tells it from what people write: neither a program nor a list, or no Message-ID.
pub fn fingerprint(origin: &Origin) -> Option<String> {
    let (local, made_at) = origin.message_id.as_deref()?.rsplit_once('@')?;
    let mailer: String =
        origin.mailer.as_deref().unwrap_or_default().chars().take_while(|c| !c.is_ascii_digit()).collect();
    let mailer = mailer.trim().to_lowercase();
    if mailer.is_empty() && origin.list.is_none() {
        return None;
    }
    let parts = [mailer, list(origin), shape(local), organisation(made_at)];
    Some(format!("{:016x}", fnv(parts.join("\u{1f}").as_bytes())))
}

/// The list's name. An address to unsubscribe at is another for each recipient.
fn list(origin: &Origin) -> String {
    let Some(list) = origin.list.as_deref() else { return String::new() };
    let name = list.rsplit_once('<').map_or(list, |(_, name)| name).trim_end_matches(['>', ' ']);
    if name.contains(':') { "unsubscribe".to_owned() } else { name.to_lowercase() }
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
    fn the_next_newsletter_is_known_by_how_it_is_made() {
        let made = fingerprint(&letter()).unwrap();
        let marks = Marks { fingerprints: vec![made], ends_at: Some(DateTime::UNIX_EPOCH), ..Marks::default() };
        let next = Origin {
            message_id: Some("77@news.example".to_owned()),
            subject: Some("Winter offers".to_owned()),
            date: Some(DateTime::UNIX_EPOCH + TimeDelta::days(90)),
            ..letter()
        };
        assert!(belongs(&next, &marks));
        for other in [
            Origin { message_id: Some("77@mass.mailer.example".to_owned()), ..next.clone() },
            Origin { list: Some("<other.sakura.example>".to_owned()), ..next.clone() },
            Origin { list: None, ..next.clone() },
            Origin { mailer: Some("MassSender 4.1".to_owned()), ..next.clone() },
            Origin { message_id: None, ..next },
        ] {
            assert!(!belongs(&other, &marks), "{other:?}");
        }
        let unsubscribe = |url: &str| Origin { list: Some(format!("<https://news.example/off?{url}>")), ..letter() };
        assert_eq!(fingerprint(&unsubscribe("a")), fingerprint(&unsubscribe("b")), "each recipient has its own");
    }

    #[test]
    fn bounces_that_return_nothing_are_no_letter_of_anybody() {
        let nothing = Marks { templates: vec![template(&Origin::default())], ..Marks::default() };
        assert!(!belongs(&Origin::default(), &nothing));
    }
}
