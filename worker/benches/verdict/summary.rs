//! What is wanted, and whether it is met.

use daimon_domain::verdict::Verdict;

use crate::{
    fleet::Seen,
    tables::{Apart, FalseAlarms, OfSpeed, Row},
};

/// Each figure that is wanted, in words, and whether it is met.
pub(crate) fn wanted(
    alarms: &FalseAlarms,
    speeds: &[OfSpeed],
    apart: &Apart,
    matrix: &[Row],
    told: &[Seen],
) -> Vec<(String, bool)> {
    let mut wanted = vec![
        (
            format!("suspected: at most 2 false alarms in 10,000 mailbox-days ({:.2})", alarms.suspected),
            alarms.suspected <= 2.0,
        ),
        (format!("probable: at most 0.5 ({:.2})", alarms.probable), alarms.probable <= 0.5),
        (format!("at least 300,000 mailbox-days ({:.0})", alarms.mailbox_days), alarms.mailbox_days >= 300_000.0),
    ];
    for of in speeds {
        if of.speed == "20/h" {
            let ([suspected, _], [probable, _]) = (of.suspected.bounces, of.probable.bounces);
            wanted.push((
                format!("suspected within 8 bounces at 20/h, in the median ({suspected:.0})"),
                suspected <= 8.0,
            ));
            wanted
                .push((format!("probable within 12 bounces at 20/h, in the median ({probable:.0})"), probable <= 12.0));
        }
        let most = match of.speed {
            "12/day" => Some(15.0),
            "5/h" => None,
            _ => Some(2.0),
        };
        if let Some(most) = most {
            let missed = of.suspected.missed_percent;
            wanted.push((format!("missed at {}: at most {most} % ({missed:.1} %)", of.speed), missed <= most));
        }
    }
    let episodes: usize = speeds.iter().map(|of| of.episodes).sum::<usize>() + apart.episodes;
    wanted.push((format!("at least 5,000 takeovers ({episodes})"), episodes >= 5_000));
    let of_told = told.iter().filter(|seen| seen.ever_said(Verdict::Backscatter)).count();
    let backscatter: usize = speeds.iter().map(|of| of.backscatter).sum::<usize>() + apart.backscatter + of_told;
    wanted.push((format!("backscatter never said of a takeover ({backscatter})"), backscatter == 0));
    for row in matrix.iter().filter(|row| row.truth != Verdict::AccountTakeover) {
        let words = format!("{}: at least 90 % right at 20 bounces ({:.1} %)", row.truth, row.right_percent);
        wanted.push((words, row.right_percent >= 90.0));
    }
    let words = format!(
        "undetermined within 30 bounces for POP users and hosts without marks: always ({:.1} %)",
        apart.in_time_percent
    );
    wanted.push((words, apart.in_time_percent >= 99.5));
    wanted
}
