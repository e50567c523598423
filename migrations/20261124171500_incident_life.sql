-- An incident's life: who works on it, until when nobody wants to be told, how it ends, and the proof that it does.
set local lock_timeout = '5s';

alter table incident
    add column assignee text,
    add column snoozed_until timestamptz,
    add column snooze_reason text,
    add column snooze_tier text,
    add column dismissal text,
    -- Since when the old credential is refused, where that is proved.
    add column refused_since timestamptz,
    add column closes_at timestamptz,
    -- Bounces of mail from before the containment, and recipients of mail from after it.
    add column trailing_bounces bigint not null default 0,
    add column continued_recipients bigint not null default 0,
    -- When time alone moves it next.
    add column due_at timestamptz;
alter table incident
    add constraint incident_snooze_is_whole check (
        (snoozed_until is null) = (snooze_reason is null) and (snoozed_until is null) = (snooze_tier is null)
    ) not valid,
    add constraint incident_dismissal_is_known check (
        dismissal in ('false_alarm', 'this_was_us', 'duplicate', 'accepted_risk')
    ) not valid,
    add constraint incident_texts_have_a_length check (
        char_length(assignee) <= 200 and char_length(snooze_reason) <= 2000
    ) not valid;
create index incident_due on incident (due_at) where due_at is not null;

create policy incident_fleet on incident for select to daimon_fleet using (true);
grant select (msp_id, tenant_id, incident_id, due_at) on incident to daimon_fleet;

-- What a mailbox was signed in to with before its password was changed, for as long as an incident lasts. Being refused, it
-- proves that the way in is shut. Nobody can read it back; it is erased when the incident ends.
create table old_credential (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    username text not null,
    sealed_secret bytea not null,
    secret_key_version integer not null,
    replaced_at timestamptz not null,
    tries integer not null default 0,
    -- It was let in since it had been replaced.
    accepted_at timestamptz,
    refused_at timestamptz,
    -- Null: it is not tried any more.
    next_try_at timestamptz,
    constraint old_credential_pk primary key (msp_id, incident_id),
    constraint old_credential_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade
);
create index old_credential_due on old_credential (next_try_at) where next_try_at is not null;

-- The same incident in other systems.
create table incident_ticket (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    ticket_id uuid not null,
    system text not null,
    reference text not null,
    url text,
    linked_at timestamptz not null,
    linked_by text not null,
    constraint incident_ticket_pk primary key (msp_id, ticket_id),
    constraint incident_ticket_once unique (msp_id, incident_id, system, reference),
    constraint incident_ticket_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint incident_ticket_texts_have_a_length check (
        char_length(system) between 1 and 100 and char_length(reference) between 1 and 200 and char_length(url) <= 2000
    )
);

-- Sendings that a tenant did on purpose: declared, or told by "this was us" about an incident.
create table campaign (
    msp_id uuid not null,
    tenant_id uuid not null,
    campaign_id uuid not null,
    -- Null: of any mailbox of the tenant.
    mailbox_id uuid,
    -- The incident that was said to be it.
    incident_id uuid,
    name text not null,
    starts_at timestamptz,
    ends_at timestamptz,
    subject text,
    list_id text,
    message_ids text[] not null,
    -- Hashes of its letters.
    templates text[] not null,
    created_at timestamptz not null,
    created_by text not null,
    constraint campaign_pk primary key (msp_id, campaign_id),
    constraint campaign_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint campaign_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint campaign_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint campaign_texts_have_a_length check (
        char_length(name) between 1 and 200 and char_length(subject) <= 500 and char_length(list_id) <= 500
    ),
    constraint campaign_lists_have_a_length check (cardinality(message_ids) <= 1000 and cardinality(templates) <= 1000),
    constraint campaign_ends_after_it_starts check (starts_at <= ends_at)
);
create index campaign_of_tenant on campaign (msp_id, tenant_id, campaign_id desc);
create index campaign_of_incident on campaign (msp_id, incident_id) where incident_id is not null;

do $$
declare
    name text;
begin
    foreach name in array array['old_credential', 'incident_ticket', 'campaign'] loop
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
revoke update on incident_ticket from daimon_app;
create policy old_credential_fleet on old_credential for select to daimon_fleet using (true);
grant select (msp_id, tenant_id, incident_id, next_try_at) on old_credential to daimon_fleet;
