//! What is known of a mailbox before its bounces are read: from a context file, or from the folders themselves.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
};

use chrono::{DateTime, TimeDelta, Utc};
use daimon_domain::bounce::Report;
use daimon_domain::origin::Origin;
use daimon_verdict::campaign::fingerprint;
use daimon_verdict::language::Written;
use daimon_verdict::{Known, Provider, arrival, hosts, shows_neighbours, submission, template};
use mail_parser::{HeaderName, MessageParser};
use serde::Deserialize;

use super::Arrived;
use crate::judge::{Learned, Place, answered};
use crate::mail_files;
use crate::poll::{language, role_by_name};

/// Fewer sent mails say nothing of how the mailbox sends or to whom.
const LEAST_SENT: usize = 10;

/// The context file.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Context {
    /// What is known; what is left empty is learned from the folders.
    #[serde(flatten)]
    pub known: Known,
    /// When the password was changed and every session ended.
    #[serde(default)]
    pub contained_at: Option<DateTime<Utc>>,
    #[serde(default)]
    campaigns: Vec<Campaign>,
    /// How their mails are made: by this others of them are known.
    #[serde(skip)]
    made: BTreeSet<String>,
    /// How complete Sent is has to be measured on the way; where it can't be, this is taken for it.
    #[serde(skip)]
    pub(super) is_coverage_measured: bool,
    #[serde(skip)]
    pub(super) usual_coverage: Option<f64>,
}

/// A campaign that its owner declared: a part of its subject or its List-Id, or both and a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Campaign {
    Text(String),
    Declared {
        #[serde(default)]
        subject: Option<String>,
        #[serde(default)]
        list_id: Option<String>,
        #[serde(default)]
        starts_at: Option<DateTime<Utc>>,
        #[serde(default)]
        ends_at: Option<DateTime<Utc>>,
    },
}

impl Context {
    /// Whether the returned mail belongs to a declared campaign, or is made as its mails are.
    pub(super) fn is_campaign(&self, origin: &Origin) -> bool {
        let is_made_alike = || fingerprint(origin).is_some_and(|made| self.made.contains(&made));
        self.is_declared(origin) || (!self.made.is_empty() && is_made_alike())
    }

    /// Learns how the mails of declared campaigns are made, where that is not how the owner writes.
    fn learn_sendings(&mut self, folders: &Folders) {
        let written: BTreeSet<String> =
            folders.sent.iter().filter_map(|sent| template::fingerprint(&sent.written)).collect();
        let is_usual = |origin: &Origin| template::fingerprint(origin).is_some_and(|how| written.contains(&how));
        let originals = folders.received.iter().map(|mail| &mail.report.origin);
        let declared = originals.filter(|origin| self.is_declared(origin) && !is_usual(origin));
        let made = declared.filter_map(fingerprint).collect();
        self.made = made;
    }

    /// Whether the returned mail belongs to a declared campaign.
    fn is_declared(&self, origin: &Origin) -> bool {
        let contains = |text: Option<&String>, part: &str| {
            !part.trim().is_empty()
                && text.is_some_and(|text| text.to_lowercase().contains(part.trim().to_lowercase().as_str()))
        };
        self.campaigns.iter().any(|campaign| match campaign {
            Campaign::Text(part) => contains(origin.subject.as_ref(), part) || contains(origin.list.as_ref(), part),
            Campaign::Declared { subject, list_id, starts_at, ends_at } => {
                let names_it = subject.as_ref().is_some_and(|part| contains(origin.subject.as_ref(), part))
                    || list_id.as_ref().is_some_and(|part| contains(origin.list.as_ref(), part));
                let in_time = origin.date.is_none_or(|date| {
                    starts_at.is_none_or(|start| date >= start) && ends_at.is_none_or(|end| date <= end)
                });
                names_it && in_time
            }
        })
    }
}

/// How a mail lies on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lying {
    pub(super) place: Place,
    /// Whether somebody has read it, where that is known.
    pub(super) is_read: Option<bool>,
    /// Whether it was found right after it came, as the pool finds it; the disk does not say.
    pub(super) is_found_at_once: bool,
}

