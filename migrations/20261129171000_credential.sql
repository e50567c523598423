-- Credentials of their own, for sign-in with OAuth 2: one may serve any number of a tenant's mailboxes, and asks for one access
-- token for all of them.
set local lock_timeout = '5s';

create table credential (
    msp_id uuid not null,
    tenant_id uuid not null,
    credential_id uuid not null,
    name text not null,
    kind text not null,
    -- The only server that its tokens are sent to.
    imap_host text not null,
    directory_id text,
    client_id text not null,
    token_url text,
    scope text,
    -- The address of a service account.
    account text,
    sealed_secret bytea not null,
    secret_key_version integer not null,
    -- Grows whenever the secret changes, by people or because the provider rotates it: what an older one was answered counts
    -- for nothing.
    secret_version bigint not null default 1,
    created_at timestamptz not null,
    version bigint not null default 1,
    constraint credential_pk primary key (msp_id, credential_id),
    constraint credential_of_tenant unique (msp_id, tenant_id, credential_id),
    constraint credential_tenant_fk foreign key (msp_id, tenant_id) references tenant on delete cascade,
    constraint credential_kind_is_known check (kind in (
        'microsoft_client_credentials', 'microsoft_refresh_token', 'google_refresh_token', 'google_service_account',
        'oauth2_client_credentials', 'oauth2_refresh_token'
    )),
    constraint credential_texts_have_a_length check (
        char_length(name) between 1 and 200 and char_length(imap_host) between 1 and 253
        and char_length(directory_id) between 1 and 200 and char_length(client_id) between 1 and 500
        and char_length(token_url) <= 2048 and char_length(scope) <= 1000 and char_length(account) <= 500
    )
);
create index credential_of_tenant_newest on credential (msp_id, tenant_id, credential_id desc);

-- What a credential was last given or told: one row for all its mailboxes, or one for each where tokens name the mailbox.
create table access_token (
    msp_id uuid not null,
    tenant_id uuid not null,
    credential_id uuid not null,
    -- The credential's own id, or the mailbox's.
    holder_id uuid not null,
    mailbox_id uuid,
    -- Whom the token names, where it names the mailbox: by another name it is not used.
    subject text,
    sealed_token bytea,
    token_key_version integer,
    issued_at timestamptz,
    expires_at timestamptz,
    -- When the provider was last asked, and what came of it.
    asked_at timestamptz not null,
    fault text,
    refused_since timestamptz,
    failures integer not null default 0,
    -- Not before then.
    next_try_at timestamptz,
    -- Who asks the provider right now.
    lease_token uuid,
    lease_until timestamptz,
    constraint access_token_pk primary key (msp_id, credential_id, holder_id),
    constraint access_token_credential_fk foreign key (msp_id, tenant_id, credential_id)
        references credential (msp_id, tenant_id, credential_id) on delete cascade,
    constraint access_token_mailbox_fk foreign key (msp_id, tenant_id, mailbox_id)
        references mailbox (msp_id, tenant_id, mailbox_id) on delete cascade,
    constraint access_token_is_whole check (
        (sealed_token is null) = (token_key_version is null) and (sealed_token is null) = (issued_at is null)
        and (sealed_token is null) = (expires_at is null)
    ),
    constraint access_token_refusal_has_a_cause check (refused_since is null or fault is not null),
    constraint access_token_lease_is_whole check ((lease_token is null) = (lease_until is null))
);
create index access_token_of_mailbox on access_token (msp_id, mailbox_id) where mailbox_id is not null;

do $$
declare
    name text;
begin
    foreach name in array array['credential', 'access_token'] loop
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

-- Null: the mailbox has a password, sealed in its own row. With a credential that is empty, which an older program takes for
-- a password that can't be opened, and leaves alone.
alter table mailbox add column credential_id uuid;
-- Why nobody signs in any more, where it is not the password.
alter table mailbox add column connection_refusal text;
alter table mailbox
    add constraint mailbox_credential_fk foreign key (msp_id, tenant_id, credential_id)
        references credential (msp_id, tenant_id, credential_id) not valid,
    add constraint mailbox_has_one_secret check (credential_id is null or octet_length(sealed_secret) = 0) not valid,
    add constraint mailbox_refusal_is_known check (connection_refusal in ('grant_refused')) not valid;
