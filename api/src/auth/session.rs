//! Beginning a session, and the tokens of one.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::id::{MspId, SessionId};
use daimon_domain::scope::Tenants;
use daimon_domain::user::{Role, User};
use daimon_seal::{Bearer, Claims, Refresh, TOKEN_LIFETIME_S};
use daimon_store::{MspTx, user_session};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::view::TokenView;
use crate::caller::{Did, write_down};
use crate::problem::Problem;
use crate::service::Service;

/// A refresh token that is not used for so long ends with its session.
const IDLE: TimeDelta = TimeDelta::days(7);
/// And a session ends after so long in any case.
const LONGEST: TimeDelta = TimeDelta::days(30);
/// Sessions that were over for so long are forgotten when their user begins another one.
const REMEMBERED: TimeDelta = TimeDelta::days(30);

/// When a session ends by itself that began at `since` and is used now.
pub(super) fn end_of(since: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    (now + IDLE).min(since + LONGEST)
}

/// Whose tokens they are.
pub(super) struct Of {
    pub(super) msp: MspId,
    pub(super) bearer: Bearer,
    pub(super) role: Role,
    pub(super) tenants: Tenants,
}

/// Begins a session of somebody who has proved who they are, in their transaction.
pub(super) async fn begin(
    tx: &mut MspTx,
    service: &Service,
    user: &User,
    action: &str,
    now: DateTime<Utc>,
) -> Result<TokenView, Problem> {
    let session = SessionId::new(now, service.sources.entropy());
    let expires_at = end_of(now, now);
    user_session::insert(tx, session, user.id, now, expires_at, now - REMEMBERED).await?;
    note(tx, service, user, action, json!({ "session": session }), now).await?;
    let bearer = Bearer::Session { user: user.id, session };
    let of = Of { msp: tx.msp(), bearer, role: user.role, tenants: user.tenants.clone() };
    tokens(service, of, (session, 1, expires_at), now)
}

/// A line of the audit log about what a user did to themselves, before there is a caller.
pub(super) async fn note(
    tx: &mut MspTx,
    service: &Service,
    user: &User,
    action: &str,
    detail: Value,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let (actor, subject) = (user.id.to_string(), user.id.to_string());
    write_down(tx, service, Did { actor, action, subject, tenant: None, detail }, now).await
}

/// A token, and the refresh token of that number.
pub(super) fn tokens(
    service: &Service,
    of: Of,
    (session, number, expires_at): (SessionId, i64, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<TokenView, Problem> {
    let claims = Claims { msp: of.msp, bearer: of.bearer, tenants: of.tenants, permissions: of.role.permissions() };
    let token = service.tokens.issue(&claims, now).map_err(|error| Problem::internal(&error))?;
    let refresh = Refresh { msp: of.msp, session, number }.issue(&service.master);
    Ok(TokenView {
        access_token: token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: TOKEN_LIFETIME_S,
        refresh_token: Some(refresh.expose_secret().to_owned()),
        refresh_token_expires_in: Some((expires_at - now).num_seconds()),
    })
}
