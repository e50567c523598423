-- Deleting what has more rows than one statement should: a job does it, a little at a time. Until it ends the mailbox says so, and the
-- tenant has no key any more.
set local lock_timeout = '5s';

alter table mailbox drop constraint mailbox_polling_is_known;
alter table mailbox add constraint mailbox_polling_is_known check (
    (polling = 'active' and polling_since is null) or (polling in ('paused', 'deleting') and polling_since is not null)
) not valid;

-- The job of a deletion outlives what it deletes.
alter table job alter column mailbox_id drop not null;
alter table job add column deleted_mailbox_id uuid;
alter table job add constraint job_has_its_mailbox check (
    (kind = 'deletion' and mailbox_id is null) or (kind <> 'deletion' and mailbox_id is not null and deleted_mailbox_id is null)
) not valid;
create unique index job_deletion_once on job (msp_id, tenant_id, deleted_mailbox_id) nulls not distinct
    where kind = 'deletion' and ended_at is null;

-- They name tenants, and belong to none.
create index event_digests on event (msp_id, event_id) where type = 'digest.daily';

-- Deletes some of the rows that were stored for a mailbox, or for a tenant when there is no mailbox, and answers how many: at most
-- so many of each table. Only what is to be deleted: a job says so. It sees no further than the wall of whoever calls it, which holds for the
-- owner too.
create function delete_some(of_tenant uuid, of_mailbox uuid, most integer) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    deleted bigint;
    total bigint := 0;
    of_msp uuid := public.wall_msp();
begin
    if not exists (
        select from public.job
        where msp_id = of_msp and tenant_id = of_tenant and kind = 'deletion' and ended_at is null
            and (deleted_mailbox_id is null or deleted_mailbox_id = of_mailbox)
    ) then
        raise exception 'nobody has asked for it to be deleted';
    end if;
    -- Not while somebody makes months of these tables.
    perform pg_advisory_xact_lock_shared(hashtextextended('daimon.partitions', 0));

    if of_mailbox is not null then
        -- Before what is deleted with it, as everywhere.
        perform from public.mailbox where msp_id = of_msp and tenant_id = of_tenant and mailbox_id = of_mailbox for update;

        delete from public.bounce
        where msp_id = of_msp and bounce_id in (
            select b.bounce_id from public.bounce b
            where b.msp_id = of_msp and b.tenant_id = of_tenant and b.mailbox_id = of_mailbox
            order by b.bounce_id desc
            limit most
        );
        get diagnostics deleted = row_count;
        total := total + deleted;

        delete from public.bounced_recipient
        where msp_id = of_msp and (job_id, bounce_id) in (
            select r.job_id, r.bounce_id from public.bounced_recipient r join public.job j on j.msp_id = r.msp_id and j.job_id = r.job_id
            where j.msp_id = of_msp and j.tenant_id = of_tenant and j.mailbox_id = of_mailbox
            limit most
        );
        get diagnostics deleted = row_count;
        total := total + deleted;

        delete from public.tidied_mail
        where msp_id = of_msp and mailbox_id = of_mailbox and (folder, uid_validity, uid) in (
            select t.folder, t.uid_validity, t.uid from public.tidied_mail t
            where t.msp_id = of_msp and t.tenant_id = of_tenant and t.mailbox_id = of_mailbox
            limit most
        );
        get diagnostics deleted = row_count;
        total := total + deleted;

        delete from public.sent_message
        where msp_id = of_msp and mailbox_id = of_mailbox and message_id_hash in (
            select s.message_id_hash from public.sent_message s
            where s.msp_id = of_msp and s.tenant_id = of_tenant and s.mailbox_id = of_mailbox
            limit most
        );
        get diagnostics deleted = row_count;
        total := total + deleted;

        delete from public.correspondent
        where msp_id = of_msp and mailbox_id = of_mailbox and address_hash in (
            select c.address_hash from public.correspondent c
            where c.msp_id = of_msp and c.tenant_id = of_tenant and c.mailbox_id = of_mailbox
            limit most
        );
        get diagnostics deleted = row_count;
        return total + deleted;
    end if;

    -- In the order of forget_before, which may be at the same rows.
    delete from public.event
    where msp_id = of_msp and event_id in (
        select e.event_id from public.event e where e.msp_id = of_msp and e.tenant_id = of_tenant limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    delete from public.delivery
    where msp_id = of_msp and delivery_id in (
        select d.delivery_id from public.delivery d where d.msp_id = of_msp and d.tenant_id = of_tenant limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    delete from public.attempt
    where msp_id = of_msp and attempt_id in (
        select a.attempt_id from public.attempt a where a.msp_id = of_msp and a.tenant_id = of_tenant limit most
    );
    get diagnostics deleted = row_count;
    total := total + deleted;

    -- What is told of all tenants of a provider at once may name this one.
    delete from public.event
    where msp_id = of_msp and event_id in (
        select e.event_id from public.event e
        where e.msp_id = of_msp and e.type = 'digest.daily'
            and e.body like '%' || 'tnt_' || replace(of_tenant::text, '-', '') || '%'
        limit most
    );
    get diagnostics deleted = row_count;
    return total + deleted;
end
$$;

revoke all on function delete_some(uuid, uuid, integer) from public;
grant execute on function delete_some(uuid, uuid, integer) to daimon_app;
