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
        let resource = SUBJECT_ERASURE_READ.one(user.as_uuid());
        let event = self.seen(ctx, resource).subject(user);
        self.identity.record(event).await?;
        Ok(certificate)
    }

    /// Records that somebody is about to see so many tombstones.
    pub async fn note_look(&self, ctx: &Ctx, tombstones: usize) -> Result<(), PortError> {
        let count = Detail::Number(i64::try_from(tombstones).unwrap_or(i64::MAX));
        let event = self.seen(ctx, SUBJECT_ERASURE_READ.none());
        self.identity.record(event.detail("count", count)).await
    }

    fn seen(&self, ctx: &Ctx, resource: Resource) -> Event {
        let ambient = &self.identity.ambient;
        let mut entropy = ambient.entropy();
        let mut env = Env {
            clock: ambient.clock(),
            entropy: &mut *entropy,
        };
        Event::new(
            ctx,
            &mut env,
            SUBJECT_ERASURE_READ.name,
            resource,
            Outcome::Success,
        )
    }
}
