-- Incidents, and the bounces they explain.
create table incident (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    mailbox_id uuid not null,
    verdict text not null,
    tier text not null,
    severity text not null,
    state text not null,
    score_db double precision not null,
    bounces bigint not null,
    unexpected_recipients bigint not null,
    evidence jsonb not null,
    dedup_key text not null,
    sequence bigint not null,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    first_bounce_at timestamptz not null,
    last_bounce_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    constraint incident_pk primary key (msp_id, incident_id),
    constraint incident_of_tenant unique (msp_id, tenant_id, incident_id),
    constraint incident_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint incident_verdict_is_known check (verdict in ('legit', 'account_takeover', 'backscatter', 'web_script',
        'bulk_list', 'forwarding_loop', 'outage', 'reputation_block', 'autoresponder', 'fake_bounce', 'undetermined')),
    constraint incident_tier_is_known check (tier in ('none', 'watch', 'suspected', 'probable', 'confirmed')),
    constraint incident_severity_is_known check (severity in ('low', 'medium', 'high', 'critical')),
    constraint incident_state_is_known check (
        state in ('open', 'contained', 'monitoring', 'recovered', 'closed', 'dismissed', 'reopened')
    ),
    constraint incident_counts_are_not_negative check (bounces >= 0 and unexpected_recipients >= 0),
    constraint incident_acknowledgement_is_whole check ((acknowledged_at is null) = (acknowledged_by is null))
);
-- One live incident per mailbox and cause.
create unique index incident_live_once on incident (msp_id, mailbox_id, dedup_key)
    where state in ('open', 'contained', 'monitoring', 'recovered', 'reopened');
create index incident_of_mailbox on incident (msp_id, mailbox_id, incident_id desc);

-- What was done of an incident's playbook.
create table incident_step (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    step text not null,
    state text not null,
    done_by text not null,
    done_at timestamptz not null,
    note text,
    constraint incident_step_pk primary key (msp_id, incident_id, step),
    constraint incident_step_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint incident_step_state_is_known check (state in ('open', 'done', 'skipped')),
    constraint incident_step_note_has_a_length check (char_length(note) <= 2000)
);

-- What happened to an incident, oldest first.
create table incident_entry (
    msp_id uuid not null,
    tenant_id uuid not null,
    incident_id uuid not null,
    sequence bigint not null,
    happened_at timestamptz not null,
    what text not null,
    who text not null,
    note text,
    constraint incident_entry_pk primary key (msp_id, incident_id, sequence),
    constraint incident_entry_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint incident_entry_note_has_a_length check (char_length(note) <= 2000)
);

-- What one report says of one recipient. The id is made of INTERNALDATE and a keyed hash of the message and recipient,
-- so that a message read twice is one row; its time is also what the table is partitioned by.
create table bounce (
    msp_id uuid not null,
    tenant_id uuid not null,
    bounce_id uuid not null,
    mailbox_id uuid not null,
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    received_at timestamptz not null,
    kind text not null,
    reason text not null,
    status text,
    reply smallint,
    permanence text not null,
    fault text not null,
    action text not null,
    rule text not null,
    diagnostic text,
    reporting_mta text,
    remote_mta text,
    recipient_hash bytea not null,
    recipient_domain text not null,
    template text,
    subject_skeleton_hash bytea,
    observation jsonb not null,
    verdict text,
    incident_id uuid,
    constraint bounce_pk primary key (msp_id, bounce_id),
    constraint bounce_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint bounce_incident_fk foreign key (msp_id, incident_id)
        references incident (msp_id, incident_id) on delete set null (incident_id),
    constraint bounce_uids_are_32_bits check (uid_validity between 0 and 4294967295 and uid between 0 and 4294967295),
    constraint bounce_recipient_hash_has_32_bytes check (octet_length(recipient_hash) = 32)
) partition by range (bounce_id);
create table bounce_default partition of bounce default;
create index bounce_of_mailbox on bounce (msp_id, mailbox_id, bounce_id desc);
create index bounce_of_tenant on bounce (msp_id, tenant_id, bounce_id desc);
create index bounce_of_incident on bounce (msp_id, incident_id, bounce_id desc) where incident_id is not null;
create index bounce_of_domain on bounce (msp_id, recipient_domain, bounce_id desc);

do $$
declare
    name text;
begin
    foreach name in array array['incident', 'incident_step', 'incident_entry', 'bounce'] loop
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
revoke delete on incident, incident_entry, bounce from daimon_app;
revoke update on incident_entry from daimon_app;
-- Without a policy of its own a partition shows nothing to whoever reaches it past its parent.
alter table bounce_default enable row level security;
