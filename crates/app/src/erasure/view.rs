//! Shows what is left of somebody who was erased: the certificate, and the tombstone.

use vutf_identity::{
    action::SUBJECT_ERASURE_READ,
    user::erase::{CertificateError, audited_look, permitted_look},
};
use vutf_kernel::{Ctx, Env, Event, EventRecorder as _, Outcome, PortError, Question, Resource, UserId};

use super::{Certificate, Erasure};

/// People whom one event names at most.
const NAMED_AT_ONCE: usize = 1_000;

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

    /// Records that somebody is about to see the tombstones of `people`: in one event for each thousand, so that each is bounded.
    pub async fn note_look(&self, ctx: &Ctx, people: &[UserId]) -> Result<(), PortError> {
        let question = Question::all(SUBJECT_ERASURE_READ);
        let none: &[UserId] = &[];
        let groups = people.chunks(NAMED_AT_ONCE);
        for group in groups.chain(people.is_empty().then_some(none)) {
            let ids: Vec<_> = group.iter().map(UserId::as_uuid).collect();
            let event = self.with_env(|env| look_at(ctx, env, SUBJECT_ERASURE_READ.none()));
            let event = event.shows(&question, &ids).about_all(group.iter().copied());
            self.identity.record(event).await?;
        }
        Ok(())
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
    let id = user.as_uuid();
    let question = Question::all(SUBJECT_ERASURE_READ).with("id", Some(id));
    look_at(ctx, env, SUBJECT_ERASURE_READ.one(id))
        .subject(user)
        .shows(&question, &[id])
}

fn look_at(ctx: &Ctx, env: &mut Env<'_>, resource: Resource) -> Event {
    Event::new(ctx, env, SUBJECT_ERASURE_READ.name, resource, Outcome::Success)
}
