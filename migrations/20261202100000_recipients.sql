-- The addresses that bounced in an incident, which somebody asked for: read again from its mails, sealed under the tenant's key, and
-- gone when they have been given.
set local lock_timeout = '5s';

create table bounced_recipient (
    msp_id uuid not null,
    tenant_id uuid not null,
    job_id uuid not null,
    -- A bounce that names the recipient: each stands here until one of them could be read again.
    bounce_id uuid not null,
    recipient_hash bytea not null,
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    -- What the newest bounce of the recipient said, and how many there were.
    reason text not null,
    status text,
    permanence text not null,
    bounced_at timestamptz not null,
    bounces bigint not null,
    state text not null default 'waiting',
    sealed_address bytea,
    asked_at timestamptz not null,
    constraint bounced_recipient_pk primary key (msp_id, job_id, bounce_id),
    constraint bounced_recipient_job_fk foreign key (msp_id, job_id) references job (msp_id, job_id) on delete cascade,
    constraint bounced_recipient_state_is_known check (
        (state in ('waiting', 'gone') and sealed_address is null) or (state = 'found' and sealed_address is not null)
    )
);
create index bounced_recipient_waiting on bounced_recipient (msp_id, job_id, folder, uid_validity, uid) where state = 'waiting';
create index bounced_recipient_of_hash on bounced_recipient (msp_id, job_id, recipient_hash);
create index bounced_recipient_asked on bounced_recipient (asked_at);

alter table bounced_recipient enable row level security;
alter table bounced_recipient force row level security;
create policy bounced_recipient_wall on bounced_recipient
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on bounced_recipient to daimon_app;
create policy bounced_recipient_fleet on bounced_recipient for select to daimon_fleet using (true);
create policy bounced_recipient_fleet_sweep on bounced_recipient for delete to daimon_fleet using (true);
grant select (asked_at), delete on bounced_recipient to daimon_fleet;
