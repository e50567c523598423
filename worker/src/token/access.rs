//! What a mailbox signs in with, and when the provider has to be asked for it.

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::clock::Clock;
use daimon_domain::credential::{Credential, Provider, TokenFault};
use daimon_domain::mailbox::Mailbox;
use daimon_domain::scope::Wall;
use daimon_seal::Aad;
use daimon_store::access_token::{self, AccessToken, Holder, Issued};
use daimon_store::{MspTx, StoreError, credential};
use secrecy::SecretString;

use super::refresh;
use crate::poll::{Credentials, Secret};
use crate::read::Reader;

/// A token is replaced this long before it runs out, or after three quarters of its time.
const EARLY: TimeDelta = TimeDelta::minutes(5);
/// With less than this left, or a tenth of its time, it may run out on the way.
const MARGIN: TimeDelta = TimeDelta::minutes(1);
/// A token that is newer and not let in has not run out: it is for another account, or may not do this.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// What a mailbox signs in with.
pub(crate) enum Access {
    /// A password.
    Password(Credentials),
    /// A token, when it is needed.
    Token(Box<Grant>),
}

/// The right to ask for tokens, and what is known of the last one.
#[derive(Clone)]
pub(crate) struct Grant {
    /// Inside which wall.
    pub(super) wall: Wall,
    /// By which credential.
    pub(crate) credential: Credential,
    /// Whose token.
    pub(super) holder: Holder,
    username: String,
    /// The tenant's data key.
    pub(super) sealed_key: Vec<u8>,
    known: Option<AccessToken>,
}

/// A token in use.
pub(crate) struct Token {
    /// To sign in with.
    pub(crate) credentials: Credentials,
    /// Until when it holds.
    pub(crate) expires_at: DateTime<Utc>,
    issued_at: DateTime<Utc>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoToken {
    /// The provider refuses the credential.
    #[error("the provider refuses the credential ({0})")]
    Refused(TokenFault),
    /// The provider gives none for now.
    #[error("the provider gives no token for now ({fault})")]
    Later {
        /// Why.
        fault: TokenFault,
        /// Until when it is not asked.
        until: DateTime<Utc>,
    },
    /// Somebody else is asking right now, or the credential has just changed.
    #[error("somebody else is asking for a token")]
    Awaited,
    /// The credential's secret can't be opened.
    #[error("the credential can't be opened")]
    Sealed,
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
}

/// What to do about a token.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Use the one that there is.
    Use,
    /// Ask for another; meanwhile the one that there is will do, or won't.
    Ask {
        meanwhile: bool,
    },
    /// There is none, and nobody is asked.
    Refused(TokenFault),
    Later(TokenFault, DateTime<Utc>),
}

