//! What the API says to Postgres, word for word.

use uuid::Uuid;

pub(super) fn begin(msp: Uuid) -> String {
    format!(
        "begin; select set_config('app.msp_id', '{msp}', true), set_config('app.tenant_scope', '*', true),
            set_config('plan_cache_mode', 'auto', true)"
    )
}

pub(super) const KEY: &str =
    "select key_id, name, secret_sha256, permissions, tenants, created_at, expires_at, revoked_at
    from api_key where key_id = $1";

pub(super) const MAILBOX: &str =
    "select mailbox_id, tenant_id, address, host, port, tls, username, credential_id, polling, polling_since, connection, connection_since,
        connection_fault, connection_failures, connection_refusal, poll_interval_s, new_mail, idle_since, idle_fault,
        tidying_folder, tidying_is_automatic, next_poll_at, last_polled_at, created_at, version
    from mailbox where mailbox_id = $1";

pub(super) const BOUNCES: &str = r#"select bounce_id, tenant_id, mailbox_id, folder, uid_validity, uid, received_at, kind, reason, status, reply,
        permanence, fault, action, rule, diagnostic, reporting_mta, remote_mta, recipient_hash, recipient_domain,
        template, subject_skeleton_hash, '{}' as "observation!", verdict, incident_id, drill_id
    from bounce
    where bounce_id >= $1 and bounce_id < $2
        and ($3::uuid is null or tenant_id = $3) and ($4::uuid is null or mailbox_id = $4)
        and ($5::text is null or reason = $5) and ($6::text is null or recipient_domain = $6)
        and ($7::text is null or verdict = $7) and ($8::uuid is null or incident_id = $8)
        and ($10::boolean is null or (drill_id is null) = $10)
    order by bounce_id desc limit $9"#;

pub(super) const INCIDENTS: &str = r#"select incident_id, tenant_id, mailbox_id, verdict, tier, severity, state, score_db, bounces,
        unexpected_recipients, '[]'::jsonb as "evidence!", dedup_key, sequence, opened_at, updated_at, first_bounce_at, last_bounce_at,
        contained_at, assignee, snoozed_until, snooze_reason, snooze_tier, dismissal, refused_since, closes_at, trailing_bounces,
        continued_recipients, unread_bounces, drill_id
    from incident
    where ($1::uuid is null or tenant_id = $1) and ($2::uuid is null or mailbox_id = $2)
        and ($3::text is null or verdict = $3) and ($4::text is null or state = $4)
        and (not $5 or state in ('open', 'contained', 'monitoring', 'recovered', 'reopened'))
        and ($6::uuid is null or incident_id < $6) and ($8::boolean is null or (drill_id is null) = $8)
    order by incident_id desc limit $7"#;

pub(super) const HOLD: &str = r#"select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as "held!""#;

pub(super) const KEPT: &str = "select fingerprint, status, location, etag, body from idempotency
    where caller = $1 and idempotency_key = $2 and created_at >= $3";

pub(super) const FORGET: &str = "delete from idempotency where created_at < $1";

pub(super) const TENANT: &str =
    "insert into tenant (msp_id, tenant_id, name, language, external_refs, data_key, created_at, version,
        groups)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

pub(super) const AUDIT_END: &str = "select sequence, hash from audit_head for update";

pub(super) const AUDIT_HASH: &str = r#"select sha256($1) as "hash!""#;

pub(super) const AUDIT: &str =
    "insert into audit_entry (msp_id, sequence, audit_id, tenant_id, happened_at, actor, action, subject, detail,
        previous_hash, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub(super) const AUDIT_MOVE: &str = "update audit_head set sequence = $1, hash = $2";

pub(super) const KEEP: &str = "insert into idempotency
        (msp_id, caller, idempotency_key, fingerprint, status, location, etag, body, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
