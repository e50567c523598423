-- How long an MSP wants bounces, events and deliveries kept. All go after 400 days with their month; less is for each MSP to say,
-- but not less than a mailbox is read back to: what was deleted would come back.
set local lock_timeout = '5s';

alter table msp add column retention_days smallint not null default 400;
alter table msp add constraint msp_retention_is_bounded check (retention_days between 60 and 400) not valid;
grant update (retention_days) on msp to daimon_app;
create policy msp_fleet on msp for select to daimon_fleet using (true);
grant select (msp_id, retention_days) on msp to daimon_fleet;

-- Deletes what an MSP has of before then, at most so many rows of each table, and answers how many. What is still needed
-- stays: bounces of an incident that goes on, deliveries that wait and the events that they carry.
create function forget_before(of_msp uuid, before timestamptz, most integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    low uuid := public.uuid_floor(before);
    deleted bigint;
    total bigint := 0;
begin
    -- Forced row security holds for the owner too: raise the wall of this MSP, until the end of the transaction.
    perform set_config('app.msp_id', of_msp::text, true), set_config('app.tenant_scope', '*', true);
    -- Not while somebody makes months of these tables.
    perform pg_advisory_xact_lock_shared(hashtextextended('daimon.partitions', 0));

    delete from public.bounce
    where msp_id = of_msp and bounce_id in (
        select b.bounce_id from public.bounce b
        where b.msp_id = of_msp and b.bounce_id < low and not exists (
            select from public.incident i
            where i.msp_id = of_msp and i.mailbox_id = b.mailbox_id and i.state not in ('closed', 'dismissed')
                -- Those that came before it was seen that they make an incident name none, and belong to it all the same.
                and (i.incident_id = b.incident_id or (
                    b.incident_id is null and b.bounce_id >= public.uuid_floor(i.first_bounce_at)
                    and b.bounce_id < public.uuid_floor(i.opened_at)
                ))
        )
        order by b.bounce_id
        limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    delete from public.event
    where msp_id = of_msp and event_id in (
        select e.event_id from public.event e
        where e.msp_id = of_msp and e.event_id < low and not exists (
            select from public.delivery d where d.msp_id = of_msp and d.event_id = e.event_id and d.state = 'pending'
        )
        order by e.event_id
        limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    delete from public.delivery
    where msp_id = of_msp and delivery_id in (
        select d.delivery_id from public.delivery d
        where d.msp_id = of_msp and d.delivery_id < low and d.state <> 'pending'
        order by d.delivery_id
        limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    delete from public.attempt
    where msp_id = of_msp and attempt_id in (
        select a.attempt_id from public.attempt a
        where a.msp_id = of_msp and a.attempt_id < low
        order by a.attempt_id
        limit most
    );
    get diagnostics deleted = row_count;
    return total + deleted;
end
$$;

revoke all on function forget_before(uuid, timestamptz, integer) from public;
grant execute on function forget_before(uuid, timestamptz, integer) to daimon_fleet;
