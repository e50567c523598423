-- Of a flood that is settled a sample is read and the rest is counted.
alter table incident
    add column unread_bounces bigint not null default 0,
    add constraint incident_unread_is_not_negative check (unread_bounces >= 0);
