-- When an endpoint has failed last: failures with long silence between them are not one row of failures.
set local lock_timeout = '5s';

alter table endpoint add column last_failed_at timestamptz;
