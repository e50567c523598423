//! What happens, as it happens: server-sent events.
//!
//! A stream is the list of events, read again and again: the same order, the same items, the same cursors, and nothing is kept
//! for anybody. So a client that comes back with the last `id` it has misses nothing, whichever process answers it. Whoever
//! may not ask any more is not told any more: the token and its key are looked at each time.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse, get};
use daimon_domain::id::MspId;
use daimon_store::event;
use futures_util::stream::unfold;

use super::list::{cursors, not_a_cursor, place, view};
use super::view::{FollowEvents, LastEventIdHeader};
use crate::caller::{Caller, EventsRead, Permitted, admit, bearer};
use crate::input::Query;
use crate::page::Cursors;
use crate::problem::Problem;
use crate::service::Service;

/// How often it is looked whether something happened.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long nothing may be said: proxies close what is silent.
const BEAT_EVERY: Duration = Duration::from_secs(15);
/// How many events are written at once: what a client does not take waits in the database.
const AT_ONCE: u16 = 50;
/// How many streams an MSP has at a time, at one process of the API.
const STREAMS: u32 = 20;

/// Who follows, by MSP.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<MspId, u32>>);

/// A place among the streams of an MSP, given back when it is dropped.
struct Seat(Arc<Streams>, MspId);

impl Streams {
    fn take(self: &Arc<Self>, msp: MspId) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(msp).or_default();
        (*count < STREAMS).then(|| {
            *count += 1;
            Seat(Arc::clone(self), msp)
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

/// What a request brings that outlives it: its token, and where its client had come.
pub(crate) struct Follower {
    token: String,
    last: Option<String>,
}

impl FromRequest for Follower {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _body: &mut actix_web::dev::Payload) -> Self::Future {
        let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
        let last = last.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        ready(Ok(Self { token: bearer(request).unwrap_or_default().to_owned(), last }))
    }
}

/// Follow events
///
/// What happens from now on, as server-sent events, in the order and with the items of `GET /v1/events`: `data` is an item of
/// that list, `event` its type and `id` its cursor. A client that comes back sends the last `id` as `Last-Event-ID` (or as
/// `after`) and misses nothing. A comment every 15 seconds shows that it is still there. It ends with an event `end` when the
/// token expires or its key is revoked, and when the server stops: come back with a fresh token. There are 20 at a time.
#[utoipa::path(operation_id = "followEvents", tag = "Events", params(LastEventIdHeader, FollowEvents), responses(
    (status = 200, description = "What happens, until somebody hangs up", body = String, content_type = "text/event-stream",
        example = json!("id: AAAA\nevent: incident.opened\ndata: {\"id\": \"evt_019ab1c2d3e47f508192a3b4c5d6e7f8\", \"type\": \"incident.opened\"}\n\n")),
    (status = 429, description = "20 streams of this MSP are open at this server, or too many requests")))]
#[get("/v1/events/stream")]
pub(super) async fn follow_events(
    asked: Permitted<EventsRead, (Query<FollowEvents>, Follower)>,
) -> Result<HttpResponse, Problem> {
    let Permitted(mut caller, (query, follower)) = asked;
    let (service, msp) = (caller.service.clone(), caller.msp);
    let cursors = cursors(&caller);
    let after = match follower.last.as_deref().or(query.0.after.as_deref()) {
        Some(cursor) => place(&cursors, cursor).map_err(|_refused| not_a_cursor())?,
        None => event::last_position(&mut caller.tx).await?,
    };
    caller.commit().await?;
    let Some(seat) = service.streams.take(msp) else {
        return Err(Problem::TooMany { detail: "20 streams of events are open.", wait_s: 5 });
    };
    let following =
        Following { service, token: follower.token, cursors, after, said: Instant::now(), end: None, _seat: seat };
    let greeting = Bytes::from_static(b"retry: 2000\n: you are told of what happens\n\n");
    let told = unfold((Some(greeting), following), |(greeting, mut following)| async move {
        let said = match greeting {
            Some(greeting) => greeting,
            None => following.next().await?,
        };
        Some((Ok::<_, Infallible>(said), (None, following)))
    });
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        // nginx would keep it until there is enough to be worth sending.
        .insert_header((HeaderName::from_static("x-accel-buffering"), "no"))
        .streaming(Box::pin(told)))
}

/// Somebody who is told.
struct Following {
    service: Data<Service>,
    token: String,
    cursors: Cursors,
    after: i64,
    /// When something was said last.
    said: Instant,
    /// It is over, because of this.
    end: Option<&'static str>,
    _seat: Seat,
}

impl Following {
    /// The next thing to say; `None`: it is over.
    async fn next(&mut self) -> Option<Bytes> {
        if self.end.is_some() {
            return None;
        }
        loop {
            match self.look().await {
                Ok(told) if !told.is_empty() => return Some(self.say(told)),
                // While the database is away there is nothing to tell, and nobody has to come back because of it.
                Ok(_) | Err(Problem::Unavailable) => {}
                Err(Problem::Unauthenticated(_)) => return Some(self.finish("token")),
                Err(_problem) => return Some(self.finish("failure")),
            }
            if is_time_to_beat(self.said, Instant::now()) {
                return Some(self.say(": still here\n\n".to_owned()));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.service.stop.cancelled() => return Some(self.finish("stop")),
            }
        }
    }

    fn say(&mut self, text: String) -> Bytes {
        self.said = Instant::now();
        text.into()
    }

    fn finish(&mut self, because: &'static str) -> Bytes {
        self.end = Some(because);
        self.say(format!("event: end\ndata: {{\"because\":\"{because}\"}}\n\n"))
    }

    /// What has happened since, as it is sent.
    async fn look(&mut self) -> Result<String, Problem> {
        let mut caller: Caller<EventsRead> = admit(&self.service, &self.token).await?;
        let placed = event::list_after(&mut caller.tx, self.after, AT_ONCE).await?;
        caller.commit().await?;
        let mut told = String::new();
        for one in placed {
            self.after = one.position;
            let item = view(&self.cursors, one)?;
            let data = serde_json::to_string(&item).map_err(|error| Problem::internal(&error))?;
            // Our own bodies have one line; a line break inside one would end the field.
            let data = data.replace(['\r', '\n'], "");
            // Writing into a text can't fail.
            let _ = write!(told, "id: {}\nevent: {}\ndata: {data}\n\n", item.cursor, item.r#type);
        }
        Ok(told)
    }
}

fn is_time_to_beat(said: Instant, now: Instant) -> bool {
    now.saturating_duration_since(said) >= BEAT_EVERY
}

#[cfg(test)]
mod tests {
    use daimon_domain::clock::SeededEntropy;

    use super::*;

    #[test]
    fn an_msp_has_so_many_streams_and_another_one_has_its_own() {
        let (streams, entropy) = (Arc::new(Streams::default()), SeededEntropy::new(1));
        let [ours, theirs] = [(); 2].map(|()| MspId::new(chrono::DateTime::UNIX_EPOCH, &entropy));
        let mut seats: Vec<_> = (0..STREAMS).map(|_| streams.take(ours).unwrap()).collect();
        assert!(streams.take(ours).is_none());
        assert!(streams.take(theirs).is_some());
        seats.pop();
        assert!(streams.take(ours).is_some());
        seats.clear();
        assert!(streams.0.lock().unwrap().is_empty());
    }

    #[test]
    fn silence_is_broken_every_15_seconds() {
        let said = Instant::now();
        assert!(!is_time_to_beat(said, said + Duration::from_secs(14)));
        assert!(is_time_to_beat(said, said + Duration::from_secs(15)));
    }
}
