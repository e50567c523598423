-- People who sign in, beside programs with API keys, and the sessions that their sign-ins begin.
set local lock_timeout = '5s';

create table msp_user (
    msp_id uuid not null,
    user_id uuid not null,
    -- In small letters. Whether another MSP has it nobody learns.
    email text not null,
    name text not null,
    role text not null,
    -- Null: every tenant, also those to come.
    tenants uuid[],
    disabled_at timestamptz,
    -- A PHC string; null until an invitation is accepted.
    password_hash text,
    accepted_at timestamptz,
    invitation_sha256 bytea,
    invitation_expires_at timestamptz,
    -- Sealed under the master key: what holds, and what is to hold once a code shows that it was read.
    totp_secret bytea,
    totp_since timestamptz,
    totp_pending bytea,
    -- The step of the last code that was used: it and all before hold no more.
    totp_last_step bigint,
    recovery_sha256 bytea[] not null default '{}',
    last_signed_in_at timestamptz,
    created_at timestamptz not null,
    version bigint not null default 1,
    constraint msp_user_pk primary key (msp_id, user_id),
    constraint msp_user_msp_fk foreign key (msp_id) references msp,
    constraint msp_user_email_once unique (msp_id, email),
    constraint msp_user_texts_have_a_length check (
        char_length(email) between 3 and 320 and char_length(name) between 1 and 200
    ),
    constraint msp_user_role_is_known check (role in ('owner', 'admin', 'operator', 'viewer')),
    constraint msp_user_owner_has_no_limits check (role <> 'owner' or tenants is null),
    constraint msp_user_password_is_whole check ((password_hash is null) = (accepted_at is null)),
    constraint msp_user_invitation_is_whole check (
        (invitation_sha256 is null) = (invitation_expires_at is null) and octet_length(invitation_sha256) = 32
    ),
    constraint msp_user_totp_is_whole check ((totp_secret is null) = (totp_since is null)),
    constraint msp_user_recovery_codes_are_bounded check (cardinality(recovery_sha256) <= 10)
);
alter table msp_user enable row level security;
alter table msp_user force row level security;
-- As with API keys: who is limited to some tenants sees and makes nobody who reaches further.
create policy msp_user_wall on msp_user
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenants::text[] <@ (select wall_tenants())));
grant select, insert, update, delete on msp_user to daimon_app;

create table user_session (
    msp_id uuid not null,
    session_id uuid not null,
    user_id uuid not null,
    created_at timestamptz not null,
    -- The number of the refresh token that is good next: one before it was used already.
    next_refresh bigint not null default 1,
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text,
    constraint user_session_pk primary key (msp_id, session_id),
    constraint user_session_user_fk foreign key (msp_id, user_id) references msp_user on delete cascade,
    constraint user_session_end_has_a_cause check ((ended_at is null) = (ended_because is null)),
    constraint user_session_cause_is_known check (
        ended_because in ('revoked', 'reused', 'password_changed', 'invited_again', 'disabled')
    )
);
create index user_session_of_user on user_session (msp_id, user_id);
alter table user_session enable row level security;
alter table user_session force row level security;
-- Whoever sees the user sees the session.
create policy user_session_wall on user_session
    using (msp_id = (select wall_msp()) and exists (
        select from msp_user where msp_user.msp_id = user_session.msp_id and msp_user.user_id = user_session.user_id
    ));
grant select, insert, update, delete on user_session to daimon_app;
