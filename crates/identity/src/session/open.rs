//! Opens the session of somebody who has proved enough.

use vutf_kernel::{Aal, Action, Assurance, FamilyId, PortError, SessionId, Stamps};

use super::{
    Session,
    grant::{self, SignedIn},
};
use crate::{
    User,
    refresh::{RefreshFamily, RefreshToken, TokenHash},
    work::{About, Work},
};

/// What was proved.
pub(super) struct Proved {
    pub(super) aal: Aal,
    /// RFC 8176.
    pub(super) amr: &'static [&'static str],
}

/// Makes the session, its refresh family and its first tokens.
pub(super) async fn open<C>(
    work: &mut Work<'_, C>,
    action: Action,
    user: &User,
    proved: &Proved,
) -> Result<SignedIn, PortError> {
    let now = work.now();
    work.tx.users().note_login(user.id, now).await?;
    let session = new_session(work, user, proved);
    let refresh_token = grant::refresh_token(work.env.entropy);
    let family = RefreshFamily {
        id: FamilyId::generate(work.env.clock, work.env.entropy),
        organization_id: session.organization_id,
        session_id: session.id,
        user_id: user.id,
        generation: 0,
        idle_expires_at: now.plus(work.id.settings.refresh_idle).min(session.expires_at),
        expires_at: session.expires_at,
        revoked_at: None,
        stamps: session.stamps.clone(),
    };
    let first = RefreshToken {
        hash: TokenHash::of(refresh_token.expose()),
        family_id: family.id,
        generation: 0,
        used_at: None,
        successor: None,
        created_at: now,
    };
    work.tx.sessions().insert(&session).await?;
    work.tx.refresh().insert_family(&family, &first).await?;
    let about = About::session(action, session.id).of(user.id);
    work.done(&about).await?;
    let roles = work.tx.roles().of_user(user.organization_id, user.id).await?;
    grant::sign(&work.id, &mut work.env, &session, roles, refresh_token)
}

fn new_session<C>(work: &mut Work<'_, C>, user: &User, proved: &Proved) -> Session {
    let now = work.now();
    Session {
        id: SessionId::generate(work.env.clock, work.env.entropy),
        organization_id: user.organization_id,
        user_id: user.id,
        epoch: user.epoch,
        assurance: Assurance {
            aal: proved.aal,
            auth_time: now,
            amr: proved.amr.iter().map(ToString::to_string).collect(),
        },
        ip: work.ctx.origin.ip.map(|ip| ip.to_string()),
        user_agent: work.ctx.origin.user_agent.clone(),
        last_seen_at: now,
        expires_at: now.plus(work.id.settings.refresh_absolute),
        revoked_at: None,
        revoke_reason: None,
        stamps: Stamps::new(Some(user.id), now),
    }
}
