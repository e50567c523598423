-- Whose fault a death was, when an incident was contained, and what may be tried once more.
set local lock_timeout = '5s';

-- Whether nothing else was being read in that process: only then does its death speak against what it had in hand. A row
-- without a folder is a session that had no message in hand, one without messages a folder that was being opened.
alter table in_hand add column alone boolean not null default false;

-- Somebody asked for the message to be read once more.
alter table quarantine add column again boolean not null default false;

-- When the incident became contained for the first time since it opened or reopened.
alter table incident add column contained_at timestamptz;
