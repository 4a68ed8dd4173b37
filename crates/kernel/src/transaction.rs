//! The end of a unit of work.

use async_trait::async_trait;

use crate::{Ambient, Env, Fault, PortError};

/// A transaction under way. Dropping it rolls back; only [`Transaction::commit`] makes it true.
#[async_trait]
pub trait Transaction: Send {
    /// Makes everything that was done in it true at once.
    async fn commit(self: Box<Self>) -> Result<(), PortError>;
    /// Undoes everything, and waits until it is undone.
    async fn rollback(self: Box<Self>) -> Result<(), PortError>;
}

/// Opens units of work of one shape, and owns the retry policy for them.
#[async_trait]
pub trait Units<U: Transaction + ?Sized>: Send + Sync {
    /// Starts a read-write transaction.
    async fn begin(&self) -> Result<Box<U>, PortError>;

    /// Called after `attempt` (from 1) lost: waits, loads what was missing, and answers whether to try again.
    async fn retry(&self, attempt: u32, error: &PortError) -> bool;
}

/// An error of a use case that may hide a port's failure.
pub trait UseCaseError: From<PortError> + Send {
    /// The port's failure, if that is what it is.
    fn port(&self) -> Option<&PortError>;
}

impl UseCaseError for PortError {
    fn port(&self) -> Option<&PortError> {
        Some(self)
    }
}

/// A boxed future, as a closure that borrows its argument must return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs `work` in a transaction and commits it; an error rolls back. Work that lost a race or its connection runs again, from
/// the start, as long as the store's policy allows: it must not have effects outside the transaction.
pub async fn transact<U, T, E>(
    units: &dyn Units<U>,
    ambient: &Ambient,
    mut work: impl for<'a> FnMut(&'a mut U, Env<'a>) -> BoxFuture<'a, Result<T, E>> + Send,
) -> Result<T, E>
where
    U: Transaction + ?Sized,
    T: Send,
    E: UseCaseError,
{
    let mut attempt = 1;
    loop {
        let mut unit = units.begin().await?;
        let mut entropy = ambient.entropy();
        let env = Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        };
        let (error, committing): (E, bool) = match work(&mut *unit, env).await {
            Ok(value) => match unit.commit().await {
                Ok(()) => return Ok(value),
                Err(error) => (error.into(), true),
            },
            Err(error) => {
                // A rollback that fails leaves nothing behind either: the connection is gone.
                let _gone = unit.rollback().await;
                (error, false)
            }
        };
        // A commit whose answer was lost may have been done; before it, nothing was.
        let undone =
            |port: &&PortError| port.is_retryable() || (port.fault == Fault::Unreachable && !committing);
        match error.port().filter(undone) {
            Some(port) if units.retry(attempt, port).await => attempt += 1,
            _ => return Err(error),
        }
    }
}
