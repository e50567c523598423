-- Who did what. Entries are added and never changed; each carries the hash of the one before.
create table audit_head (
    msp_id uuid not null,
    sequence bigint not null,
    hash bytea not null,
    constraint audit_head_pk primary key (msp_id),
    constraint audit_head_msp_fk foreign key (msp_id) references msp,
    constraint audit_head_hash_is_sha256 check (octet_length(hash) = 32)
);
alter table audit_head enable row level security;
alter table audit_head force row level security;
create policy audit_head_wall on audit_head using (msp_id = (select wall_msp()));
grant select, update (sequence, hash) on audit_head to daimon_app;

create table audit_entry (
    msp_id uuid not null,
    sequence bigint not null,
    audit_id uuid not null,
    -- Null: about the MSP itself. No foreign key: entries outlive what they speak of.
    tenant_id uuid,
    happened_at timestamptz not null,
    actor text not null,
    action text not null,
    subject text not null,
    -- JSON as text: jsonb would write it differently from what was hashed.
    detail text not null,
    previous_hash bytea not null,
    hash bytea not null,
    constraint audit_entry_pk primary key (msp_id, sequence),
    constraint audit_entry_id_once unique (msp_id, audit_id),
    constraint audit_entry_msp_fk foreign key (msp_id) references msp,
    constraint audit_entry_hashes_are_sha256 check (octet_length(hash) = 32 and octet_length(previous_hash) = 32),
    constraint audit_entry_detail_is_json check (jsonb_typeof(detail::jsonb) = 'object')
);
alter table audit_entry enable row level security;
alter table audit_entry force row level security;
create policy audit_entry_read on audit_entry for select
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
-- Also a caller limited to some tenants leaves entries about the MSP.
create policy audit_entry_append on audit_entry for insert with check (msp_id = (select wall_msp()));
grant select, insert on audit_entry to daimon_app;
