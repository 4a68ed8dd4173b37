//! Where and with what a session is used. When that changes it may be in other hands, or on a train: it goes on, but whatever demands a fresh
//! proof demands one now. OWASP ASVS 5.0 §7.5; NIST SP 800-63B-4 §5.3 (session monitoring).

use vutf_kernel::{Actor, Ctx, Detail, OrganizationId, Origin, Outcome, PortError, SessionId, Timestamp};

use super::Caller;
use crate::{
    Identity, action, network,
    work::{About, Work},
};

/// Network and browser as keyed hashes, which tell whether they are the same and nothing else; of another session they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Of the IPv4 /24 or IPv6 /48.
    pub network: [u8; 32],
    /// Of the user agent.
    pub agent: [u8; 32],
}

impl Place {
    pub(super) fn of(
        id: &Identity,
        organization: OrganizationId,
        session: SessionId,
        origin: &Origin,
    ) -> Result<Self, PortError> {
        let network = origin.ip.map(network::wide);
        let hash = |kind: &[u8], text: Option<&str>| {
            let mut message = session.as_bytes().to_vec();
            message.extend_from_slice(kind);
            // What is unknown is not what is empty.
            message.push(u8::from(text.is_some()));
            message.extend_from_slice(text.unwrap_or_default().as_bytes());
            id.names.hash(organization, &message)
        };
        Ok(Self {
            network: hash(b"network", network.as_deref())?,
            agent: hash(b"agent", origin.user_agent.as_deref())?,
        })
    }
}

/// What is known of where a session belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Where it was opened or last proved; `None` where nothing is known.
    pub place: Option<Place>,
    /// When it was first seen elsewhere since then.
    pub moved_at: Option<Timestamp>,
}

/// How a request differs from where its session belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Elsewhere {
    network: bool,
    agent: bool,
}

/// Whether the session is used from elsewhere since its last proof. The first time is an event; each proof settles it anew, so that there
/// are no more events than proofs.
pub async fn watch(ctx: &Ctx, id: &Identity, caller: &Caller) -> Result<bool, PortError> {
    let Some(place) = caller.settled.place else {
        return Ok(false);
    };
    if caller.settled.moved_at.is_some() {
        return Ok(true);
    }
    let here = Place::of(id, caller.organization_id, caller.session_id, &ctx.origin)?;
    if here == place {
        return Ok(false);
    }
    let elsewhere = Elsewhere {
        network: here.network != place.network,
        agent: here.agent != place.agent,
    };
    id.run(ctx, elsewhere, |work| Box::pin(report(work))).await?;
    id.sessions.forget(caller.session_id);
    Ok(true)
}

async fn report(mut work: Work<'_, Elsewhere>) -> Result<(), PortError> {
    let Actor::User { user_id, session_id } = work.ctx.actor else {
        return Ok(());
    };
    let (now, organization, elsewhere) = (work.now(), work.ctx.organization_id, *work.command);
    if !work
        .tx
        .sessions()
        .mark_moved(organization, session_id, now)
        .await?
    {
        return Ok(());
    }
    let about = About::session(action::SESSION_MOVED, session_id).of(user_id);
    work.raise(&about, Outcome::Success, |event| {
        event
            .detail("network", Detail::Bool(elsewhere.network))
            .detail("user_agent", Detail::Bool(elsewhere.agent))
    })
    .await
}

/// The session belongs where it was proved just now.
pub(super) async fn settle<C>(work: &mut Work<'_, C>, session: SessionId) -> Result<(), PortError> {
    let organization = work.ctx.organization_id;
    let place = Place::of(&work.id, organization, session, &work.ctx.origin)?;
    work.tx.sessions().settle(organization, session, &place).await
}
