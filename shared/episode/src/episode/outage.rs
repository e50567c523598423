//! A large receiver is down for a day: warnings of delay, and a few that were given up.

use std::net::Ipv4Addr;

use chrono::TimeDelta;

use crate::{
    episode::{Stage, own_mail},
    server::{Mta, Problem, Refused},
};

pub(super) fn play(stage: &mut Stage<'_>) -> String {
    let owner = stage.owner;
    let (mx, ip) = ("mx-in.large-provider.example".to_owned(), Ipv4Addr::new(202, 12, 30, stage.random.byte(2, 250)));
    let mut at = stage.begin;
    let letters = stage.random.range(20, 30).min(stage.most);
    let reports_delays = owner.hosting.outgoing.mta != Mta::Qmail;
    for _ in 0..letters {
        at += stage.random.wait(TimeDelta::minutes(12));
        let Some((spooled, other)) = own_mail::letter(stage, at) else { break };
        let random = &mut stage.random;
        let problem = Problem::Silent { mx: mx.clone(), ip };
        let refused = [Refused { to: other.party.address.clone(), originally: None, problem }];
        let gives_up = random.chance(0.15) || !reports_delays;
        if reports_delays {
            let later = at + TimeDelta::hours(4) + random.seconds(0, 1_800);
            let mail = owner.hosting.report(&spooled, &refused, later, true, random);
            stage.comes(mail);
        }
        if gives_up {
            let later = at + crate::life::lifetime(owner);
            let mail = owner.hosting.report(&spooled, &refused, later, false, &mut stage.random);
            stage.comes(mail);
        }
    }
    if reports_delays { "delays and some given up" } else { "given up after a week" }.to_owned()
}
