//! Credentials and access tokens: one asks at a time, and what comes of it counts while the secret is the same.

use daimon_domain::credential::{Condition, Credential, CredentialKind, TokenFault};
use daimon_domain::id::CredentialId;
use daimon_domain::mailbox::{Connection, ConnectionFault, Mailbox};
use daimon_store::access_token::{self, Holder, Issued};
use daimon_store::deletion::{self, Target};
use daimon_store::{Page, Sealed, StoreError, credential, mailbox};
use sqlx::PgPool;

use crate::support::{Msp, World, a_mailbox, at, sealed};

fn a_credential(world: &World, msp: Msp, kind: CredentialKind) -> Credential {
    Credential {
        id: CredentialId::new(at(0), &world.entropy),
        tenant: msp.tenant,
        name: "Mail".to_owned(),
        kind,
        imap_host: "imap.sakura.example".parse().unwrap(),
        directory_id: None,
        client_id: "c1".to_owned(),
        token_url: None,
        scope: None,
        account: None,
        created_at: at(0),
        version: 1,
    }
}

async fn kept(world: &World, msp: Msp, kind: CredentialKind) -> Credential {
    let credential = a_credential(world, msp, kind);
    let mut tx = world.db.begin(&msp.wall()).await.unwrap();
    credential::insert(&mut tx, &credential, &sealed(b"s1")).await.unwrap();
    tx.commit().await.unwrap();
    credential
}

fn shared(credential: &Credential) -> Holder {
    Holder { credential: credential.id, tenant: credential.tenant, mailbox: None }
}

