//! A mailbox with a hundred thousand bounces in it, as a stolen one has after a day.

use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};

use crate::life::Person;
use crate::postfix::NAME;

/// What one bounce weighs, with the spam that it returns.
const BYTES: usize = 5_000;

/// Writes `count` bounces of what a thief sent through the person's own server into a Maildir, the last of them `now`.
pub fn write(folder: &Path, owner: &Person, count: u32, now: DateTime<Utc>) -> anyhow::Result<()> {
    for part in ["cur", "new", "tmp"] {
        std::fs::create_dir_all(folder.join(part))?;
    }
    let filler = filler();
    for number in 0..count {
        let at = now - TimeDelta::milliseconds(i64::from(count - number) * 700);
        let path = folder.join("cur").join(format!("{}.M{number}.flood:2,", at.timestamp()));
        let mail = bounce(owner, number, at, &filler);
        std::fs::write(&path, mail)?;
        let file = std::fs::File::options().write(true).open(&path)?;
        file.set_modified(at.into()).context("a mail could not be dated")?;
    }
    Ok(())
}

/// One of them.
pub fn one(owner: &Person, number: u32, at: DateTime<Utc>) -> String {
    bounce(owner, number, at, &filler())
}

fn filler() -> String {
    "Please see the invoice of last month; it has not been paid. \r\n".repeat(BYTES / 62)
}

/// As Postfix reports it (RFC 3464), in 5 KB.
fn bounce(owner: &Person, number: u32, at: DateTime<Utc>, filler: &str) -> String {
    let (date, address) = (at.to_rfc2822(), &owner.address);
    let to = format!("someone.{number}@mail{}.example", number % 997);
    let domain = to.rsplit('@').next().unwrap_or_default();
    let (said, status) = match number % 5 {
        0 => ("550 5.7.1 Message refused as spam", "5.7.1"),
        1 => ("552 5.2.2 Mailbox full", "5.2.2"),
        _ => ("550 5.1.1 Recipient address rejected: User unknown", "5.1.1"),
    };
    let (queue, mark) = (format!("{:X}", 0x4d00_0000_u32 + number), format!("{:X}.{number}", at.timestamp()));
    let head = format!(
        "Return-Path: <>\r\nReceived: by {NAME} (Postfix)\r\n\tid {queue}; {date}\r\nDate: {date}\r\nFrom: MAILER-DAEMON@{NAME} (Mail Delivery System)\r\nSubject: Undelivered Mail Returned to Sender\r\nTo: {address}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"{mark}/{NAME}\"\r\nContent-Transfer-Encoding: 8bit\r\nMessage-Id: <{mark}@{NAME}>\r\n\r\nThis is a MIME-encapsulated message.\r\n\r\n"
    );
    let report = format!(
        "--{mark}/{NAME}\r\nContent-Description: Notification\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nThis is the mail system at host {NAME}.\r\n\r\nI'm sorry to have to inform you that your message could not\r\nbe delivered to one or more recipients. It's attached below.\r\n\r\nFor further assistance, please send mail to postmaster.\r\n\r\n                   The mail system\r\n\r\n<{to}>: host mx.{domain}[192.0.2.10] said: {said} (in\r\n    reply to RCPT TO command)\r\n\r\n--{mark}/{NAME}\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {NAME}\r\nX-Postfix-Queue-ID: {queue}\r\nX-Postfix-Sender: rfc822; {address}\r\nArrival-Date: {date}\r\n\r\nFinal-Recipient: rfc822; {to}\r\nOriginal-Recipient: rfc822;{to}\r\nAction: failed\r\nStatus: {status}\r\nRemote-MTA: dns; mx.{domain}\r\nDiagnostic-Code: smtp; {said}\r\n\r\n"
    );
    let original = format!(
        "--{mark}/{NAME}\r\nContent-Description: Undelivered Message\r\nContent-Type: message/rfc822\r\n\r\nReturn-Path: <{address}>\r\nReceived: from WIN-7Q2 (unknown [203.0.113.66])\r\n\t(Authenticated sender: {address})\r\n\tby {NAME} (Postfix) with ESMTPSA id {queue}\r\n\tfor <{to}>; {date}\r\nFrom: Accounts <{address}>\r\nTo: {to}\r\nSubject: Invoice overdue: last reminder\r\nMessage-ID: <{number:016x}@mass.mailer.example>\r\nDate: {date}\r\nX-Mailer: MassSender 4.1\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Open the invoice: https://invoice.pdf.example/open?id={number}</p>\r\n"
    );
    let room = BYTES.saturating_sub(head.len() + report.len() + original.len() + 60);
    let filler = filler.get(..room.min(filler.len())).unwrap_or_default();
    format!("{head}{report}{original}{filler}\r\n\r\n--{mark}/{NAME}--\r\n")
}
