//! Which place each event got.

use std::collections::HashMap;

use uuid::Uuid;
use vutf_testkit::sql::Session;

use crate::site::Site;

/// Numbers by event, of the places from `from` on.
pub(crate) async fn places(site: &Site, from: u64) -> HashMap<Uuid, u64> {
    let session = Session::open(site.url()).await.unwrap();
    let sql = format!("SELECT uuid_send(event_id) FROM audit_leaf WHERE seq >= {from} ORDER BY seq");
    let ids = session.bytes(&sql).await.unwrap();
    session.close().await.unwrap();
    let ids = ids.iter().map(|id| Uuid::from_slice(id).unwrap());
    ids.zip(from..).collect()
}

/// How many places there are.
pub(crate) async fn count(site: &Site) -> u64 {
    let sql = "SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_leaf";
    let count = vutf_testkit::sql::number(site.url(), sql).await.unwrap();
    u64::try_from(count).unwrap()
}
