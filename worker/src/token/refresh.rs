//! Asking the provider: who may, what is stored, and in which order.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use daimon_boot::time::Time;
use daimon_domain::clock::{Clock, Entropy};
use daimon_domain::credential::{Credential, TokenFault};
use daimon_domain::mailbox::Connection;
use daimon_domain::scope::Wall;
use daimon_egress::{Egress, WebhookUrl};
use daimon_seal::{Aad, ClientSecret, DataKey, MasterKey, SystemEntropy};
use daimon_store::access_token::{self, AccessToken, Holder, Issued};
use daimon_store::credential::{self, Secret};
use daimon_store::{Db, Sealed, StoreError};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::access::{Grant, NoToken};
use super::answer::{Told, understand};
use super::request::request;
use crate::read::Reader;

/// Nobody else asks for so long. A request takes a third of it at most.
const LEASE: TimeDelta = TimeDelta::minutes(1);
/// How often the database is asked whether it is back: on the machine's clock, since it tells nobody.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// And how often at most: after that somebody else may ask.
const MOST_TRIES: u32 = 60;
/// A provider is not asked sooner, whatever it says.
const SHORTEST_WAIT: TimeDelta = TimeDelta::seconds(5);

/// Everything that asking needs, without the session that wanted it: it goes on when that ends.
struct Asker {
    db: Db,
    egress: Egress,
    master: Arc<MasterKey>,
    time: Time,
    entropy: SystemEntropy,
    wall: Wall,
    credential: Credential,
    holder: Holder,
    sealed_key: Vec<u8>,
    lease: Uuid,
    secret: Secret,
    failures: u32,
}

/// What is to be stored.
enum Outcome {
    Granted {
        issued: Issued,
        /// What the provider gave in place of the secret.
        rotated: Option<Sealed>,
    },
    Failed {
        fault: TokenFault,
        /// The provider's own number for it.
        code: Option<u32>,
        next_try_at: DateTime<Utc>,
    },
}

/// Asks, if nobody else does; comes back when it is stored what came of it. `Awaited`: somebody else does, or did.
pub(super) async fn ask(ctx: &Reader, grant: &Grant, known: Option<&AccessToken>) -> Result<(), NoToken> {
    let now = ctx.time.now();
    let seen = known.and_then(|known| known.token.as_ref()).map(|token| token.issued_at);
    let mut tx = ctx.db.begin(&grant.wall).await?;
    let lease = access_token::lease(&mut tx, &grant.holder, seen, now, now + LEASE).await?;
    let Some(lease) = lease else { return Err(NoToken::Awaited) };
    // As they are now: what the session has read may be older than the last rotation.
    let found = credential::find(&mut tx, grant.credential.id).await?;
    let secret = credential::secret(&mut tx, grant.credential.id).await?;
    let Some((found, secret)) = found.zip(secret) else { return Err(NoToken::Awaited) };
    tx.commit().await?;
    let asker = Asker {
        db: ctx.db.clone(),
        egress: ctx.egress.clone(),
        master: Arc::clone(&ctx.master),
        time: ctx.time.clone(),
        entropy: ctx.entropy,
        wall: grant.wall.clone(),
        credential: found.credential,
        holder: grant.holder.clone(),
        sealed_key: grant.sealed_key.clone(),
        lease,
        secret,
        failures: known.map_or(0, |known| known.failures),
    };
    tokio::spawn(asker.run()).await.unwrap_or(Err(NoToken::Awaited))
}

impl Asker {
    async fn run(self) -> Result<(), NoToken> {
        let outcome = match self.outcome().await {
            Ok(outcome) => outcome,
            Err(error) => {
                let mut tx = self.db.begin(&self.wall).await?;
                access_token::give_back(&mut tx, &self.holder, self.lease).await?;
                tx.commit().await?;
                return Err(error);
            }
        };
        let word = match &outcome {
            Outcome::Granted { .. } => "granted",
            Outcome::Failed { fault, .. } => fault.as_str(),
        };
        metrics::counter!("daimon_token_requests_total", "outcome" => word).increment(1);
        let id = self.credential.id;
        if let Outcome::Failed { fault, .. } = &outcome {
            tracing::info!(credential.id = %id, code = %fault, "credential {id} was given no access token");
        }
        // What was rotated exists nowhere else by now.
        for _ in 0..MOST_TRIES {
            match self.store(&outcome).await {
                Err(StoreError::Unavailable(_)) => tokio::time::sleep(TRY_EVERY).await,
                stored => return Ok(stored?),
            }
        }
        tracing::error!(credential.id = %id, "what credential {id} was given could not be stored: the database is away");
        Err(NoToken::Awaited)
    }

