//! The report as a page that holds all it needs: no script, no outside asset, readable aloud, two or three sheets of A4.

use std::fmt::Write as _;

use daimon_domain::tenant::Language;

use super::{IncidentReport, Reputation, Sign, Stands, labels};
use crate::foreign::html;
use crate::moment;
use crate::said::Said;

pub(crate) const STYLE: &str = include_str!("style.css");

/// What the page may load, also where it was saved to a disk: nothing but its own style, known by its hash. The story
/// `report.rs` says what that is after a change of `style.css`.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-XyZVuLJMgTCSvNQAqU6eWcAXICHRLSN2A5nB68rp6Rc='; base-uri 'none'; form-action 'none'";

/// The page.
pub(super) fn page(report: &IncidentReport) -> String {
    let language = report.language;
    let say = |said: Said| html(said.in_language(language));
    let mut out = String::with_capacity(32_768);
    let title = html(&report.title);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p>{}</p>\n<h1>{title}</h1>\n<p class=\"small\">{}</p>\n</header>\n<main>\n",
        addressee(report),
        html(&report.prepared),
    );

    let _ = writeln!(
        out,
        "<section class=\"answer\">\n<h2>{}</h2>\n<p class=\"headline\">{}</p>\n<p>{}</p>\n<p>{}</p>\n</section>",
        say(labels::SHORT_ANSWER),
        html(&report.headline),
        html(&report.how_sure),
        html(&report.where_it_stands)
    );
    heading(&mut out, &say(labels::MEANING));
    report.meaning.iter().for_each(|told| paragraph(&mut out, told));

    heading(&mut out, &say(labels::REMAINING));
    paragraph(&mut out, &report.remaining_note);
    if !report.remaining.is_empty() {
        out.push_str("<ol>\n");
        for step in &report.remaining {
            let _ = writeln!(
                out,
                "<li><strong>{}</strong> ({})<br><span class=\"small\">{}</span></li>",
                html(&step.title),
                html(&step.who),
                html(&step.why)
            );
        }
        out.push_str("</ol>\n");
    }
    if !report.proof.is_empty() {
        heading(&mut out, &say(labels::PROOF));
        bullets(&mut out, &report.proof);
    }
    if !report.late_bounces.is_empty() {
        heading(&mut out, &say(labels::LATE));
        report.late_bounces.iter().for_each(|told| paragraph(&mut out, told));
    }
    numbers(&mut out, report);

    heading(&mut out, &say(labels::EVIDENCE));
    list(&mut out, &report.evidence, language);
    if !report.counter_evidence.is_empty() {
        let _ = writeln!(out, "<h3>{}</h3>", say(labels::COUNTER));
        list(&mut out, &report.counter_evidence, language);
    }
    let _ = writeln!(out, "<p class=\"small\">{}</p>", html(&report.evidence_note));

    if let Some(reputation) = &report.reputation {
        heading(&mut out, &say(labels::REPUTATION));
        standing(&mut out, reputation, language);
    }

    heading(&mut out, &say(labels::TIMELINE));
    out.push_str("<table class=\"timeline\">\n<tbody>\n");
    for event in &report.timeline {
        let note = event.note.as_ref().map(|note| format!("<br>{}", html(note))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}{note}</td><td>{}</td></tr>",
            html(&moment::short(event.at, language)),
            html(&event.what),
            html(&event.who)
        );
    }
    out.push_str("</tbody>\n</table>\n");
    checklist(&mut out, report);

    let _ = write!(
        out,
        "</main>\n<footer>\n<p>{}<br>{}: {}<br>{}</p>\n</footer>\n</body>\n</html>\n",
        html(&report.prepared),
        say(labels::INCIDENT),
        html(&report.incident),
        say(moment::CLOCK)
    );
    out
}

/// "For Sakura Dental Clinic", 「さくら歯科 御中」.
fn addressee(report: &IncidentReport) -> String {
    let tenant = html(&report.tenant);
    match report.language {
        Language::English => format!("For <bdi>{tenant}</bdi>"),
        Language::Japanese => format!("<bdi>{tenant}</bdi> 御中"),
    }
}

fn heading(out: &mut String, text: &str) {
    let _ = writeln!(out, "<h2>{text}</h2>");
}

fn paragraph(out: &mut String, text: &str) {
    let _ = writeln!(out, "<p>{}</p>", html(text));
}

fn list(out: &mut String, lines: &[Sign], language: Language) {
    if lines.is_empty() {
        return paragraph(out, labels::NONE.in_language(language));
    }
    out.push_str("<ul>\n");
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", html(&line.sentence));
    }
    out.push_str("</ul>\n");
}

fn bullets(out: &mut String, lines: &[String]) {
    out.push_str("<ul>\n");
    for line in lines {
        let _ = writeln!(out, "<li>{}</li>", html(line));
    }
    out.push_str("</ul>\n");
}

