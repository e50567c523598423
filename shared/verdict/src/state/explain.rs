//! Why: for the mailbox, and for each letter by itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daimon_domain::verdict::{EvidenceLine, Verdict};

use super::{EXCLUDED_DB, State};
use crate::assessment::ClusterReport;
use crate::clue::{Clue, class_of};
use crate::cluster::{self, Cluster};
use crate::filing;
use crate::matrix::Matrix;

impl State {
    /// What speaks for the verdict against its closest rival, after who handed the mail in and that a filter hides it. A
    /// forger's flood is well filed away.
    pub(super) fn explain(&self, verdict: Verdict, matrix: &Matrix) -> Vec<EvidenceLine> {
        let mut seen = self.window_seen.clone();
        let mut repeated = BTreeMap::<Clue, u32>::new();
        for (clue, count) in self.clusters.iter().flat_map(|cluster| &cluster.seen) {
            *seen.entry(*clue).or_default() += count;
        }
        for (clue, count) in self.clusters.iter().flat_map(|cluster| &cluster.repeated) {
            *repeated.entry(*clue).or_default() += count;
        }
        // What is weighed against nothing has no rival either.
        if class_of(verdict).is_none() {
            let is_it = |(clue, _): &(Clue, u32)| *clue == Clue::FakeBounces;
            let line = |(clue, count): (Clue, u32)| EvidenceLine {
                item: clue.item().to_owned(),
                value: clue.value().to_owned(),
                db: 0.0,
                count,
                against: None,
            };
            return seen.into_iter().filter(is_it).map(line).collect();
        }
        // At the day's cap several are equally far behind; the closest is what the lines themselves leave closest.
        let lines = matrix.closest(verdict).into_iter().map(|rival| {
            let lines = cluster::explain(&seen, &repeated, verdict, rival, self.sent_weight);
            (lines.iter().map(|line| line.db).sum::<f64>(), lines)
        });
        let lines = lines.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, lines)| lines).unwrap_or_default();
        // Who signed in, and from where, is what people act on.
        let headline = self.submissions.headline().into_iter().chain(filing::advice(self.filed_away));
        headline.filter(|_| verdict == Verdict::AccountTakeover).chain(lines).collect()
    }

    pub(super) fn report(&self, cluster: &Cluster, now: DateTime<Utc>) -> ClusterReport {
        let best = cluster.best();
        let is_decided = if best == Verdict::AccountTakeover {
            cluster.score(best, cluster.last_at) >= EXCLUDED_DB
        } else {
            cluster.ahead_of_takeover(best) >= EXCLUDED_DB && !(self.is_blind && best == Verdict::Backscatter)
        };
        let verdict = if is_decided {
            best
        } else if best == Verdict::Legit || cluster.unexpected == 0 {
            Verdict::Legit
        } else {
            Verdict::Undetermined
        };
        let explained = if verdict == Verdict::Undetermined { Verdict::AccountTakeover } else { verdict };
        ClusterReport {
            verdict,
            template: cluster.template.clone(),
            bounces: cluster.bounces,
            score_db: (cluster.score(explained, now) * 10.0).round() / 10.0,
            evidence: cluster::explain(
                &cluster.seen,
                &cluster.repeated,
                explained,
                cluster.rival(explained),
                self.sent_weight,
            ),
        }
    }
}
