//! Shows the certificate of somebody who was erased.

use vutf_identity::{
    action::SUBJECT_ERASURE_READ,
    user::erase::{CertificateError, audited_look, permitted_look},
};
use vutf_kernel::{Ctx, Env, Event, EventRecorder as _, Outcome, UserId};

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
        let event = {
            let ambient = &self.identity.ambient;
            let mut entropy = ambient.entropy();
            let mut env = Env {
                clock: ambient.clock(),
                entropy: &mut *entropy,
            };
            let resource = SUBJECT_ERASURE_READ.one(user.as_uuid());
            let event = Event::new(
                ctx,
                &mut env,
                SUBJECT_ERASURE_READ.name,
                resource,
                Outcome::Success,
            );
            event.subject(user)
        };
        self.identity.record(event).await?;
        Ok(certificate)
    }
}
