//! Known browsers: whoever signed in from one before has a counter of their own there, so that strangers who guess at the account cannot
//! lock its owner out. OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
//!
//! A device cookie proves nothing but that. It is bound to the account, to the password it was proved with and to the account's epoch: a new
//! password, or the end of everything that was issued, makes strangers of all browsers.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use vutf_kernel::{PortError, Secret, Timestamp};

use crate::{User, guard::GuardKey, work::Work};

/// By which scanners recognise one.
const PREFIX: &str = "vutf_dc_";
const ID: usize = 16;
const END: usize = 8;
const TAG: usize = 32;

/// How known browsers are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevicePolicy {
    /// How long one is known after its last sign-in; default 30 d, and not more: counters are kept for as long.
    pub life: Duration,
    /// Wrong passwords one after another that make a stranger of it; default 10.
    pub disable_at: i64,
}

impl Default for DevicePolicy {
    fn default() -> Self {
        Self {
            life: crate::housekeeping::KEPT,
            disable_at: 10,
        }
    }
}

/// Which browser; means something beside its account only.
pub(crate) type DeviceId = [u8; ID];

/// What a browser is known by.
#[derive(Clone, Debug)]
pub struct DeviceCookie {
    /// The value.
    pub cookie: Secret<String>,
    /// How long it is good for.
    pub lasts: Duration,
}

fn message(user: &User, password_changed_at: Timestamp, id: &DeviceId, end: [u8; END]) -> Vec<u8> {
    let mut message = b"vutf/device/v1\0".to_vec();
    message.extend_from_slice(user.id.as_bytes());
    message.extend_from_slice(&user.epoch.to_be_bytes());
    message.extend_from_slice(&password_changed_at.as_micros().to_be_bytes());
    message.extend_from_slice(id);
    message.extend_from_slice(&end);
    message
}

/// The browser that `presented` vouches for, if it is one of `user` whose password is of `password_changed_at`.
pub(crate) fn known<C>(
    work: &Work<'_, C>,
    user: &User,
    password_changed_at: Timestamp,
    presented: Option<&Secret<String>>,
) -> Result<Option<DeviceId>, PortError> {
    let Some((id, end, tag)) = presented.and_then(parts) else {
        return Ok(None);
    };
    let message = message(user, password_changed_at, &id, end);
    let sound = work.id.devices.verify(work.ctx.organization_id, &message, &tag)?;
    let lives = work.now().as_micros() < i64::from_be_bytes(end);
    Ok((sound && lives).then_some(id))
}

fn parts(presented: &Secret<String>) -> Option<(DeviceId, [u8; END], [u8; TAG])> {
    let body = presented.expose().strip_prefix(PREFIX)?;
    let bytes = URL_SAFE_NO_PAD.decode(body).ok()?;
    let (id, rest) = bytes.split_first_chunk::<ID>()?;
    let (end, tag) = rest.split_first_chunk::<END>()?;
    Some((*id, *end, tag.try_into().ok()?))
}

/// The cookie of a browser that has just signed in: the same browser as before if it was known and not given up, else a new one.
pub(crate) async fn recognise<C>(
    work: &mut Work<'_, C>,
    user: &User,
    password_changed_at: Timestamp,
    presented: Option<&Secret<String>>,
) -> Result<DeviceCookie, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let policy = work.id.settings.devices;
    let mut id: DeviceId = work.env.entropy.bytes();
    if let Some(before) = known(work, user, password_changed_at, presented)? {
        let key = GuardKey::device_of(user.id, before);
        let state = work.tx.guards().lock(organization, &key, now).await?;
        if state.failures < policy.disable_at {
            id = before;
        }
    }
    let end = now.plus(policy.life).as_micros().to_be_bytes();
    let message = message(user, password_changed_at, &id, end);
    let tag = work.id.devices.hash(organization, &message)?;
    let body = [&id[..], &end, &tag].concat();
    Ok(DeviceCookie {
        cookie: Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(body))),
        lasts: policy.life,
    })
}
