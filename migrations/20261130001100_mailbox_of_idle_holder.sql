-- no-transaction
-- Mailboxes are many, and whoever writes to them must not wait for this.
create index concurrently if not exists mailbox_of_idle_holder on mailbox (idle_holder) where idle_holder is not null;