impl Lying {
    /// As the pool found it when it came.
    fn found(is_binned: bool) -> Self {
        if is_binned {
            Self { place: Place::Trash, is_read: Some(true), is_found_at_once: true }
        } else {
            Self { is_found_at_once: true, ..Self::default() }
        }
    }

    /// By the folder in a Maildir++, which keeps each beside `cur` under a name that begins with a dot. What another folder
    /// of the disk is called says nothing of the mailbox.
    fn of(path: &str, is_read: Option<bool>) -> Self {
        let folder = Path::new(path).parent().filter(|within| within.ends_with("cur") || within.ends_with("new"));
        let name = folder.and_then(Path::parent).and_then(Path::file_name).and_then(|name| name.to_str());
        let name = name.filter(|name| name.starts_with('.') && name.len() > 1);
        Self { place: name.map_or(Place::Inbox, |name| role_by_name(name).into()), is_read, is_found_at_once: false }
    }
}

/// One received mail that matters.
pub(super) struct Received {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) lies: Lying,
    pub(super) report: Report,
}

/// One sent mail.
pub(super) struct Sent {
    pub(super) at: DateTime<Utc>,
    /// With what it was written.
    pub(super) written: Origin,
    /// In which language.
    pub(super) language: Written,
}

/// What the folders hold; no text of any mail.
#[derive(Default)]
pub(super) struct Folders {
    pub(super) received: Vec<Received>,
    pub(super) sent: Vec<Sent>,
    sent_ids: HashSet<String>,
    /// Since when it has written to whom.
    written_to: HashMap<String, DateTime<Utc>>,
    pub(super) read: usize,
    pub(super) unreadable: Vec<String>,
    /// Whether anything received is a mail at all: has a header.
    pub(super) has_received: bool,
    has_sent: bool,
    addressed_to: BTreeMap<String, usize>,
    written_from: BTreeMap<String, usize>,
}

impl Folders {
    /// Reads everything once. What can't be read is noted and left out.
    pub(super) fn read(inbox: &[PathBuf], sent: &[PathBuf]) -> Self {
        let mut folders = Self { has_sent: !sent.is_empty(), ..Self::default() };
        for item in mail_files::walk(sent) {
            match item {
                Ok(mail) => folders.take_sent(mail.delivered_at, &mail.bytes),
                Err(fault) => folders.unreadable.push(format!("{fault}: {}", fault.source)),
            }
        }
        for item in mail_files::walk(inbox) {
            match item {
                Ok(mail) => {
                    folders.take_received(mail.delivered_at, Lying::of(&mail.path, mail.is_read), &mail.bytes);
                }
                Err(fault) => folders.unreadable.push(format!("{fault}: {}", fault.source)),
            }
        }
        folders.in_order()
    }

    /// Takes what is in memory.
    pub(super) fn of<'m>(
        received: impl IntoIterator<Item = Arrived<'m>>,
        sent: Option<impl IntoIterator<Item = (DateTime<Utc>, &'m [u8])>>,
    ) -> Self {
        let mut folders = Self { has_sent: sent.is_some(), ..Self::default() };
        sent.into_iter().flatten().for_each(|(at, mail)| folders.take_sent(Some(at), mail));
        let found = |mail: Arrived<'m>| folders.take_received(Some(mail.at), Lying::found(mail.is_binned), mail.bytes);
        received.into_iter().for_each(found);
        folders.in_order()
    }

    fn in_order(mut self) -> Self {
        self.received.sort_by_key(|mail| mail.at);
        self.sent.sort_by_key(|mail| mail.at);
        self
    }

