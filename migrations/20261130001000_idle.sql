-- Mailboxes whose server tells of new mail (IDLE, RFC 2177), and which worker holds the session of each.
set local lock_timeout = '5s';

-- A worker that holds such sessions. One that is heard of no more holds none: the mailboxes that name it are anybody's.
-- Ids and times and nothing of any MSP, so there is no wall.
create table idle_worker (
    holder uuid not null,
    -- So many sessions it had when it was last heard of.
    sessions integer not null,
    alive_until timestamptz not null,
    constraint idle_worker_pk primary key (holder),
    constraint idle_worker_counts_up check (sessions >= 0)
);
alter table idle_worker enable row level security;
alter table idle_worker force row level security;
create policy idle_worker_fleet on idle_worker to daimon_fleet using (true);
grant select, insert, update, delete on idle_worker to daimon_fleet;

-- How new mail is noticed.
alter table mailbox add column new_mail text not null default 'poll';
-- Who holds the session, under which token, and since when there has been one without a gap.
alter table mailbox add column idle_holder uuid;
alter table mailbox add column idle_token uuid;
alter table mailbox add column idle_since timestamptz;
-- Why there is none although there should be.
alter table mailbox add column idle_fault text;
-- How often in a row one broke soon after it began, and when the next one may begin.
alter table mailbox add column idle_failures integer not null default 0;
alter table mailbox add column idle_not_before timestamptz;
alter table mailbox
    add constraint mailbox_new_mail_is_known check (new_mail in ('poll', 'idle')) not valid,
    add constraint mailbox_idle_is_whole check (
        (idle_holder is null) = (idle_token is null) and (idle_holder is null) = (idle_since is null)
        and (idle_holder is null or (new_mail = 'idle' and idle_fault is null))
    ) not valid,
    add constraint mailbox_idle_fault_is_known check (idle_fault in ('not_offered', 'no_room')) not valid;

grant select (new_mail, idle_holder, idle_token) on mailbox to daimon_fleet;
