-- Groups of tenants: small labels, by which whoever asks to be told names tenants that are still to come.
set local lock_timeout = '5s';

alter table tenant add column groups text[] not null default '{}';
alter table tenant add constraint tenant_groups_are_bounded check (cardinality(groups) <= 50) not valid;
