//! The one transaction type: every domain's repositories, on one connection.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{DbBackend, Statement};
use tokio::sync::Notify;
use vutf_audit::AuditTx;
use vutf_crypto_keys::{KeyRepo, Keyring, KeysTx, LifecycleRepo};
use vutf_identity::{
    IdentityTx,
    api_key::ApiKeyRepo,
    break_glass::BreakGlassRepo,
    consent::ConsentRepo,
    erasure_request::ErasureRequestRepo,
    housekeeping::HousekeepingRepo,
    invitation::InvitationRepo,
    link::LinkRepo,
    mail::MailRepo,
    mfa::MfaRepo,
    passkey::PasskeyRepo,
    policy::PolicyRepo,
    presence::PresenceRepo,
    repo::{BootstrapRepo, GuardRepo, PasswordRepo, RefreshRepo, RoleRepo, SessionRepo, UserRepo},
    role::CustomRoleRepo,
};
use vutf_kernel::{Ambient, Entropy, EventSink, PortError, Receipts, Transaction};

use crate::{audit::LogEnd, connection::Connection, error::port};

/// A read-write transaction. Dropped without a commit it rolls back.
pub(crate) struct Tx {
    pub(crate) db: Connection,
    pub(crate) backend: DbBackend,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) entropy: Box<dyn Entropy>,
    pub(crate) ambient: Ambient,
    pub(crate) appended: Arc<Notify>,
    /// Whether events were added.
    pub(crate) appends: bool,
    /// The end of the log, once the sequencer has read it.
    pub(crate) end: Option<LogEnd>,
    pub(crate) receipts: Receipts,
    /// What a unit of work of one statement writes at its commit.
    pub(crate) alone: Option<Alone>,
}

/// The one statement of a unit of work, and the question whether all of it is there.
pub(crate) struct Alone {
    pub(crate) statement: Statement,
    pub(crate) is_done: Statement,
}

#[async_trait]
impl Transaction for Tx {
    async fn commit(mut self: Box<Self>) -> Result<(), PortError> {
        if let (Connection::Alone(store), Some(alone)) = (&self.db, self.alone.take()) {
            store.write_once(alone.statement, alone.is_done).await?;
        }
        self.db.commit().await.map_err(port("transaction.commit"))?;
        if self.appends {
            self.appended.notify_one();
        }
        self.receipts.confirm();
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        self.db.rollback().await.map_err(port("transaction.rollback"))
    }
}

impl IdentityTx for Tx {
    fn users(&mut self) -> &mut dyn UserRepo {
        self
    }
    fn passwords(&mut self) -> &mut dyn PasswordRepo {
        self
    }
    fn guards(&mut self) -> &mut dyn GuardRepo {
        self
    }
    fn sessions(&mut self) -> &mut dyn SessionRepo {
        self
    }
    fn refresh(&mut self) -> &mut dyn RefreshRepo {
        self
    }
    fn mfa(&mut self) -> &mut dyn MfaRepo {
        self
    }
    fn passkeys(&mut self) -> &mut dyn PasskeyRepo {
        self
    }
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepo {
        self
    }
    fn links(&mut self) -> &mut dyn LinkRepo {
        self
    }
    fn invitations(&mut self) -> &mut dyn InvitationRepo {
        self
    }
    fn mail(&mut self) -> &mut dyn MailRepo {
        self
    }
    fn roles(&mut self) -> &mut dyn RoleRepo {
        self
    }
    fn custom_roles(&mut self) -> &mut dyn CustomRoleRepo {
        self
    }
    fn policies(&mut self) -> &mut dyn PolicyRepo {
        self
    }
    fn break_glass(&mut self) -> &mut dyn BreakGlassRepo {
        self
    }
    fn bootstrap(&mut self) -> &mut dyn BootstrapRepo {
        self
    }
    fn presence(&mut self) -> &mut dyn PresenceRepo {
        self
    }
    fn consents(&mut self) -> &mut dyn ConsentRepo {
        self
    }
    fn erasure_requests(&mut self) -> &mut dyn ErasureRequestRepo {
        self
    }
    fn housekeeping(&mut self) -> &mut dyn HousekeepingRepo {
        self
    }
    fn events(&mut self) -> &mut dyn EventSink {
        self
    }
}

impl AuditTx for Tx {
    fn log(&mut self) -> &mut dyn EventSink {
        self
    }
}

impl KeysTx for Tx {
    fn keys(&mut self) -> &mut dyn KeyRepo {
        self
    }
    fn lifecycle(&mut self) -> &mut dyn LifecycleRepo {
        self
    }
    fn events(&mut self) -> &mut dyn EventSink {
        self
    }
}
