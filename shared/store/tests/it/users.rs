//! Users and their sessions, behind the wall, and what only one of two gets.

use daimon_domain::id::{SessionId, UserId};
use daimon_domain::scope::Tenants;
use daimon_domain::user::{Role, User};
use daimon_store::user_session::{self, Ended};
use daimon_store::{Page, StoreError, user};
use sqlx::PgPool;

use crate::support::{Msp, World, at};

fn somebody(world: &World, email: &str, role: Role, tenants: Tenants) -> User {
    User {
        id: UserId::new(at(1), &world.entropy),
        email: email.parse().unwrap(),
        name: "Aiko Mori".to_owned(),
        role,
        tenants,
        disabled_at: None,
        accepted_at: None,
        invitation_expires_at: Some(at(600)),
        totp_since: None,
        recovery_codes: 0,
        last_signed_in_at: None,
        created_at: at(1),
        version: 1,
    }
}

/// A user who has accepted.
async fn member(world: &World, msp: Msp, email: &str, role: Role, tenants: Tenants) -> User {
    let user = somebody(world, email, role, tenants);
    let mut tx = world.db.begin(&msp.wall()).await.unwrap();
    user::insert(&mut tx, &user, &[1; 32]).await.unwrap();
    assert!(user::accept(&mut tx, user.id, &[1; 32], "$argon2id$x", at(2)).await.unwrap());
    tx.commit().await.unwrap();
    user
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn an_address_is_one_user_within_an_msp_and_says_nothing_of_another(pool: PgPool) {
    let world = World::new(pool).await;
    let user = somebody(&world, "mori@kestrel.example", Role::Viewer, Tenants::All);
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    user::insert(&mut tx, &user, &[1; 32]).await.unwrap();
    assert_eq!(user::find(&mut tx, user.id).await.unwrap(), Some(user.clone()));
    tx.commit().await.unwrap();
    let again = User { id: UserId::new(at(2), &world.entropy), ..user.clone() };
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let refusal = user::insert(&mut tx, &again, &[1; 32]).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Conflict { constraint } if constraint == "msp_user_email_once"));
    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert_eq!(user::id_of(&mut tx, &user.email).await.unwrap(), None);
    user::insert(&mut tx, &again, &[1; 32]).await.unwrap();
    assert_eq!(user::find(&mut tx, user.id).await.unwrap(), None);
    assert!(!user::delete(&mut tx, user.id, 1).await.unwrap());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn a_limited_caller_sees_and_makes_nobody_who_reaches_further(pool: PgPool) {
    let world = World::new(pool).await;
    let other = world.another_tenant(world.ours).await;
    let own = Tenants::Only(vec![world.ours.tenant]);
    let near = member(&world, world.ours, "near@kestrel.example", Role::Viewer, own.clone()).await;
    let far = member(&world, world.ours, "far@kestrel.example", Role::Viewer, Tenants::All).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let sessions = [SessionId::new(at(3), &world.entropy), SessionId::new(at(3), &world.entropy)];
    for (session, user) in sessions.iter().zip([near.id, far.id]) {
        user_session::insert(&mut tx, *session, user, at(3), at(900), at(0)).await.unwrap();
    }
    tx.commit().await.unwrap();

    let wall = world.ours.limited(&[world.ours.tenant]);
    let mut tx = world.db.begin(&wall).await.unwrap();
    let seen = user::list(&mut tx, Page::first(9)).await.unwrap().items;
    assert_eq!(seen.iter().map(|user| user.id).collect::<Vec<_>>(), [near.id]);
    assert!(user_session::find(&mut tx, sessions[0]).await.unwrap().is_some());
    assert!(user_session::find(&mut tx, sessions[1]).await.unwrap().is_none(), "a session of somebody out of sight");
    assert!(!user_session::end(&mut tx, sessions[1], Ended::Revoked, at(4)).await.unwrap());
    for tenants in [Tenants::All, Tenants::Only(vec![world.ours.tenant, other])] {
        let mut tx = world.db.begin(&wall).await.unwrap();
        let further = somebody(&world, "new@kestrel.example", Role::Viewer, tenants);
        let refusal = user::insert(&mut tx, &further, &[1; 32]).await.unwrap_err();
        assert!(matches!(refusal, StoreError::Refused(_)), "{refusal}");
    }
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    let limited = somebody(&world, "owner@kestrel.example", Role::Owner, own);
    let refusal = user::insert(&mut tx, &limited, &[1; 32]).await.unwrap_err();
    assert!(matches!(refusal, StoreError::Invalid { constraint } if constraint == "msp_user_owner_has_no_limits"));
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn what_is_good_once_is_taken_once(pool: PgPool) {
    let world = World::new(pool).await;
    let user = member(&world, world.ours, "mori@kestrel.example", Role::Admin, Tenants::All).await;
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    assert!(!user::accept(&mut tx, user.id, &[1; 32], "$argon2id$y", at(3)).await.unwrap(), "the invitation");
    assert!(!user::replace_password(&mut tx, user.id, "$argon2id$z", "$argon2id$y").await.unwrap());
    assert!(!user::use_step(&mut tx, user.id, 7).await.unwrap(), "there is no second factor");
    user::begin_totp(&mut tx, user.id, b"sealed").await.unwrap();
    assert!(!user::confirm_totp(&mut tx, user.id, b"another", 7, &[], at(4)).await.unwrap());
    assert!(user::confirm_totp(&mut tx, user.id, b"sealed", 7, &[[3; 32], [4; 32]], at(4)).await.unwrap());
    let taken = [
        user::use_step(&mut tx, user.id, 7).await.unwrap(),
        user::use_step(&mut tx, user.id, 8).await.unwrap(),
        user::use_step(&mut tx, user.id, 8).await.unwrap(),
        user::use_recovery_code(&mut tx, user.id, &[3; 32]).await.unwrap(),
        user::use_recovery_code(&mut tx, user.id, &[3; 32]).await.unwrap(),
    ];
    assert_eq!(taken, [false, true, false, true, false]);
    assert_eq!(user::find(&mut tx, user.id).await.unwrap().unwrap().recovery_codes, 1);

    let session = SessionId::new(at(5), &world.entropy);
    user_session::insert(&mut tx, session, user.id, at(5), at(900), at(0)).await.unwrap();
    assert!(user_session::refresh(&mut tx, session, 1, at(950)).await.unwrap());
    assert!(!user_session::refresh(&mut tx, session, 1, at(950)).await.unwrap());
    assert!(user_session::end(&mut tx, session, Ended::Revoked, at(6)).await.unwrap());
    assert!(!user_session::refresh(&mut tx, session, 2, at(950)).await.unwrap());
    user_session::insert(&mut tx, SessionId::new(at(7), &world.entropy), user.id, at(7), at(999), at(7)).await.unwrap();
    assert!(user_session::find(&mut tx, session).await.unwrap().is_none(), "what was over is forgotten");
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn of_two_owners_who_remove_each_other_at_once_one_stays(pool: PgPool) {
    let world = World::new(pool).await;
    let one = member(&world, world.ours, "one@kestrel.example", Role::Owner, Tenants::All).await;
    let two = member(&world, world.ours, "two@kestrel.example", Role::Owner, Tenants::All).await;
    let remove = async |leaving: &User| {
        let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
        let others = user::other_owners(&mut tx, leaving.id).await.unwrap();
        if others > 0 {
            assert!(user::delete(&mut tx, leaving.id, 2).await.unwrap());
        }
        tx.commit().await.unwrap();
        others
    };
    let (first, second) = tokio::join!(remove(&one), remove(&two));
    assert_eq!(first + second, 1, "the second one waited, and found nobody else");
}
