//! Who calls, for which MSP and tenants, and whether they may.
//!
//! A handler that takes a `Caller<P>` runs only for a token that holds, whose key or session is still live and has the
//! permission `P`. The permission is checked before anything else is looked up, so that who lacks it learns nothing about ids. The
//! caller brings the one transaction of the request, behind the wall of its MSP and tenants.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};
use daimon_domain::id::{AuditId, MspId, SessionId, TenantId};
use daimon_domain::scope::{Actor, Permission, Tenants, Wall};
use daimon_seal::{Bearer, Claims, TokenError};
use daimon_store::{MspTx, api_key, audit, user_session};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::limits::Known;
use crate::problem::Problem;
use crate::service::Service;

/// A permission, as a type.
pub(crate) trait Permit {
    /// Which one; none: whoever has a token may.
    const PERMISSION: Option<Permission>;
    /// Whether it is also for whoever has a password only, and needs a second factor for all else.
    const WHILE_ENROLLING: bool = false;
}

/// Whoever has a token that holds.
#[derive(Debug)]
pub(crate) enum Anybody {}

impl Permit for Anybody {
    const PERMISSION: Option<Permission> = None;
}

/// The same in what concerns nobody but themselves: also without the second factor, which is enrolled here.
#[derive(Debug)]
pub(crate) enum Oneself {}

impl Permit for Oneself {
    const PERMISSION: Option<Permission> = None;
    const WHILE_ENROLLING: bool = true;
}

macro_rules! permits {
    ($($name:ident,)+) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Permit for $name {
            const PERMISSION: Option<Permission> = Some(Permission::$name);
        }
    )+};
}

permits! {
    TenantsRead,
    TenantsWrite,
    MailboxesRead,
    MailboxesWrite,
    BouncesRead,
    RecipientsRead,
    IncidentsRead,
    IncidentsWrite,
    WebhooksRead,
    WebhooksWrite,
    EventsRead,
    KeysWrite,
    AuditRead,
    UsersRead,
    UsersWrite,
    MspWrite,
}

/// Somebody who may do `P`.
pub(crate) struct Caller<P> {
    /// The request's transaction. Nothing is kept unless it is committed.
    pub(crate) tx: MspTx,
    /// The MSP.
    pub(crate) msp: MspId,
    /// The API key or the user behind the token.
    pub(crate) actor: Actor,
    /// The session, where that is a user.
    pub(crate) session: Option<SessionId>,
    /// The tenants within reach.
    pub(crate) tenants: Tenants,
    /// What they may do.
    pub(crate) permissions: Vec<Permission>,
    /// When the request came.
    pub(crate) now: DateTime<Utc>,
    /// What lasts longer than the request.
    pub(crate) service: Data<Service>,
    permit: PhantomData<P>,
}

impl<P> Caller<P> {
    /// Writes down who did what, in the transaction of its effect.
    pub(crate) async fn audit(
        &mut self,
        action: &str,
        subject: impl ToString,
        tenant: Option<TenantId>,
        detail: serde_json::Value,
    ) -> Result<(), Problem> {
        let entry = self.entry(action, &subject, tenant, detail);
        audit::append(&mut self.tx, &entry).await?;
        Ok(())
    }

    /// What would be written down, for who writes several at once.
    pub(crate) fn entry(
        &self,
        action: &str,
        subject: &impl ToString,
        tenant: Option<TenantId>,
        detail: serde_json::Value,
    ) -> audit::NewEntry {
        let did = Did { actor: self.actor.to_string(), action, subject: subject.to_string(), tenant, detail };
        entry(&self.service, did, self.now)
    }

    /// The tenant that was asked for; it may be left out by whoever has one only.
    pub(crate) fn tenant(&self, asked: Option<TenantId>) -> Result<TenantId, Problem> {
        let only = match &self.tenants {
            Tenants::Only(tenants) if tenants.len() == 1 => tenants.first().copied(),
            Tenants::All | Tenants::Only(_) => None,
        };
        asked.or(only).ok_or_else(|| Problem::invalid("/tenant_id", "is missing"))
    }

    /// Gives the transaction back, undone, while something takes its time that needs no database.
    pub(crate) async fn pause(self) -> Result<Paused<P>, Problem> {
        let Self { tx, actor, session, permissions, now, service, permit, .. } = self;
        let wall = tx.wall().clone();
        tx.rollback().await?;
        Ok(Paused { service, wall, actor, session, permissions, now, permit })
    }

    /// Keeps what was done.
    pub(crate) async fn commit(self) -> Result<(), Problem> {
        Ok(self.tx.commit().await?)
    }
}

/// A caller without a transaction.
pub(crate) struct Paused<P> {
    /// What lasts longer than the request.
    pub(crate) service: Data<Service>,
    wall: Wall,
    actor: Actor,
    session: Option<SessionId>,
    permissions: Vec<Permission>,
    now: DateTime<Utc>,
    permit: PhantomData<P>,
}

impl<P> Paused<P> {
    /// The caller with another transaction, behind the same wall.
    pub(crate) async fn resume(self) -> Result<Caller<P>, Problem> {
        let Self { service, wall, actor, session, permissions, now, permit } = self;
        let tx = service.db.begin(&wall).await?;
        let Wall { msp, tenants } = wall;
        Ok(Caller { tx, msp, actor, session, tenants, permissions, now, service, permit })
    }
}

