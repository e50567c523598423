-- Since when the mailbox writes to somebody: where a provider files whatever is submitted, a thief's recipients are in Sent
-- too, and whom nobody wrote to before he came is no correspondent. Those known already are taken for old ones.
alter table correspondent add column first_seen_at timestamptz not null default 'epoch';
alter table correspondent alter column first_seen_at drop default;
