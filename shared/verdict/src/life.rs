//! An incident's life: `open → contained → monitoring → recovered → closed`, beside `dismissed` and `reopened`.
//!
//! People ask for a move, evidence and time bring others. Whoever asks, the gates are the same: the steps of the playbook
//! with that gate for the incident's verdict have to be done, or skipped with a reason. A verdict without such steps passes.
//! What our own steps say is proved by us: that the old credential is refused, that nothing was sent since.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use daimon_domain::event::EventType;
use daimon_domain::incident::{Dismissal, Incident, IncidentState, Life, Moved, TAIL, WATCHED};
use daimon_domain::playbook::{Step, Who};
use daimon_domain::verdict::{Severity, Tier, Verdict};

use crate::playbook;

/// A move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The way in has been shut since `at`.
    Contain {
        /// Since when.
        at: DateTime<Utc>,
        /// A person says so; otherwise the refused old credential does.
        is_stated: bool,
    },
    /// A day has passed since, and nothing more was sent.
    Monitor,
    /// The damage is repaired.
    Recover,
    /// The last late bounce may have come.
    Close,
    /// It is none.
    Dismiss(Dismissal),
    /// It began again.
    Reopen,
    /// People want to be told again.
    Wake,
    /// A person has seen that it is a takeover.
    Confirm,
}

/// Why an incident does not move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no way from where it stands.
    State(IncidentState),
    /// Nobody can confirm that it is a takeover: it has another cause.
    Cause,
    /// These steps are neither done nor skipped.
    Steps(Vec<&'static str>),
}

/// The ids of the steps that are done or skipped.
pub type Settled = BTreeSet<String>;

/// Moves an incident.
pub fn change(before: &Incident, change: Change, settled: &Settled, now: DateTime<Utc>) -> Result<Moved, Refusal> {
    use IncidentState as State;
    let verdict = before.verdict;
    let no_way = Err(Refusal::State(before.state));
    let mut after = Incident { sequence: before.sequence + 1, updated_at: now, ..before.clone() };
    let mut moved = |state: State, what, event| {
        after.state = state;
        Moved { incident: after.clone(), what, event, settled: Vec::new(), repeated: Vec::new() }
    };
    Ok(match change {
        Change::Contain { at, is_stated } => {
            if !before.state.is_open() {
                return no_way;
            }
            gate(verdict, State::Contained, settled, is_stated || before.life.refused_since.is_some())?;
            let mut moved = moved(State::Contained, "contained", EventType::IncidentContained);
            moved.incident.contained_at = Some(at);
            let life = &mut moved.incident.life;
            (life.closes_at, life.trailing, life.continued) = (Some(at + TAIL), 0, 0);
            moved
        }
        Change::Monitor => {
            if before.state != State::Contained {
                return no_way;
            }
            let mut moved = moved(State::Monitoring, "monitoring", EventType::IncidentUpdated);
            moved.settled = ours(verdict, State::Recovered);
            moved
        }
        Change::Recover => {
            if before.state != State::Monitoring {
                return no_way;
            }
            gate(verdict, State::Recovered, settled, false)?;
            moved(State::Recovered, "recovered", EventType::IncidentUpdated)
        }
        Change::Close => {
            if before.state != State::Recovered {
                return no_way;
            }
            moved(State::Closed, "closed", EventType::IncidentClosed)
        }
        Change::Dismiss(because) => {
            if !before.state.is_live() {
                return no_way;
            }
            let mut moved = moved(State::Dismissed, "dismissed", EventType::IncidentClosed);
            moved.incident.life.dismissal = Some(because);
            moved
        }
        Change::Reopen => {
            if before.state.is_open() {
                return no_way;
            }
            let mut moved = moved(State::Reopened, "reopened", EventType::IncidentReopened);
            moved.incident.contained_at = None;
            let Life { assignee, trailing, continued, .. } = before.life.clone();
            moved.incident.life = Life { assignee, trailing, continued, ..Life::default() };
            if before.state.is_contained() {
                // What was done was not enough: it is done again, and proved again.
                moved.incident.severity = Severity::Critical;
                moved.repeated = of_gate(verdict, State::Contained).chain(our_steps(verdict)).map(id).collect();
            }
            moved
        }
        Change::Confirm => {
            if !before.state.is_open() {
                return no_way;
            }
            if !matches!(verdict, Verdict::AccountTakeover | Verdict::Undetermined) {
                return Err(Refusal::Cause);
            }
            let mut moved = moved(before.state, "confirmed", EventType::IncidentUpdated);
            let incident = &mut moved.incident;
            (incident.verdict, incident.tier) = (Verdict::AccountTakeover, Tier::Confirmed);
            incident.severity = Severity::Critical;
            moved
        }
        Change::Wake => {
            if !before.state.is_live() || before.life.snooze.is_none() {
                return no_way;
            }
            let mut moved = moved(before.state, "woken", EventType::IncidentUpdated);
            moved.incident.life.snooze = None;
            moved
        }
    })
}