    fn take_sent(&mut self, filed_at: Option<DateTime<Utc>>, bytes: &[u8]) {
        let Some(mail) = MessageParser::new().parse_headers(bytes) else { return };
        self.read += 1;
        let date = mail.date().and_then(|date| DateTime::from_timestamp(date.to_timestamp(), 0));
        // What has no date at all is taken for old.
        let at = filed_at.or(date).unwrap_or(DateTime::UNIX_EPOCH);
        for list in [mail.to(), mail.cc(), mail.bcc()].into_iter().flatten() {
            for to in list.iter().filter_map(|to| to.address()) {
                let first = self.written_to.entry(to.to_lowercase()).or_insert(at);
                *first = at.min(*first);
            }
        }
        if let Some(from) = mail.from().and_then(|from| from.first()).and_then(|from| from.address()) {
            *self.written_from.entry(from.to_lowercase()).or_default() += 1;
        }
        let mailer = mail.header(HeaderName::Other("X-Mailer".into())).or_else(|| mail.header("User-Agent"));
        let written = Origin {
            message_id: mail.message_id().map(str::to_owned),
            mailer: mailer.and_then(|value| value.as_text()).map(str::to_owned),
            ..Origin::default()
        };
        self.sent_ids.extend(written.message_id.clone());
        self.sent.push(Sent { at, written, language: language(&mail) });
    }

    /// Sent mail of which only the Message-IDs are known.
    #[cfg(test)]
    pub(super) fn note_sent(&mut self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            self.sent_ids.insert(id.clone());
            let written = Origin { message_id: Some(id), ..Origin::default() };
            self.sent.push(Sent { at: DateTime::UNIX_EPOCH, written, language: Written::default() });
        }
        self.has_sent = true;
    }

    fn take_received(&mut self, delivered_at: Option<DateTime<Utc>>, lies: Lying, bytes: &[u8]) {
        self.read += 1;
        let report = daimon_bounce::read(bytes);
        if let Some(mail) = MessageParser::new().parse_headers(bytes) {
            self.has_received |= !mail.headers().is_empty();
            let delivered_to = mail.header("Delivered-To").and_then(|value| value.as_text()).map(str::to_lowercase);
            let to = || mail.to().and_then(|to| to.first()).and_then(|to| to.address()).map(str::to_lowercase);
            if let Some(to) = delivered_to.or_else(to) {
                *self.addressed_to.entry(to).or_default() += 1;
            }
        }
        let at =
            delivered_at.or_else(|| report.envelope.received.iter().find_map(|hop| hop.at)).or(report.envelope.date);
        self.received.push(Received { at, lies, report });
    }

    /// Whether that message is in Sent; `None` where no Sent folder was given.
    pub(super) fn is_in_sent(&self, message_id: &str) -> Option<bool> {
        self.has_sent.then(|| self.sent_ids.contains(message_id))
    }

    /// When the mailbox first wrote to that address.
    pub(super) fn first_written_to(&self, address: &str) -> Option<DateTime<Utc>> {
        self.written_to.get(&address.to_lowercase()).copied()
    }

    /// Whether enough was sent for a stranger to be one.
    pub(super) fn has_habits(&self) -> bool {
        self.sent.len() >= LEAST_SENT
    }

    /// Tells of the own messages that a mail answers.
    pub(super) fn hear_answers(&self, mail: &Received, known: &Known, at: DateTime<Utc>, learned: &mut Learned) {
        let envelope = &mail.report.envelope;
        for id in answered(mail.report.kind, &envelope.to, &envelope.in_reply_to, known).filter(|_| self.has_sent) {
            learned.answered(template::fnv(id.as_bytes()), self.sent_ids.contains(id), at);
        }
    }

    /// How complete Sent is in the end.
    fn coverage(&self, known: &Known) -> Option<f64> {
        let mut learned = Learned::default();
        for mail in &self.received {
            self.hear_answers(mail, known, DateTime::UNIX_EPOCH, &mut learned);
            learned.settle(DateTime::UNIX_EPOCH + TimeDelta::days(3), false);
        }
        learned.coverage(None)
    }

    /// The hosts by which at least a fifth of the mail was delivered: only the own provider's are.
    fn receiving_hosts(&self) -> Vec<String> {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for mail in &self.received {
            let by = arrival::delivered_by(&mail.report.envelope.received).filter(|host| host.contains('.'));
            let by: BTreeSet<String> = by.map(hosts::provider).collect();
            for host in by {
                *count.entry(host).or_default() += 1;
            }
        }
        let all: usize = count.values().sum();
        count.into_iter().filter(|(_, mails)| mails * 5 >= all).map(|(host, _)| host).collect()
    }

    /// Whether the provider's lines say who signed in.
    fn shows_sign_ins(&self, known: &Known) -> bool {
        self.received.iter().any(|mail| submission(&mail.report, known).is_some_and(|seen| seen.is_signed_in))
    }
}

