-- The addresses that bounced in an incident, which somebody asked for: read again from its mails, sealed under the tenant's key, and
-- gone soon after they have been given.
set local lock_timeout = '5s';

alter table job
    -- When it last came further.
    add column progressed_at timestamptz,
    -- How far it has come, as its kind writes it.
    add column progress jsonb,
    -- What it keeps in other tables is deleted then.
    add column kept_until timestamptz;
create index job_keeps on job (kept_until) where kept_until is not null;
grant select (kept_until) on job to daimon_fleet;

-- A bounce whose mail is read again.
create table bounced_recipient (
    msp_id uuid not null,
    tenant_id uuid not null,
    job_id uuid not null,
    bounce_id uuid not null,
    -- The half of that id by which the mail is known again.
    mark bigint not null,
    recipient_hash bytea not null,
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    reason text not null,
    status text,
    permanence text not null,
    bounced_at timestamptz not null,
    state text not null default 'waiting',
    -- The address that was written to. It may have led to another one, which failed.
    address_hash bytea,
    sealed_address bytea,
    constraint bounced_recipient_pk primary key (msp_id, job_id, bounce_id),
    constraint bounced_recipient_job_fk foreign key (msp_id, job_id) references job (msp_id, job_id) on delete cascade,
    constraint bounced_recipient_state_is_known check (
        (state in ('waiting', 'gone', 'shut') and address_hash is null and sealed_address is null)
        or (state = 'found' and address_hash is not null and sealed_address is not null)
    )
);
create index bounced_recipient_waiting on bounced_recipient (msp_id, job_id, folder, uid_validity, uid) where state = 'waiting';
create index bounced_recipient_of_mark on bounced_recipient (msp_id, job_id, mark);
create index bounced_recipient_found on bounced_recipient (msp_id, job_id, address_hash, bounce_id desc) where state = 'found';

alter table bounced_recipient enable row level security;
alter table bounced_recipient force row level security;
create policy bounced_recipient_wall on bounced_recipient
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on bounced_recipient to daimon_app;
create policy bounced_recipient_fleet on bounced_recipient for select to daimon_fleet using (true);
create policy bounced_recipient_fleet_sweep on bounced_recipient for delete to daimon_fleet using (true);
grant select (msp_id, job_id, bounce_id), delete on bounced_recipient to daimon_fleet;

-- Who could do everything still can. The wall holds for the owner too, and nobody's is raised here.
alter table api_key no force row level security;
update api_key set permissions = permissions || array['recipients:read']
where permissions @> array[
    'tenants:read', 'tenants:write', 'mailboxes:read', 'mailboxes:write', 'bounces:read', 'incidents:read', 'incidents:write', 'webhooks:read',
    'webhooks:write', 'events:read', 'keys:write', 'audit:read', 'users:read', 'users:write', 'msp:write'
];
alter table api_key force row level security;
