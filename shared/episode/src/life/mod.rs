//! Ordinary life, day by day: letters and answers, mails of shops and lists, and now and then a bounce with a good reason.

mod desk;
pub(crate) mod newsletter;
mod post_box;

pub(crate) use desk::lifetime;

use crate::{Mail, clock::Time, owner::Owner, random::Random};

/// What comes in and what is kept of what goes out.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) received: Vec<Mail>,
    pub(crate) sent: Vec<Mail>,
}

/// What else belongs to this life.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    pub(crate) newsletter: Option<newsletter::Newsletter>,
    /// A rule that forwards what comes in to a private address, under the mailbox's own name.
    pub(crate) forwards_to: Option<crate::letter::Party>,
}

impl Habits {
    /// `has_newsletter`: whether it must be so.
    pub(crate) fn any(owner: &Owner, has_newsletter: bool, random: &mut Random) -> Self {
        let share = if has_newsletter { 1.0 } else { 0.06 };
        Self {
            newsletter: random.chance(share).then(|| newsletter::Newsletter::any(owner, random)),
            forwards_to: random.chance(0.03).then(|| {
                let receiver = crate::receiver::Receiver::provider(owner.country, random);
                crate::letter::Party::bare(&format!("{}@{}", crate::receiver::local_part(random), receiver.domain))
            }),
        }
    }
}

/// Lives for so many days.
pub(crate) fn live(owner: &Owner, habits: &Habits, begin: Time, days: u32, diary: &mut Diary, random: &mut Random) {
    for day in 0..days {
        let midnight = owner.zone.midnight(begin, day);
        let is_working_day = owner.zone.weekday(midnight) < 5;
        if is_working_day || random.chance(0.1) {
            desk::works(owner, midnight + owner.starts, diary, random);
        }
        post_box::fills(owner, habits, midnight, diary, random);
        if let Some(newsletter) = &habits.newsletter
            && newsletter.is_due(day)
        {
            newsletter.goes_out(owner, midnight + owner.starts + random.seconds(0, 20_000), 60, false, diary, random);
        }
    }
}
