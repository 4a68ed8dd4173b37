//! Signs in with a password.
//!
//! Two transactions, and the slow check between them outside any: the first counts the attempt before it is checked, so that
//! parallel guesses cannot outrun the counter; the second looks again, because the account may have changed meanwhile.
//! Whatever is wrong, the caller sees one answer after the same work.

use vutf_kernel::{Aal, Ctx, Detail, Outcome, PortError, Secret, SessionId, Timestamp, UseCaseError, UserId};

use super::{
    challenge::{Challenged, challenge},
    cookie::{CookieSession, SessionKind},
    grant::SignedIn,
    open::{Opened, Proved, open},
};
use crate::{
    Identity, LoginName, User, UserKind, UserStatus, action, consent,
    device::{self, DeviceId},
    guard::{Barred, GuardKey, GuardPolicy, GuardState, count_by, counted_by},
    mail::{self, MailKind},
    mfa::factors,
    network,
    password::{HashError, HashPermit, foreign::scheme_of},
    refusal::use_case_error,
    repo::PasswordRecord,
    work::{About, Work},
};

const ACTION: vutf_kernel::Action = action::SESSION_LOGIN;
const PROVED: Proved = Proved {
    aal: Aal::Aal1,
    amr: &["pwd"],
};

/// A person signs in.
#[derive(Debug)]
pub struct Login {
    /// Username or e-mail address as typed.
    pub username: Secret<String>,
    /// Password as typed.
    pub password: Secret<String>,
    /// With what.
    pub client: Client,
}

/// What somebody signs in with, as far as they say.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// How it wants to hold the session.
    pub kind: SessionKind,
    /// What an earlier sign-in gave it to be known by.
    pub device: Option<Secret<String>>,
    /// The version of the system-use notice that is agreed to: [`crate::consent`].
    pub accepts: Option<String>,
}

/// What a right password leads to.
#[derive(Clone, Debug)]
pub enum LoggedIn {
    /// A session of tokens.
    SignedIn(SignedIn),
    /// A session of a cookie.
    Cookie(CookieSession),
    /// Nothing yet: the account has a second factor, which [`super::verify`] takes.
    Challenged(Challenged),
}

impl LoggedIn {
    /// Sessions that ended to make room for it.
    fn ended(&self) -> &[SessionId] {
        match self {
            Self::SignedIn(signed_in) => &signed_in.ended,
            Self::Cookie(session) => &session.ended,
            Self::Challenged(_) => &[],
        }
    }
}

impl From<Opened> for LoggedIn {
    fn from(opened: Opened) -> Self {
        match opened {
            Opened::Tokens(signed_in) => Self::SignedIn(signed_in),
            Opened::Cookie(session) => Self::Cookie(session),
        }
    }
}

use_case_error! {
    /// Why nobody was signed in.
    LoginError {
        /// Unknown account, wrong password, too many attempts, or an account that may not be used: the answer does not say which.
        Refused => Unauthenticated, "invalid_credentials", "the username or the password is not right";
        /// Too many wrong passwords came from there. The answer does not say so.
        NetworkBarred => Unauthenticated, "invalid_credentials", "the username or the password is not right";
        /// Whoever signs in agrees to the system-use notice first. Nothing was looked at.
        NoticeNotAccepted => Forbidden, "system_use_not_accepted", "agree to the system-use notice first";
    } {
        /// No hash can be computed now.
        Hash(HashError);
    }
}

/// What the first transaction found.
pub(super) struct Attempt {
    pub(super) user: Option<User>,
    pub(super) password: Option<PasswordRecord>,
    /// Why it may not be made.
    pub(super) barred: Option<&'static str>,
    pub(super) counter: Counter,
    /// Whether the next attempts are barred if this one is wrong.
    pub(super) bars: bool,
}

/// Where an attempt was counted.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    /// By the account, in a session.
    Session,
    /// By the account, and by where it came from.
    Stranger,
    /// By the browser alone.
    Device(DeviceId),
}

