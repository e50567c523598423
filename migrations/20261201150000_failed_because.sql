-- Why a delivery was given up: that its endpoint was disabled, for one, is in none of its attempts. And whether its
-- next attempt comes when it should, though the endpoint works again: the receiver named that time, or it was tried before its time
-- already, and one that is never taken would use up its attempts at once.
set local lock_timeout = '5s';

alter table delivery
    add column failed_because text,
    add column keeps_time boolean not null default false;
alter table delivery add constraint delivery_failed_because_is_known check (
    failed_because is null
    or state = 'failed'
        and failed_because in ('attempts_used_up', 'gone', 'endpoint_disabled', 'interrupted', 'event_expired')) not valid;

grant update (failed_because, keeps_time) on delivery to daimon_app;
