-- The provider's own number for why it gave no token: Microsoft's AADSTS codes name the setting that is missing.
set local lock_timeout = '5s';
alter table access_token add column provider_code integer;
