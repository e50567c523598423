-- Work that a client asked for and waits for: a row that it can look at, done by whichever worker takes its lease.
set local lock_timeout = '5s';

create table job (
    msp_id uuid not null,
    tenant_id uuid not null,
    job_id uuid not null,
    mailbox_id uuid not null,
    kind text not null,
    state text not null,
    created_at timestamptz not null,
    created_by text not null,
    -- When it is tried next.
    not_before timestamptz not null,
    started_at timestamptz,
    -- When its end is told: how soon something failed would tell why.
    ended_at timestamptz,
    -- It came no further than strangers do: of such ones there are a few an hour.
    is_in_vain boolean not null default false,
    result jsonb,
    -- Why there is none.
    failure text,
    lease_token uuid,
    lease_until timestamptz,
    attempt integer not null default 0,
    constraint job_pk primary key (msp_id, job_id),
    constraint job_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint job_state_is_known check (
        (state in ('waiting', 'running') and ended_at is null) or (state in ('done', 'failed') and ended_at is not null)
    ),
    constraint job_brings_one_of_both check ((state = 'done') = (result is not null) and (state = 'failed') = (failure is not null)),
    constraint job_lease_is_whole check ((lease_token is null) = (lease_until is null))
);
create unique index job_once on job (msp_id, mailbox_id, kind) where ended_at is null;
create index job_of_mailbox on job (msp_id, mailbox_id, job_id desc);
create index job_in_vain on job (msp_id, tenant_id, ended_at) where is_in_vain;
create index job_due on job (not_before) where ended_at is null;
create index job_ended on job (ended_at) where ended_at is not null;

alter table job enable row level security;
alter table job force row level security;
create policy job_wall on job
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on job to daimon_app;
create policy job_fleet on job for select to daimon_fleet using (true);
create policy job_fleet_sweep on job for delete to daimon_fleet using (ended_at is not null);
grant select (msp_id, tenant_id, job_id, not_before, lease_until, ended_at), delete on job to daimon_fleet;