/// What was inferred from the folders, because nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Inferred {
    pub(super) address: Option<String>,
    pub(super) own_hosts: Vec<String>,
    /// Own hosts are neither given nor to be inferred.
    pub(super) knows_no_host: bool,
    /// In percent.
    pub(super) sent_coverage: Option<u32>,
}

/// Fills what the context leaves open from the folders.
pub(super) fn complete(given: Option<Context>, address: Option<&str>, folders: &Folders) -> (Context, Inferred) {
    let (mut context, mut inferred) = (given.unwrap_or_default(), Inferred::default());
    let known = &mut context.known;
    if let Some(address) = address {
        address.clone_into(&mut known.address);
    }
    if known.address.is_empty() {
        let most =
            |of: &BTreeMap<String, usize>| of.iter().max_by_key(|(_, count)| **count).map(|(who, _)| who.clone());
        known.address = most(&folders.written_from).or_else(|| most(&folders.addressed_to)).unwrap_or_default();
        inferred.address = Some(known.address.clone()).filter(|address| !address.is_empty());
    }
    known.address = known.address.to_lowercase();
    if known.own_domains.is_empty() {
        known.own_domains.extend(known.address.rsplit_once('@').map(|(_, domain)| domain.to_owned()));
    }
    for text in known.own_domains.iter_mut().chain(&mut known.own_hosts) {
        *text = text.to_lowercase();
    }
    if known.own_hosts.is_empty() {
        known.own_hosts = match known.provider {
            Some(host @ (Provider::Gmail | Provider::M365)) => {
                host.usual_hosts().iter().map(|host| (*host).to_owned()).collect()
            }
            Some(Provider::ImapHost | Provider::PopOnly) | None => folders.receiving_hosts(),
        };
        inferred.own_hosts.clone_from(&known.own_hosts);
        inferred.knows_no_host = known.own_hosts.is_empty();
    }
    if known.provider != Some(Provider::PopOnly) && known.sent_coverage.is_none() {
        context.is_coverage_measured = true;
        known.sent_coverage = folders.coverage(known);
        if folders.has_habits() {
            context.usual_coverage = known.provider.filter(|host| host.files_all()).map(|_| 0.9);
            known.sent_coverage = known.sent_coverage.or(context.usual_coverage);
        }
    }
    context.learn_sendings(folders);
    let known = &mut context.known;
    known.has_neighbours |= folders.received.iter().any(|mail| shows_neighbours(&mail.report, known));
    let keeps_all = known.provider.is_some_and(Provider::files_all);
    known.has_no_history |= !keeps_all && folders.sent.is_empty() && !folders.shows_sign_ins(known);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = known.sent_coverage.map(|share| (share * 100.0).round() as u32);
    inferred.sent_coverage = percent;
    (context, inferred)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildirs_folders_tell_where_a_mail_lies_and_other_folders_nothing() {
        for (path, place) in [
            ("/home/sato/Maildir/cur/1.M1.host:2,S", Place::Inbox),
            ("/home/sato/Maildir/.RSS Feeds/cur/1.M1.host:2,S", Place::Unwatched),
            ("/home/sato/Maildir/.Trash/new/1.M1.host", Place::Trash),
            ("/home/sato/Maildir/.Kunden/cur/1.M1.host:2,", Place::Filed),
            ("/home/sato/notes/1.eml", Place::Inbox),
            ("/home/sato/Trash#3", Place::Inbox),
        ] {
            assert_eq!(Lying::of(path, None).place, place, "{path}");
        }
    }
}
