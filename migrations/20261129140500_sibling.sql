-- Which mailboxes of a tenant have the same password: where one is stolen, the others are open to the thief too.
set local lock_timeout = '5s';

-- A keyed hash of the password and its tenant: equal passwords of two tenants have different ones. Null until the password
-- was opened once by a program that writes it.
alter table mailbox add column secret_hash bytea;
alter table mailbox add constraint mailbox_secret_hash_has_32_bytes check (octet_length(secret_hash) = 32) not valid;

-- The others, found when the theft was. The hash is of that time: whoever has another password since is out of danger.
create table incident_sibling (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    mailbox_id uuid not null,
    secret_hash bytea not null,
    found_at timestamptz not null,
    constraint incident_sibling_pk primary key (msp_id, incident_id, mailbox_id),
    constraint incident_sibling_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint incident_sibling_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint incident_sibling_hash_has_32_bytes check (octet_length(secret_hash) = 32)
);
create index incident_sibling_of_mailbox on incident_sibling (msp_id, mailbox_id);
alter table incident_sibling enable row level security;
alter table incident_sibling force row level security;
create policy incident_sibling_wall on incident_sibling
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, delete on incident_sibling to daimon_app;
