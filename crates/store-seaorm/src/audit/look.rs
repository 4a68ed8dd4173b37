//! Reads that are events: statements that only read, and their events in groups after them.

use std::sync::Arc;

use async_trait::async_trait;
use vutf_identity::{
    IdentityTx, IdentityUnit,
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
use vutf_kernel::{Event, EventRecorder, EventSink, PortError, Transaction, Units};

use crate::{SeaStore, tx::Tx};

/// Units of work for use cases that show something and change nothing. What they raise is recorded before they answer: a
/// failure to record is a failure of the commit, so that nothing is shown. Nothing can be written in them.
pub struct Looks {
    store: SeaStore,
    recorder: Arc<dyn EventRecorder>,
}

impl Looks {
    /// Over `store`, with events to `recorder`.
    pub fn new(store: SeaStore, recorder: Arc<dyn EventRecorder>) -> Self {
        Self { store, recorder }
    }
}

#[async_trait]
impl Units<dyn IdentityUnit> for Looks {
    async fn begin(&self) -> Result<Box<dyn IdentityUnit>, PortError> {
        Ok(Box::new(Look {
            tx: self.store.looking(),
            raised: Vec::new(),
            recorder: Arc::clone(&self.recorder),
        }))
    }

    async fn retry(&self, attempt: u32, error: &PortError) -> bool {
        let units: &dyn Units<dyn IdentityUnit> = &self.store;
        units.retry(attempt, error).await
    }
}

struct Look {
    tx: Tx,
    raised: Vec<Event>,
    recorder: Arc<dyn EventRecorder>,
}

#[async_trait]
impl Transaction for Look {
    async fn commit(self: Box<Self>) -> Result<(), PortError> {
        let Self { tx, raised, recorder } = *self;
        Box::new(tx).commit().await?;
        for event in raised {
            recorder.record(event).await?;
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), PortError> {
        Box::new(self.tx).rollback().await
    }
}

#[async_trait]
impl EventSink for Look {
    async fn append(&mut self, event: Event) -> Result<(), PortError> {
        self.raised.push(event);
        Ok(())
    }
}

impl IdentityTx for Look {
    fn users(&mut self) -> &mut dyn UserRepo {
        &mut self.tx
    }
    fn passwords(&mut self) -> &mut dyn PasswordRepo {
        &mut self.tx
    }
    fn guards(&mut self) -> &mut dyn GuardRepo {
        &mut self.tx
    }
    fn sessions(&mut self) -> &mut dyn SessionRepo {
        &mut self.tx
    }
    fn refresh(&mut self) -> &mut dyn RefreshRepo {
        &mut self.tx
    }
    fn mfa(&mut self) -> &mut dyn MfaRepo {
        &mut self.tx
    }
    fn passkeys(&mut self) -> &mut dyn PasskeyRepo {
        &mut self.tx
    }
    fn api_keys(&mut self) -> &mut dyn ApiKeyRepo {
        &mut self.tx
    }
    fn links(&mut self) -> &mut dyn LinkRepo {
        &mut self.tx
    }
    fn invitations(&mut self) -> &mut dyn InvitationRepo {
        &mut self.tx
    }
    fn mail(&mut self) -> &mut dyn MailRepo {
        &mut self.tx
    }
    fn roles(&mut self) -> &mut dyn RoleRepo {
        &mut self.tx
    }
    fn custom_roles(&mut self) -> &mut dyn CustomRoleRepo {
        &mut self.tx
    }
    fn policies(&mut self) -> &mut dyn PolicyRepo {
        &mut self.tx
    }
    fn break_glass(&mut self) -> &mut dyn BreakGlassRepo {
        &mut self.tx
    }
    fn bootstrap(&mut self) -> &mut dyn BootstrapRepo {
        &mut self.tx
    }
    fn presence(&mut self) -> &mut dyn PresenceRepo {
        &mut self.tx
    }
    fn consents(&mut self) -> &mut dyn ConsentRepo {
        &mut self.tx
    }
    fn erasure_requests(&mut self) -> &mut dyn ErasureRequestRepo {
        &mut self.tx
    }
    fn housekeeping(&mut self) -> &mut dyn HousekeepingRepo {
        &mut self.tx
    }
    fn events(&mut self) -> &mut dyn EventSink {
        self
    }
}
