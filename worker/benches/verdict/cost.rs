//! What the engine costs: for each bounce, and in bytes for each mailbox.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use daimon_bench::round;
use daimon_bounce::read;
use daimon_domain::bounce::Report;
use daimon_episode::{Episode, Fleet, Plan, Speed};
use daimon_verdict::{Facts, Known, Observation, Provider, State, observe, template::fnv};
use serde::Serialize;

/// Mailboxes that are looked at; each has some sixty bounces.
const MAILBOXES: u64 = 40;
/// Each flood is weighed so often, because one alone is over before a clock shows it.
const TIMES: u32 = 50;

/// In microseconds for each bounce, and in bytes.
#[derive(Serialize)]
pub(crate) struct Cost {
    read_us: f64,
    observe_us: f64,
    weigh_us: f64,
    state_bytes: [usize; 2],
}

/// Takes the time on one thread.
pub(crate) fn measure(out: &mut dyn Write, seed: u64) -> io::Result<Cost> {
    let fleet = Fleet::new(seed, Plan::episode(Episode::Takeover(Speed::TwentyAnHour)));
    let (mut reading, mut observing, mut weighing) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut reports, mut bounces, mut sizes) = (0_u32, 0_u32, Vec::new());
    for index in 0..MAILBOXES {
        let mailbox = fleet.mailbox(index);
        let known = Known {
            address: mailbox.known.address.clone(),
            own_domains: mailbox.known.own_domains.clone(),
            own_hosts: mailbox.known.own_hosts.clone(),
            own_networks: mailbox.known.own_networks.iter().filter_map(|net| net.parse().ok()).collect(),
            provider: Some(Provider::ImapHost),
            sent_coverage: Some(0.9),
            ..Known::default()
        };
        let mails: Vec<(DateTime<Utc>, &[u8])> = mailbox
            .received
            .iter()
            .filter(|mail| mail.is_bounce)
            .map(|mail| (mail.at, mail.bytes.as_slice()))
            .collect();
        let start = Instant::now();
        let read: Vec<(DateTime<Utc>, Report)> = mails.iter().map(|(at, bytes)| (*at, read(bytes))).collect();
        reading += start.elapsed();
        reports += u32::try_from(read.len()).unwrap_or_default();
        let start = Instant::now();
        let looks: Vec<Observation> = read.iter().flat_map(|(at, report)| observed(report, &known, *at)).collect();
        observing += start.elapsed();
        bounces += u32::try_from(looks.len()).unwrap_or_default();
        let start = Instant::now();
        let mut state = State::default();
        for _ in 0..TIMES {
            state = State::default();
            for look in &looks {
                state.weigh(look);
            }
        }
        weighing += start.elapsed();
        sizes.push(serde_json::to_vec(&state).map_or(0, |bytes| bytes.len()));
    }
    sizes.sort_unstable();
    let each = |time: Duration, number: u32| round(time.as_secs_f64() * 1e6 / f64::from(number.max(1)));
    let cost = Cost {
        read_us: each(reading, reports),
        observe_us: each(observing, bounces),
        weigh_us: each(weighing, bounces * TIMES),
        state_bytes: [sizes.len() / 2, sizes.len().saturating_sub(1)].map(|at| sizes.get(at).copied().unwrap_or(0)),
    };
    writeln!(
        out,
        "\nCost of a bounce on one thread, in microseconds: read {:.1}, observed {:.1}, weighed {:.1}; a state after a flood has {} bytes (median), {} at most",
        cost.read_us, cost.observe_us, cost.weigh_us, cost.state_bytes[0], cost.state_bytes[1]
    )?;
    Ok(cost)
}

fn observed<'a>(report: &'a Report, known: &'a Known, at: DateTime<Utc>) -> impl Iterator<Item = Observation> + 'a {
    let of = move |recipient| {
        let key = fnv(report.envelope.message_id.as_deref().unwrap_or_default().as_bytes()).to_string();
        let facts = Facts {
            recipient_key: &key,
            sent_copy: Some(false),
            recipient_known: Some(false),
            fingerprint_seen: Some(false),
            ..Facts::default()
        };
        observe(report, recipient, known, &facts, at)
    };
    report.recipients.iter().filter_map(of)
}
