-- It happened → it goes to one endpoint → one HTTP request.
create table event (
    msp_id uuid not null,
    event_id uuid not null,
    -- Null: about the MSP itself.
    tenant_id uuid,
    type text not null,
    severity text,
    occurred_at timestamptz not null,
    body text not null,
    -- The order of GET /v1/events, given after commit, so that an event which commits late is not skipped.
    position bigint,
    constraint event_pk primary key (msp_id, event_id),
    constraint event_msp_fk foreign key (msp_id) references msp,
    constraint event_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint event_severity_is_known check (severity in ('low', 'medium', 'high', 'critical')),
    constraint event_body_has_a_size check (octet_length(body) < 20000)
) partition by range (event_id);
create table event_default partition of event default;
create index event_unplaced on event (msp_id, event_id) where position is null;
create index event_in_order on event (msp_id, position) where position is not null;
create index event_of_tenant on event (msp_id, tenant_id) where tenant_id is not null;

create table endpoint (
    msp_id uuid not null,
    endpoint_id uuid not null,
    url text not null,
    description text not null,
    -- Empty: all of them, in each of the three.
    types text[] not null,
    severities text[] not null,
    tenants uuid[] not null,
    sealed_secret bytea not null,
    previous_sealed_secret bytea,
    previous_until timestamptz,
    disabled_at timestamptz,
    disabled_reason text,
    failing_since timestamptz,
    failures integer not null default 0,
    created_at timestamptz not null,
    version bigint not null default 1,
    constraint endpoint_pk primary key (msp_id, endpoint_id),
    constraint endpoint_msp_fk foreign key (msp_id) references msp,
    constraint endpoint_url_has_a_length check (char_length(url) between 8 and 2000),
    constraint endpoint_disabled_is_whole check ((disabled_at is null) = (disabled_reason is null)),
    constraint endpoint_previous_is_whole check ((previous_sealed_secret is null) = (previous_until is null)),
    constraint endpoint_failing_is_whole check ((failing_since is null) = (failures = 0))
);

-- Partitioned like the events it carries, and without a foreign key to them: both go when their month goes.
create table delivery (
    msp_id uuid not null,
    delivery_id uuid not null,
    tenant_id uuid,
    event_id uuid not null,
    endpoint_id uuid not null,
    state text not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    created_at timestamptz not null,
    constraint delivery_pk primary key (msp_id, delivery_id),
    constraint delivery_endpoint_fk foreign key (msp_id, endpoint_id) references endpoint on delete cascade,
    constraint delivery_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint delivery_state_is_known check (
        (state = 'pending' and next_attempt_at is not null)
        or (state in ('delivered', 'failed') and next_attempt_at is null)
    ),
    constraint delivery_lease_is_whole check ((lease_token is null) = (lease_until is null))
) partition by range (delivery_id);
create table delivery_default partition of delivery default;
create index delivery_due on delivery (next_attempt_at) where state = 'pending';
create index delivery_of_endpoint on delivery (msp_id, endpoint_id, delivery_id desc);
create index delivery_of_event on delivery (msp_id, event_id);
create index delivery_of_tenant on delivery (msp_id, tenant_id) where tenant_id is not null;

create table attempt (
    msp_id uuid not null,
    attempt_id uuid not null,
    tenant_id uuid,
    delivery_id uuid not null,
    attempted_at timestamptz not null,
    status smallint,
    fault text,
    latency_ms integer not null,
    excerpt text,
    constraint attempt_pk primary key (msp_id, attempt_id),
    constraint attempt_msp_fk foreign key (msp_id) references msp,
    constraint attempt_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint attempt_excerpt_has_a_size check (octet_length(excerpt) <= 4096)
) partition by range (attempt_id);
create table attempt_default partition of attempt default;
create index attempt_of_delivery on attempt (msp_id, delivery_id, attempt_id desc);
create index attempt_of_tenant on attempt (msp_id, tenant_id) where tenant_id is not null;

do $$
declare
    name text;
begin
    foreach name in array array['event', 'delivery', 'attempt'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format('alter table %I enable row level security', name || '_default');
        -- A row without a tenant is the whole MSP's: it is out of reach of a caller limited to some tenants.
        execute format(
            'create policy %I on %I
                using (msp_id = (select wall_msp()) and (''*'' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])))',
            name || '_wall', name
        );
        execute format('grant select, insert on %I to daimon_app', name);
    end loop;
end
$$;
grant update (position) on event to daimon_app;
grant update (state, attempts, next_attempt_at, lease_token, lease_until) on delivery to daimon_app;

alter table endpoint enable row level security;
alter table endpoint force row level security;
create policy endpoint_wall on endpoint
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or (tenants <> '{}' and tenants::text[] <@ (select wall_tenants()))));
grant select, insert, update, delete on endpoint to daimon_app;

create policy delivery_fleet on delivery for select to daimon_fleet using (true);
grant select (msp_id, tenant_id, delivery_id, state, next_attempt_at, lease_until) on delivery to daimon_fleet;
