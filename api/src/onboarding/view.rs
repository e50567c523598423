//! Wire shapes of an onboarding. A row is read by itself, so a body is accepted though a row of it is not.

use std::borrow::Cow;
use std::collections::BTreeMap;

use daimon_domain::id::{CredentialId, JobId, MailboxId, TenantId};
use daimon_domain::mailbox::{Address, NewMail};
use daimon_domain::tenant::{Group, Language};
use daimon_domain::words;
use garde::Validate;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::input::{Tree, is_plain};
use crate::mailboxes::{ImapServerView, NewImapServer, is_password};

/// A company as sent: it is read by itself, and when it is none of the known shape it is answered as a wrong row.
#[derive(Debug)]
pub(crate) struct CompanyRow(pub(super) Tree);

/// The same of a mailbox. It only describes one, which is read out of its company.
#[derive(Debug)]
pub(crate) enum MailboxRow {}

impl<'de> Deserialize<'de> for CompanyRow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let tree = Tree::deserialize(from)?;
        if matches!(tree, Tree::Object(_)) { Ok(Self(tree)) } else { Err(D::Error::custom("must be an object")) }
    }
}

/// How they appear in the document: an object of a known shape, or another.
macro_rules! rows {
    ($($row:ident($shape:ty) = $word:literal;)+) => {$(
        impl PartialSchema for $row {
            fn schema() -> RefOr<Schema> {
                AnyOfBuilder::new().item(Ref::from_schema_name(<$shape>::name())).item(any_other()).into()
            }
        }

        impl ToSchema for $row {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($word)
            }

            fn schemas(into: &mut Vec<(String, RefOr<Schema>)>) {
                into.push((<$shape>::name().into_owned(), <$shape>::schema()));
                <$shape>::schemas(into);
            }
        }
    )+};
}

rows! {
    CompanyRow(NewCompany) = "NewCompanyRow";
    MailboxRow(NewCompanyMailbox) = "NewCompanyMailboxRow";
}

fn any_other() -> ObjectBuilder {
    let description =
        "Anything else is a row that is wrong: it keeps no other out, and is answered with what is wrong.";
    ObjectBuilder::new().schema_type(Type::Object).description(Some(description))
}

/// Companies to be taken in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewOnboarding, example = json!({"companies": [{
    "name": "Sakura Dental", "language": "ja", "external_refs": {"halopsa": "1234"}, "groups": ["gold"],
    "mailboxes": [
        {"address": "sato@sakura.example", "password": "correct horse battery staple", "imap": {"host": "imap.sakura.example"}},
        {"address": "info@sakura.example", "password": "another horse", "imap": {"host": "imap.sakura.example"}}
    ]
}]}))]
pub(crate) struct NewOnboarding {
    /// The companies, with 1,000 mailboxes in all at most.
    #[garde(length(min = 1, max = 1_000))]
    pub(super) companies: Vec<CompanyRow>,
}

/// A company with its mailboxes.
#[derive(Debug, ToSchema)]
#[schema(as = NewCompany)]
#[expect(dead_code, reason = "only describes a company; it is read as a tenant, and its mailboxes by themselves")]
pub(crate) struct NewCompany {
    /// Its name: 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The language of its playbooks; English when left out.
    #[schema(schema_with = crate::words::language, required = false)]
    language: Option<Language>,
    /// What your other systems call it. By that it is found again, before its name.
    #[schema(required = false)]
    external_refs: BTreeMap<String, String>,
    /// The groups it belongs to: at most 50.
    #[schema(schema_with = crate::words::groups, required = false)]
    groups: Vec<Group>,
    /// Its mailboxes. Without any, the company alone is taken in.
    #[schema(required = false)]
    mailboxes: Vec<MailboxRow>,
}

/// A mailbox of a company that is taken in.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCompanyMailbox, example = json!({"address": "sato@sakura.example", "password": "correct horse battery staple"}))]
pub(crate) struct NewCompanyMailbox {
    /// The mail address that people write to.
    #[serde(deserialize_with = "crate::input::text")]
    #[garde(skip)]
    #[schema(value_type = String, format = Email)]
    pub(super) address: Address,
    /// Where its IMAP server is. Left out, it is looked for, as by `GET /v1/autodiscover`.
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<NewImapServer>, nullable = false)]
    pub(super) imap: Option<NewImapServer>,
    /// The name to sign in with: the address when left out.
    #[serde(default)]
    #[garde(inner(length(chars, min = 1, max = 320), custom(is_plain)))]
    #[schema(nullable = false, min_length = 1, max_length = 320)]
    pub(super) username: Option<String>,
    /// The password to sign in with. It is sealed and never shown again. Send it, or `credential_id`.
    #[serde(default)]
    #[garde(inner(custom(is_password)))]
    #[schema(value_type = Option<String>, nullable = false, format = Password, write_only, min_length = 1, max_length = 1_024)]
    pub(super) password: Option<SecretString>,
    /// The credential to sign in with in place of a password, one of the company's.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::credential_id, required = false)]
    pub(super) credential_id: Option<CredentialId>,
    /// How often it is read, in seconds: 300 when left out.
    #[serde(default)]
    #[garde(range(min = 60, max = 900))]
    #[schema(value_type = Option<u32>, nullable = false, minimum = 60, maximum = 900)]
    pub(super) poll_interval_s: Option<u32>,
    /// How new mail is noticed: `poll` when left out.
    #[serde(default)]
    #[garde(skip)]
    #[schema(schema_with = crate::words::new_mail, required = false)]
    pub(super) new_mail: Option<NewMail>,
}

