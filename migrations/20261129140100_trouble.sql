-- Troubles that several tenants of an MSP may have at once: a system that takes no mail, a server of a provider that is on a
-- block list. One row per tenant and system, by keyed hash, written with the bounces that tell of it and kept for a day.
set local lock_timeout = '5s';

create table trouble (
    msp_id uuid not null,
    tenant_id uuid not null,
    kind text not null,
    system_hash bytea not null,
    seen_at timestamptz not null,
    constraint trouble_pk primary key (msp_id, kind, system_hash, tenant_id),
    constraint trouble_tenant_fk foreign key (msp_id, tenant_id) references tenant (msp_id, tenant_id) on delete cascade,
    constraint trouble_kind_is_known check (kind in ('failing', 'listed')),
    constraint trouble_hash_has_32_bytes check (octet_length(system_hash) = 32)
);
create index trouble_by_age on trouble (msp_id, tenant_id, seen_at);
alter table trouble enable row level security;
alter table trouble force row level security;
create policy trouble_wall on trouble
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on trouble to daimon_app;
