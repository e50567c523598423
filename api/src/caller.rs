//! Who calls, for which MSP and tenants, and whether they may.
//!
//! A handler that takes a `Caller<P>` runs only for a token that holds, whose key is still live and has the permission
//! `P`. The permission is checked before anything else is looked up, so that who lacks it learns nothing about ids. The
//! caller brings the one transaction of the request, behind the wall of its MSP and tenants.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::{DateTime, Utc};
use daimon_domain::id::{AuditId, KeyId, MspId, TenantId};
use daimon_domain::scope::{Permission, Tenants, Wall};
use daimon_seal::{Claims, TokenError};
use daimon_store::{MspTx, api_key, audit};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::limits::Known;
use crate::problem::Problem;
use crate::service::Service;

/// A permission, as a type.
pub(crate) trait Permit {
    /// Which one.
    const PERMISSION: Permission;
}

macro_rules! permits {
    ($($name:ident,)+) => {$(
        #[doc = concat!("[`Permission::", stringify!($name), "`].")]
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl Permit for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )+};
}

permits! {
    TenantsRead,
    TenantsWrite,
    MailboxesRead,
    MailboxesWrite,
    BouncesRead,
    IncidentsRead,
    IncidentsWrite,
    WebhooksRead,
    WebhooksWrite,
    EventsRead,
    KeysWrite,
    AuditRead,
}

/// Somebody who may do `P`.
pub(crate) struct Caller<P> {
    /// The request's transaction. Nothing is kept unless it is committed.
    pub(crate) tx: MspTx,
    /// The MSP.
    pub(crate) msp: MspId,
    /// The API key behind the token.
    pub(crate) key: KeyId,
    /// The tenants within reach.
    pub(crate) tenants: Tenants,
    /// What the key may do.
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
        let entry = audit::NewEntry {
            id: AuditId::new(self.now, self.service.sources.entropy()),
            tenant,
            at: self.now,
            actor: self.key.to_string(),
            action: action.to_owned(),
            subject: subject.to_string(),
            detail,
        };
        audit::append(&mut self.tx, &entry).await?;
        Ok(())
    }

    /// The tenant that was asked for; it may be left out by whoever has one only.
    pub(crate) fn tenant(&self, asked: Option<TenantId>) -> Result<TenantId, Problem> {
        let only = match &self.tenants {
            Tenants::Only(tenants) if tenants.len() == 1 => tenants.first().copied(),
            Tenants::All | Tenants::Only(_) => None,
        };
        asked.or(only).ok_or_else(|| Problem::invalid("/tenant_id", "is missing"))
    }

    /// Keeps what was done.
    pub(crate) async fn commit(self) -> Result<(), Problem> {
        Ok(self.tx.commit().await?)
    }
}

impl<P: Permit + 'static> FromRequest for Caller<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let service = request.app_data::<Data<Service>>().cloned();
        let token = bearer(request).map(ToOwned::to_owned);
        let known = request.extensions().get::<Known>().cloned();
        async move {
            let service = service.ok_or(Problem::Internal)?;
            let token = token.ok_or(Problem::Unauthenticated("Send a token as Authorization: Bearer."))?;
            match known {
                Some(Known(claims)) => enter(&service, claims).await,
                None => admit(&service, &token).await,
            }
        }
        .boxed_local()
    }
}

/// The bearer of that token, if it holds, its key is live and has the permission.
pub(crate) async fn admit<P: Permit>(service: &Data<Service>, token: &str) -> Result<Caller<P>, Problem> {
    let claims = service.tokens.verify(token, service.sources.now()).map_err(|error| match error {
        TokenError::Expired => Problem::Unauthenticated("This token has expired."),
        TokenError::Forged | TokenError::Key => {
            Problem::Unauthenticated("This is no token of ours. Exchange your API key at POST /v1/auth/token.")
        }
    })?;
    enter(service, claims).await
}

/// The same with a token that has been verified.
async fn enter<P: Permit>(service: &Data<Service>, claims: Claims) -> Result<Caller<P>, Problem> {
    let now = service.sources.now();
    let mut tx = service.db.begin(&Wall { msp: claims.msp, tenants: claims.tenants.clone() }).await?;
    let live = api_key::find(&mut tx, claims.key).await?.is_some_and(|(key, _hash)| key.is_live(now));
    if !live {
        return Err(Problem::Unauthenticated("The API key of this token was revoked or has expired."));
    }
    if !claims.permissions.contains(&P::PERMISSION) {
        return Err(Problem::Forbidden(P::PERMISSION));
    }
    Ok(Caller {
        tx,
        msp: claims.msp,
        key: claims.key,
        tenants: claims.tenants,
        permissions: claims.permissions,
        now,
        service: service.clone(),
        permit: PhantomData,
    })
}

/// A caller who may do `P`, and what the request says.
///
/// The rest of a request is judged only after its caller was: whoever lacks the permission does not learn what is wrong
/// with a body.
pub(crate) struct Permitted<P, T>(pub(crate) Caller<P>, pub(crate) T);

impl<P: Permit + 'static, T: FromRequest + 'static> FromRequest for Permitted<P, T> {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, body: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, body);
        let rest = T::from_request(request, body);
        async move {
            let caller = caller.await?;
            let rest = rest.await.map_err(Into::into)?;
            Ok(Self(caller, rest))
        }
        .boxed_local()
    }
}

/// The credential of `Authorization: Bearer`.
pub(crate) fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, credential) = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential.trim())
}
