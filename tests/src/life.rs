//! What happens to a mailbox: a month of ordinary work, a thief's night, a stranger's forgery.

use std::net::Ipv4Addr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::client::Client;
use crate::imap::Imap;
use crate::servers::ServersAt;
use crate::smtp::Smtp;

/// A mailbox of a client company.
#[derive(Clone, Debug)]
pub struct Person {
    /// Its address, and the name to sign in with.
    pub address: String,
    /// Its password.
    pub password: String,
}

/// Where the thief signs in from.
pub const THIEF: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);

const FRIENDS: [&str; 8] = [
    "orders@dental-supply.test",
    "tanaka@tanaka-lab.test",
    "reception@kita-clinic.test",
    "yamada@yamada-tax.test",
    "support@booking.test",
    "suzuki@suzuki-print.test",
    "office@minato-ward.test",
    "mori@mori-implants.test",
];

const SUBJECTS: [&str; 6] = [
    "Crowns for Thursday",
    "Invoice for October",
    "Your appointment",
    "Re: delivery of gloves",
    "Opening hours in December",
    "Question about the X-ray",
];

impl Person {
    /// Gives the person an account on our Dovecot.
    pub fn with_account(servers: &ServersAt, address: &str, password: &str) -> anyhow::Result<Self> {
        servers.dovecot.add_user(address, password)?;
        Ok(Self { address: address.to_owned(), password: password.to_owned() })
    }

    /// The person's own mail program.
    pub async fn open(&self, servers: &ServersAt) -> anyhow::Result<Imap> {
        Imap::sign_in(&servers.authority, servers.dovecot.imaps, &self.address, &self.password).await
    }

    /// The person looks at messages of a folder, and their own mail program marks them as seen.
    pub async fn looks_at(&self, servers: &ServersAt, folder: &str, messages: &str) -> anyhow::Result<()> {
        let mut imap = self.open(servers).await?;
        imap.command(&format!("SELECT {folder}")).await?;
        imap.command(&format!("STORE {messages} +FLAGS.SILENT (\\Seen)")).await?;
        imap.command("LOGOUT").await?;
        servers.dovecot.owner_looked(&self.address)
    }

    /// The person's mail program has opened each folder of the mailbox. Courier numbers mail for good only in folders that
    /// somebody has opened to write.
    pub async fn used_a_mail_program(&self, servers: &ServersAt) -> anyhow::Result<()> {
        if let Some(courier) = &servers.courier {
            // Before that Dovecot makes the folders that everybody has.
            self.open(servers).await?.select_all().await?;
            let mut imap = Imap::sign_in(&servers.authority, courier.imaps, &self.address, &self.password).await?;
            imap.select_all().await?;
        }
        Ok(())
    }

    /// The MSP registers "Sakura Dental Clinic" with this mailbox; the mailbox's id.
    pub async fn onboarded(&self, client: &Client, servers: &ServersAt) -> anyhow::Result<String> {
        self.used_a_mail_program(servers).await?;
        let tenant = client.create_tenant("Sakura Dental Clinic").await?;
        let port = servers.imaps();
        client.create_mailbox(&tenant, &self.address, &self.password, crate::postfix::NAME, port).await
    }

    /// The person mistyped `count` addresses: their bounces lie in INBOX, what was sent in Sent.
    pub async fn mistyped(&self, servers: &ServersAt, count: u32, at: DateTime<Utc>) -> anyhow::Result<()> {
        let mut imap = self.open(servers).await?;
        for number in 0..count {
            let to = format!("typo{number}@friend.test");
            let id = format!("{number}@{}", self.domain());
            let sent = letter(&self.address, &to, "Hello", &id, at, "Hello.\r\n");
            imap.append("Sent", sent.as_bytes(), at).await?;
            let report = returned(&sent, &self.address, &to, "mx.friend.test", at);
            imap.append("INBOX", report.as_bytes(), at).await?;
        }
        Ok(())
    }

