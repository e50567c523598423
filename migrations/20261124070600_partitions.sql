-- Months of the tables that grow. Called by the fleet role, which owns nothing. Whoever waits for a lock makes everybody
-- behind it wait, so both give up after 5 s and are called again.

-- Makes the partitions from the month before `at` to the second after it, and moves into them what had gone to the
-- default partition. Answers how many it made.
create function ensure_partitions(at timestamptz) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    parent text;
    first timestamp;
    partition text;
    low uuid;
    high uuid;
    made integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('daimon.partitions', 0));
    foreach parent in array array['bounce', 'event', 'delivery', 'attempt'] loop
        for ahead in -1..2 loop
            first := date_trunc('month', at at time zone 'UTC') + make_interval(months => ahead);
            partition := parent || to_char(first, '_YYYY_MM');
            continue when to_regclass(format('public.%I', partition)) is not null;
            low := public.uuid_floor(first at time zone 'UTC');
            high := public.uuid_floor((first + interval '1 month') at time zone 'UTC');
            execute format('lock table public.%I in access exclusive mode', parent || '_default');
            execute format('create table public.%I (like public.%I including defaults including constraints)', partition, parent);
            execute format('alter table public.%I enable row level security', partition);
            -- The rows go in after attaching. Attaching checks the foreign keys of what is there as the owner, to whom
            -- forced row security hides what they refer to.
            execute format('create temporary table strays (like public.%I)', parent);
            execute format(
                'with moved as (delete from public.%I where %I >= %L and %I < %L returning *)
                 insert into pg_temp.strays select * from moved',
                parent || '_default', parent || '_id', low, parent || '_id', high
            );
            execute format(
                'alter table public.%I attach partition public.%I for values from (%L) to (%L)', parent, partition, low, high
            );
            execute format('insert into public.%I select * from pg_temp.strays', partition);
            drop table pg_temp.strays;
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;

-- Drops the months that ended by `before`, and what is older in the default partitions. Answers how many it dropped.
create function drop_partitions(before timestamptz) returns integer
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    parent text;
    partition text;
    dropped integer := 0;
begin
    perform pg_advisory_xact_lock(hashtextextended('daimon.partitions', 0));
    foreach parent in array array['bounce', 'event', 'delivery', 'attempt'] loop
        for partition in
            select child.relname
            from pg_inherits
            join pg_class child on child.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = format('public.%I', parent)::regclass
                and child.relname ~ ('^' || parent || '_[0-9]{4}_[0-9]{2}$')
                and make_date(substr(right(child.relname, 7), 1, 4)::integer, right(child.relname, 2)::integer, 1)
                    < date_trunc('month', before at time zone 'UTC')
            order by child.relname
        loop
            execute format('drop table public.%I', partition);
            dropped := dropped + 1;
        end loop;
        execute format('delete from public.%I where %I < %L', parent || '_default', parent || '_id', public.uuid_floor(before));
    end loop;
    return dropped;
end
$$;

revoke all on function ensure_partitions(timestamptz), drop_partitions(timestamptz) from public;
grant execute on function ensure_partitions(timestamptz), drop_partitions(timestamptz) to daimon_fleet;
