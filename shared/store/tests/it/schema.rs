//! What the schema promises of every table, so that the next table can't forget it.

use sqlx::PgPool;

use crate::support::World;

/// Names of what breaks a promise.
async fn offenders(pool: &PgPool, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(pool).await.unwrap()
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn every_table_forces_row_security_and_has_a_policy(pool: PgPool) {
    let world = World::new(pool).await;
    let forgotten = offenders(
        &world.owner,
        "select relname::text from pg_class
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
            and relname <> '_sqlx_migrations'
            and not (relrowsecurity and relforcerowsecurity and exists (select from pg_policy where polrelid = pg_class.oid))",
    );
    assert_eq!(forgotten.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn every_partition_shows_nothing_of_its_own(pool: PgPool) {
    let world = World::new(pool).await;
    world.fleet.ensure_partitions(crate::support::at(0)).await.unwrap();
    let partitions = "select relname::text from pg_class where relispartition and relkind = 'r'";
    assert_eq!(offenders(&world.owner, partitions).await.len(), 4 * 5);
    let open = offenders(
        &world.owner,
        "select relname::text from pg_class where relispartition and relkind = 'r' and (not relrowsecurity
            or exists (select from pg_policy where polrelid = pg_class.oid)
            or has_table_privilege('daimon_app', oid, 'select, insert, update, delete')
            or has_any_column_privilege('daimon_fleet', oid, 'select'))",
    );
    assert_eq!(open.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn every_unique_key_is_led_by_the_msp(pool: PgPool) {
    let world = World::new(pool).await;
    let telling = offenders(
        &world.owner,
        "select indexrelid::regclass::text from pg_index
        join pg_class on pg_class.oid = indrelid
        join pg_attribute on attrelid = indrelid and attnum = indkey[0]
        where relnamespace = 'public'::regnamespace and relname <> '_sqlx_migrations' and indisunique and attname <> 'msp_id'
            and has_table_privilege('daimon_app', indrelid, 'select, insert, update, delete')",
    );
    assert_eq!(telling.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn every_foreign_key_is_led_by_the_msp(pool: PgPool) {
    let world = World::new(pool).await;
    let plain = offenders(
        &world.owner,
        "select conname::text from pg_constraint
        join pg_attribute on attrelid = conrelid and attnum = conkey[1]
        where contype = 'f' and attname <> 'msp_id'
            and has_table_privilege('daimon_app', conrelid, 'select, insert, update, delete')",
    );
    assert_eq!(plain.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn no_view_looks_with_the_eyes_of_its_owner(pool: PgPool) {
    let world = World::new(pool).await;
    let views = offenders(
        &world.owner,
        "select relname::text from pg_class
        where relnamespace = 'public'::regnamespace
            and (relkind = 'm' or (relkind = 'v' and not coalesce(reloptions @> '{security_invoker=true}', false)))",
    );
    assert_eq!(views.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn nobody_may_truncate_and_the_audit_log_only_grows(pool: PgPool) {
    let world = World::new(pool).await;
    let truncatable = offenders(
        &world.owner,
        "select relname::text from pg_class, unnest(array['daimon_app', 'daimon_fleet']) as role
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and has_table_privilege(role, oid, 'truncate')",
    );
    assert_eq!(truncatable.await, Vec::<String>::new());
    let changeable: bool = sqlx::query_scalar(
        "select has_table_privilege('daimon_app', 'audit_entry', 'delete')
            or has_any_column_privilege('daimon_app', 'audit_entry', 'update')",
    )
    .fetch_one(&world.owner)
    .await
    .unwrap();
    assert!(!changeable);
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn functions_that_run_as_the_owner_pin_their_search_path_and_are_not_for_everyone(pool: PgPool) {
    let world = World::new(pool).await;
    let definers =
        "select proname::text from pg_proc where prosecdef and pronamespace = 'public'::regnamespace order by 1";
    assert_eq!(
        offenders(&world.owner, definers).await,
        ["delete_some", "drop_partitions", "ensure_partitions", "forget_before"]
    );
    let loose = offenders(
        &world.owner,
        "select proname::text from pg_proc where prosecdef and pronamespace = 'public'::regnamespace
            and (proconfig is null or not proconfig::text like '%search_path=pg_catalog, pg_temp%'
                or has_function_privilege('daimon_app', oid, 'execute') <> (proname = 'delete_some')
                or has_function_privilege('daimon_fleet', oid, 'execute') <> (proname <> 'delete_some'))",
    );
    assert_eq!(loose.await, Vec::<String>::new());
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn no_statement_of_the_schema_reads_the_clock(pool: PgPool) {
    let world = World::new(pool).await;
    let clocks = offenders(
        &world.owner,
        "select adrelid::regclass::text from pg_attrdef where pg_get_expr(adbin, adrelid) ~* 'now\\(|current_timestamp|clock_timestamp'
            and adrelid::regclass::text <> '_sqlx_migrations'
        union all
        select proname::text from pg_proc where pronamespace = 'public'::regnamespace
            and prosrc ~* 'now\\(|current_timestamp|clock_timestamp'",
    );
    assert_eq!(clocks.await, Vec::<String>::new());
}
