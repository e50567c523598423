-- How the mails of a sending are made, whatever their subject: by this it is known again the next time.
set local lock_timeout = '5s';

alter table campaign add column fingerprints text[] not null default '{}';
alter table campaign add constraint campaign_fingerprints_have_a_length check (cardinality(fingerprints) <= 100) not valid;
