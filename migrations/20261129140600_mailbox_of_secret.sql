-- no-transaction
-- Mailboxes are many, and whoever writes to them must not wait for this.
create index concurrently if not exists mailbox_of_secret on mailbox (msp_id, tenant_id, secret_hash)
    where secret_hash is not null;
