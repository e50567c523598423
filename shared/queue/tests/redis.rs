//! The scripts against a real Redis, whose URL the harness puts into `DAIMON_TEST_REDIS_URL`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot start has failed")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use daimon_domain::id::{MspId, TenantId};
use daimon_queue::{Kind, Queue, Quota};
use uuid::Uuid;

fn queue() -> Queue {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var_os("DAIMON_TEST_REDIS_URL").expect("DAIMON_TEST_REDIS_URL is set by `make test`");
    let mine = NEXT.fetch_add(1, Ordering::Relaxed);
    Queue::connect(url.to_str().unwrap(), &format!("test-{}-{mine}", std::process::id())).unwrap()
}

fn ids(count: u128) -> Vec<Uuid> {
    (1..=count).map(Uuid::from_u128).collect()
}

const fn msp() -> MspId {
    MspId::from_uuid(Uuid::from_u128(9))
}

const fn tenant(number: u128) -> TenantId {
    TenantId::from_uuid(Uuid::from_u128(number))
}

#[tokio::test]
async fn a_hint_is_queued_once_until_it_is_taken() {
    let queue = queue();
    let id = Uuid::from_u128(1);
    assert!(queue.push(Kind::Poll, tenant(1), msp(), id).await.unwrap());
    assert!(!queue.push(Kind::Poll, tenant(1), msp(), id).await.unwrap());
    let taken = queue.pop(Kind::Poll, 10).await.unwrap();
    assert_eq!(taken.iter().map(|hint| hint.id).collect::<Vec<_>>(), [id]);
    assert!(queue.push(Kind::Poll, tenant(1), msp(), id).await.unwrap());
    assert_eq!(queue.pop(Kind::Deliver, 10).await.unwrap(), []);
    assert_eq!(queue.pop(Kind::Poll, 10).await.unwrap().len(), 1);
    assert_eq!(queue.tenants_waiting(Kind::Poll).await.unwrap(), 0);
}

#[tokio::test]
async fn a_tenant_with_many_hints_does_not_delay_one_with_few() {
    let queue = queue();
    queue.push_many(Kind::Poll, tenant(1), msp(), &ids(1_000)).await.unwrap();
    queue.push_many(Kind::Poll, tenant(2), msp(), &ids(3)).await.unwrap();
    let turns: Vec<_> = queue.pop(Kind::Poll, 6).await.unwrap().iter().map(|hint| hint.tenant).collect();
    assert_eq!(turns, [tenant(1), tenant(2), tenant(1), tenant(2), tenant(1), tenant(2)]);
    assert_eq!(queue.pop(Kind::Poll, 2_000).await.unwrap().len(), 997);
}

#[tokio::test]
async fn whoever_waits_is_woken_and_the_others_need_not_wait() {
    let queue = queue();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.wait(Kind::Deliver, Duration::from_secs(30)).await.unwrap() }
    });
    assert_eq!(queue.pop(Kind::Deliver, 1).await.unwrap(), []);
    queue.push(Kind::Deliver, tenant(1), msp(), Uuid::from_u128(5)).await.unwrap();
    assert!(waiting.await.unwrap());
    assert!(!queue.wait(Kind::Poll, Duration::from_millis(20)).await.unwrap());
}

#[tokio::test]
async fn without_redis_there_is_an_error_and_no_waiting() {
    let queue = Queue::connect("unix:///nonexistent/redis.sock", "test").unwrap();
    assert!(queue.ping().await.is_err());
    assert!(queue.wait(Kind::Poll, Duration::from_secs(30)).await.is_err());
}

#[tokio::test]
async fn of_several_buckets_one_is_taken_each_or_none() {
    const SECOND: i64 = 1_000_000;
    let queue = queue();
    let quota = |most| Quota { most, window: Duration::from_mins(1) };
    let buckets = [("key:a", quota(3)), ("msp", quota(5))];
    let left = async |buckets: &[(&str, Quota)], now| {
        let taken = queue.take("msp_1", buckets, 1, now).await.unwrap();
        assert_eq!(taken.count == 1, taken.levels.iter().all(|level| level.wait.is_zero()));
        taken.levels.iter().map(|level| (level.left, level.wait.as_secs())).collect::<Vec<_>>()
    };
    let now = 1_800_000_000 * SECOND;
    for expected in [[(2, 0), (4, 0)], [(1, 0), (3, 0)], [(0, 0), (2, 0)], [(0, 20), (2, 0)], [(0, 20), (2, 0)]] {
        assert_eq!(left(&buckets, now).await, expected);
    }
    let other = [("key:b", quota(3)), ("msp", quota(5))];
    assert_eq!(left(&other, now).await, [(2, 0), (1, 0)], "the first key's refusals cost its MSP nothing");
    assert_eq!(left(&buckets, now + 20 * SECOND).await, [(0, 0), (1, 0)], "it fills evenly");
    assert_eq!(
        left(&buckets, now - 3_600 * SECOND).await,
        [(2, 0), (4, 0)],
        "a clock that was set back locks nobody out"
    );
}

#[tokio::test]
async fn whoever_wants_several_is_given_a_part_of_what_is_left() {
    let queue = queue();
    let quota = |most| Quota { most, window: Duration::from_mins(1) };
    let buckets = [("key:a", quota(48)), ("msp", quota(100))];
    let now = 1_800_000_000_000_000;
    let take = async |wanted| {
        let taken = queue.take("msp_1", &buckets, wanted, now).await.unwrap();
        (taken.count, taken.levels.iter().map(|level| level.left).collect::<Vec<_>>())
    };
    assert_eq!(take(1).await, (1, vec![47, 99]), "as many as are wanted");
    let mut counts = Vec::new();
    loop {
        let (count, left) = take(64).await;
        assert_eq!(left[0] + 52, left[1], "as many of one as of the other");
        if count == 0 {
            break;
        }
        counts.push(count);
    }
    assert_eq!(counts, [vec![2; 8], vec![1; 31]].concat(), "a sixteenth while that is two, and then one by one");
}
