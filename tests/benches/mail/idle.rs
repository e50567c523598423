//! What a mailbox costs in which the server tells of new mail: memory of the worker, over TLS.

use std::time::{Duration, Instant};

use daimon_tests::dovecot::{Dovecot, Setup};
use daimon_tests::place::Place;
use daimon_tests::scripted_imap::ScriptedImap;
use daimon_tests::servers::ServersAt;
use serde_json::{Value, json};

use crate::crowd::{self, PASSWORD};

/// Octets of each.
const MOST_OCTETS: f64 = 64.0 * 1024.0;
/// The users of a crowd are users of the system from this number on.
const FIRST_UID: u32 = 300_000;
const PATIENCE: Duration = Duration::from_mins(20);
/// What is freed when all have begun is not waited for longer than this.
const SETTLE: Duration = Duration::from_secs(15);

/// Lets so many wait, some of them at a real server, and looks at what the worker has grown by.
pub(crate) async fn measure(at: &ServersAt, sessions: u32, real: u32) -> anyhow::Result<(bool, Value)> {
    let place = Place::temporary()?;
    let dovecot = Dovecot::start_with(&place, &at.authority, Setup { is_crowd: true, ..Setup::default() })?;
    let scripted = ScriptedImap::start(&at.authority).await?;
    let stage = crowd::stage(at, "idle", crowd::unbounded()).await?;
    let real = real.min(sessions);
    let mut all = Vec::new();
    for number in 0..sessions {
        let address = format!("user{number}@sakura-dental.example");
        if number < real {
            dovecot.at().add_user_of_crowd(&address, PASSWORD, FIRST_UID + number)?;
        }
        all.push((address, if number < real { dovecot.at().imaps } else { scripted.port }));
    }
    let pid = stage.worker();
    let before = crowd::resident(pid)?;
    let began = Instant::now();
    crowd::onboard(&stage.client, all, "idle", 900).await?;
    let mut look = at.postgres.look("idle").await?;
    let waiting = "select count(*) from mailbox where idle_holder is not null";
    crowd::until(&mut look, waiting, i64::from(sessions), PATIENCE).await?;
    let took = began.elapsed();
    tokio::time::sleep(SETTLE).await;
    let after = crowd::resident(pid)?;
    // Nobody has left meanwhile.
    crowd::until(&mut look, waiting, i64::from(sessions), Duration::from_secs(1)).await?;
    anyhow::ensure!(scripted.idling() >= usize::try_from(sessions - real)?, "only {} wait", scripted.idling());
    #[expect(clippy::cast_precision_loss, reason = "octets of memory")]
    let each = after.saturating_sub(before) as f64 / f64::from(sessions);
    println!("\n{sessions} mailboxes whose servers tell of new mail, over TLS, {real} of them on Dovecot");
    println!("began within {:.0} s; the worker grew from {} to {} MB", took.as_secs_f64(), before >> 20, after >> 20);
    println!("memory of the worker for each {:>10.1} KiB (wanted: at most {:.0})", each / 1024.0, MOST_OCTETS / 1024.0);
    let reached = each <= MOST_OCTETS;
    let figures = json!({
        "sessions": sessions, "on_dovecot": real, "kib_each": daimon_bench::round(each / 1024.0),
        "seconds_to_begin": daimon_bench::round(took.as_secs_f64()), "reached": reached,
    });
    Ok((reached, figures))
}