    async fn outcome(&self) -> Result<Outcome, NoToken> {
        let asked_at = self.time.now();
        let key = self.key()?;
        let secret = self.open(&key)?;
        let subject = self.holder.mailbox.as_ref().map(|(_, name)| name.as_str());
        let asked = request(&self.credential, &secret, subject, asked_at);
        let asked = asked.ok().and_then(|asked| {
            let url = WebhookUrl::parse(&asked.url, self.egress.guard()).ok()?;
            Some((url, asked.form))
        });
        let told = match asked {
            // Nothing comes of it until somebody replaces the credential or opens the way.
            None => Told::Later { fault: TokenFault::Unusable, code: None, wait: Some(TimeDelta::hours(1)) },
            Some((url, form)) => {
                let answer = Box::pin(self.egress.ask_for_token(&url, form.as_bytes().to_vec())).await;
                understand(&answer, self.time.now())
            }
        };
        let now = self.time.now();
        Ok(match told {
            Told::Granted { access_token, holds, refresh_token } => Outcome::Granted {
                issued: self.issued(&key, &access_token, now, asked_at + holds)?,
                rotated: self.rotated(&key, secret, refresh_token)?,
            },
            Told::Refused { fault, code } => Outcome::Failed { fault, code, next_try_at: now },
            Told::Later { fault, code, wait } => {
                let by_itself = Connection::cool_down(self.failures.saturating_add(1), self.entropy.fraction());
                let wait = wait.unwrap_or_default().max(by_itself).max(SHORTEST_WAIT);
                Outcome::Failed { fault, code, next_try_at: now + wait }
            }
        })
    }

    fn key(&self) -> Result<DataKey, NoToken> {
        let aad = Aad::tenant_key(self.wall.msp, self.credential.tenant);
        self.master.unwrap(&self.sealed_key, &aad).map_err(|_sealed| NoToken::Sealed)
    }

    fn open(&self, key: &DataKey) -> Result<ClientSecret, NoToken> {
        let plain = key.open(&self.aad(), &self.secret.sealed.bytes).map_err(|_sealed| NoToken::Sealed)?;
        ClientSecret::from_bytes(&plain).ok_or(NoToken::Sealed)
    }

    fn aad(&self) -> Aad {
        Aad::credential_secret(self.wall.msp, self.credential.tenant, self.credential.id)
    }

    fn issued(
        &self,
        key: &DataKey,
        token: &SecretString,
        issued_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<Issued, NoToken> {
        let aad = Aad::access_token(self.wall.msp, self.credential.tenant, self.holder.id());
        let bytes = key.seal(&aad, token.expose_secret().as_bytes()).map_err(|_sealed| NoToken::Sealed)?;
        // A provider whose answer took longer than its token holds.
        let expires_at = expires_at.max(issued_at);
        Ok(Issued { sealed: Sealed { bytes, key_version: 1 }, issued_at, expires_at })
    }

    fn rotated(
        &self,
        key: &DataKey,
        secret: ClientSecret,
        refresh_token: Option<SecretString>,
    ) -> Result<Option<Sealed>, NoToken> {
        let text = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
        let is_new = refresh_token.is_some() && text(&refresh_token) != text(&secret.refresh_token);
        if !self.credential.kind.has_refresh_token() || !is_new {
            return Ok(None);
        }
        let secret = ClientSecret { refresh_token, ..secret };
        let bytes = key.seal(&self.aad(), &secret.to_bytes()).map_err(|_sealed| NoToken::Sealed)?;
        Ok(Some(Sealed { bytes, key_version: 1 }))
    }

    /// One transaction, in which the secret is still the one that was asked with; else it was about another one.
    async fn store(&self, outcome: &Outcome) -> Result<(), StoreError> {
        let (id, version) = (self.credential.id, self.secret.version);
        let mut tx = self.db.begin(&self.wall).await?;
        match outcome {
            Outcome::Granted { issued, rotated } => {
                let is_current = match rotated {
                    Some(secret) => credential::rotate(&mut tx, id, version, secret).await?,
                    None => credential::hold(&mut tx, id, version).await?,
                };
                if is_current {
                    access_token::store(&mut tx, &self.holder, self.lease, issued).await?;
                }
            }
            Outcome::Failed { fault, code, next_try_at } => {
                if credential::hold(&mut tx, id, version).await? {
                    let now = self.time.now();
                    let why = (*fault, *code);
                    access_token::fail(&mut tx, &self.holder, self.lease, why, *next_try_at, now).await?;
                }
            }
        }
        access_token::give_back(&mut tx, &self.holder, self.lease).await?;
        tx.commit().await
    }
}
