//! One multiplexed connection that is made when it is needed, and made anew when it has failed.
//!
//! The client library has a manager for this. It keeps a refusal that is no I/O error (for example "LOADING" while Redis
//! reads its file after a restart) for ever, and keeps using a connection whose peer vanished without a word; both would
//! need a restart of the service.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, aio::MultiplexedConnection};

use crate::error::{Failure, NoAnswer};

#[derive(Clone)]
pub(crate) struct Line(Arc<Shared>);

struct Shared {
    client: Client,
    config: AsyncConnectionConfig,
    connect_timeout: Duration,
    slot: Mutex<Slot>,
    dialling: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Slot {
    connection: Option<MultiplexedConnection>,
    /// Grows with every connection, so that a late failure of an old one does not end the new one.
    generation: u64,
    last_failure: Option<Instant>,
}

/// A connection, and which one it is.
pub(crate) struct Borrowed {
    pub(crate) connection: MultiplexedConnection,
    generation: u64,
}

impl Line {
    pub(crate) fn new(client: Client, timeout: Duration, connect_timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            .set_response_timeout(Some(timeout));
        Self(Arc::new(Shared {
            client,
            config,
            connect_timeout,
            slot: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        }))
    }

    /// The present connection, or a new one.
    pub(crate) async fn borrow(&self) -> Result<Borrowed, Failure> {
        if let Some(borrowed) = self.0.present() {
            return Ok(borrowed);
        }
        // A task of its own: a caller that gives up must not undo the handshake for those who come after.
        let shared = Arc::clone(&self.0);
        let asked = Instant::now();
        tokio::spawn(async move { shared.dial(asked).await })
            .await
            .map_err(|_| NoAnswer::Interrupted)?
    }

    /// Ends the use of a connection that failed.
    pub(crate) fn discard(&self, generation: u64) {
        let mut slot = self.0.lock();
        if slot.generation == generation {
            slot.connection = None;
        }
    }
}

impl Borrowed {
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Option<Borrowed> {
        let slot = self.lock();
        slot.connection.clone().map(|connection| Borrowed {
            connection,
            generation: slot.generation,
        })
    }

    async fn dial(&self, asked: Instant) -> Result<Borrowed, Failure> {
        let _turn = self.dialling.lock().await;
        if let Some(borrowed) = self.present() {
            return Ok(borrowed);
        }
        // Those who waited for an attempt that failed share its outcome, or they would fail one after another.
        if self.lock().last_failure.is_some_and(|failed| failed > asked) {
            return Err(NoAnswer::JustFailed.into());
        }
        let attempt = self
            .client
            .get_multiplexed_async_connection_with_config(&self.config);
        let outcome = match tokio::time::timeout(self.connect_timeout, attempt).await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(NoAnswer::TimedOut.into()),
        };
        let mut slot = self.lock();
        match outcome {
            Ok(connection) => {
                slot.generation += 1;
                slot.connection = Some(connection.clone());
                Ok(Borrowed {
                    connection,
                    generation: slot.generation,
                })
            }
            Err(failure) => {
                slot.last_failure = Some(Instant::now());
                Err(failure)
            }
        }
    }
}
