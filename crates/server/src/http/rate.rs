//! Rate limits: the shared cache counts; while it cannot be reached this process counts alone, which is looser with several
//! replicas but never open. Account lockout does not depend on any of this.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::atomic::Ordering,
    time::Duration,
};

use actix_web::http::{
    StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use vutf_kernel::{Actor, Cache as _, Ctx, OrganizationId, RateDecision, RateLimit};

use super::{problem::Problem, route::RateClass, state::AppState};
use crate::config::RateLimits;

/// Name of the key under which addresses are hidden in the cache.
pub(super) const KEY: &str = "rate-limit";

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// What was spent, for the `RateLimit` headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    name: &'static str,
    limit: RateLimit,
    decision: RateDecision,
}

/// Counts one call of `ctx` against `class`. `None` when nothing is limited.
pub(super) async fn spend(state: &AppState, class: RateClass, ctx: &Ctx) -> Option<Spent> {
    let limits = &state.config.rate_limit;
    let (name, burst) = budget(limits, class)?;
    if !limits.enabled {
        return None;
    }
    let period = match class {
        RateClass::PasswordReset | RateClass::Export => HOUR,
        _ => MINUTE,
    };
    let limit = RateLimit { burst, period };
    let decision = match shared_key(state, name, ctx) {
        Some(key) => state.cache.spend(&key, limit).await,
        None => Err(vutf_kernel::PortError::other(
            "rate.key",
            "no key to hide addresses with",
        )),
    };
    let decision = match decision {
        Ok(decision) => {
            if state.counts_alone.swap(false, Ordering::Relaxed) {
                tracing::info!("rate limits are counted in the shared cache again");
            }
            decision
        }
        Err(error) => {
            if !state.counts_alone.swap(true, Ordering::Relaxed) {
                tracing::warn!("rate limits are counted in this process alone: {}", error.chain());
            }
            state.metrics.rate_limit_degraded();
            // Its map never leaves this process, so the plain address may be the key. It cannot fail.
            state.local_cache.spend(&local_key(name, ctx), limit).await.ok()?
        }
    };
    Some(Spent {
        name,
        limit,
        decision,
    })
}

impl Spent {
    /// Refuses when the budget was used up.
    pub(super) fn refusal(&self) -> Option<Problem> {
        (!self.decision.allowed).then(|| {
            Problem::with_status(StatusCode::TOO_MANY_REQUESTS, "rate_limited")
                .retry_after(self.decision.retry_after)
        })
    }

    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let seconds = |span: Duration| span.as_secs() + u64::from(span.subsec_nanos() > 0);
        let policy = format!(
            "\"{}\";q={};w={}",
            self.name,
            self.limit.burst,
            self.limit.period.as_secs()
        );
        let state = format!(
            "\"{}\";r={};t={}",
            self.name,
            self.decision.remaining,
            seconds(self.decision.reset_after.max(self.decision.retry_after))
        );
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

fn budget(limits: &RateLimits, class: RateClass) -> Option<(&'static str, u32)> {
    Some(match class {
        RateClass::Unlimited => return None,
        RateClass::Default => ("default", limits.default),
        RateClass::Login => ("login", limits.login),
        RateClass::Register => ("register", limits.register),
        RateClass::Refresh => ("refresh", limits.refresh),
        RateClass::PasswordReset => ("password-reset", limits.password_reset),
        RateClass::Export => ("export", limits.export),
        RateClass::PasswordStrength => ("password-strength", limits.password_strength),
        RateClass::UserList => ("user-list", limits.user_list),
        RateClass::UserCreate => ("user-create", limits.user_create),
        RateClass::KeyCreate => ("key-create", limits.key_create),
        RateClass::Admin => ("admin", limits.admin),
        RateClass::Crypto => ("crypto", limits.crypto),
    })
}

/// By API key, else by user, else by network. The address is PII and the cache is outside of the process: only its MAC leaves.
fn shared_key(state: &AppState, name: &str, ctx: &Ctx) -> Option<String> {
    match ctx.actor {
        Actor::ApiKey { key_id, .. } => return Some(format!("rate:{name}:key:{key_id}")),
        Actor::User { user_id, .. } => return Some(format!("rate:{name}:user:{user_id}")),
        Actor::Anonymous | Actor::Operator | Actor::System { .. } => {}
    }
    let network = network(ctx.origin.ip);
    let tag = state
        .keyring
        .mac(OrganizationId::DEFAULT, KEY, network.as_bytes())
        .ok()?;
    let hidden = hex::encode(&tag[..16]);
    Some(format!("rate:{name}:net:{hidden}"))
}

fn local_key(name: &str, ctx: &Ctx) -> String {
    format!("{name}:{}", caller(ctx))
}

/// Who it is that a limit is counted for. Not to leave the process: it may be an address.
pub(super) fn caller(ctx: &Ctx) -> String {
    match ctx.actor {
        Actor::ApiKey { key_id, .. } => format!("key:{key_id}"),
        Actor::User { user_id, .. } => user_id.to_string(),
        Actor::Anonymous | Actor::Operator | Actor::System { .. } => network(ctx.origin.ip),
    }
}

/// One IPv4 address, or the /64 that one IPv6 subscriber has (RFC 6177).
fn network(ip: Option<IpAddr>) -> String {
    match ip.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let prefix = ip.to_bits() & (u128::MAX << 64);
            format!("{}/64", Ipv6Addr::from_bits(prefix))
        }
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_subscriber_is_one_network() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }

    #[test]
    fn headers_name_policy_and_state() {
        let spent = Spent {
            name: "login",
            limit: RateLimit {
                burst: 5,
                period: MINUTE,
            },
            decision: RateDecision {
                allowed: false,
                remaining: 0,
                retry_after: Duration::from_millis(11_500),
                reset_after: Duration::from_secs(49),
            },
        };
        let mut headers = HeaderMap::new();
        spent.write(&mut headers);
        assert_eq!(headers.get("ratelimit-policy").unwrap(), "\"login\";q=5;w=60");
        assert_eq!(headers.get("ratelimit").unwrap(), "\"login\";r=0;t=49");
        assert_eq!(spent.refusal().unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
    }
}
