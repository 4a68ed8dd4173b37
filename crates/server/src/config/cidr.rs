//! Networks in CIDR notation (RFC 4632, RFC 4291).

use std::net::IpAddr;

use toml::Value;

use super::value::{Setting, text};

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Reads `10.0.0.0/8`, `fd00::/8`, or a single address; `None` when it is neither.
    pub fn parse_text(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = width(address);
        let prefix = prefix.unwrap_or(width);
        (prefix <= width).then_some(Self { address, prefix })
    }

    /// Whether `ip` lies in the network. An IPv4 address that arrives mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let (network, ip) = (self.address.to_canonical(), ip.to_canonical());
        match (network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
                (network.to_bits() & mask) == (ip.to_bits() & mask)
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                (network.to_bits() & mask) == (ip.to_bits() & mask)
            }
            _ => false,
        }
    }

    /// Whether it is wider than anybody's own network: a few such ones together hold every address there is.
    pub fn is_too_wide(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix < 8,
            // fc00::/7 is nobody's on the Internet (RFC 4193).
            IpAddr::V6(address) => self.prefix < 16 && !(address.is_unique_local() && self.prefix >= 7),
        }
    }
}

const fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl Setting for Cidr {
    const KIND: &'static str = "network";
    fn parse(value: &Value) -> Result<Self, String> {
        let text = text(value, "a network such as 10.0.0.0/8")?;
        Self::parse_text(text).ok_or_else(|| format!("expected a network such as 10.0.0.0/8, found {text:?}"))
    }
    fn show(&self) -> String {
        format!("{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn membership_follows_the_prefix() {
        let net = |text| Cidr::parse_text(text).unwrap();
        assert!(net("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
        assert!(!net("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(net("10.0.0.0/8").contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(net("192.0.2.7").contains("192.0.2.7".parse().unwrap()));
        assert!(!net("192.0.2.7").contains("192.0.2.8".parse().unwrap()));
        assert!(net("fd00::/8").contains("fdff::1".parse().unwrap()));
        assert!(!net("fd00::/8").contains("fe00::1".parse().unwrap()));
        assert!(net("0.0.0.0/0").contains("203.0.113.9".parse().unwrap()));
        assert!(net("::/0").contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn a_network_wider_than_any_operators_is_named() {
        let wide = |text| Cidr::parse_text(text).unwrap().is_too_wide();
        for text in [
            "0.0.0.0/0",
            "128.0.0.0/1",
            "64.0.0.0/7",
            "::/0",
            "8000::/1",
            "2000::/15",
            "fc00::/6",
        ] {
            assert!(wide(text), "{text}");
        }
        for text in [
            "10.0.0.0/8",
            "192.0.2.7",
            "fd00::/8",
            "fc00::/7",
            "2001::/16",
            "::1",
        ] {
            assert!(!wide(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "/8", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "localhost"] {
            assert!(Cidr::parse_text(bad).is_none(), "{bad:?}");
        }
    }
}
