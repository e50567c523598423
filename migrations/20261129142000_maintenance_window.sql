-- Maintenance windows: what happens in one is recorded and told when it ends, if it is still so.
set local lock_timeout = '5s';

create table maintenance_window (
    msp_id uuid not null,
    tenant_id uuid not null,
    window_id uuid not null,
    -- Empty: of all the tenant's mailboxes, also those to come.
    mailboxes uuid[] not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    reason text not null,
    created_at timestamptz not null,
    created_by text not null,
    version bigint not null default 1,
    constraint maintenance_window_pk primary key (msp_id, window_id),
    constraint maintenance_window_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint maintenance_window_has_a_length check (ends_at > starts_at and ends_at <= starts_at + interval '90 days'),
    constraint maintenance_window_reason_has_a_length check (char_length(reason) between 1 and 2000),
    constraint maintenance_window_mailboxes_are_bounded check (cardinality(mailboxes) <= 1000)
);
create index maintenance_window_of_tenant on maintenance_window (msp_id, tenant_id, ends_at);
alter table maintenance_window enable row level security;
alter table maintenance_window force row level security;
create policy maintenance_window_wall on maintenance_window
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on maintenance_window to daimon_app;

-- What would have been told of an incident while a window held it back, and when to look whether it still does.
alter table incident
    add column held_event text,
    add column held_until timestamptz;
alter table incident add constraint incident_held_is_whole check ((held_event is null) = (held_until is null)) not valid;
create index incident_held on incident (held_until) where held_until is not null;
grant select (held_until) on incident to daimon_fleet;
