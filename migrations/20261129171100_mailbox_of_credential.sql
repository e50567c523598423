-- no-transaction
-- Mailboxes are many, and whoever writes to them must not wait for this.
create index concurrently if not exists mailbox_of_credential on mailbox (msp_id, credential_id)
    where credential_id is not null;