/// What is noted of an attempt that came from where too many did.
const NETWORK: &str = "network_barred";

/// How the second transaction may end without a session.
pub(super) enum Loss {
    Refused(&'static str),
    Port(PortError),
}

impl From<PortError> for Loss {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

impl UseCaseError for Loss {
    fn port(&self) -> Option<&PortError> {
        match self {
            Self::Port(error) => Some(error),
            Self::Refused(_) => None,
        }
    }
}

/// What the second transaction needs.
pub(super) struct Proof {
    pub(super) client: Client,
    counter: Counter,
    user_id: UserId,
    checked: PasswordRecord,
    rehashed: Option<Secret<String>>,
}

/// Signs in, or asks for the second factor.
pub async fn login(ctx: &Ctx, id: &Identity, command: Login) -> Result<LoggedIn, LoginError> {
    if !id.settings.system_use.admits(command.client.accepts.as_deref()) {
        let error = LoginError::NoticeNotAccepted;
        id.refused(ctx, About::kind(ACTION), error.code()).await?;
        return Err(error);
    }
    // Before anything is counted: a service that is full must not use up anybody's attempts.
    let permit = id.hasher.permit().await?;
    let Login {
        username,
        password,
        client,
    } = command;
    let asked = (username, client.clone());
    let attempt = id.run(ctx, asked, |work| Box::pin(admit(work))).await?;
    let user_id = attempt.user.as_ref().map(|user| user.id);
    let bars = attempt.bars;
    let loss = match check(id, &*permit, attempt, &password).await? {
        Ok(proof) => {
            drop(permit);
            let proof = Proof { client, ..proof };
            match id.run(ctx, proof, |work| Box::pin(sign_in(work))).await {
                Ok(logged_in) => {
                    id.forget(logged_in.ended());
                    return Ok(logged_in);
                }
                Err(Loss::Port(error)) => return Err(error.into()),
                Err(Loss::Refused(reason)) => reason,
            }
        }
        Err(reason) => reason,
    };
    id.refused(ctx, About::kind(ACTION).of(user_id), loss).await?;
    if bars && matches!(loss, "wrong_password" | "unknown_account") {
        report_lockout(ctx, id, user_id).await?;
    }
    Err(match loss {
        NETWORK => LoginError::NetworkBarred,
        _ => LoginError::Refused,
    })
}

/// Has the owner told, if there is one: for a name that matches no account the same is written, about nobody.
async fn report_lockout(ctx: &Ctx, id: &Identity, user: Option<UserId>) -> Result<(), PortError> {
    if !id.settings.mail.enabled {
        return Ok(());
    }
    id.run(ctx, user, |work| Box::pin(ask_for_notice(work))).await
}

async fn ask_for_notice(mut work: Work<'_, Option<UserId>>) -> Result<(), PortError> {
    let user = *work.command;
    let about = user.unwrap_or_else(|| UserId::generate(work.env.clock, work.env.entropy));
    mail::request(&mut work, MailKind::LockoutRequest, &about.to_string()).await
}

/// Finds the account and counts the attempt: against the browser if it is known, else against the account and where it comes from.
async fn admit(mut work: Work<'_, (Secret<String>, Client)>) -> Result<Attempt, LoginError> {
    let organization = work.ctx.organization_id;
    let name = LoginName::parse(work.command.0.expose());
    let user = work.tx.users().find_by_login(organization, &name).await?;
    let password = match &user {
        Some(user) => work.tx.passwords().find(organization, user.id).await?,
        None => None,
    };
    let by_device = by_device(&mut work, user.as_ref(), password.as_ref()).await?;
    let (counter, barred, bars) = match by_device {
        Some((counter, barred)) => (counter, barred, false),
        None => match stranger(&mut work, user.as_ref(), &name).await? {
            Ok(bars) => (Counter::Stranger, None, bars),
            Err(reason) => (Counter::Stranger, Some(reason), false),
        },
    };
    Ok(Attempt {
        user,
        password,
        barred,
        counter,
        bars,
    })
}

type Counted = (Counter, Option<&'static str>);

/// Counts an attempt from a known browser; `None` if it is not known, or was given up.
async fn by_device(
    work: &mut Work<'_, (Secret<String>, Client)>,
    user: Option<&User>,
    password: Option<&PasswordRecord>,
) -> Result<Option<Counted>, PortError> {
    let (Some(user), Some(password)) = (user, password) else {
        return Ok(None);
    };
    let presented = work.command.1.device.as_ref();
    let Some(device) = device::known(work, user, password.changed_at, presented)? else {
        return Ok(None);
    };
    let policy = GuardPolicy {
        disable_at: work.id.settings.devices.disable_at,
        ..work.id.settings.guard.clone()
    };
    let key = GuardKey::device_of(user.id, device);
    Ok(match count_by(work, &key, &policy).await? {
        Some(Barred::Disabled) => None,
        barred => Some((Counter::Device(device), barred.map(Barred::reason))),
    })
}

/// Counts an attempt from anywhere else; whether the next ones are barred if it is wrong, or why it may not be made. What is barred for where it comes from does not count against the account: nobody is locked out by
/// guesses that are not looked at.
async fn stranger(
    work: &mut Work<'_, (Secret<String>, Client)>,
    user: Option<&User>,
    name: &LoginName,
) -> Result<Result<bool, &'static str>, PortError> {
    if network::count(work).await? {
        return Ok(Err(NETWORK));
    }
    let key = match user {
        Some(user) => GuardKey::password_of(user.id),
        None => unknown(work, name)?,
    };
    let policy = work.id.settings.guard.clone();
    Ok(counted_by(work, &key, &policy).await?.map_err(Barred::reason))
}

/// The counter of a name that matches no account. What was typed may be a password in the wrong field: only its keyed hash
/// is kept.
fn unknown(work: &Work<'_, (Secret<String>, Client)>, name: &LoginName) -> Result<GuardKey, PortError> {
    let canonical = name
        .canonical()
        .unwrap_or_else(|| Secret::new(work.command.0.expose().to_lowercase()));
    let organization = work.ctx.organization_id;
    let tag = work.id.names.hash(organization, canonical.expose().as_bytes())?;
    Ok(GuardKey::password_of_unknown(tag))
}

/// Checks the password, whatever is known already, and says what counts against the attempt.
pub(super) async fn check(
    id: &Identity,
    permit: &dyn HashPermit,
    attempt: Attempt,
    password: &Secret<String>,
) -> Result<Result<Proof, &'static str>, HashError> {
    let stored = attempt.password.as_ref().map(|record| &record.phc);
    let found = permit.verify(password, stored).await?;
    let unknown = attempt.user.is_none();
    if let Some(reason) = attempt.barred.filter(|reason| !unknown || *reason == NETWORK) {
        return Ok(Err(reason));
    }
    let (user, checked) = match (attempt.user, attempt.password) {
        (None, _) => return Ok(Err("unknown_account")),
        (Some(user), Some(record)) if found.matches => (user, record),
        (Some(_), _) => return Ok(Err("wrong_password")),
    };
    if let Some(reason) = obstacle(&user) {
        return Ok(Err(reason));
    }
    let rehashed = if found.outdated {
        let salt = id.ambient.entropy().bytes();
        Some(permit.hash(password, salt).await?)
    } else {
        None
    };
    Ok(Ok(Proof {
        client: Client::default(),
        counter: attempt.counter,
        user_id: user.id,
        checked,
        rehashed,
    }))
}

/// Why a right password does not lead to a session.
pub(crate) fn obstacle(user: &User) -> Option<&'static str> {
    match user.status {
        _ if user.stamps.is_deleted() => Some("deleted"),
        _ if user.kind == UserKind::Service => Some("service_account"),
        UserStatus::Active => None,
        other => Some(other.as_str()),
    }
}

