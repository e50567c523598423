//! Keys outlive programs: an older one, and one that a newer program has made.

use daimon_domain::id::{KeyId, MspId};
use daimon_domain::scope::{Permission, Wall};
use daimon_store::{Db, MIGRATOR, api_key};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use uuid::Uuid;

use crate::support::{at, pool_of};

#[expect(clippy::disallowed_methods, reason = "rows as they were before this program")]
#[sqlx::test(migrations = false)]
async fn keys_that_could_do_everything_are_given_the_permission_that_is_new(pool: PgPool) {
    const NEW: i64 = 20_261_202_100_000;
    let older = MIGRATOR.iter().filter(|one| one.version < NEW).cloned().collect();
    Migrator::with_migrations(older).run(&pool).await.unwrap();
    let known = Permission::ALL.iter().filter(|one| **one != Permission::RecipientsRead);
    let all: Vec<_> = known.map(ToString::to_string).collect();
    let few = all.iter().skip(1).cloned().collect::<Vec<_>>();
    let msp = Uuid::from_u128(1);
    let mut tx = pool.begin().await.unwrap();
    let wall = "select set_config('app.msp_id', $1::text, true), set_config('app.tenant_scope', '*', true)";
    sqlx::query(wall).bind(msp.to_string()).execute(&mut *tx).await.unwrap();
    sqlx::query("insert into msp (msp_id, name, created_at) values ($1, 'Kestrel', $2)")
        .bind(msp)
        .bind(at(0))
        .execute(&mut *tx)
        .await
        .unwrap();
    for (key, permissions) in [(1, &all), (2, &few)] {
        sqlx::query(
            "insert into api_key (msp_id, key_id, name, secret_sha256, permissions, created_at)
            values ($1, $2, 'Key', $3, $4, $5)",
        )
        .bind(msp)
        .bind(Uuid::from_u128(key))
        .bind([1_u8; 32].as_slice())
        .bind(permissions)
        .bind(at(0))
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();

    MIGRATOR.run(&pool).await.unwrap();

    // And one whose key a newer program has given more.
    let mut tx = pool.begin().await.unwrap();
    sqlx::query(wall).bind(msp.to_string()).execute(&mut *tx).await.unwrap();
    let newer = "update api_key set permissions = permissions || array['weather:write'] where key_id = $1";
    sqlx::query(newer).bind(Uuid::from_u128(2)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let db = Db::of_pool(pool_of(&pool, "daimon_app", 1).await).await.unwrap();
    let mut tx = db.begin(&Wall::whole(MspId::from_uuid(msp))).await.unwrap();
    for (key, count) in [(1, Permission::ALL.len()), (2, few.len())] {
        let (key, _) = api_key::find(&mut tx, KeyId::from_uuid(Uuid::from_u128(key))).await.unwrap().unwrap();
        assert_eq!(key.permissions.len(), count, "{:?}", key.permissions);
        assert_eq!(key.permissions.contains(&Permission::RecipientsRead), count == Permission::ALL.len());
    }
}
