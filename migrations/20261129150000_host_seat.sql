-- How many sessions of all workers each IMAP server has, and how soon the next sign-in may come: a server counts what comes
-- from our address, whichever MSP it is for. Names of servers and nothing else, so there is no wall; the fleet's role alone
-- reads and writes it.
set local lock_timeout = '5s';

create table host (
    host text not null,
    -- So many sessions at a time.
    connections integer not null,
    -- No sign-in before.
    opens_at timestamptz not null,
    constraint host_pk primary key (host),
    constraint host_has_a_name check (char_length(host) between 1 and 253),
    constraint host_bears_something check (connections > 0)
);
create table host_seat (
    host text not null,
    seat uuid not null,
    -- A session that is heard of no more gives it up then.
    taken_until timestamptz not null,
    constraint host_seat_pk primary key (seat),
    constraint host_seat_host_fk foreign key (host) references host on delete cascade
);
create index host_seat_of_host on host_seat (host, taken_until);

alter table host enable row level security;
alter table host force row level security;
create policy host_fleet on host to daimon_fleet using (true);
grant select, insert, update, delete on host to daimon_fleet;
alter table host_seat enable row level security;
alter table host_seat force row level security;
create policy host_seat_fleet on host_seat to daimon_fleet using (true);
grant select, insert, update, delete on host_seat to daimon_fleet;

grant select (host) on mailbox to daimon_fleet;