async fn sign_in(mut work: Work<'_, Proof>) -> Result<LoggedIn, Loss> {
    let (organization, user_id) = (work.ctx.organization_id, work.command.user_id);
    let user = work.tx.users().find(organization, user_id).await?;
    let user = user.ok_or(Loss::Refused("deleted"))?;
    let password_changed_at = settle(&mut work, &user).await?;
    let accepted = work.command.client.accepts.clone();
    consent::accept(&mut work, &user, accepted.as_deref()).await?;
    if factors(&mut work, user.id).await?.any() {
        let challenged = challenge(&mut work, &user, password_changed_at).await?;
        return Ok(LoggedIn::Challenged(challenged));
    }
    let client = work.command.client.clone();
    let opened = open(&mut work, ACTION, &user, &PROVED, client.kind).await?;
    let presented = client.device.as_ref();
    let device = device::recognise(&mut work, &user, password_changed_at, presented).await?;
    Ok(opened.known_by(device).into())
}

/// Whether the account may be used and the password is still the one that was checked; then the failures are forgotten. Answers
/// when the password was set.
pub(super) async fn settle(work: &mut Work<'_, Proof>, user: &User) -> Result<Timestamp, Loss> {
    let organization = work.ctx.organization_id;
    let (now, proof) = (work.now(), work.command.clone());
    if let Some(reason) = obstacle(user) {
        return Err(Loss::Refused(reason));
    }
    let key = GuardKey::password_of(user.id);
    if matches!(proof.counter, Counter::Stranger) {
        // The order in which they are counted: places before accounts.
        network::uncount(work).await?;
    }
    // One at a time from here on: a session must not outlive a change of the password that it was opened with, and a hash of the old
    // one must not overwrite the new one, nor be made twice.
    work.tx.guards().lock(organization, &key, now).await?;
    let record = work.tx.passwords().find(organization, user.id).await?;
    // A parallel sign-in may have hashed the same password anew: that keeps `changed_at`.
    let same = |now: &PasswordRecord| {
        now.phc == proof.checked.phc || now.changed_at == proof.checked.changed_at && proof.rehashed.is_some()
    };
    let record = record.filter(same).ok_or(Loss::Refused("password_changed"))?;
    let changed_at = record.changed_at;
    // Of parallel sign-ins the first one replaces it.
    if let Some(phc) = proof
        .rehashed
        .as_ref()
        .filter(|_| record.phc == proof.checked.phc)
    {
        rehash(work, record, phc).await?;
    }
    forget_failures(work, user, proof.counter).await?;
    Ok(changed_at)
}