/// Who did what.
pub(crate) struct Did<'a> {
    /// Who: an id, or the name of a program.
    pub(crate) actor: String,
    /// What, such as `mailbox.paused`.
    pub(crate) action: &'a str,
    /// To what.
    pub(crate) subject: String,
    /// Of which tenant.
    pub(crate) tenant: Option<TenantId>,
    /// Anything more.
    pub(crate) detail: serde_json::Value,
}

/// Writes it down, in the transaction of its effect.
pub(crate) async fn write_down(
    tx: &mut MspTx,
    service: &Service,
    did: Did<'_>,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    audit::append(tx, &entry(service, did, now)).await?;
    Ok(())
}

fn entry(service: &Service, did: Did<'_>, now: DateTime<Utc>) -> audit::NewEntry {
    audit::NewEntry {
        id: AuditId::new(now, service.sources.entropy()),
        tenant: did.tenant,
        at: now,
        actor: did.actor,
        action: did.action.to_owned(),
        subject: did.subject,
        detail: did.detail,
    }
}

impl<P: Permit + 'static> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let service = request.app_data::<Data<Service>>().cloned();
        // Taken, because a list of permissions costs something to copy; whoever asks again has the token verified again.
        let known = request.extensions_mut().remove::<Known>();
        let token = if known.is_none() { bearer(request).map(ToOwned::to_owned) } else { None };
        async move {
            let service = service.ok_or(Problem::Internal)?;
            if let Some(Known(claims)) = known {
                return enter(&service, claims).await;
            }
            let token = token.ok_or(Problem::Unauthenticated("Send a token as Authorization: Bearer."))?;
            admit(&service, &token).await
        }
        .boxed_local()
    }
}

/// The bearer of that token, if it holds, its key or session is live and has the permission.
pub(crate) async fn admit<P: Permit>(service: &Data<Service>, token: &str) -> Result<Caller<P>, Problem> {
    let claims = service.tokens.verify(token, service.sources.now()).map_err(|error| match error {
        TokenError::Expired => Problem::Unauthenticated("This token has expired."),
        TokenError::Forged | TokenError::Key => {
            Problem::Unauthenticated("This is no token of ours. Sign in at POST /v1/auth/token.")
        }
    })?;
    enter(service, claims).await
}

/// The same with a token that has been verified.
async fn enter<P: Permit>(service: &Data<Service>, claims: Claims) -> Result<Caller<P>, Problem> {
    let now = service.sources.now();
    let mut tx = service.db.begin(&Wall { msp: claims.msp, tenants: claims.tenants.clone() }).await?;
    let session = match claims.bearer {
        Bearer::Key(key) => {
            if !api_key::find(&mut tx, key).await?.is_some_and(|(key, _hash)| key.is_live(now)) {
                return Err(Problem::Unauthenticated("The API key of this token was revoked or has expired."));
            }
            None
        }
        Bearer::Session { user, session } => {
            let found = user_session::find(&mut tx, session).await?;
            let found = found.filter(|found| found.user == user && found.is_live(now));
            let found = found.ok_or(Problem::Unauthenticated("The session of this token has ended. Sign in again."))?;
            if found.tenants != claims.tenants || found.role.permissions() != claims.permissions {
                return Err(Problem::Unauthenticated(
                    "What you may do has changed. Get another token at POST /v1/auth/refresh.",
                ));
            }
            if found.role.needs_second_factor() && !found.has_totp && !P::WHILE_ENROLLING {
                return Err(Problem::EnrolmentRequired);
            }
            Some(session)
        }
    };
    if let Some(permission) = P::PERMISSION.filter(|permission| !claims.permissions.contains(permission)) {
        return Err(Problem::Forbidden(permission));
    }
    Ok(Caller {
        tx,
        msp: claims.msp,
        actor: claims.bearer.actor(),
        session,
        tenants: claims.tenants,
        permissions: claims.permissions,
        now,
        service: service.clone(),
        permit: PhantomData,
    })
}

impl<P> Caller<P> {
    /// Refuses whoever may not do this besides.
    pub(crate) fn also_needs(&self, permission: Permission) -> Result<(), Problem> {
        if self.permissions.contains(&permission) { Ok(()) } else { Err(Problem::Forbidden(permission)) }
    }
}

/// A caller who may do `P`, and what the request says.
///
/// The rest of a request is judged only after its caller was: whoever lacks the permission does not learn what is wrong
/// with a body. Nobody keeps a connection of the database while a body is slow to come; when it has, its caller is judged anew.
pub(crate) struct Permitted<P, T>(pub(crate) Caller<P>, pub(crate) T);

impl<P: Permit + 'static, T: FromRequest + 'static> FromRequest for Permitted<P, T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, body: &mut Payload) -> Self::Future {
        let caller = Caller::<P>::from_request(request, body);
        let rest = T::from_request(request, body);
        let request = request.clone();
        async move {
            let caller = caller.await?;
            let mut rest = Box::pin(rest);
            if let Some(rest) = rest.as_mut().now_or_never() {
                return Ok(Self(caller, rest.map_err(Into::into)?));
            }
            drop(caller.pause().await?);
            let rest = rest.await.map_err(Into::into)?;
            Ok(Self(Caller::from_request(&request, &mut Payload::None).await?, rest))
        }
        .boxed_local()
    }
}

/// The credential of `Authorization: Bearer`.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, credential) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential.trim())
}
