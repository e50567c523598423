//! Taking the good rows in, in one transaction, and saying of each what came of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daimon_domain::id::{MailboxId, TenantId};
use daimon_domain::mailbox::{Address, HostName, Mailbox, Polling};
use daimon_domain::scope::Tenants;
use daimon_store::audit::NewEntry;
use daimon_store::{job, mailbox, tenant};
use serde_json::json;
use uuid::Uuid;

use super::companies::{Companies, Known};
use super::line::{Line, Part};
use super::servers::Servers;
use super::view::{NewCompanyMailbox, OnboardedView, RowStatus, RowView};
use crate::caller::{Caller, TenantsWrite};
use crate::mailboxes::{self, Asked, MOST_IN_VAIN, Means};
use crate::problem::Problem;
use crate::tenants;

/// What was done.
pub(super) struct Done {
    /// What is answered.
    pub(super) view: OnboardedView,
    /// What is written down.
    pub(super) entries: Vec<NewEntry>,
    /// Mailboxes and jobs to be hinted, by tenant.
    pub(super) hints: BTreeMap<TenantId, (Vec<Uuid>, Vec<Uuid>)>,
}

/// Somebody who takes rows in.
pub(super) struct Writer<'c> {
    caller: &'c mut Caller<TenantsWrite>,
    servers: &'c Servers,
    is_tested: bool,
    companies: Companies,
    /// Those that were there before.
    existing: HashMap<(TenantId, Address), Mailbox>,
    /// Which row had an address of a company first.
    seen: HashMap<(usize, Address), u32>,
    /// Servers at which tests of a tenant may lead nowhere.
    strange_hosts: BTreeMap<TenantId, (i64, BTreeSet<HostName>)>,
    known_hosts: HashMap<HostName, bool>,
    done: Done,
}