fn standing(out: &mut String, reputation: &Reputation, language: Language) {
    let say = |said: Said| html(said.in_language(language));
    reputation.summary.iter().for_each(|told| paragraph(out, told));
    if !reputation.findings.is_empty() {
        let findings: Vec<_> = reputation.findings.iter().map(|(_, sentence)| sentence.clone()).collect();
        bullets(out, &findings);
    }
    if reputation.refusals.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<table>\n<thead><tr><th scope=\"col\">{}</th><th scope=\"col\" class=\"number\">{}</th>\
         <th scope=\"col\" class=\"number\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>",
        say(labels::RECEIVER),
        say(labels::REFUSED),
        say(labels::LATELY),
        say(labels::LATEST),
        say(labels::WHY)
    );
    for one in &reputation.refusals {
        let page = one.page.map(|page| format!("<br><span class=\"small\">{}</span>", html(page))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<tr><td><bdi>{}</bdi>{page}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td><td>{}</td></tr>",
            html(&one.receiver),
            one.bounces,
            one.recent,
            html(&moment::short(one.latest_at, language)),
            html(&labels::list(one.reasons.iter().map(|row| row.name.as_str()), language))
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

fn numbers(out: &mut String, report: &IncidentReport) {
    let say = |said: Said| html(said.in_language(report.language));
    heading(out, &say(labels::FIGURES));
    out.push_str("<dl class=\"figures\">\n");
    for figure in &report.figures {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", html(&figure.label), html(&figure.value));
    }
    out.push_str("</dl>\n");
    if !report.chart.bars.is_empty() {
        let _ = write!(
            out,
            "<h3>{}</h3>\n{}<p class=\"small\">{}</p>\n<details>\n<summary>{}</summary>\n",
            say(labels::OVER_TIME),
            report.chart.svg(),
            html(&report.chart.description),
            say(labels::CHART_TABLE)
        );
        let rows = report.chart.bars.iter().map(|bar| (bar.label.clone(), bar.bounces));
        table(out, (&say(labels::TIME), &say(labels::BOUNCES)), rows);
        out.push_str("</details>\n");
    }
    out.push_str("<div class=\"columns\">\n");
    let reasons = report.reasons.iter().map(|row| (row.name.clone(), row.bounces));
    let domains = report.recipient_domains.iter().map(|row| (row.domain.clone(), row.bounces));
    for (title, rows) in [(labels::REASONS, reasons.collect::<Vec<_>>()), (labels::DOMAINS, domains.collect())] {
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(out, "<div>\n<h3>{}</h3>", say(title));
        table(out, ("", &say(labels::BOUNCES)), rows.into_iter());
        out.push_str("</div>\n");
    }
    out.push_str("</div>\n");
    if let Some(cut) = &report.cut {
        let _ = writeln!(out, "<p class=\"small\">{}</p>", html(cut));
    }
}

fn table(out: &mut String, (what, count): (&str, &str), rows: impl Iterator<Item = (String, u64)>) {
    let _ = writeln!(
        out,
        "<table>\n<thead><tr><th scope=\"col\">{what}</th><th scope=\"col\" class=\"number\">{count}</th></tr></thead>\n<tbody>"
    );
    for (name, count) in rows {
        let _ = writeln!(out, "<tr><td><bdi>{}</bdi></td><td class=\"number\">{count}</td></tr>", html(&name));
    }
    out.push_str("</tbody>\n</table>\n");
}

fn checklist(out: &mut String, report: &IncidentReport) {
    let language = report.language;
    let say = |said: Said| html(said.in_language(language));
    if report.checklist.is_empty() {
        return;
    }
    heading(out, &say(labels::CHECKLIST));
    for division in &report.checklist {
        let _ = writeln!(
            out,
            "<h3>{}</h3>\n<table class=\"checklist\">\n<thead><tr><th scope=\"col\"></th><th scope=\"col\">{}</th>\
             <th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead>\n<tbody>",
            html(&division.name),
            say(labels::STEP),
            say(labels::WHO),
            say(labels::STATE)
        );
        for step in &division.steps {
            let (class, mark) = match step.stands {
                Stands::Open => ("open", "☐"),
                Stands::Done => ("done", "☑"),
                Stands::Skipped => ("done", "–"),
            };
            let mut about = String::new();
            let told = [step.at.map(|at| moment::short(at, language)), step.by.clone(), step.note.clone()];
            for text in told.into_iter().flatten() {
                let _ = write!(about, "<br><span class=\"small\">{}</span>", html(&text));
            }
            let _ = writeln!(
                out,
                "<tr class=\"{class}\"><td aria-hidden=\"true\">{mark}</td><td>{} {}</td><td>{}</td><td>{}{about}</td></tr>",
                html(&step.id),
                html(&step.title),
                html(&step.who),
                html(&step.state)
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }
}
