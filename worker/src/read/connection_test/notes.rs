//! What is written down on the way.

use daimon_domain::connection_test::{ConnectionTest, Facts, Finding, Stepped, TestStep};
use daimon_provider::Provider;

use super::super::job::Reader;
use super::super::work::Work;

/// A test that goes on.
pub(super) struct Notes {
    test: ConnectionTest,
    /// Who the provider is.
    pub(super) provider: Option<&'static Provider>,
    /// Where mailboxes of the address's domain usually are, if that is another server.
    usual_host: Option<String>,
}

impl Notes {
    /// Finds out who the provider is: by its host, or by who takes the mail of the address's domain.
    pub(super) async fn begin(ctx: &Reader, work: &Work) -> Self {
        let (server, domain) = (&work.mailbox.server, work.mailbox.address.domain());
        let of_host = daimon_provider::of_host(server.host.as_str());
        let mut usual = daimon_provider::of_domain(domain).map(|provider| (provider, None));
        // Where nothing is asked of DNS about mailboxes' domains, this isn't either.
        if usual.is_none() && ctx.blocklists.is_some() {
            let exchangers = ctx.egress.mx(domain).await.unwrap_or_default();
            usual = exchangers.iter().find_map(|mx| Some((daimon_provider::of_mx(mx)?, Some(mx.clone()))));
        }
        let usual_host = usual.as_ref().and_then(|(provider, mx)| provider.imap(mx.as_deref())).map(|(host, _)| host);
        let provider = of_host.or(usual.map(|(provider, _)| provider));
        let test = ConnectionTest {
            server: server.clone(),
            provider: provider.map(|provider| provider.name.clone()),
            credential: work.credential_kind(),
            steps: Vec::new(),
        };
        let usual_host = usual_host.filter(|usual| usual != server.host.as_str());
        Self { test, provider, usual_host }
    }

    /// Writes a step down.
    pub(super) fn add(&mut self, step: TestStep, finding: Finding, facts: Facts) {
        let is_elsewhere = finding.fault().is_some()
            && matches!(step, TestStep::Resolve | TestStep::Connect | TestStep::Tls | TestStep::Greeting);
        let usual_host = self.usual_host.clone().filter(|_| is_elsewhere);
        self.test.steps.push(Stepped { step, finding, facts: Facts { usual_host, ..facts } });
    }

    /// The whole test: what is missing was not reached.
    pub(super) fn end(mut self) -> ConnectionTest {
        for step in TestStep::ALL {
            if !self.test.steps.iter().any(|one| one.step == *step) {
                self.add(*step, Finding::NotReached, Facts::default());
            }
        }
        self.test
    }
}
