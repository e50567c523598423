//! The company's own newsletter goes to a list that lay about for years.

use chrono::TimeDelta;

use crate::{
    episode::Stage,
    life::{Diary, newsletter::Newsletter},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    // As every issue before it, with the same tool from the same place; or the first one ever.
    let newsletter = match &stage.habits.newsletter {
        Some(newsletter) => newsletter.clone(),
        None => Newsletter::any(stage.owner, &mut stage.random),
    };
    let mut diary = Diary::default();
    let start = stage.owner.zone.midnight(stage.begin, 0) + stage.owner.starts + TimeDelta::hours(1);
    newsletter.goes_out(stage.owner, start.max(stage.begin), stage.most, true, &mut diary, &mut stage.random);
    diary.received.sort_by_key(|mail| mail.at);
    for mail in diary.received {
        stage.comes(mail);
    }
    for mail in diary.sent {
        stage.stays(mail);
    }
    newsletter.style()
}
