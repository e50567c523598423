-- What the wall between MSPs and tenants is made of.
--
-- Roles belong to the cluster, not to the database, so they are made by whoever sets the cluster up.
do $$
declare
    missing text;
begin
    select string_agg(name, ', ') into missing
    from unnest(array['daimon_app', 'daimon_fleet']) as name
    where not exists (select from pg_catalog.pg_roles where rolname = name);
    if missing is not null then
        raise exception 'the roles % are missing: create them before migrating (migrations/README.md)', missing;
    end if;
end
$$;

-- The default since Postgres 15; a cluster that was upgraded keeps what it had.
revoke create on schema public from public;

-- Policies without a `with check` hold for what is written as for what is read. They ask these functions inside a
-- `select`: once per statement, and not once per row.

-- The MSP of this transaction; null, and so no rows, when none was set. After a transaction with SET LOCAL the setting
-- is the empty string, which would not cast.
create function wall_msp() returns uuid
language sql stable parallel safe
return nullif(current_setting('app.msp_id', true), '')::uuid;

-- The tenants of this transaction as written: `*`, or ids with commas between.
create function wall_tenants() returns text[]
language sql stable parallel safe
return string_to_array(current_setting('app.tenant_scope', true), ',');

-- The smallest UUIDv7-shaped value of that millisecond: a bound of partitions.
create function uuid_floor(at timestamptz) returns uuid
language sql stable parallel safe
return (lpad(to_hex(greatest(0, floor(extract(epoch from at) * 1000))::bigint), 12, '0') || repeat('0', 20))::uuid;
