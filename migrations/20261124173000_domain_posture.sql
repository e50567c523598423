-- How the domains of a tenant's mailboxes stand: SPF, DMARC, DKIM and block lists, as last asked of DNS.
set local lock_timeout = '5s';

create table domain_posture (
    msp_id uuid not null,
    tenant_id uuid not null,
    domain text not null,
    checked_at timestamptz not null,
    posture jsonb not null,
    constraint domain_posture_pk primary key (msp_id, tenant_id, domain),
    constraint domain_posture_tenant_fk foreign key (msp_id, tenant_id) references tenant (msp_id, tenant_id) on delete cascade
);
alter table domain_posture enable row level security;
alter table domain_posture force row level security;
create policy domain_posture_wall on domain_posture
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on domain_posture to daimon_app;
