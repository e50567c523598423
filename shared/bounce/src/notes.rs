//! What could not be read and was skipped: each sort once, however often it is there.

/// What a note tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    TooManyGroups,
    NoRecipient,
    NoStatus,
    TooMuchSaid,
    NobodyNamed,
}

/// Notes in the order in which they came first, with whom the first was about and how many there were.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<(Note, String, usize)>);

impl Notes {
    pub(crate) fn add(&mut self, note: Note, address: &str) {
        match self.0.iter_mut().find(|(known, ..)| *known == note) {
            Some((.., count)) => *count += 1,
            None => self.0.push((note, address.to_owned(), 1)),
        }
    }

    pub(crate) fn into_sentences(self) -> Vec<String> {
        let sentence = |(note, address, count): (Note, String, usize)| match (note, count - 1) {
            (Note::TooManyGroups, _) => "The delivery status has more groups than are read.".to_owned(),
            (Note::NoRecipient, 0) => "A group of the delivery status names no recipient.".to_owned(),
            (Note::NoRecipient, _) => format!("{count} groups of the delivery status name no recipient."),
            (Note::NoStatus, 0) => format!("The status of {address} is not one of RFC 3463."),
            (Note::NoStatus, others) => {
                format!("The status of {address}, as that of {others} more, is not one of RFC 3463.")
            }
            (Note::TooMuchSaid, _) => {
                format!("What is said of those behind {address} is not weighed: it is too much.")
            }
            (Note::NobodyNamed, _) => "It does not say which of the original's recipients failed.".to_owned(),
        };
        self.0.into_iter().map(sentence).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_is_there_often_is_made_once() {
        let mut notes = Notes::default();
        for address in ["a@b.example", "c@b.example", "d@b.example"] {
            notes.add(Note::NoStatus, address);
            notes.add(Note::NoRecipient, "");
        }
        notes.add(Note::TooManyGroups, "");
        assert_eq!(
            notes.into_sentences(),
            [
                "The status of a@b.example, as that of 2 more, is not one of RFC 3463.",
                "3 groups of the delivery status name no recipient.",
                "The delivery status has more groups than are read.",
            ]
        );
    }
}
