//! Intake: what a transaction writes when an event happens.

use std::collections::BTreeMap;

use uuid::Uuid;
use vutf_kernel::{Entropy, Event, EventId, EventSink, OrganizationId, Secret, Timestamp, UserId};

use crate::{Body, SealedPart, body::exact_details};

/// One row of the intake, written in the transaction of the change and never updated.
///
/// The columns beside `body` are copies for search; `body` is the truth, and [`crate::verify()`] holds the copies against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// The event.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// In which tenant.
    pub organization_id: OrganizationId,
    /// Under which request.
    pub request_id: String,
    /// `anonymous`, `user`, `operator` or `system`.
    pub actor_kind: String,
    /// The acting user, if one acted.
    pub actor_id: Option<Uuid>,
    /// What kind of event, `resource.verb`.
    pub action: String,
    /// The kind of the resource.
    pub resource_kind: String,
    /// The resource, if it is one object.
    pub resource_id: Option<Uuid>,
    /// `success`, `refused` or `failed`.
    pub outcome: String,
    /// Why it was not done, as a stable word; `None` when it was.
    pub reason: Option<String>,
    /// The entry: canonical JSON (RFC 8785).
    pub body: Vec<u8>,
    /// PII, sealed. `body` commits to it.
    pub parts: Vec<SealedPart>,
    /// Whose personal data was touched; sorted, each once. For the table that answers "who saw my data".
    pub subjects: Vec<UserId>,
}

/// An intake row as it was read back.
pub type StoredIntake = Intake;

/// The audit domain's part of a unit of work.
pub trait AuditTx: Send {
    /// Takes events into this transaction.
    fn log(&mut self) -> &mut dyn EventSink;
}

/// Turns an event into what is stored: each private part sealed by `seal(name, value)`, salted and committed to, and the
/// whole in canonical form. The error is the one that `seal` gives.
pub fn prepare<E>(
    event: Event,
    entropy: &mut dyn Entropy,
    mut seal: impl FnMut(&str, &Secret<String>) -> Result<Vec<u8>, E>,
) -> Result<Intake, E> {
    let mut parts = Vec::with_capacity(event.private.len());
    for (name, value) in &event.private {
        parts.push(SealedPart {
            name: name.clone().into_owned(),
            salt: entropy.bytes(),
            ciphertext: seal(name, value)?,
        });
    }
    let mut subjects = event.subjects;
    subjects.sort_unstable();
    subjects.dedup();
    let private: BTreeMap<_, _> = parts
        .iter()
        .map(|part| (part.name.clone(), part.commitment()))
        .collect();
    let body = Body {
        id: event.id,
        occurred_at: event.occurred_at,
        organization_id: event.organization_id,
        request_id: event.request_id.as_str().to_owned(),
        actor: event.actor,
        action: event.action.into_owned(),
        resource: event.resource,
        outcome: event.outcome,
        subjects,
        details: exact_details(event.details),
        private,
    };
    Ok(Intake::of(body, parts))
}

impl Intake {
    pub(crate) fn of(body: Body, parts: Vec<SealedPart>) -> Self {
        Self {
            body: body.to_bytes(),
            id: body.id,
            occurred_at: body.occurred_at,
            organization_id: body.organization_id,
            actor_kind: body.actor.kind().to_owned(),
            actor_id: body.actor.user_id().map(|user| user.as_uuid()),
            request_id: body.request_id,
            action: body.action,
            resource_kind: body.resource.kind.into_owned(),
            resource_id: body.resource.id,
            outcome: body.outcome.as_str().to_owned(),
            reason: body.outcome.reason().map(str::to_owned),
            parts,
            subjects: body.subjects,
        }
    }

    /// The first search column that says something else than `body` does; `None` when all agree.
    pub(crate) fn column_unlike(&self, body: &Body) -> Option<&'static str> {
        let checks = [
            ("id", self.id == body.id),
            ("occurred_at", self.occurred_at == body.occurred_at),
            ("organization_id", self.organization_id == body.organization_id),
            ("request_id", self.request_id == body.request_id),
            ("actor_kind", self.actor_kind == body.actor.kind()),
            (
                "actor_id",
                self.actor_id == body.actor.user_id().map(|user| user.as_uuid()),
            ),
            ("action", self.action == body.action),
            ("resource_kind", self.resource_kind == body.resource.kind),
            ("resource_id", self.resource_id == body.resource.id),
            ("outcome", self.outcome == body.outcome.as_str()),
            ("reason", self.reason.as_deref() == body.outcome.reason()),
        ];
        checks
            .into_iter()
            .find_map(|(column, agrees)| (!agrees).then_some(column))
    }
}

#[cfg(test)]
mod tests {
    use vutf_kernel::{
        Actor, Ctx, Detail, Env, Origin, OsEntropy, Outcome, RequestId, Resource, SystemClock,
    };

    use super::*;
    use crate::parse_body;

    fn event() -> Event {
        let ctx = Ctx {
            actor: Actor::Operator,
            ..Ctx::anonymous(
                OrganizationId::DEFAULT,
                RequestId::parse("r-1").unwrap(),
                Origin {
                    ip: Some([192, 0, 2, 7].into()),
                    user_agent: Some("curl/8".into()),
                },
            )
        };
        let mut entropy = OsEntropy;
        let mut env = Env {
            clock: &SystemClock,
            entropy: &mut entropy,
        };
        Event::new(
            &ctx,
            &mut env,
            "user.lock",
            Resource::kind("user"),
            Outcome::Success,
        )
    }

    fn prepared(event: Event) -> Intake {
        prepare(event, &mut OsEntropy, |_, value| {
            Ok::<_, std::convert::Infallible>(value.expose().bytes().map(|b| !b).collect())
        })
        .unwrap()
    }

    #[test]
    fn private_parts_are_in_the_entry_only_as_commitments() {
        let intake = prepared(event());
        let text = String::from_utf8(intake.body.clone()).unwrap();
        assert!(!text.contains("192.0.2.7") && !text.contains("curl"));
        let body = parse_body(&intake.body).unwrap();
        assert_eq!(body.private.len(), 2);
        for part in &intake.parts {
            assert_eq!(body.private[&part.name], part.commitment());
        }
        assert_eq!(intake.column_unlike(&body), None);
    }

    #[test]
    fn equal_values_have_unequal_commitments() {
        let once = prepared(event());
        let again = prepared(event());
        assert_eq!(once.parts[0].ciphertext, again.parts[0].ciphertext);
        assert_ne!(once.parts[0].commitment(), again.parts[0].commitment());
    }

    #[test]
    fn a_failing_cipher_stops_the_event() {
        let refused = prepare(event(), &mut OsEntropy, |name, _| Err(name.to_owned()));
        assert_eq!(refused.unwrap_err(), "source_ip");
    }

    #[test]
    fn subjects_are_a_set_and_large_numbers_are_text() {
        let [a, b] = [1, 2].map(|n| UserId::from_uuid(Uuid::from_u128(n)));
        let event = event()
            .subject(b)
            .subject(a)
            .subject(b)
            .detail("bytes", Detail::Number(i64::MAX))
            .detail("rows", Detail::Number(12));
        let intake = prepared(event);
        let body = parse_body(&intake.body).unwrap();
        assert_eq!(intake.subjects, [a, b]);
        assert_eq!(body.subjects, [a, b]);
        assert_eq!(body.details["bytes"], Detail::Text(i64::MAX.to_string()));
        assert_eq!(body.details["rows"], Detail::Number(12));
    }
}