/// Whether it is as sure as it gets that the mailbox is in other hands.
pub fn is_confirmed(incident: &Incident) -> bool {
    incident.state.is_open() && (incident.verdict, incident.tier) == (Verdict::AccountTakeover, Tier::Confirmed)
}

/// The old credential has been refused since then, and that is proved.
pub fn proved(before: &Incident, since: DateTime<Utc>, now: DateTime<Utc>) -> Moved {
    let mut moved = noted(before, "old_credential_refused", now);
    moved.incident.life.refused_since = Some(since);
    moved.settled = ours(before.verdict, IncidentState::Contained);
    moved
}

/// What was made up is over, wherever it stands.
pub fn played_out(before: &Incident, now: DateTime<Utc>) -> Moved {
    let mut moved = Moved { event: EventType::IncidentClosed, ..noted(before, "closed", now) };
    moved.incident.state = IncidentState::Closed;
    moved
}

/// Something that people should know, and that moves nothing.
pub fn noted(before: &Incident, what: &'static str, now: DateTime<Utc>) -> Moved {
    let incident = Incident { sequence: before.sequence + 1, updated_at: now, ..before.clone() };
    Moved { incident, what, event: EventType::IncidentUpdated, settled: Vec::new(), repeated: Vec::new() }
}

/// What evidence and time bring next, if anything.
pub fn by_itself(incident: &Incident, settled: &Settled, now: DateTime<Utc>) -> Option<Change> {
    let is_passed = |state| gate(incident.verdict, state, settled, false).is_ok();
    let is_over = |at: Option<DateTime<Utc>>| at.is_some_and(|at| at <= now);
    if incident.state.is_live() && is_over(incident.life.snooze.as_ref().map(|snooze| snooze.until)) {
        return Some(Change::Wake);
    }
    match incident.state {
        IncidentState::Open | IncidentState::Reopened => {
            let at = incident.life.refused_since.filter(|_| is_passed(IncidentState::Contained))?;
            Some(Change::Contain { at, is_stated: false })
        }
        IncidentState::Contained if is_over(incident.contained_at.map(|at| at + WATCHED)) => Some(Change::Monitor),
        IncidentState::Monitoring if is_passed(IncidentState::Recovered) => Some(Change::Recover),
        IncidentState::Recovered if is_over(incident.life.closes_at) => Some(Change::Close),
        IncidentState::Contained
        | IncidentState::Monitoring
        | IncidentState::Recovered
        | IncidentState::Closed
        | IncidentState::Dismissed => None,
    }
}

/// Our own steps before that state: what we prove ourselves.
pub fn ours(verdict: Verdict, gate: IncidentState) -> Vec<&'static str> {
    of_gate(verdict, gate).filter(|step| step.who == Who::System).map(id).collect()
}

/// Whether mail from before its containment may come back for days and means nothing: where somebody had to be shut out.
pub fn has_a_tail(verdict: Verdict) -> bool {
    of_gate(verdict, IncidentState::Contained).next().is_some()
}

fn of_gate(verdict: Verdict, gate: IncidentState) -> impl Iterator<Item = &'static Step> {
    playbook::steps_for(verdict).into_iter().filter(move |step| step.gate.as_deref() == Some(gate.as_str()))
}

fn our_steps(verdict: Verdict) -> impl Iterator<Item = &'static Step> {
    of_gate(verdict, IncidentState::Recovered).filter(|step| step.who == Who::System)
}