    /// Fills the mailbox with a month of ordinary work: mail to a few people, their answers, a newsletter, and two
    /// addresses that were mistyped. Returns how many bounces are among it.
    pub async fn lived_for_a_month(&self, servers: &ServersAt, now: DateTime<Utc>) -> anyhow::Result<u32> {
        let mut imap = self.open(servers).await?;
        let mut bounces = 0;
        for day in (1..=30_i64).rev() {
            for hour in [9, 14] {
                let at = now - TimeDelta::days(day) + TimeDelta::hours(hour) - TimeDelta::hours(12);
                let number = usize::try_from(day * 2 + i64::from(hour == 9)).unwrap_or(0);
                let friend = FRIENDS.iter().cycle().nth(number).copied().unwrap_or_default();
                let subject = SUBJECTS.iter().cycle().nth(number).copied().unwrap_or_default();
                let id = format!("work-{day}-{hour}@{}", self.domain());
                let letter = letter(&self.address, friend, subject, &id, at, "See you then.\r\n");
                imap.append("Sent", letter.as_bytes(), at).await?;
                if number % 3 == 0 {
                    let later = at + TimeDelta::minutes(50);
                    let answer = letter_in_reply(friend, &self.address, subject, &id, later);
                    imap.append("INBOX", answer.as_bytes(), later).await?;
                }
                if hour == 9 && (day == 21 || day == 6) {
                    let typo = friend.replace(".test", "-x.test");
                    let id = format!("typo-{day}@{}", self.domain());
                    let sent = letter_of(&self.address, &typo, subject, &id, at);
                    imap.append("Sent", sent.as_bytes(), at).await?;
                    imap.append(
                        "INBOX",
                        returned(&sent, &self.address, &typo, crate::postfix::NAME, at).as_bytes(),
                        at,
                    )
                    .await?;
                    bounces += 1;
                }
            }
            if day % 7 == 0 {
                let at = now - TimeDelta::days(day);
                let news = format!(
                    "From: Dental News <news@dental-news.test>\r\nTo: {}\r\nSubject: Dental News, week {day}\r\nMessage-ID: <news-{day}@dental-news.test>\r\nDate: {}\r\nList-Id: <dental.dental-news.test>\r\nList-Unsubscribe: <https://dental-news.test/off>\r\nPrecedence: bulk\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nNew this week.\r\n",
                    self.address,
                    at.to_rfc2822()
                );
                imap.append("INBOX", news.as_bytes(), at).await?;
            }
        }
        Ok(bounces)
    }

    /// A thief signs in with the person's password and sends to `victims` strangers, most of whom are not there.
    /// Postfix sends what is refused back here: real bounces. Returns when `at_least` of them have come.
    pub async fn was_stolen(&self, servers: &ServersAt, victims: u32, at_least: u32) -> anyhow::Result<u32> {
        self.was_robbed_of(servers, 0..victims, at_least).await
    }

    /// The same with some of the victims.
    pub async fn was_robbed_of(
        &self,
        servers: &ServersAt,
        victims: std::ops::Range<u32>,
        at_least: u32,
    ) -> anyhow::Result<u32> {
        let before = self.open(servers).await?.count("INBOX").await?;
        let mut smtp = Smtp::connect_from(servers.postfix()?.submission, THIEF).await?;
        smtp.sign_in(&self.address, &self.password).await?;
        for victim in victims {
            let word = ["nouser", "gone", "nouser", "spam", "gone", "disabled", "nouser", "full"].iter().cycle();
            let word = word.copied().nth(usize::try_from(victim)?).unwrap_or("nouser");
            let to = format!("{word}.{victim}@mail{}.test", victim % 23);
            let (subject, text) = if victim % 3 == 0 {
                ("Your parcel could not be delivered", "Pay the fee of 2.99 here: https://parcel.fee.test/pay?id=")
            } else {
                ("Invoice overdue: last reminder", "Open the invoice: https://invoice.pdf.test/open?id=")
            };
            let id = format!("{:016x}@mass.mailer.test", u64::from(victim) * 7919 + 1);
            let spam = format!(
                "From: Accounts <{}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nX-Mailer: MassSender 4.1\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{text}{victim}</p>\r\n",
                self.address
            );
            smtp.send(&self.address, &[&to], &spam).await?;
        }
        self.wait_for_mail(servers, before + at_least).await.map(|count| count - before)
    }