/// A right password ends the row of wrong ones. From a known browser it says nothing of the strangers who are kept waiting; they go on
/// waiting.
async fn forget_failures<C>(work: &mut Work<'_, C>, user: &User, counter: Counter) -> Result<(), PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let (key, clear) = (GuardKey::password_of(user.id), GuardState::CLEAR);
    if let Counter::Device(device) = counter {
        let own = GuardKey::device_of(user.id, device);
        work.tx.guards().put(organization, &own, &clear, now).await?;
        let strangers = work.tx.guards().lock(organization, &key, now).await?;
        if strangers.admit(&work.id.settings.guard, now).is_err() {
            return Ok(());
        }
    }
    work.tx.guards().put(organization, &key, &clear, now).await
}

/// Puts a hash as new ones are made in the place of an older one, or of one that another system made.
async fn rehash<C>(
    work: &mut Work<'_, C>,
    record: PasswordRecord,
    phc: &Secret<String>,
) -> Result<(), PortError> {
    let from = scheme_of(&record.phc);
    let about = About::user(action::PASSWORD_REHASH, record.user_id);
    let renewed = PasswordRecord {
        phc: phc.clone(),
        stamps: record.stamps.clone().changed(None, work.now()),
        ..record
    };
    work.tx.passwords().put(&renewed).await?;
    work.raise(&about, Outcome::Success, |event| {
        event.detail("from", Detail::Text(from.into()))
    })
    .await
}