fn id(step: &'static Step) -> &'static str {
    step.id.as_str()
}

/// Refuses while steps are missing. `is_proved`: what our own steps would say is known already.
fn gate(verdict: Verdict, gate: IncidentState, settled: &Settled, is_proved: bool) -> Result<(), Refusal> {
    let is_settled = |step: &Step| settled.contains(&step.id) || (is_proved && step.who == Who::System);
    let missing: Vec<_> = of_gate(verdict, gate).filter(|step| !is_settled(step)).map(id).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::Steps(missing)) }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use daimon_domain::incident::Snooze;

    use super::*;
    use crate::stories::incident;

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(hour)
    }

    fn settled(ids: &[&str]) -> Settled {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn in_state(verdict: Verdict, state: IncidentState) -> Incident {
        let contained_at = state.is_contained().then(|| at(10));
        let mut incident = Incident { state, contained_at, ..incident(verdict) };
        incident.life.closes_at = contained_at.map(|at| at + TAIL);
        incident
    }

    const TAKEOVER: Verdict = Verdict::AccountTakeover;
    const STATED: Change = Change::Contain { at: DateTime::UNIX_EPOCH, is_stated: true };

    #[test]
    fn a_person_confirms_a_takeover_that_is_open_and_nothing_else() {
        let undetermined = Incident { tier: Tier::Suspected, ..in_state(Verdict::Undetermined, IncidentState::Open) };
        let moved = change(&undetermined, Change::Confirm, &Settled::new(), at(1)).unwrap();
        let after = &moved.incident;
        assert_eq!(
            (after.verdict, after.tier, after.severity),
            (Verdict::AccountTakeover, Tier::Confirmed, Severity::Critical)
        );
        assert_eq!((after.state, after.sequence), (IncidentState::Open, undetermined.sequence + 1));
        for state in [IncidentState::Contained, IncidentState::Closed, IncidentState::Dismissed] {
            let refused = change(&in_state(TAKEOVER, state), Change::Confirm, &Settled::new(), at(1));
            assert_eq!(refused, Err(Refusal::State(state)));
        }
        let forged = in_state(Verdict::Backscatter, IncidentState::Open);
        assert_eq!(change(&forged, Change::Confirm, &Settled::new(), at(1)), Err(Refusal::Cause));
    }

    #[test]
    fn a_takeover_is_contained_when_its_steps_are_done_and_a_person_or_the_old_credential_says_so() {
        let open = in_state(TAKEOVER, IncidentState::Open);
        let refused = change(&open, STATED, &settled(&["C01"]), at(9)).unwrap_err();
        assert_eq!(refused, Refusal::Steps(vec!["C03", "C04"]));
        let done = settled(&["C01", "C03", "C04"]);
        let moved = change(&open, STATED, &done, at(9)).unwrap();
        assert_eq!((moved.incident.state, moved.what), (IncidentState::Contained, "contained"));
        assert_eq!(moved.incident.contained_at, Some(at(0)));
        assert_eq!(moved.incident.life.closes_at, Some(at(240)));
        assert_eq!(moved.incident.sequence, open.sequence + 1);

        // Without a person it takes the proof, which settles the step that is ours.
        assert_eq!(by_itself(&open, &done, at(9)), None);
        assert_eq!(ours(TAKEOVER, IncidentState::Contained), ["V01"]);
        let mut proved = open.clone();
        proved.life.refused_since = Some(at(7));
        assert_eq!(by_itself(&proved, &settled(&["C01", "V01"]), at(9)), None);
        let all = settled(&["C01", "C03", "C04", "V01"]);
        assert_eq!(by_itself(&proved, &all, at(9)), Some(Change::Contain { at: at(7), is_stated: false }));
        assert_eq!(by_itself(&open, &all, at(9)), None, "a step that somebody ticked is no proof");
    }

    #[test]
    fn after_a_day_it_is_monitored_and_after_the_tail_closed_if_it_was_repaired() {
        let contained = in_state(TAKEOVER, IncidentState::Contained);
        let none = settled(&[]);
        assert_eq!((contained.due_at(), by_itself(&contained, &none, at(33))), (Some(at(34)), None));
        assert_eq!(by_itself(&contained, &none, at(34)), Some(Change::Monitor));
        let monitored = change(&contained, Change::Monitor, &none, at(34)).unwrap();
        assert_eq!(monitored.settled, ["V02"], "nothing was sent since");

        let monitored = monitored.incident;
        assert_eq!((monitored.due_at(), by_itself(&monitored, &settled(&["V02"]), at(500))), (None, None));
        let Err(Refusal::Steps(missing)) = change(&monitored, Change::Recover, &settled(&["V02", "E01"]), at(35))
        else {
            panic!("it was not repaired");
        };
        assert!(missing.contains(&"E02") && missing.contains(&"R01") && !missing.contains(&"E01"), "{missing:?}");
        let all: Vec<_> = of_gate(TAKEOVER, IncidentState::Recovered).map(id).collect();
        assert_eq!(by_itself(&monitored, &settled(&all), at(35)), Some(Change::Recover));

        let recovered = change(&monitored, Change::Recover, &settled(&all), at(35)).unwrap().incident;
        assert_eq!((recovered.due_at(), by_itself(&recovered, &none, at(249))), (Some(at(250)), None));
        assert_eq!(by_itself(&recovered, &none, at(250)), Some(Change::Close));
        let closed = change(&recovered, Change::Close, &none, at(250)).unwrap();
        assert_eq!((closed.incident.state, closed.event), (IncidentState::Closed, EventType::IncidentClosed));
        assert_eq!(closed.incident.due_at(), None);
    }

    #[test]
    fn a_cause_without_gates_passes_them_and_is_still_stated_by_a_person() {
        let none = settled(&[]);
        let open = in_state(Verdict::Backscatter, IncidentState::Open);
        assert_eq!(by_itself(&open, &none, at(9)), None);
        let contained = change(&open, STATED, &none, at(9)).unwrap().incident;
        let monitored = change(&contained, Change::Monitor, &none, at(24)).unwrap();
        assert_eq!(monitored.settled, [""; 0]);
        assert_eq!(by_itself(&monitored.incident, &none, at(24)), Some(Change::Recover));
        assert!(!has_a_tail(Verdict::Backscatter) && has_a_tail(TAKEOVER) && has_a_tail(Verdict::Undetermined));
    }

    #[test]
    fn what_begins_again_is_done_again_and_proved_again() {
        for state in [IncidentState::Contained, IncidentState::Monitoring, IncidentState::Recovered] {
            let mut before = in_state(TAKEOVER, state);
            before.life.assignee = Some("Mori".to_owned());
            before.life.refused_since = Some(at(9));
            before.life.snooze = Some(Snooze { until: at(99), reason: "Obon".to_owned(), tier: Tier::Confirmed });
            before.life.continued = 2;
            let moved = change(&before, Change::Reopen, &settled(&["C01"]), at(40)).unwrap();
            assert_eq!(moved.repeated, ["C01", "C03", "C04", "V01", "V02"]);
            let after = moved.incident;
            assert_eq!((after.state, after.severity), (IncidentState::Reopened, Severity::Critical));
            assert_eq!((after.contained_at, after.due_at()), (None, None));
            let kept = Life { assignee: before.life.assignee, continued: 2, ..Life::default() };
            assert_eq!(after.life, kept);
        }
        let closed = in_state(TAKEOVER, IncidentState::Dismissed);
        assert_eq!(change(&closed, Change::Reopen, &settled(&[]), at(40)).unwrap().repeated, [""; 0]);
    }

    #[test]
    fn a_snooze_ends_by_itself_and_only_of_what_lives() {
        let mut incident = in_state(TAKEOVER, IncidentState::Open);
        let asleep = Snooze { until: at(50), reason: "Obon".to_owned(), tier: Tier::Probable };
        incident.life.snooze = Some(asleep);
        let none = settled(&[]);
        assert_eq!((incident.due_at(), by_itself(&incident, &none, at(49))), (Some(at(50)), None));
        assert_eq!(by_itself(&incident, &none, at(50)), Some(Change::Wake));
        let woken = change(&incident, Change::Wake, &none, at(50)).unwrap().incident;
        assert_eq!((woken.life.snooze.clone(), woken.state), (None, IncidentState::Open));
        assert_eq!(change(&woken, Change::Wake, &none, at(50)), Err(Refusal::State(IncidentState::Open)));
        incident.state = IncidentState::Closed;
        assert_eq!((incident.due_at(), by_itself(&incident, &none, at(60))), (None, None));
    }

    #[test]
    fn there_is_no_other_way_from_state_to_state() {
        use IncidentState as State;
        let all: BTreeSet<String> = playbook::steps().iter().map(|step| step.id.clone()).collect();
        let ways: [(Change, &[State]); 6] = [
            (STATED, &[State::Open, State::Reopened]),
            (Change::Monitor, &[State::Contained]),
            (Change::Recover, &[State::Monitoring]),
            (Change::Close, &[State::Recovered]),
            (
                Change::Dismiss(Dismissal::FalseAlarm),
                &[State::Open, State::Contained, State::Monitoring, State::Recovered, State::Reopened],
            ),
            (Change::Reopen, &[State::Contained, State::Monitoring, State::Recovered, State::Closed, State::Dismissed]),
        ];
        for verdict in Verdict::ALL {
            for (asked, from) in ways {
                for state in State::ALL {
                    let moved = change(&in_state(*verdict, *state), asked, &all, at(999));
                    let expected = if from.contains(state) { Ok(()) } else { Err(Refusal::State(*state)) };
                    assert_eq!(moved.map(drop), expected, "{verdict} {state} {asked:?}");
                }
            }
        }
    }
}