    /// Somebody elsewhere forges the address, and `victims` strangers' servers send the refusals here.
    pub async fn was_forged(&self, servers: &ServersAt, victims: u32, at: DateTime<Utc>) -> anyhow::Result<()> {
        let before = self.open(servers).await?.count("INBOX").await?;
        let mut smtp = Smtp::connect_from(servers.postfix()?.smtp, Ipv4Addr::new(198, 51, 100, 25)).await?;
        for victim in 0..victims {
            let to = format!("user{victim}@isp{}.test", victim % 11);
            let mta = format!("mx.isp{}.test", victim % 11);
            let id = format!("{victim:08x}.botnet@dsl-pool.test");
            let received = format!(
                "Received: from dsl-{victim}.pool.test (unknown [192.0.2.{}])\r\n\tby {mta} with SMTP id {victim:05x};\r\n\t{}\r\n",
                victim % 250 + 1,
                at.to_rfc2822()
            );
            let forged = format!(
                "{received}{}",
                letter(&self.address, &to, "Cheap watches", &id, at, "https://watches.shop.test/\r\n")
                    .replace("Mailer: Mail", "Mailer: Bot")
            );
            smtp.send("", &[&self.address], &returned(&forged, &self.address, &to, &mta, at)).await?;
        }
        self.wait_for_mail(servers, before + victims).await?;
        Ok(())
    }

    /// A stranger writes `victims` bounces himself, in the name of the person's own mail server and with its lines, and
    /// sends them here from outside.
    pub async fn was_framed(&self, servers: &ServersAt, victims: u32, at: DateTime<Utc>) -> anyhow::Result<()> {
        let before = self.open(servers).await?.count("INBOX").await?;
        let own = crate::postfix::NAME;
        let mut smtp = Smtp::connect_from(servers.postfix()?.smtp, Ipv4Addr::new(198, 51, 100, 26)).await?;
        for victim in 0..victims {
            let to = format!("user{victim}@isp{}.test", victim % 11);
            let submission = format!(
                "Received: from pc (unknown [192.0.2.{}])\r\n\t(Authenticated sender: {})\r\n\tby {own} (Postfix) with ESMTPSA id {victim:05x};\r\n\t{}\r\n",
                victim % 250 + 1,
                self.address,
                at.to_rfc2822()
            );
            let subject = SUBJECTS.iter().cycle().nth(usize::try_from(victim)?).copied().unwrap_or_default();
            let id = format!("{victim:08x}.frame@{}", self.domain());
            let invented = format!("{submission}{}", letter(&self.address, &to, subject, &id, at, "Pay now.\r\n"));
            let pickup = format!("Received: by {own} (Postfix)\r\n\tid {victim:05X}; {}\r\n", at.to_rfc2822());
            let report = returned(&invented, &self.address, &to, own, at);
            smtp.send("", &[&self.address], &format!("{pickup}{report}")).await?;
        }
        self.wait_for_mail(servers, before + victims).await?;
        Ok(())
    }

    /// More of the thief's mail comes back: `count` of the real bounces in INBOX, of mail to other recipients, submitted later
    /// `by` that much than theirs was. They come `at` that time.
    pub async fn more_came_back(
        &self,
        servers: &ServersAt,
        count: usize,
        mark: &str,
        by: TimeDelta,
        at: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let mut imap = self.open(servers).await?;
        let bounces = imap.read_all("INBOX").await?.into_iter().filter_map(|mail| String::from_utf8(mail).ok());
        let real: Vec<String> =
            bounces.filter(|mail| mail.contains("MassSender") && !mail.contains(".again")).collect();
        anyhow::ensure!(real.len() >= count, "only {} bounces are there to be taken", real.len());
        for mail in real.iter().take(count) {
            let renamed = (0..10).fold(redated(mail, by), |mail, digit| {
                mail.replace(&format!("@mail{digit}"), &format!(".again{mark}@mail{digit}"))
            });
            imap.append("INBOX", renamed.as_bytes(), at).await?;
        }
        Ok(())
    }

