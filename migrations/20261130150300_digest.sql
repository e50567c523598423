-- When an MSP is told once a day what the last one brought.
set local lock_timeout = '5s';

create table digest (
    msp_id uuid not null,
    hour smallint not null,
    time_zone text not null,
    -- When the next one is due, and until when the last one told.
    next_at timestamptz not null,
    told_until timestamptz,
    version bigint not null default 1,
    constraint digest_pk primary key (msp_id),
    constraint digest_msp_fk foreign key (msp_id) references msp,
    constraint digest_hour_is_one check (hour between 0 and 23)
);
create index digest_due on digest (next_at);
alter table digest enable row level security;
alter table digest force row level security;
-- It tells of every tenant.
create policy digest_wall on digest
    using (msp_id = (select wall_msp()) and '*' = any ((select wall_tenants())::text[]));
grant select, insert, update, delete on digest to daimon_app;
create policy digest_fleet on digest for select to daimon_fleet using (true);
grant select (msp_id, next_at) on digest to daimon_fleet;
