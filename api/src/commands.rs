//! What the program can be asked to do.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::web::Data;
use anyhow::{Context, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use daimon_api::{Hashing, Limits, Service, Sources};
use daimon_boot::internal::Check;
use daimon_boot::settings::{Api, Environment, Owner};
use daimon_boot::shutdown::{Signal, within};
use daimon_boot::time::Time;
use daimon_boot::{internal, logging, metrics};
use daimon_domain::clock::{Clock, SystemClock};
use daimon_domain::id::{KeyId, MspId, UserId};
use daimon_domain::mailbox::Address;
use daimon_domain::scope::{Permission, Tenants, Wall};
use daimon_domain::user::{Role, User};
use daimon_egress::Egress;
use daimon_queue::Queue;
use daimon_seal::{Invitation, MasterKey, SystemEntropy, TokenIssuer};
use daimon_store::{Db, api_key, msp, user};
use secrecy::ExposeSecret;

/// Connections may take this long to close, after requests had 20 s to end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How many requests can hold a transaction at once.
const CONNECTIONS: u32 = 20;

#[expect(clippy::print_stdout, reason = "the answer of the program, not a log line")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Serves until it is asked to stop.
pub(crate) async fn serve(api: Api) -> anyhow::Result<()> {
    let common = &api.common;
    common.check().unwrap_or_else(|error| daimon_boot::settings::refuse(&error));
    logging::init(&common.surroundings.log)?;
    let measured = metrics::install()?;
    let stop = Signal::watch()?;
    let (time, mut drains) = Time::start(common.surroundings.clock.as_deref(), "api").await?;
    // The API has no work of its own: whoever waits for it to be idle need not wait.
    tokio::spawn(async move {
        loop {
            drains.next().await.done(0);
        }
    });

    let is_development = common.surroundings.environment == Environment::Development;
    let master = MasterKey::from_hex_file(&common.master_key_file)?;
    let egress = Egress::new(&daimon_egress::Settings {
        allow_file: common.egress.egress_allow_file.clone(),
        extra_ca_file: common.egress.extra_ca_file.clone(),
        resolve_file: common.egress.resolve_file.clone(),
        dns_servers: common.egress.dns_servers.clone(),
        own_hosts: common.egress.api_hosts.clone(),
        development: is_development,
    })?;
    let db = Db::connect(common.database_url.expose(), CONNECTIONS).await?;
    let queue = Queue::connect(common.redis_url.expose(), &common.redis_prefix)?;
    let sources = Sources::new(Arc::new(time), Arc::new(SystemEntropy));
    let service = Data::new(Service {
        db: db.clone(),
        tokens: TokenIssuer::new(&master)?,
        master,
        guard: egress.guard().clone(),
        egress,
        queue: Some(queue),
        limits: Limits::new(api.rates),
        hashing: Hashing::default(),
        sources: sources.clone(),
        streams: Arc::default(),
        stop: stop.clone(),
    });
    let asked = db.clone();
    let postgres = Check::new("postgres", move || {
        let db = asked.clone();
        async move { db.ping().await.is_ok() }
    });
    let internal = internal::serve(api.internal_listen, vec![postgres], measured)?;

    let sources = Data::new(sources);
    let server = HttpServer::new(move || daimon_api::app(sources.clone(), Some(service.clone())))
        .disable_signals()
        // Whoever sends a header byte by byte holds a connection no longer than that.
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(20)
        .bind(api.listen)
        .with_context(|| format!("DAIMON_LISTEN {} can't be used", api.listen))?;
    let address = server.addrs().first().copied().unwrap_or(api.listen);
    let running = server.run();
    let handle = running.handle();
    let serving = tokio::spawn(running);
    say(&format!("ready api={address} internal={}", internal.address));
    stop.cancelled().await;
    handle.stop(true).await;
    serving.await??;
    let close = async {
        internal.stop().await;
        db.close().await;
    };
    within(CLOSE_WITHIN, "connections to Postgres", close).await;
    Ok(())
}

/// Somebody who is to own an MSP.
pub(crate) struct FirstOwner {
    /// Whom they sign in as.
    pub(crate) email: Address,
    /// What people call them.
    pub(crate) name: String,
}

/// Creates an MSP, its first key and, if wanted, its first owner.
pub(crate) async fn bootstrap(
    owner: &Owner,
    name: &str,
    another: bool,
    first: Option<FirstOwner>,
) -> anyhow::Result<()> {
    let length = name.chars().count();
    ensure!((1..=200).contains(&length) && !name.chars().any(char::is_control), "--name has 1 to 200 characters");
    let owner = daimon_store::Owner::connect(owner.database_owner_url.expose()).await?;
    owner.migrate().await.context("DATABASE_OWNER_URL: the database could not be brought to this version")?;
    if !another && owner.any_msp_exists().await? {
        daimon_boot::settings::refuse(&"there is an MSP already, so nothing was changed; --another creates one more");
    }
    let (now, entropy) = (SystemClock.now(), SystemEntropy);
    owner.ensure_partitions(now).await?;
    let msp = MspId::new(now, &entropy);
    let id = KeyId::new(now, &entropy);
    let (text, hash) = daimon_seal::ApiKey::generate(msp, id, &entropy);
    let key = api_key::ApiKey {
        id,
        name: "bootstrap".to_owned(),
        permissions: Permission::ALL.to_vec(),
        tenants: Tenants::All,
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    let mut tx = owner.begin(&Wall::whole(msp)).await?;
    msp::create(&mut tx, name, now).await?;
    api_key::insert(&mut tx, &key, &hash).await?;
    let invitation = match first {
        None => None,
        Some(first) => {
            let id = UserId::new(now, &entropy);
            let (invitation, hash) = Invitation::generate(msp, id, &entropy);
            user::insert(&mut tx, &invited(id, first, now), &hash).await?;
            Some(invitation)
        }
    };
    tx.commit().await?;
    say(text.expose_secret());
    if let Some(invitation) = invitation {
        say(invitation.expose_secret());
    }
    Ok(())
}

fn invited(id: UserId, first: FirstOwner, now: DateTime<Utc>) -> User {
    User {
        id,
        email: first.email,
        name: first.name,
        role: Role::Owner,
        tenants: Tenants::All,
        disabled_at: None,
        accepted_at: None,
        invitation_expires_at: Some(now + TimeDelta::days(7)),
        totp_since: None,
        recovery_codes: 0,
        last_signed_in_at: None,
        created_at: now,
        version: 1,
    }
}

/// Brings the database to this version.
pub(crate) async fn migrate(owner: &Owner) -> anyhow::Result<()> {
    let owner = daimon_store::Owner::connect(owner.database_owner_url.expose()).await?;
    owner.migrate().await?;
    owner.ensure_partitions(SystemClock.now()).await?;
    Ok(())
}

/// Prints the document.
pub(crate) fn openapi() -> anyhow::Result<()> {
    say(daimon_api::document_json()?.trim_end());
    Ok(())
}
