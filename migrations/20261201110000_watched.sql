-- From when to when each mailbox was watched: what is billed. Rows outlive their mailboxes and tenants, so they refer to neither.
set local lock_timeout = '5s';

create table watched (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    since timestamptz not null,
    -- Null: it still is.
    until timestamptz,
    constraint watched_pk primary key (msp_id, mailbox_id, since),
    constraint watched_msp_fk foreign key (msp_id) references msp,
    constraint watched_goes_forward check (until >= since)
);
create unique index watched_now_once on watched (msp_id, mailbox_id) where until is null;
create index watched_of_tenant on watched (msp_id, tenant_id, since);

-- Of what was before, it is known only since when a mailbox is watched or paused: earlier pauses, and mailboxes that are gone, are not in
-- it. Forced row security would hide them from the owner.
alter table mailbox no force row level security;
insert into watched (msp_id, tenant_id, mailbox_id, since, until)
select msp_id, tenant_id, mailbox_id, created_at, greatest(created_at, polling_since) from mailbox;
alter table mailbox force row level security;

alter table watched enable row level security;
alter table watched force row level security;
create policy watched_wall on watched
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update on watched to daimon_app;
