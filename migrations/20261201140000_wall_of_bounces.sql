-- The same wall, in other words. Postgres takes `a or b` about lists that it does not know for one row in ten, so that it
-- expects a company to have hardly any bounces: it reads all of them and sorts, where the index has the newest first. Of a `case`
-- it expects every second row.
set local lock_timeout = '5s';

alter policy bounce_wall on bounce
    using (msp_id = (select wall_msp()) and case
        when '*' = any ((select wall_tenants())::text[]) then true
        else tenant_id::text = any ((select wall_tenants())::text[])
    end);