impl<'c> Writer<'c> {
    /// Looks at what is there.
    pub(super) async fn new(
        caller: &'c mut Caller<TenantsWrite>,
        lines: &[Line],
        servers: &'c Servers,
        is_tested: bool,
    ) -> Result<Self, Problem> {
        if !tenant::hold_onboarding(&mut caller.tx).await? {
            return Err(Problem::Busy("Somebody of yours is taking companies in at this moment. Send the rows again."));
        }
        let (mut names, mut references, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for line in lines.iter().filter(|line| line.errors.is_empty()) {
            let Some(company) = &line.company else { continue };
            names.insert(company.name.as_str().to_owned());
            references.extend(company.external_refs.clone());
            addresses.extend(line.mailbox.as_ref().map(|mailbox| mailbox.address.as_str().to_owned()));
        }
        let [names, addresses] = [names, addresses].map(|texts| texts.into_iter().collect::<Vec<_>>());
        let references: Vec<_> = references.into_iter().collect();
        let known = tenant::matching(&mut caller.tx, &names, &references).await?;
        let ids: Vec<_> = known.iter().map(|tenant| tenant.id).collect();
        let mailboxes = mailbox::with_addresses(&mut caller.tx, &ids, &addresses).await?;
        Ok(Self {
            caller,
            servers,
            is_tested,
            companies: Companies::new(known),
            existing: mailboxes.into_iter().map(|one| ((one.tenant, one.address.clone()), one)).collect(),
            seen: HashMap::new(),
            strange_hosts: BTreeMap::new(),
            known_hosts: HashMap::new(),
            done: Done {
                view: OnboardedView {
                    dry_run: false,
                    tenants_created: 0,
                    created: 0,
                    existing: 0,
                    invalid: 0,
                    rows: Vec::with_capacity(lines.len()),
                },
                entries: Vec::new(),
                hints: BTreeMap::new(),
            },
        })
    }

    /// Takes all rows in, one after the other.
    pub(super) async fn write(mut self, lines: Vec<Line>) -> Result<Done, Problem> {
        for line in lines {
            let row = self.row(line).await?;
            let count = match row.status {
                RowStatus::Created => &mut self.done.view.created,
                RowStatus::Exists => &mut self.done.view.existing,
                RowStatus::Invalid => &mut self.done.view.invalid,
            };
            *count = count.saturating_add(1);
            self.done.view.rows.push(row);
        }
        Ok(self.done)
    }

    async fn row(&mut self, mut line: Line) -> Result<RowView, Problem> {
        let mut view = RowView {
            row: line.row,
            status: RowStatus::Invalid,
            company: line.company_name.take(),
            tenant_id: None,
            address: line.address.take(),
            mailbox_id: None,
            imap: None,
            job_id: None,
            errors: Vec::new(),
        };
        match self.take_in(&mut line, &mut view).await {
            Ok(status) if line.errors.is_empty() => view.status = status,
            Ok(_) => {}
            // What is wrong with the mailbox.
            Err(Problem::Invalid(errors)) => {
                for error in errors {
                    let pointer = error.pointer.unwrap_or_default();
                    let names: Vec<&str> = pointer.split('/').filter(|name| !name.is_empty()).collect();
                    line.refuse(Part::Mailbox, &names, error.detail);
                }
            }
            Err(problem) => return Err(problem),
        }
        view.errors = line.errors;
        Ok(view)
    }

    /// Takes one in. Whatever is wrong is found before anything is written.
    async fn take_in(&mut self, line: &mut Line, view: &mut RowView) -> Result<RowStatus, Problem> {
        let (Some(company), true) = (line.company.take(), line.errors.is_empty()) else {
            return Ok(RowStatus::Invalid);
        };
        let at = match self.companies.find(line.row, &company) {
            Ok(at) => at,
            Err((field, detail)) => {
                line.refuse(Part::Company, &[field], detail);
                return Ok(RowStatus::Invalid);
            }
        };
        let there = self.tenant(at);
        if there.is_none() && self.caller.tenants != Tenants::All {
            line.refuse(
                Part::Company,
                &["name"],
                "is not there, and your key is limited to some tenants, so it can't make one",
            );
            return Ok(RowStatus::Invalid);
        }
        let Some(mailbox) = line.mailbox.take() else {
            self.call(at).await?;
            view.tenant_id = Some(self.tenant_made(at).await?);
            return Ok(if there.is_some() { RowStatus::Exists } else { RowStatus::Created });
        };
        if let Some(first) = self.seen.get(&(at, mailbox.address.clone())) {
            line.refuse(Part::Mailbox, &["address"], format!("is that of row {first}, of the same company"));
            return Ok(RowStatus::Invalid);
        }
        if there.is_some() {
            self.call(at).await?;
        }
        if let Some(known) = there.and_then(|tenant| self.existing.get(&(tenant, mailbox.address.clone()))) {
            view.tenant_id = there;
            if matches!(known.polling, Polling::Deleting { .. }) {
                line.refuse(Part::Mailbox, &["address"], "is that of a mailbox that is being deleted");
                return Ok(RowStatus::Invalid);
            }
            view.mailbox_id = Some(known.id);
            view.imap = Some(known.server.clone().into());
            self.seen.insert((at, mailbox.address), line.row);
            return Ok(RowStatus::Exists);
        }
        let address = mailbox.address.clone();
        let asked = self.asked(mailbox)?;
        if asked.means.credential().is_some() && there.is_none() {
            return Err(Problem::invalid("/credential_id", "the company is new, so it has no credential yet"));
        }
        if let (Means::Credential(_), Some(tenant)) = (&asked.means, there) {
            let id = MailboxId::new(self.caller.now, self.caller.service.sources.entropy());
            asked.means.seal(self.caller, tenant, id, &asked.server).await?;
        }
        let tenant = self.tenant_made(at).await?;
        let made = match mailboxes::store(self.caller, tenant, asked).await {
            Err(Problem::Conflict(_)) => {
                return Err(Problem::Busy("A mailbox was made at this moment; nothing was done. Send the rows again."));
            }
            made => made?.ok_or(Problem::Internal)?,
        };
        self.seen.insert((at, address), line.row);
        view.tenant_id = Some(tenant);
        view.mailbox_id = Some(made.id);
        view.imap = Some(made.server.clone().into());
        let hints = self.done.hints.entry(tenant).or_default();
        hints.0.push(made.id.as_uuid());
        let mut detail = json!({});
        if self.may_test(&made).await? {
            let job = mailboxes::new_test(self.caller, &made);
            job::insert(&mut self.caller.tx, &job).await?;
            self.done.hints.entry(tenant).or_default().1.push(job.id.as_uuid());
            detail = json!({ "job": job.id });
            view.job_id = Some(job.id);
        }
        self.done.entries.push(self.caller.entry("mailbox.created", &made.id, Some(tenant), detail));
        Ok(RowStatus::Created)
    }

    /// Where it is and what it signs in with.
    fn asked(&self, new: NewCompanyMailbox) -> Result<Asked, Problem> {
        let (server, found) = match new.imap {
            Some(imap) => (imap.vetted(&self.caller.service.guard)?, None),
            None => match self.servers.of(&new.address) {
                Ok((server, username)) => (server, Some(username)),
                Err(detail) => return Err(Problem::invalid("/imap", detail)),
            },
        };
        if !self.caller.service.guard.has_imap_port(server.port, server.tls) {
            return Err(Problem::invalid(
                "/imap",
                format!("its server was found at port {}, which the operator has not opened", server.port),
            ));
        }
        Ok(Asked {
            server,
            means: Means::of(new.password, new.credential_id)?,
            username: new.username.or(found).unwrap_or_else(|| new.address.to_string()),
            address: new.address,
            poll_interval_s: new.poll_interval_s,
            new_mail: new.new_mail,
        })
    }

    fn tenant(&mut self, at: usize) -> Option<TenantId> {
        self.companies.at(at)?.tenant.as_ref().map(|tenant| tenant.id)
    }

    /// Writes down what another system calls one that is there, where nobody has known that.
    async fn call(&mut self, at: usize) -> Result<(), Problem> {
        let Some(tenant) = self.companies.at(at).and_then(Known::newly_called) else { return Ok(()) };
        tenant.version = tenant::update(&mut self.caller.tx, tenant)
            .await?
            .ok_or(Problem::Busy("A company was changed at this moment; nothing was done. Send the rows again."))?;
        let id = tenant.id;
        self.done.entries.push(self.caller.entry("tenant.changed", &id, Some(id), json!({})));
        Ok(())
    }

    /// The tenant at that place, which is made when it is not there yet.
    async fn tenant_made(&mut self, at: usize) -> Result<TenantId, Problem> {
        let known = self.companies.at(at).ok_or(Problem::Internal)?;
        if let Some(tenant) = &known.tenant {
            return Ok(tenant.id);
        }
        let new = known.to_be_made().ok_or(Problem::Internal)?;
        let tenant = tenants::store(self.caller, new).await?;
        let id = tenant.id;
        known.tenant = Some(tenant);
        self.done.view.tenants_created = self.done.view.tenants_created.saturating_add(1);
        self.done.entries.push(self.caller.entry("tenant.created", &id, Some(id), json!({})));
        Ok(id)
    }

    /// Whether its connection is tested: not at ever more servers that nobody of yours was ever let in to, because that would find out
    /// what listens where.
    async fn may_test(&mut self, made: &Mailbox) -> Result<bool, Problem> {
        if !self.is_tested {
            return Ok(false);
        }
        let host = &made.server.host;
        let is_known = if let Some(known) = self.known_hosts.get(host) {
            *known
        } else {
            let known = job::knows_host(&mut self.caller.tx, host).await?;
            self.known_hosts.insert(host.clone(), known);
            known
        };
        if is_known {
            return Ok(true);
        }
        if !self.strange_hosts.contains_key(&made.tenant) {
            let in_vain = mailboxes::in_vain(self.caller, made.tenant).await?;
            self.strange_hosts.insert(made.tenant, (in_vain.count, BTreeSet::new()));
        }
        let Some((in_vain, hosts)) = self.strange_hosts.get_mut(&made.tenant) else { return Ok(false) };
        let others = i64::try_from(hosts.len()).unwrap_or(i64::MAX);
        if !hosts.contains(host) && in_vain.saturating_add(others) >= MOST_IN_VAIN {
            return Ok(false);
        }
        hosts.insert(host.clone());
        Ok(true)
    }
}
