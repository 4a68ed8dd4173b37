//! What every adapter of the identity ports must do.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a contract that is broken fails the test that runs it"
)]

/// One call in a transaction of its own, which is committed when the call succeeds.
macro_rules! once {
    ($store:expr, $repo:ident.$call:ident($($argument:expr),* $(,)?)) => {{
        let mut tx = super::begin($store).await;
        let result = tx.$repo().$call($($argument),*).await;
        match &result {
            Ok(_) => tx.commit().await.expect("it commits"),
            Err(_) => tx.rollback().await.expect("it rolls back"),
        }
        result
    }};
}

mod api_keys;
mod authorization;
mod custom_roles;
mod housekeeping;
mod mail;
mod mfa;
mod passkeys;
mod passwords;
mod people;
mod races;
mod refresh;
mod roles;
mod sessions;
mod tenants;
mod users;

use std::sync::Arc;

pub use self::mail::mail_contract;

use tokio::task::JoinSet;
use vutf_identity::{IdentityStore, IdentityUnit, User};
use vutf_kernel::{Ambient, BoxFuture, OrganizationId, PortError, Units, transact};

use crate::factory::Factory;

const HOME: OrganizationId = OrganizationId::DEFAULT;
/// How many try at once where only some may succeed.
const RACERS: usize = 32;

type Store = Arc<dyn IdentityStore>;

/// Runs the whole suite. The store knows [`super::NEIGHBOUR`] and has the keys of both tenants.
///
/// # Panics
/// Where the contract is broken.
pub async fn identity_contract(store: Arc<dyn IdentityStore>) {
    let mut factory = Factory::new(0x6964);
    users::contract(&store, &mut factory).await;
    sessions::contract(&store, &mut factory).await;
    refresh::contract(&store, &mut factory).await;
    mfa::contract(&store, &mut factory).await;
    passwords::contract(&store, &mut factory).await;
    passkeys::contract(&store, &mut factory).await;
    api_keys::contract(&store, &mut factory).await;
    roles::contract(&store, &mut factory).await;
    authorization::contract(&store, &mut factory).await;
    custom_roles::contract(&store, &mut factory).await;
    tenants::contract(&store, &mut factory).await;
    races::contract(&store, &mut factory).await;
    people::contract(&store, &mut factory).await;
    housekeeping::contract(&store, &mut factory).await;
}

async fn begin(store: &Store) -> Box<dyn IdentityUnit> {
    let units: &dyn Units<dyn IdentityUnit> = &**store;
    units.begin().await.expect("a transaction begins")
}

/// A user that is in the store.
async fn stored_user(store: &Store, factory: &mut Factory) -> User {
    let user = factory.user();
    let mut tx = begin(store).await;
    tx.users().insert(&user).await.expect("a fresh user is added");
    tx.commit().await.expect("it commits");
    user
}

/// Runs `work` many times at once, each in a transaction that is run again when it loses a race.
async fn race<T, F>(store: &Store, work: F) -> Vec<Result<T, PortError>>
where
    T: Send + 'static,
    F: for<'a> Fn(usize, &'a mut (dyn IdentityUnit + 'static)) -> BoxFuture<'a, Result<T, PortError>>
        + Send
        + Sync
        + 'static,
{
    let work = Arc::new(work);
    let mut tasks = JoinSet::new();
    for racer in 0..RACERS {
        let (store, work) = (Arc::clone(store), Arc::clone(&work));
        tasks.spawn(async move {
            let units: &dyn Units<dyn IdentityUnit> = &*store;
            transact(units, &Ambient::system(), |tx, _| work(racer, tx)).await
        });
    }
    tasks.join_all().await
}

/// How many of them answered `true`.
fn winners(answers: &[Result<bool, PortError>]) -> usize {
    answers
        .iter()
        .filter(|answer| *answer.as_ref().expect("no racer fails"))
        .count()
}

/// Values without equality of their own are the same when they print the same.
fn same<T: std::fmt::Debug>(one: &T, other: &T) -> bool {
    format!("{one:?}") == format!("{other:?}")
}
