-- Moving the bounces of confirmed incidents to a folder of their own, and back. Off until a mailbox names the folder.
set local lock_timeout = '5s';

alter table mailbox
    add column tidying_folder text,
    -- Also without being asked for.
    add column tidying_is_automatic boolean not null default false,
    add constraint mailbox_tidying_folder_has_a_length check (char_length(tidying_folder) between 1 and 60) not valid;

-- What a job is for, where it is about more than its mailbox.
alter table job
    add column incident_id uuid,
    add column is_dry_run boolean not null default false,
    add constraint job_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade not valid;

-- A mail that is moved, by where it lay. The row is there before anything is done to the mail.
create table tidied_mail (
    msp_id uuid not null,
    tenant_id uuid not null,
    mailbox_id uuid not null,
    incident_id uuid not null,
    -- Where it lay when it was judged, and where it goes back to.
    folder text not null,
    uid_validity bigint not null,
    uid bigint not null,
    -- What was judged of it: by these it is known again.
    bounces uuid[] not null,
    state text not null,
    -- Why it stays.
    because text,
    -- Where it lies now.
    at_folder text not null,
    at_uid_validity bigint not null,
    at_uid bigint not null,
    -- It may be on its way there, and what comes of that has not been written down: it has, or would have, that number or a
    -- higher one.
    to_folder text,
    to_uid_validity bigint,
    to_from_uid bigint,
    changed_at timestamptz not null,
    constraint tidied_mail_pk primary key (msp_id, mailbox_id, folder, uid_validity, uid),
    constraint tidied_mail_incident_fk foreign key (msp_id, tenant_id, incident_id)
        references incident (msp_id, tenant_id, incident_id) on delete cascade,
    constraint tidied_mail_state_is_known check (
        (state in ('planned', 'away', 'back') and because is null)
        or (state = 'left' and because in ('gone', 'another', 'renumbered') and to_folder is null)
    ),
    constraint tidied_mail_way_is_whole check (
        (to_folder is null) = (to_uid_validity is null) and (to_folder is null) = (to_from_uid is null)
    )
);
create index tidied_mail_of_incident on tidied_mail (msp_id, incident_id, state);
create index tidied_mail_at on tidied_mail (msp_id, mailbox_id, at_folder, at_uid_validity, at_uid);
create index tidied_mail_on_its_way on tidied_mail (msp_id, mailbox_id) where to_folder is not null;

alter table tidied_mail enable row level security;
alter table tidied_mail force row level security;
create policy tidied_mail_wall on tidied_mail
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[]) or tenant_id::text = any ((select wall_tenants())::text[])));
grant select, insert, update, delete on tidied_mail to daimon_app;
