-- How fast an endpoint is told, when it is not, and what is recorded of it.
set local lock_timeout = '5s';

alter table endpoint
    add column rate_limit_per_minute integer,
    -- The token bucket, as the time at which it is full again; and until when turns are given away.
    add column bucket_full_at timestamptz,
    add column turns_until timestamptz,
    -- Minutes of the day in the time zone; who passes all the same.
    add column quiet_from smallint,
    add column quiet_until smallint,
    add column quiet_time_zone text,
    add column quiet_let_through text;
alter table endpoint
    add constraint endpoint_rate_is_positive check (rate_limit_per_minute between 1 and 60000) not valid,
    add constraint endpoint_quiet_hours_are_whole check (
        (quiet_from is null) = (quiet_until is null) and (quiet_from is null) = (quiet_time_zone is null)
        and (quiet_from is not null or quiet_let_through is null)
    ) not valid;

-- Why a delivery waits although nothing has failed, and whether somebody only tries the endpoint out.
alter table delivery
    add column waits_for text,
    add column is_test boolean not null default false;
alter table delivery add constraint delivery_waits_for_is_known check (waits_for in ('rate_limit', 'quiet_hours')) not valid;
create index delivery_undelivered on delivery (msp_id, endpoint_id, created_at) where state = 'pending';
create index delivery_oldest on delivery (created_at) where state = 'pending';
grant update (waits_for) on delivery to daimon_app;
grant select (created_at) on delivery to daimon_fleet;

alter table attempt add column request_sha256 bytea;
alter table attempt add constraint attempt_hash_is_sha256 check (octet_length(request_sha256) = 32) not valid;
