//! What is moved is planned once, of one incident only, and its bounces go with it.

use daimon_domain::tidying::Left;
use daimon_domain::verdict::Verdict;
use daimon_store::bounce::{self, Bounce};
use daimon_store::incident;
use daimon_store::tidied::{self, Spot, TidyState, Way};
use sqlx::PgPool;

use crate::support::{World, at};

fn there(uid: u32) -> Spot {
    Spot { folder: "Daimon".to_owned(), uid_validity: 4, uid }
}

#[sqlx::test(migrator = "daimon_store::MIGRATOR")]
async fn only_mails_that_are_of_the_incident_and_of_nothing_else_are_moved_and_their_bounces_go_with_them(
    pool: PgPool,
) {
    let world = World::new(pool).await;
    let incident = world.incident(world.ours);
    let of = |second, uid, verdict, is_its| Bounce {
        uid,
        verdict: Some(verdict),
        incident: Some(incident.id).filter(|_| is_its),
        ..world.bounce(world.ours, at(second))
    };
    let takeover = Verdict::AccountTakeover;
    let bounces = [
        of(1, 1, takeover, true),
        of(2, 1, Verdict::Undetermined, true),
        of(3, 2, takeover, true),
        of(4, 2, Verdict::Legit, true),
        of(5, 3, takeover, false),
        Bounce { folder: "Trash".to_owned(), ..of(6, 4, takeover, true) },
        of(7, 5, takeover, true),
    ];
    let mut tx = world.db.begin(&world.ours.wall()).await.unwrap();
    incident::insert(&mut tx, &incident).await.unwrap();
    bounce::insert_many(&mut tx, &bounces).await.unwrap();
    assert!(tidied::has_news(&mut tx, &incident, "INBOX").await.unwrap());
    assert_eq!(tidied::plan(&mut tx, &incident, "INBOX", at(9)).await.unwrap(), 2);
    assert_eq!(tidied::plan(&mut tx, &incident, "INBOX", at(9)).await.unwrap(), 0, "the second time nothing is new");
    let elsewhere = tidied::elsewhere(&mut tx, incident.id, "INBOX").await.unwrap();
    assert_eq!(elsewhere.iter().map(|one| (one.folder.as_str(), one.mails)).collect::<Vec<_>>(), [("Trash", 1)]);
    let planned = tidied::next(&mut tx, incident.id, TidyState::Planned, 9).await.unwrap();
    assert_eq!(planned.iter().map(|mail| (mail.at.uid, mail.bounces.len())).collect::<Vec<_>>(), [(1, 2), (5, 1)]);

    let mailbox = world.ours.mailbox;
    tidied::set_out(&mut tx, mailbox, &planned, &there(10), at(10)).await.unwrap();
    assert!(tidied::next(&mut tx, incident.id, TidyState::Planned, 9).await.unwrap().is_empty());
    let under_way = tidied::on_their_way(&mut tx, mailbox, 9).await.unwrap();
    assert!(under_way.len() == 2 && under_way.iter().all(|mail| mail.way == Some(Way(there(10)))));
    let (first, second) = (planned[0].clone(), planned[1].clone());
    tidied::lie_at(&mut tx, mailbox, &[(first.clone(), there(11))], Some(TidyState::Away), at(11)).await.unwrap();
    tidied::leave(&mut tx, mailbox, &[second], Left::Gone, at(11)).await.unwrap();
    assert!(tidied::on_their_way(&mut tx, mailbox, 9).await.unwrap().is_empty());
    for id in &first.bounces {
        let bounce = bounce::find(&mut tx, *id).await.unwrap().unwrap();
        assert_eq!((bounce.folder.as_str(), bounce.uid_validity, bounce.uid), ("Daimon", 4, 11));
    }
    assert_eq!(tidied::put_there(&mut tx, mailbox, "Daimon", 4, 1).await.unwrap(), [11]);
    assert!(tidied::put_there(&mut tx, mailbox, "Daimon", 4, 12).await.unwrap().is_empty());
    assert_eq!(tidied::moved_since(&mut tx, incident.id, TidyState::Away, at(9)).await.unwrap()[0].mails, 1);
    assert_eq!(tidied::left_since(&mut tx, incident.id, false, at(9)).await.unwrap()[0].because, Left::Gone);
    assert!(!tidied::was_undone(&mut tx, incident.id).await.unwrap());
    tx.commit().await.unwrap();

    let mut tx = world.db.begin(&world.theirs.wall()).await.unwrap();
    assert!(tidied::next(&mut tx, incident.id, TidyState::Away, 9).await.unwrap().is_empty(), "over the wall");
}
