//! Shows what is left of somebody who was erased: the certificate, and the tombstone.

use vutf_identity::{
    action::SUBJECT_ERASURE_READ,
    user::erase::{CertificateError, audited_look, permitted_look},
};
use vutf_kernel::{Ctx, Detail, Env, Event, EventRecorder as _, Outcome, PortError, Resource, UserId};

use super::{Certificate, Erasure};

impl Erasure<'_> {
    /// The newest certificate of a person of the caller's tenant. To see it is an event, recorded before the answer.
    pub async fn certificate(&self, ctx: &Ctx, user: UserId) -> Result<Certificate, CertificateError> {
        let done = self.look(ctx, user).await;
        audited_look(ctx, self.identity, user, done).await
    }

    async fn look(&self, ctx: &Ctx, user: UserId) -> Result<Certificate, CertificateError> {
        permitted_look(ctx)?;
        let found = self.reader.certificate_of(ctx.organization_id, user).await?;
        let certificate = found.ok_or(CertificateError::NotFound)?;
        let event = self.with_env(|env| seen(ctx, env, user));
        self.identity.record(event).await?;
        Ok(certificate)
    }

    /// Records that somebody is about to see so many tombstones.
    pub async fn note_look(&self, ctx: &Ctx, tombstones: usize) -> Result<(), PortError> {
        let count = Detail::Number(i64::try_from(tombstones).unwrap_or(i64::MAX));
        let event = self.with_env(|env| look_at(ctx, env, SUBJECT_ERASURE_READ.none()));
        self.identity.record(event.detail("count", count)).await
    }

    fn with_env(&self, event: impl FnOnce(&mut Env<'_>) -> Event) -> Event {
        let ambient = &self.identity.ambient;
        let mut entropy = ambient.entropy();
        event(&mut Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        })
    }
}

/// Somebody sees the certificate of a person.
pub(super) fn seen(ctx: &Ctx, env: &mut Env<'_>, user: UserId) -> Event {
    look_at(ctx, env, SUBJECT_ERASURE_READ.one(user.as_uuid())).subject(user)
}

fn look_at(ctx: &Ctx, env: &mut Env<'_>, resource: Resource) -> Event {
    Event::new(ctx, env, SUBJECT_ERASURE_READ.name, resource, Outcome::Success)
}
