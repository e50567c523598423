-- The IMAP accounts and what is remembered of each between two sessions.
create table mailbox (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    address text not null,
    host text not null,
    port integer not null,
    tls text not null,
    username text not null,
    sealed_secret bytea not null,
    secret_key_version integer not null,
    polling text not null,
    polling_since timestamptz,
    connection text not null,
    connection_since timestamptz,
    connection_fault text,
    connection_failures integer not null default 0,
    poll_interval_s integer not null,
    next_poll_at timestamptz not null,
    -- Somebody asked for a poll while one was running: the running one must not push it away.
    poll_requested_at timestamptz,
    last_polled_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    attempt integer not null default 0,
    detector_state bytea,
    detector_version integer not null default 0,
    created_at timestamptz not null,
    version bigint not null default 1,
    constraint mailbox_pk primary key (msp_id, mailbox_id),
    constraint mailbox_of_tenant unique (msp_id, tenant_id, mailbox_id),
    constraint mailbox_address_once unique (msp_id, tenant_id, address),
    constraint mailbox_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint mailbox_address_has_a_length check (char_length(address) between 3 and 320),
    constraint mailbox_port_is_one check (port between 1 and 65535),
    constraint mailbox_tls_is_known check (tls in ('implicit', 'starttls')),
    constraint mailbox_polling_is_known check (
        (polling = 'active' and polling_since is null) or (polling = 'paused' and polling_since is not null)
    ),
    constraint mailbox_connection_is_known check (
        (connection = 'new' and connection_since is null and connection_fault is null and connection_failures = 0)
        or (connection = 'connected' and connection_since is not null and connection_fault is null and connection_failures = 0)
        or (connection = 'unreachable' and connection_since is not null and connection_fault is not null and connection_failures > 0)
        or (connection = 'credential_refused' and connection_since is not null and connection_fault is null and connection_failures = 0)
    ),
    constraint mailbox_poll_interval_is_allowed check (poll_interval_s between 60 and 900),
    constraint mailbox_lease_is_whole check ((lease_token is null) = (lease_until is null))
);
create index mailbox_due on mailbox (next_poll_at) where polling = 'active' and connection <> 'credential_refused';
alter table mailbox enable row level security;
alter table mailbox force row level security;
create policy mailbox_wall on mailbox
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
create policy mailbox_fleet on mailbox for select to daimon_fleet using (true);
grant select, insert, update, delete on mailbox to daimon_app;
grant select (msp_id, tenant_id, mailbox_id, polling, connection, next_poll_at, lease_until) on mailbox to daimon_fleet;

-- Where reading a folder resumes.
create table folder (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    name text not null,
    uid_validity bigint not null,
    last_uid bigint not null,
    updated_at timestamptz not null,
    constraint folder_pk primary key (msp_id, mailbox_id, name),
    constraint folder_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint folder_uids_are_32_bits check (uid_validity between 0 and 4294967295 and last_uid between 0 and 4294967295)
);

-- What the mailbox sent, by keyed hash of the Message-ID.
create table sent_message (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    message_id_hash bytea not null,
    sent_at timestamptz not null,
    constraint sent_message_pk primary key (msp_id, mailbox_id, message_id_hash),
    constraint sent_message_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint sent_message_hash_has_32_bytes check (octet_length(message_id_hash) = 32)
);
create index sent_message_by_age on sent_message (msp_id, mailbox_id, sent_at);

-- With whom the mailbox writes, by keyed hash of the address.
create table correspondent (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    address_hash bytea not null,
    last_seen_at timestamptz not null,
    constraint correspondent_pk primary key (msp_id, mailbox_id, address_hash),
    constraint correspondent_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint correspondent_hash_has_32_bytes check (octet_length(address_hash) = 32)
);
create index correspondent_by_age on correspondent (msp_id, mailbox_id, last_seen_at);

-- Messages that are not read again, and why.
create table quarantine (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    reason text not null,
    quarantined_at timestamptz not null,
    constraint quarantine_pk primary key (msp_id, mailbox_id, folder, uid_validity, uid),
    constraint quarantine_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade
);

do $$
declare
    name text;
begin
    foreach name in array array['folder', 'sent_message', 'correspondent', 'quarantine'] loop
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
