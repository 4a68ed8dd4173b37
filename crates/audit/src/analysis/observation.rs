//! What the engine sees of an event.

use std::net::{IpAddr, Ipv6Addr};

use vutf_kernel::{Actor, Detail};

use super::action::JOB;
use crate::{Body, LogEntry, parse_body};

/// Where a request came from, as keyed hashes: whoever reads them learns which are equal, and nothing else. Absent when the
/// event has no such part, or when it cannot be opened any more because the person was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OriginTag {
    /// Of the network: the first 24 bits of an IPv4 address, the first 48 of an IPv6 address.
    pub network: Option<[u8; 16]>,
    /// Of the user agent.
    pub device: Option<[u8; 16]>,
}

/// The network of an address: `192.0.2.0/24`, `2001:db8:7::/48`; an IPv4 address in IPv6 is one of IPv4. `None` for what is no
/// address.
pub fn network_of(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Some(format!("{a}.{b}.{c}.0/24"))
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Some(format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)))
        }
    }
}

/// A sequenced event, as rules see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Its place in the log.
    pub seq: i64,
    /// What it says.
    pub body: Body,
    /// Where it came from.
    pub origin: OriginTag,
}

impl Observation {
    /// Of an entry, without its origin. `None` for an entry that cannot be read: that is for the verifier to tell.
    pub fn of(entry: &LogEntry) -> Option<Self> {
        let intake = entry.intake.as_ref().filter(|_| entry.misfit.is_none())?;
        Some(Self {
            seq: entry.leaf.seq,
            body: parse_body(&intake.body).ok()?,
            origin: OriginTag::default(),
        })
    }

    /// Whether the analysis itself wrote it.
    pub fn is_own(&self) -> bool {
        matches!(&self.body.actor, Actor::System { job } if job == JOB)
    }

    /// How much the event counts for: a number among its details, else one.
    pub(crate) fn weight(&self, detail: Option<&str>) -> u64 {
        match detail.and_then(|name| self.body.details.get(name)) {
            Some(Detail::Number(number)) => u64::try_from(*number).unwrap_or(0),
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_what_one_party_is_given() {
        for (address, network) in [
            ("192.0.2.7", Some("192.0.2.0/24")),
            ("192.0.2.255", Some("192.0.2.0/24")),
            ("192.0.3.7", Some("192.0.3.0/24")),
            ("::ffff:192.0.2.7", Some("192.0.2.0/24")),
            ("2001:db8:7:1::9", Some("2001:db8:7::/48")),
            ("2001:db8:7:2::1", Some("2001:db8:7::/48")),
            ("2001:db8:8::1", Some("2001:db8:8::/48")),
            ("localhost", None),
            ("", None),
        ] {
            assert_eq!(network_of(address).as_deref(), network, "{address}");
        }
    }
}
