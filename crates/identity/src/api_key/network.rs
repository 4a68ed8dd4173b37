//! From where a key may be used.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::ValueError;

/// A network in CIDR notation (RFC 4632, RFC 4291), or one address. Where somebody works from is personal: it is not printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/48` or a single address. Bits beyond the prefix must be zero: whoever sets them meant
    /// another network, or one address.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let refused = || {
            let detail = "use a network such as 192.0.2.0/24 or 2001:db8::/48, or one address";
            ValueError::new("api_key_network", detail)
        };
        let network = Self::read(text).ok_or_else(refused)?;
        if network.masked(network.address) == Some(network.address) {
            Ok(network)
        } else {
            let detail = format!("{text} has bits beyond its prefix; write the first address of the network");
            Err(ValueError::new("api_key_network", detail))
        }
    }

    /// Whether `ip` lies in it. An IPv4 address that arrives mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.masked(ip.to_canonical()) == Some(self.address)
    }

    fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).ok()?.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            // One network, one text: neither `+8` nor `08`.
            Some(digits) => digits.parse::<u8>().ok().filter(|n| n.to_string() == digits)?,
            None => width,
        };
        (prefix <= width).then_some(Self { address, prefix })
    }

    /// The network of this width that `ip` lies in; `None` when it is of the other family.
    fn masked(&self, ip: IpAddr) -> Option<IpAddr> {
        let prefix = u32::from(self.prefix);
        match (self.address, ip) {
            (IpAddr::V4(_), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
                Some(IpAddr::V4((ip.to_bits() & mask).into()))
            }
            (IpAddr::V6(_), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
                Some(IpAddr::V6((ip.to_bits() & mask).into()))
            }
            _ => None,
        }
    }
}

/// As [`Network::parse`] reads it.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn net(text: &str) -> Network {
        Network::parse(text).unwrap()
    }

    #[test]
    fn membership_follows_the_prefix() {
        for (network, ip, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
        ] {
            assert_eq!(
                net(network).contains(ip.parse().unwrap()),
                inside,
                "{network} {ip}"
            );
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in [
            "",
            "/8",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "::/129",
            "2001:db8::1/32",
            "all",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for text in ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0"] {
            assert_eq!(net(text).to_string(), text);
        }
        assert_eq!(net("::ffff:192.0.2.7").to_string(), "192.0.2.7/32");
        assert_eq!(format!("{:?}", net("192.0.2.7")), "Network(redacted)");
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,60}", v4 in any::<u32>(), v6 in any::<u128>(), prefix in any::<u8>()) {
            for text in [text, format!("{}/{prefix}", IpAddr::V4(v4.into())), format!("{}/{prefix}", IpAddr::V6(v6.into()))] {
                if let Ok(network) = Network::parse(&text) {
                    prop_assert_eq!(Network::parse(&network.to_string()), Ok(network));
                }
            }
        }
    }
}
