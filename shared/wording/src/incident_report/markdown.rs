//! The report as Markdown, for tickets and wikis: headings, lists, and tables of numbers.

use std::fmt::Write as _;

use daimon_domain::tenant::Language;

use super::{IncidentReport, Reputation, Sign, Stands, labels};
use crate::foreign::markdown;
use crate::moment;
use crate::said::Said;

/// The text.
pub(super) fn page(report: &IncidentReport) -> String {
    let language = report.language;
    let say = |said: Said| markdown(said.in_language(language));
    let mut out = String::with_capacity(16_384);
    let addressee = match language {
        Language::English => format!("For {}", markdown(&report.tenant)),
        Language::Japanese => format!("{} 御中", markdown(&report.tenant)),
    };
    let _ = write!(
        out,
        "# {}\n\n{addressee}\n\n## {}\n\n**{}**\n\n{}\n\n{}\n",
        markdown(&report.title),
        say(labels::SHORT_ANSWER),
        markdown(&report.headline),
        markdown(&report.how_sure),
        markdown(&report.where_it_stands)
    );
    section(&mut out, &say(labels::MEANING), &report.meaning);
    let _ = write!(out, "\n## {}\n\n{}\n\n", say(labels::REMAINING), markdown(&report.remaining_note));
    for (number, step) in (1..).zip(&report.remaining) {
        let (title, who, why) = (markdown(&step.title), markdown(&step.who), markdown(&step.why));
        let _ = writeln!(out, "{number}. **{title}** ({who})  \n   {why}");
    }
    if !report.proof.is_empty() {
        let _ = write!(out, "\n## {}\n\n", say(labels::PROOF));
        for told in &report.proof {
            let _ = writeln!(out, "- {}", markdown(told));
        }
    }
    if !report.late_bounces.is_empty() {
        section(&mut out, &say(labels::LATE), &report.late_bounces);
    }
    let _ = write!(out, "\n## {}\n\n", say(labels::FIGURES));
    for figure in &report.figures {
        let _ = writeln!(out, "- {}: **{}**", markdown(&figure.label), markdown(&figure.value));
    }
    let bars = report.chart.bars.iter().filter(|bar| bar.bounces > 0).map(|bar| (bar.label.as_str(), bar.bounces));
    let reasons = report.reasons.iter().map(|row| (row.name.as_str(), row.bounces));
    let domains = report.recipient_domains.iter().map(|row| (row.domain.as_str(), row.bounces));
    let count = say(labels::BOUNCES);
    table(&mut out, &say(labels::OVER_TIME), (&say(labels::TIME), &count), bars);
    table(&mut out, &say(labels::REASONS), (" ", &count), reasons);
    table(&mut out, &say(labels::DOMAINS), (" ", &count), domains);
    if let Some(cut) = &report.cut {
        let _ = write!(out, "\n{}\n", markdown(cut));
    }

    let _ = write!(out, "\n## {}\n\n", say(labels::EVIDENCE));
    bullets(&mut out, &report.evidence, language);
    if !report.counter_evidence.is_empty() {
        let _ = write!(out, "\n### {}\n\n", say(labels::COUNTER));
        bullets(&mut out, &report.counter_evidence, language);
    }
    let _ = write!(out, "\n{}\n", markdown(&report.evidence_note));
    if let Some(reputation) = &report.reputation {
        section(&mut out, &say(labels::REPUTATION), &reputation.summary);
        standing(&mut out, reputation, language);
    }
    let _ = write!(out, "\n## {}\n\n", say(labels::TIMELINE));
    for event in &report.timeline {
        let note = event.note.as_ref().map(|note| format!("  \n  {}", markdown(note))).unwrap_or_default();
        let at = moment::short(event.at, language);
        let _ = writeln!(out, "- {at} {} ({}){note}", markdown(&event.what), markdown(&event.who));
    }
    if !report.checklist.is_empty() {
        let _ = write!(out, "\n## {}\n", say(labels::CHECKLIST));
    }
    for division in &report.checklist {
        let _ = write!(out, "\n### {}\n\n", markdown(&division.name));
        for step in &division.steps {
            let mark = if step.stands == Stands::Open { ' ' } else { 'x' };
            let about = [
                Some(step.who.clone()),
                Some(step.state.clone()),
                step.at.map(|at| moment::short(at, language)),
                step.by.clone(),
                step.note.clone(),
            ];
            let about: Vec<_> = about.into_iter().flatten().map(|text| markdown(&text)).collect();
            let _ = writeln!(out, "- [{mark}] {} {} ({})", step.id, markdown(&step.title), about.join("; "));
        }
    }
    let _ = write!(
        out,
        "\n---\n\n{}  \n{}: {}  \n{}\n",
        markdown(&report.prepared),
        say(labels::INCIDENT),
        markdown(&report.incident),
        say(moment::CLOCK)
    );
    out
}

fn standing(out: &mut String, reputation: &Reputation, language: Language) {
    let say = |said: Said| markdown(said.in_language(language));
    if !reputation.findings.is_empty() {
        out.push('\n');
        for (_code, sentence) in &reputation.findings {
            let _ = writeln!(out, "- {}", markdown(sentence));
        }
    }
    if reputation.refusals.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "\n| {} | {} | {} | {} | {} |\n|---|---:|---:|---|---|\n",
        say(labels::RECEIVER),
        say(labels::REFUSED),
        say(labels::LATELY),
        say(labels::LATEST),
        say(labels::WHY)
    );
    for one in &reputation.refusals {
        let why = labels::list(one.reasons.iter().map(|row| row.name.as_str()), language);
        let latest = moment::short(one.latest_at, language);
        let (bounces, recent) = (one.bounces, one.recent);
        let _ = writeln!(out, "| {} | {bounces} | {recent} | {latest} | {} |", markdown(&one.receiver), markdown(&why));
    }
}

fn section(out: &mut String, title: &str, paragraphs: &[String]) {
    let _ = writeln!(out, "\n## {title}");
    for paragraph in paragraphs {
        let _ = write!(out, "\n{}\n", markdown(paragraph));
    }
}

fn bullets(out: &mut String, lines: &[Sign], language: Language) {
    if lines.is_empty() {
        let _ = writeln!(out, "{}", markdown(labels::NONE.in_language(language)));
    }
    for line in lines {
        let _ = writeln!(out, "- {}", markdown(&line.sentence));
    }
}

fn table<'r>(out: &mut String, title: &str, (what, count): (&str, &str), rows: impl Iterator<Item = (&'r str, u64)>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = write!(out, "\n### {title}\n\n| {what} | {count} |\n|---|---:|\n");
    for (name, count) in rows {
        let _ = writeln!(out, "| {} | {count} |", markdown(name));
    }
}
