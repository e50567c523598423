//! Wire shapes of the texts about an incident.

use daimon_domain::id::IncidentId;
use daimon_domain::incident::Incident;
use daimon_domain::tenant::Language;
use daimon_domain::verdict::Verdict;
use daimon_wording::notice::{Audience, Notice};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which texts.
#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListNotices {
    /// In this language only; in every language when left out, the tenant's first.
    #[garde(skip)]
    #[param(schema_with = crate::words::language, required = false)]
    pub(crate) language: Option<Language>,
    /// For these readers only.
    #[garde(skip)]
    #[param(schema_with = crate::words::audience, required = false)]
    pub(crate) audience: Option<Audience>,
}

/// Texts about an incident that are ready to be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notices, example = json!({
    "incident_id": "inc_019ab1c2d3e47f508192a3b4c5d6e7f8", "verdict": "backscatter", "notices": [{
        "id": "backscatter_owner", "audience": "owner", "language": "en", "advice": "It can be sent to the mailbox itself.",
        "subject": "The returned mails in your mailbox sato@clinic.example",
        "body": "Hello,\n\nthe returned mails that reach sato@clinic.example since 24 November 2026, 06:50 UTC are answers to mail that somebody else sent from elsewhere, with your address as a forged sender.\n\nKestrel IT\n"
    }]
}))]
pub(crate) struct NoticesView {
    /// Of which incident.
    #[schema(schema_with = crate::words::incident_id)]
    incident_id: IncidentId,
    /// Its cause: each has its own texts.
    #[schema(schema_with = crate::words::verdict)]
    verdict: Verdict,
    /// The texts. None where there is nothing to tell, as for an incident that was dismissed.
    notices: Vec<NoticeView>,
}

/// A text that is ready to be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notice)]
pub(crate) struct NoticeView {
    /// Which one, the same in every language.
    id: &'static str,
    /// For whom: colleagues in the company, its partners and customers, or the person whose mailbox it is.
    #[schema(schema_with = crate::words::audience)]
    audience: Audience,
    /// In which language.
    #[schema(schema_with = crate::words::language)]
    language: Language,
    /// How to send it, for whoever does; it is no part of the text.
    advice: &'static str,
    /// The subject.
    subject: String,
    /// Plain text, with line feeds.
    body: String,
}

impl NoticesView {
    pub(super) fn new(incident: &Incident, notices: Vec<NoticeView>) -> Self {
        Self { incident_id: incident.id, verdict: incident.verdict, notices }
    }
}

impl From<Notice> for NoticeView {
    fn from(notice: Notice) -> Self {
        let Notice { id, audience, language, advice, subject, body } = notice;
        Self { id, audience, language, advice, subject, body }
    }
}
