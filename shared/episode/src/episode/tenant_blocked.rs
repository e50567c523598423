//! Microsoft stops the whole tenant, because another mailbox of it sent spam: this one's letters come back at once.

use chrono::TimeDelta;

use crate::{
    episode::{Stage, own_mail},
    server::{Problem, Refused},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let mut at = stage.begin;
    let letters = stage.random.range(22, 30).min(stage.most);
    for _ in 0..letters {
        at += stage.random.wait(TimeDelta::minutes(40));
        let Some((spooled, other)) = own_mail::letter(stage, at) else { break };
        let text = "Access denied, tenant has exceeded threshold. Please contact support".to_owned();
        let problem = Problem::Throttled { status: "5.7.705", text };
        let refused = [Refused { to: other.party.address, originally: None, problem }];
        let later = at + stage.random.seconds(1, 6);
        let mail = owner.hosting.report(&spooled, &refused, later, false, &mut stage.random);
        stage.comes(mail);
    }
    "5.7.705".to_owned()
}