/// `rejected` is when the token was given that a mail server did not let in.
fn decide(known: Option<&AccessToken>, rejected: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Step {
    let Some(known) = known else { return Step::Ask { meanwhile: false } };
    let token = known.token.as_ref().filter(|token| Some(token.issued_at) != rejected);
    let (mut holds, mut is_early) = (false, false);
    if let Some(token) = token {
        let (whole, left) = (token.expires_at - token.issued_at, token.expires_at - now);
        holds = left > MARGIN.min(whole / 10);
        is_early = left > EARLY.min(whole / 4);
    }
    match (known.refused, known.cooling) {
        _ if holds && is_early => Step::Use,
        (Some(_), _) if holds => Step::Use,
        (Some((fault, _)), _) => Step::Refused(fault),
        (None, Some((_, until))) if until > now && holds => Step::Use,
        (None, Some((fault, until))) if until > now => Step::Later(fault, until),
        (None, _) => Step::Ask { meanwhile: holds },
    }
}

impl Grant {
    /// Reads what a mailbox signs in with, where that is no password. `None`: it is one, or the credential has just gone.
    pub(crate) async fn read(tx: &mut MspTx, mailbox: &Mailbox, sealed_key: &[u8]) -> Result<Option<Self>, StoreError> {
        let Some(id) = mailbox.credential else { return Ok(None) };
        let Some(known) = credential::find(tx, id).await? else { return Ok(None) };
        let credential = known.credential;
        let names_it = credential.kind.names_the_mailbox();
        let holder = Holder {
            credential: credential.id,
            tenant: credential.tenant,
            mailbox: names_it.then(|| (mailbox.id, mailbox.username.clone())),
        };
        Ok(Some(Self {
            wall: tx.wall().clone(),
            known: access_token::find(tx, &holder).await?,
            credential,
            holder,
            username: mailbox.username.clone(),
            sealed_key: sealed_key.to_vec(),
        }))
    }

    /// A token that holds.
    pub(crate) async fn token(&self, ctx: &Reader) -> Result<Token, NoToken> {
        self.obtain(ctx, self.known.clone(), None).await
    }

    /// Another one in place of a token that a mail server did not let in; `None` when that one was new.
    pub(crate) async fn another(&self, ctx: &Reader, rejected: &Token) -> Result<Option<Token>, NoToken> {
        if ctx.time.now() - rejected.issued_at < FRESH {
            return Ok(None);
        }
        let known = self.look(ctx).await?;
        self.obtain(ctx, known, Some(rejected.issued_at)).await.map(Some)
    }

    /// A token that holds, for whoever asked to try it: the provider is asked although it has refused before.
    pub(crate) async fn token_asked_for(&self, ctx: &Reader) -> Result<Token, NoToken> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        access_token::ask_again(&mut tx, &self.holder).await?;
        let known = access_token::find(&mut tx, &self.holder).await?;
        tx.commit().await?;
        self.obtain(ctx, known, None).await
    }

    /// Another one in place of that, however new it is: an administrator may have allowed something since.
    pub(crate) async fn another_asked_for(&self, ctx: &Reader, before: &Token) -> Result<Token, NoToken> {
        let known = self.look(ctx).await?;
        self.obtain(ctx, known, Some(before.issued_at)).await
    }

    /// The provider's own number for why it gave none the last time.
    pub(crate) async fn provider_code(&self, ctx: &Reader) -> Result<Option<u32>, StoreError> {
        Ok(self.look(ctx).await?.and_then(|known| known.provider_code))
    }

    async fn obtain(
        &self,
        ctx: &Reader,
        mut known: Option<AccessToken>,
        rejected: Option<DateTime<Utc>>,
    ) -> Result<Token, NoToken> {
        let mut step = decide(known.as_ref(), rejected, ctx.time.now());
        if let Step::Ask { meanwhile } = step {
            let asked = refresh::ask(ctx, self, known.as_ref()).await;
            if let Err(error @ (NoToken::Sealed | NoToken::Store(_))) = asked {
                return Err(error);
            }
            if asked.is_ok() || !meanwhile {
                known = self.look(ctx).await?;
                step = decide(known.as_ref(), rejected, ctx.time.now());
            }
        }
        match step {
            Step::Use | Step::Ask { meanwhile: true } => {
                let issued = known.as_ref().and_then(|known| known.token.as_ref()).ok_or(NoToken::Awaited)?;
                self.open(ctx, issued)
            }
            Step::Ask { meanwhile: false } => Err(NoToken::Awaited),
            Step::Refused(fault) => Err(NoToken::Refused(fault)),
            Step::Later(fault, until) => Err(NoToken::Later { fault, until }),
        }
    }

    async fn look(&self, ctx: &Reader) -> Result<Option<AccessToken>, StoreError> {
        let mut tx = ctx.db.begin(&self.wall).await?;
        let known = access_token::find(&mut tx, &self.holder).await?;
        tx.rollback().await?;
        Ok(known)
    }

    fn open(&self, ctx: &Reader, issued: &Issued) -> Result<Token, NoToken> {
        let (msp, tenant) = (self.wall.msp, self.credential.tenant);
        let key =
            ctx.master.unwrap(&self.sealed_key, &Aad::tenant_key(msp, tenant)).map_err(|_sealed| NoToken::Sealed)?;
        let aad = Aad::access_token(msp, tenant, self.holder.id());
        let plain = key.open(&aad, &issued.sealed.bytes).map_err(|_sealed| NoToken::Sealed)?;
        let token = std::str::from_utf8(&plain).map_err(|_not_text| NoToken::Sealed)?;
        let prefers_xoauth2 = match self.credential.kind.provider() {
            Provider::Microsoft | Provider::Google => true,
            Provider::Other => false,
        };
        let secret = Secret::Token { token: SecretString::from(token), prefers_xoauth2 };
        let credentials = Credentials { username: self.username.clone(), secret };
        Ok(Token { credentials, expires_at: issued.expires_at, issued_at: issued.issued_at })
    }
}

#[cfg(test)]
mod tests {
    use daimon_store::Sealed;

    use super::*;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    /// Given at the beginning, for an hour.
    fn known() -> AccessToken {
        let token = Issued { sealed: Sealed::nothing(), issued_at: at(0), expires_at: at(60) };
        AccessToken { token: Some(token), refused: None, cooling: None, failures: 0, provider_code: None }
    }

    #[test]
    fn a_token_is_replaced_before_it_runs_out_and_used_while_it_holds() {
        let step = |minute| decide(Some(&known()), None, at(minute));
        assert_eq!(step(0), Step::Use);
        assert_eq!(step(54), Step::Use);
        assert_eq!(step(55), Step::Ask { meanwhile: true });
        assert_eq!(step(58), Step::Ask { meanwhile: true });
        assert_eq!(step(59), Step::Ask { meanwhile: false });
        assert_eq!(step(600), Step::Ask { meanwhile: false });
        assert_eq!(decide(None, None, at(0)), Step::Ask { meanwhile: false });
    }

    #[test]
    fn a_short_token_is_used_for_most_of_its_time() {
        let token = Issued { sealed: Sealed::nothing(), issued_at: at(0), expires_at: at(4) };
        let short = AccessToken { token: Some(token), ..known() };
        let step = |minute| decide(Some(&short), None, at(minute));
        assert_eq!(
            [step(2), step(3), step(4)],
            [Step::Use, Step::Ask { meanwhile: true }, Step::Ask { meanwhile: false }]
        );
    }

    #[test]
    fn a_token_that_was_not_let_in_is_not_used_again_and_its_successor_is() {
        assert_eq!(decide(Some(&known()), Some(at(0)), at(10)), Step::Ask { meanwhile: false });
        assert_eq!(decide(Some(&known()), Some(at(-60)), at(10)), Step::Use);
    }

    #[test]
    fn nobody_is_asked_after_a_refusal_or_during_a_cool_down() {
        let busy = AccessToken { cooling: Some((TokenFault::Busy, at(70))), ..known() };
        assert_eq!(decide(Some(&busy), None, at(56)), Step::Use);
        assert_eq!(decide(Some(&busy), None, at(65)), Step::Later(TokenFault::Busy, at(70)));
        assert_eq!(decide(Some(&busy), None, at(70)), Step::Ask { meanwhile: false });
        let refused = AccessToken { refused: Some((TokenFault::InvalidGrant, at(55))), ..known() };
        assert_eq!(decide(Some(&refused), None, at(57)), Step::Use, "it was given, and holds");
        assert_eq!(decide(Some(&refused), None, at(6_000)), Step::Refused(TokenFault::InvalidGrant));
    }
}
