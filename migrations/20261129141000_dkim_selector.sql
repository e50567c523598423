-- The selectors that a domain's own mail is signed with, learnt from mail that is in its Sent folder and came back. DNS can't
-- list them, so these are what it is asked for.
set local lock_timeout = '5s';

create table dkim_selector (
    msp_id uuid not null,
    tenant_id uuid not null,
    domain text not null,
    selector text not null,
    seen_at timestamptz not null,
    constraint dkim_selector_pk primary key (msp_id, tenant_id, domain, selector),
    constraint dkim_selector_tenant_fk foreign key (msp_id, tenant_id) references tenant (msp_id, tenant_id) on delete cascade,
    constraint dkim_selector_texts_have_a_length check (
        char_length(domain) between 1 and 253 and char_length(selector) between 1 and 253
    )
);
alter table dkim_selector enable row level security;
alter table dkim_selector force row level security;
create policy dkim_selector_wall on dkim_selector
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on dkim_selector to daimon_app;
