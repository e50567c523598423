-- Of what an endpoint is told: verdicts, groups of tenants, and all tenants but some, beside what there was.
set local lock_timeout = '5s';

alter table endpoint
    add column verdicts text[] not null default '{}',
    add column tenant_groups text[] not null default '{}',
    add column except_tenants uuid[] not null default '{}';
alter table event add column verdict text;

-- Who is limited to some tenants neither sees nor makes an endpoint that reaches further, and a group may grow.
alter policy endpoint_wall on endpoint
    using (msp_id = (select wall_msp()) and ('*' = any ((select wall_tenants())::text[])
        or (tenants <> '{}' and tenant_groups = '{}' and tenants::text[] <@ (select wall_tenants()))));

-- Whether an endpoint wants an event. An empty list wants all, also what has nothing of the kind.
create function endpoint_wants(
    types text[], severities text[], verdicts text[], tenants uuid[], tenant_groups text[], except_tenants uuid[],
    type text, severity text, verdict text, tenant uuid, groups text[]
) returns boolean
language sql immutable parallel safe
return coalesce(types = '{}' or type = any (types), false)
    and coalesce(severities = '{}' or severity = any (severities), false)
    and coalesce(verdicts = '{}' or verdict = any (verdicts), false)
    and coalesce((tenants = '{}' and tenant_groups = '{}') or tenant = any (tenants) or groups && tenant_groups, false)
    and coalesce(tenant <> all (except_tenants), true);
