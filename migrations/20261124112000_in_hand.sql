-- What tells a process that died from one that could not say how it ended, and folders that number their mail anew.
set local lock_timeout = '5s';

-- The messages that a session is about to read, written down before it does and taken out when it has. A row whose lease
-- has passed to somebody else means that its process died, or has not been able to say that it lives.
create table in_hand (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    lease_token uuid not null,
    folder text not null,
    uid_validity bigint not null,
    first_uid bigint not null,
    last_uid bigint not null,
    taken_at timestamptz not null,
    constraint in_hand_pk primary key (msp_id, mailbox_id, lease_token),
    constraint in_hand_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint in_hand_is_a_range check (first_uid <= last_uid)
);
alter table in_hand enable row level security;
alter table in_hand force row level security;
create policy in_hand_wall on in_hand
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on in_hand to daimon_app;

-- How often in a row the folder had another UIDVALIDITY than the time before.
alter table folder add column renumbered integer not null default 0;

-- How often it was taken since it was last given back; `attempts` counts the requests that were recorded.
alter table delivery add column leases integer not null default 0;
grant update (leases) on delivery to daimon_app;
