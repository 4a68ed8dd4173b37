//! Guessing from one place at many accounts, one password each, so that no account's counter notices (spraying, OWASP Credential Stuffing
//! Prevention). Wrong passwords are counted by where they come from, over all accounts, in windows of time: to succeed at one's own account
//! now and then must not wipe the rest.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vutf_kernel::PortError;

use crate::{
    guard::{GuardKey, GuardState},
    work::Work,
};

/// How many wrong passwords may come from one place. No standard has a number; these let an office behind one address make mistakes, and
/// cost whoever has one address a month for 70,000 guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkPolicy {
    /// How long they are counted together; default 1 h.
    pub window: Duration,
    /// From an IPv4 address, or the /64 that one IPv6 subscriber has (RFC 6177); default 100.
    pub per_address: i64,
    /// From an IPv4 /24 or an IPv6 /48; default 500.
    pub per_network: i64,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            window: Duration::from_hours(1),
            per_address: 100,
            per_network: 500,
        }
    }
}

/// The /24 or /48, as text.
pub(crate) fn wide(ip: IpAddr) -> String {
    prefix(ip, 24, 48)
}

fn narrow(ip: IpAddr) -> String {
    prefix(ip, 32, 64)
}

fn prefix(ip: IpAddr, v4: u32, v6: u32) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32 - v4).unwrap_or_default();
            format!("{}/{v4}", Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128 - v6).unwrap_or_default();
            format!("{}/{v6}", Ipv6Addr::from_bits(ip.to_bits() & mask))
        }
    }
}

/// The counters of where the call comes from, each with its limit, the wider one first: everybody locks them in this order. Addresses are
/// kept as keyed hashes.
fn counters<C>(work: &Work<'_, C>) -> Result<Vec<(GuardKey, i64)>, PortError> {
    let Some(ip) = work.ctx.origin.ip else {
        return Ok(Vec::new());
    };
    let policy = work.id.settings.networks;
    [
        ("network", wide(ip), policy.per_network),
        ("address", narrow(ip), policy.per_address),
    ]
    .into_iter()
    .map(|(kind, text, limit)| {
        let tag = work.id.names.hash(work.ctx.organization_id, text.as_bytes())?;
        Ok((GuardKey::place(kind, tag), limit))
    })
    .collect()
}

/// Counts an attempt as a wrong one until it is proved right; `true`, with nothing counted, when too many came from there.
pub(crate) async fn count<C>(work: &mut Work<'_, C>) -> Result<bool, PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    let end = now.plus(work.id.settings.networks.window);
    let mut counted = Vec::new();
    for (key, limit) in counters(work)? {
        let state = work.tx.guards().lock(organization, &key, now).await?;
        let (failures, blocked_until) = match state.blocked_until {
            Some(until) if now < until => (state.failures, until),
            _ => (0, end),
        };
        if failures >= limit {
            return Ok(true);
        }
        let state = GuardState {
            failures: failures + 1,
            blocked_until: Some(blocked_until),
        };
        counted.push((key, state));
    }
    for (key, state) in counted {
        work.tx.guards().put(organization, &key, &state, now).await?;
    }
    Ok(false)
}

/// Takes the count of an attempt back that was right.
pub(crate) async fn uncount<C>(work: &mut Work<'_, C>) -> Result<(), PortError> {
    let (now, organization) = (work.now(), work.ctx.organization_id);
    for (key, _) in counters(work)? {
        let state = work.tx.guards().lock(organization, &key, now).await?;
        // Otherwise it was counted in a window that is over.
        if state.failures > 0 && state.blocked_until.is_some_and(|until| now < until) {
            let state = GuardState {
                failures: state.failures - 1,
                ..state
            };
            work.tx.guards().put(organization, &key, &state, now).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_two_sizes() {
        let of = |text: &str| {
            let ip = text.parse().unwrap();
            (narrow(ip), wide(ip))
        };
        let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
        assert_eq!(of("192.0.2.77"), pair("192.0.2.77/32", "192.0.2.0/24"));
        assert_eq!(of("::ffff:192.0.2.77"), pair("192.0.2.77/32", "192.0.2.0/24"));
        assert_eq!(
            of("2001:db8:1:2:3::9"),
            pair("2001:db8:1:2::/64", "2001:db8:1::/48")
        );
    }
}