/// How to take them in.
#[derive(Clone, Copy, Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OnboardQuery {
    /// `true`: says what would come of each row, and changes nothing.
    #[garde(skip)]
    #[param(required = false)]
    pub(super) dry_run: Option<bool>,
    /// `false`: the connections of the mailboxes are not tested. They are read all the same.
    #[garde(skip)]
    #[param(required = false)]
    pub(super) test: Option<bool>,
}

words! {
    /// What came of a row.
    RowStatus {
        /// It is there now.
        Created = "created",
        /// It was there.
        Exists = "exists",
        /// Nothing was done.
        Invalid = "invalid",
    }
}

/// What came of each row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Onboarded, example = json!({
    "dry_run": false, "tenants_created": 1, "created": 1, "existing": 0, "invalid": 1, "rows": [{
        "row": 1, "status": "created", "company": "Sakura Dental", "tenant_id": "tnt_019ab1c2d3e47f508192a3b4c5d6e7f8",
        "address": "sato@sakura.example", "mailbox_id": "mbx_019ab1c2d3e47f508192a3b4c5d6e7f8",
        "imap": {"host": "imap.sakura.example", "port": 993, "tls": "implicit"}, "job_id": "job_019ab1c2d3e47f508192a3b4c5d6e7f8", "errors": []
    }, {
        "row": 2, "status": "invalid", "company": "Sakura Dental", "tenant_id": null, "address": "info", "mailbox_id": null, "imap": null,
        "job_id": null, "errors": [{"field": "address", "pointer": "/companies/0/mailboxes/1/address", "detail": "not a mail address"}]
    }]
}))]
pub(crate) struct OnboardedView {
    /// Whether it was only looked what would come of it.
    pub(super) dry_run: bool,
    /// How many companies were not there before.
    pub(super) tenants_created: u32,
    /// How many rows were `created`.
    pub(super) created: u32,
    /// How many rows were there already.
    pub(super) existing: u32,
    /// How many rows are wrong.
    pub(super) invalid: u32,
    /// Each row, in the order in which they were sent.
    pub(super) rows: Vec<RowView>,
}

/// What came of a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OnboardedRow)]
pub(crate) struct RowView {
    /// Which row. Of a table its line, so that the first below the header is 2; of a JSON body it counts mailboxes, and companies
    /// without any, from 1.
    pub(super) row: u32,
    /// What came of it.
    #[schema(schema_with = crate::words::row_status)]
    pub(super) status: RowStatus,
    /// The company's name, as sent.
    #[schema(required = true)]
    pub(super) company: Option<String>,
    /// The company. `null`: there is none, or in a dry run none yet.
    #[schema(schema_with = crate::words::tenant_id_or_null)]
    pub(super) tenant_id: Option<TenantId>,
    /// The mailbox's address, as sent.
    #[schema(required = true)]
    pub(super) address: Option<String>,
    /// The mailbox. `null`: there is none, or in a dry run none yet.
    #[schema(schema_with = crate::words::mailbox_id_or_null)]
    pub(super) mailbox_id: Option<MailboxId>,
    /// Where it is read.
    #[schema(required = true)]
    pub(super) imap: Option<ImapServerView>,
    /// The test of its connection, to be read at `GET /v1/jobs/{job_id}`. `null`: none was asked for, it was there before, or too many
    /// tests of the company have led nowhere within an hour.
    #[schema(schema_with = crate::words::job_id_or_null)]
    pub(super) job_id: Option<JobId>,
    /// What is wrong.
    pub(super) errors: Vec<RowErrorView>,
}

/// One thing that is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OnboardedRowError)]
pub(crate) struct RowErrorView {
    /// Which field: of a table its column.
    #[schema(example = "address")]
    pub(super) field: String,
    /// Where in the body (RFC 6901). `null`: it was a table.
    #[schema(required = true, example = "/companies/0/mailboxes/1/address")]
    pub(super) pointer: Option<String>,
    /// What is wrong with it.
    #[schema(example = "not a mail address")]
    pub(super) detail: String,
}
