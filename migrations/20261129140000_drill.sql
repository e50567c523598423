-- Drills: made-up episodes on a mailbox, through the real path. Whatever one brings forth hangs on its `drill_run`, so that
-- deleting that row leaves nothing behind, whoever wrote it.
set local lock_timeout = '5s';

-- What is kept of a drill when it is over: that there was one, and what was told.
create table drill (
    msp_id uuid not null,
    tenant_id uuid not null,
    drill_id uuid not null,
    mailbox_id uuid not null,
    episode text not null,
    bounces integer not null,
    -- Containing and closing are played too, and not left to people.
    plays_response boolean not null,
    state text not null,
    started_at timestamptz not null,
    started_by text not null,
    ends_at timestamptz not null,
    ended_at timestamptz,
    -- The incident it opened, also when that is gone.
    incident_id uuid,
    -- What was told of it, and how many deliveries that made: written at its end.
    told text[] not null default '{}',
    deliveries integer not null default 0,
    delivered integer not null default 0,
    constraint drill_pk primary key (msp_id, drill_id),
    constraint drill_of_tenant unique (msp_id, tenant_id, drill_id),
    constraint drill_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint drill_state_is_known check (
        (state in ('playing', 'played', 'ending') and ended_at is null)
        or (state in ('ended', 'failed') and ended_at is not null)
    ),
    constraint drill_bounces_are_bounded check (bounces between 1 and 1000)
);
create index drill_of_mailbox on drill (msp_id, mailbox_id, drill_id desc);

-- A drill that goes on: what its own detector remembers, and who plays the next step.
create table drill_run (
    msp_id uuid not null,
    tenant_id uuid not null,
    drill_id uuid not null,
    mailbox_id uuid not null,
    -- Which of the episodes that its id makes is played; null until one was chosen.
    variant integer,
    -- Until when, by the clock inside the episode, its mails have been read.
    played_until timestamptz,
    memory bytea,
    memory_version integer not null default 0,
    next_step_at timestamptz not null,
    lease_token uuid,
    lease_until timestamptz,
    attempt integer not null default 0,
    constraint drill_run_pk primary key (msp_id, drill_id),
    constraint drill_run_once unique (msp_id, mailbox_id),
    constraint drill_run_drill_fk foreign key (msp_id, tenant_id, drill_id)
        references drill (msp_id, tenant_id, drill_id) on delete cascade,
    constraint drill_run_lease_is_whole check ((lease_token is null) = (lease_until is null))
);
create index drill_run_due on drill_run (next_step_at);

do $$
declare
    name text;
begin
    foreach name in array array['drill', 'drill_run'] loop
        execute format('alter table %I enable row level security', name);
        execute format('alter table %I force row level security', name);
        execute format(
            'create policy %I on %I
                using (msp_id = (select wall_msp()) and (''*'' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])))',
            name || '_wall', name
        );
        execute format('grant select, insert, update, delete on %I to daimon_app', name);
    end loop;
end
$$;
create policy drill_run_fleet on drill_run for select to daimon_fleet using (true);
grant select (msp_id, tenant_id, drill_id, next_step_at, lease_until) on drill_run to daimon_fleet;

-- Null: it really happened.
alter table incident add column drill_id uuid;
alter table bounce add column drill_id uuid;
alter table event add column drill_id uuid;
alter table delivery add column drill_id uuid;
alter table attempt add column drill_id uuid;
create index incident_of_drill on incident (msp_id, drill_id) where drill_id is not null;
create index bounce_of_drill on bounce (msp_id, drill_id) where drill_id is not null;
create index event_of_drill on event (msp_id, drill_id) where drill_id is not null;
create index delivery_of_drill on delivery (msp_id, drill_id) where drill_id is not null;
create index attempt_of_drill on attempt (msp_id, drill_id) where drill_id is not null;
alter table incident add constraint incident_drill_fk foreign key (msp_id, drill_id) references drill_run on delete cascade;
alter table bounce add constraint bounce_drill_fk foreign key (msp_id, drill_id) references drill_run on delete cascade;
alter table event add constraint event_drill_fk foreign key (msp_id, drill_id) references drill_run on delete cascade;
alter table delivery add constraint delivery_drill_fk foreign key (msp_id, drill_id) references drill_run on delete cascade;
alter table attempt add constraint attempt_drill_fk foreign key (msp_id, drill_id) references drill_run on delete cascade;
