//! The wall holds for ordinary roles only, so the programs connect as nobody else.

use daimon_store::{Db, StoreError};
use daimon_tests::servers::shared;

#[tokio::test]
async fn a_role_that_sees_over_every_wall_is_refused() {
    let postgres = &shared().await.unwrap().postgres;
    let refusal = Db::connect(&postgres.url("daimon_admin", "postgres"), 1).await.unwrap_err();
    assert!(matches!(&refusal, StoreError::Unwalled { role } if role == "daimon_admin"), "{refusal}");
    assert!(Db::connect(&postgres.url("daimon_app", "postgres"), 1).await.is_ok());
}