    /// Waits until INBOX holds `wanted` messages. Postfix and Dovecot are real and follow no clock of ours.
    pub async fn wait_for_mail(&self, servers: &ServersAt, wanted: u32) -> anyhow::Result<u32> {
        self.open(servers).await?.wait_for("INBOX", wanted, Duration::from_mins(1)).await
    }

    fn domain(&self) -> &str {
        self.address.rsplit('@').next().unwrap_or_default()
    }
}

/// The same mail with every date in it moved.
fn redated(mail: &str, by: TimeDelta) -> String {
    const DAYS: [&str; 7] = ["Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "];
    let (mut moved, mut rest) = (String::new(), mail);
    while let Some(start) = DAYS.iter().filter_map(|day| rest.find(day)).min() {
        let (before, from) = rest.split_at(start);
        moved.push_str(before);
        let date = [31, 30].iter().find_map(|length| {
            let text = from.get(..*length)?;
            Some((*length, DateTime::parse_from_rfc2822(text.trim()).ok()?))
        });
        let (length, shown) = date.map_or((5, None), |(length, date)| (length, Some((date + by).to_rfc2822())));
        moved.push_str(shown.as_deref().unwrap_or(from.get(..length).unwrap_or_default()));
        rest = from.get(length..).unwrap_or_default();
    }
    moved + rest
}

/// A plain letter.
pub fn letter(from: &str, to: &str, subject: &str, id: &str, at: DateTime<Utc>, text: &str) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\nDate: {}\r\nX-Mailer: Mail 16.0\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}",
        at.to_rfc2822()
    )
}

fn letter_of(from: &str, to: &str, subject: &str, id: &str, at: DateTime<Utc>) -> String {
    letter(from, to, subject, id, at, "As discussed.\r\n")
}

fn letter_in_reply(from: &str, to: &str, subject: &str, to_id: &str, at: DateTime<Utc>) -> String {
    letter(from, to, &format!("Re: {subject}"), &format!("re-{to_id}"), at, "Thank you.\r\n").replacen(
        "X-Mailer",
        &format!("In-Reply-To: <{to_id}>\r\nReferences: <{to_id}>\r\nX-Mailer"),
        1,
    )
}

/// A report as Postfix writes it (RFC 3464): `original` could not be delivered to `to`.
pub fn returned(original: &str, owner: &str, to: &str, reporter: &str, at: DateTime<Utc>) -> String {
    let domain = to.rsplit('@').next().unwrap_or_default();
    let mark = format!("{:X}.{}", at.timestamp(), to.len());
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@{reporter} (Mail Delivery System)\r\nTo: {owner}\r\nSubject: Undelivered Mail Returned to Sender\r\nDate: {date}\r\nMessage-ID: <{mark}.{to_tag}@{reporter}>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{mark}/{reporter}\"\r\n\r\nThis is a MIME-encapsulated message.\r\n\r\n--{mark}/{reporter}\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system at host {reporter}.\r\n\r\nI'm sorry to have to inform you that your message could not\r\nbe delivered to one or more recipients.\r\n\r\n<{to}>: host mx.{domain}[192.0.2.10] said: 550 5.1.1 <{to}>: Recipient\r\n    address rejected: User unknown (in reply to RCPT TO command)\r\n\r\n--{mark}/{reporter}\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {reporter}\r\nX-Postfix-Sender: rfc822; {owner}\r\nArrival-Date: {date}\r\n\r\nFinal-Recipient: rfc822; {to}\r\nOriginal-Recipient: rfc822;{to}\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.{domain}\r\nDiagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected: User\r\n    unknown\r\n\r\n--{mark}/{reporter}\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\n\r\n--{mark}/{reporter}--\r\n",
        date = at.to_rfc2822(),
        to_tag = to.replace('@', "."),
    )
}
