-- The provider, its keys and its client companies.
create table msp (
    msp_id uuid not null,
    name text not null,
    created_at timestamptz not null,
    -- What the newest event in the order of GET /v1/events counts; see event.position.
    last_event_position bigint not null default 0,
    constraint msp_pk primary key (msp_id),
    constraint msp_name_has_a_length check (char_length(name) between 1 and 200)
);
alter table msp enable row level security;
alter table msp force row level security;
create policy msp_wall on msp using (msp_id = (select wall_msp()));
-- Bootstrap asks whether there is any MSP yet.
create policy msp_owner_counts on msp for select to current_user using (true);
grant select, update (last_event_position) on msp to daimon_app;

create table tenant (
    msp_id uuid not null,
    tenant_id uuid not null,
    name text not null,
    language text not null,
    external_refs jsonb not null,
    -- The tenant's own key, sealed by the master key: destroying the row destroys everything sealed by it.
    data_key bytea not null,
    created_at timestamptz not null,
    version bigint not null default 1,
    constraint tenant_pk primary key (msp_id, tenant_id),
    constraint tenant_msp_fk foreign key (msp_id) references msp,
    constraint tenant_name_has_a_length check (char_length(name) between 1 and 200),
    constraint tenant_language_is_known check (language in ('en', 'ja')),
    constraint tenant_external_refs_are_an_object check (jsonb_typeof(external_refs) = 'object')
);
alter table tenant enable row level security;
alter table tenant force row level security;
create policy tenant_wall on tenant
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on tenant to daimon_app;

create table api_key (
    msp_id uuid not null,
    key_id uuid not null,
    name text not null,
    secret_sha256 bytea not null,
    permissions text[] not null,
    -- Null: every tenant, also those to come.
    tenants uuid[],
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint api_key_pk primary key (msp_id, key_id),
    constraint api_key_msp_fk foreign key (msp_id) references msp,
    constraint api_key_name_has_a_length check (char_length(name) between 1 and 200),
    constraint api_key_hash_is_sha256 check (octet_length(secret_sha256) = 32)
);
alter table api_key enable row level security;
alter table api_key force row level security;
-- A caller limited to some tenants sees and makes no key that reaches further than it does itself.
create policy api_key_wall on api_key
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenants::text[] <@ (select wall_tenants())));
grant select, insert, update (revoked_at) on api_key to daimon_app;

-- Answers to requests that carried an Idempotency-Key, stored with their effect.
create table idempotency (
    msp_id uuid not null,
    caller uuid not null,
    idempotency_key text not null,
    fingerprint bytea not null,
    status smallint not null,
    location text,
    etag text,
    body bytea not null,
    created_at timestamptz not null,
    constraint idempotency_pk primary key (msp_id, caller, idempotency_key),
    constraint idempotency_msp_fk foreign key (msp_id) references msp
);
create index idempotency_by_age on idempotency (msp_id, created_at);
alter table idempotency enable row level security;
alter table idempotency force row level security;
create policy idempotency_wall on idempotency using (msp_id = (select wall_msp()));
grant select, insert, delete on idempotency to daimon_app;