fn issued(second: i64) -> Issued {
    Issued { sealed: sealed(b"token"), issued_at: at(second), expires_at: at(second + 3_600) }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn one_asks_and_whoever_comes_meanwhile_or_late_does_not(pool: PgPool) {
    let world = World::new(pool).await;
    let credential = kept(&world, world.ours, CredentialKind::OAuth2ClientCredentials).await;
    let holder = shared(&credential);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let lease = access_token::lease(&mut tx, &holder, None, at(0), at(60)).await.unwrap().unwrap();
    assert_eq!(access_token::lease(&mut tx, &holder, None, at(59), at(119)).await.unwrap(), None, "meanwhile");
    assert!(credential::hold(&mut tx, credential.id, 1).await.unwrap());
    access_token::store(&mut tx, &holder, lease, &issued(1)).await.unwrap();
    assert_eq!(
        access_token::lease(&mut tx, &holder, None, at(70), at(130)).await.unwrap(),
        None,
        "has seen an older one"
    );
    let again = access_token::lease(&mut tx, &holder, Some(at(1)), at(70), at(130)).await.unwrap();
    assert!(again.is_some(), "that one runs out");
    let known = access_token::find(&mut tx, &holder).await.unwrap().unwrap();
    assert_eq!(known.token, Some(issued(1)), "it holds while another is asked for");
    // A worker that died is followed by another.
    assert!(access_token::lease(&mut tx, &holder, Some(at(1)), at(130), at(190)).await.unwrap().is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_an_older_secret_was_answered_counts_for_nothing(pool: PgPool) {
    let world = World::new(pool).await;
    let credential = kept(&world, world.ours, CredentialKind::OAuth2RefreshToken).await;
    let (id, holder) = (credential.id, shared(&credential));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let slow = access_token::lease(&mut tx, &holder, None, at(0), at(60)).await.unwrap().unwrap();
    let quick = access_token::lease(&mut tx, &holder, None, at(60), at(120)).await.unwrap().unwrap();
    // Both asked with the first secret. The provider has given one of them another.
    assert!(credential::rotate(&mut tx, id, 1, &sealed(b"s2")).await.unwrap());
    access_token::store(&mut tx, &holder, quick, &issued(61)).await.unwrap();
    assert!(!credential::hold(&mut tx, id, 1).await.unwrap(), "the refusal of the other is of the first secret");
    assert!(!credential::rotate(&mut tx, id, 1, &sealed(b"s3")).await.unwrap());
    access_token::fail(&mut tx, &holder, slow, (TokenFault::InvalidGrant, None), at(62), at(62)).await.unwrap();
    let known = access_token::find(&mut tx, &holder).await.unwrap().unwrap();
    assert_eq!((known.token, known.refused), (Some(issued(61)), None), "nor with a lease that ran out");
    let secret = credential::secret(&mut tx, id).await.unwrap().unwrap();
    assert_eq!((secret.sealed, secret.version), (sealed(b"s2"), 2));

    // People replace it: what was given before goes with it, and the version that people see is theirs.
    assert_eq!(credential::find(&mut tx, id).await.unwrap().unwrap().credential.version, 1);
    assert_eq!(credential::replace(&mut tx, &credential, &sealed(b"s4")).await.unwrap(), Some(2));
    assert_eq!(access_token::find(&mut tx, &holder).await.unwrap(), None);
    assert_eq!(credential::replace(&mut tx, &credential, &sealed(b"s5")).await.unwrap(), None, "somebody was faster");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_refusal_stays_until_it_is_pardoned_and_a_cool_down_until_its_time(pool: PgPool) {
    let world = World::new(pool).await;
    let credential = kept(&world, world.ours, CredentialKind::OAuth2ClientCredentials).await;
    let (id, holder) = (credential.id, shared(&credential));
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let lease = access_token::lease(&mut tx, &holder, None, at(0), at(60)).await.unwrap().unwrap();
    access_token::fail(&mut tx, &holder, lease, (TokenFault::Busy, None), at(30), at(1)).await.unwrap();
    let condition = credential::find(&mut tx, id).await.unwrap().unwrap().condition;
    assert_eq!(condition, Condition::CoolingDown { fault: TokenFault::Busy, next_try_at: at(30) });
    assert_eq!(access_token::lease(&mut tx, &holder, None, at(29), at(89)).await.unwrap(), None);
    let lease = access_token::lease(&mut tx, &holder, None, at(30), at(90)).await.unwrap().unwrap();
    let fault = (TokenFault::InvalidClient, Some(7_000_215));
    access_token::fail(&mut tx, &holder, lease, fault, at(30), at(31)).await.unwrap();
    let known = access_token::find(&mut tx, &holder).await.unwrap().unwrap();
    assert_eq!(known.provider_code, Some(7_000_215));
    assert_eq!(access_token::lease(&mut tx, &holder, None, at(9_999), at(10_059)).await.unwrap(), None);
    let condition = credential::find(&mut tx, id).await.unwrap().unwrap().condition;
    assert_eq!(condition, Condition::Refused { fault: TokenFault::InvalidClient, since: at(31) });

    let of_credential = Mailbox {
        credential: Some(id),
        connection: Connection::New.failed(ConnectionFault::GrantRefused, at(32)),
        ..a_mailbox(daimon_domain::id::MailboxId::new(at(1), &world.entropy), world.ours.tenant, "ito@sakura.example")
    };
    mailbox::insert(&mut tx, &of_credential, &Sealed::nothing()).await.unwrap();
    assert_eq!(mailbox::find(&mut tx, of_credential.id).await.unwrap(), Some(of_credential.clone()));
    assert!(mailbox::lease(&mut tx, of_credential.id, at(99), at(159)).await.unwrap().is_none());
    access_token::pardon(&mut tx, id).await.unwrap();
    assert_eq!(mailbox::try_again(&mut tx, id, at(99)).await.unwrap(), 1);
    assert!(mailbox::lease(&mut tx, of_credential.id, at(99), at(159)).await.unwrap().is_some());
    assert!(access_token::lease(&mut tx, &holder, None, at(99), at(159)).await.unwrap().is_some());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_token_that_names_a_mailbox_is_not_used_under_another_name(pool: PgPool) {
    let world = World::new(pool).await;
    let credential = kept(&world, world.ours, CredentialKind::GoogleServiceAccount).await;
    let named = |name: &str| Holder { mailbox: Some((world.ours.mailbox, name.to_owned())), ..shared(&credential) };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let (old, new) = (named("sato"), named("suzuki"));
    let lease = access_token::lease(&mut tx, &old, None, at(0), at(60)).await.unwrap().unwrap();
    access_token::store(&mut tx, &old, lease, &issued(1)).await.unwrap();
    assert!(access_token::find(&mut tx, &old).await.unwrap().is_some());
    assert_eq!(access_token::find(&mut tx, &new).await.unwrap(), None);
    assert!(access_token::lease(&mut tx, &new, None, at(2), at(62)).await.unwrap().is_some());
    assert_eq!(access_token::find(&mut tx, &old).await.unwrap(), None, "one row for each mailbox");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_credential_is_its_tenants_and_stays_while_a_mailbox_has_it(pool: PgPool) {
    let world = World::new(pool).await;
    let (ours, theirs) = (world.ours, world.theirs);
    let credential = kept(&world, ours, CredentialKind::OAuth2ClientCredentials).await;
    let mut tx = world.db.begin(&theirs.wall()).await.unwrap();
    assert_eq!(credential::find(&mut tx, credential.id).await.unwrap(), None);
    assert_eq!(credential::secret(&mut tx, credential.id).await.unwrap(), None);
    assert!(credential::list(&mut tx, None, Page::first(50)).await.unwrap().items.is_empty());
    assert!(!credential::delete(&mut tx, credential.id, 1).await.unwrap());
    let id = daimon_domain::id::MailboxId::new(at(1), &world.entropy);
    let smuggled = Mailbox { credential: Some(credential.id), ..a_mailbox(id, theirs.tenant, "mori@momiji.example") };
    let refusal = mailbox::insert(&mut tx, &smuggled, &Sealed::nothing()).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Missing { constraint } if constraint == "mailbox_credential_fk"));
    drop(tx);

    let other = world.another_tenant(ours).await;
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    let smuggled = Mailbox { credential: Some(credential.id), ..a_mailbox(id, other, "mori@momiji.example") };
    let refusal = mailbox::insert(&mut tx, &smuggled, &Sealed::nothing()).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Missing { constraint } if constraint == "mailbox_credential_fk"));
    drop(tx);

    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    let own = Mailbox { credential: Some(credential.id), ..a_mailbox(id, ours.tenant, "mori@sakura.example") };
    let both = mailbox::insert(&mut tx, &own, &sealed(b"a password too")).await.unwrap_err();
    assert!(matches!(both, StoreError::Invalid { constraint } if constraint == "mailbox_has_one_secret"));
    drop(tx);
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    mailbox::insert(&mut tx, &own, &Sealed::nothing()).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    assert_eq!(credential::find(&mut tx, credential.id).await.unwrap().unwrap().mailboxes, 1);
    let refusal = credential::delete(&mut tx, credential.id, 1).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Missing { constraint } if constraint == "mailbox_credential_fk"));
    drop(tx);
    // With the tenant everything goes.
    let mut tx = world.db.begin(&ours.wall()).await.unwrap();
    access_token::lease(&mut tx, &shared(&credential), None, at(0), at(60)).await.unwrap().unwrap();
    assert!(deletion::finish(&mut tx, Target::Tenant(ours.tenant), Some(1), at(60)).await.unwrap());
    assert_eq!(credential::find(&mut tx, credential.id).await.unwrap(), None);
}
