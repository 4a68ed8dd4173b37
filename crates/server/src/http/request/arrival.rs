//! What is known about a request before anything is decided: its id and where it came from.

use std::net::IpAddr;

use actix_web::{HttpMessage as _, HttpRequest, dev::ServiceRequest, http::header};
use vutf_kernel::{Origin, RequestId};

use crate::{
    config::{Cidr, ClientAddressHeader, Server},
    http::state::AppState,
};

const REQUEST_ID: &str = "x-request-id";
/// Longest `User-Agent` that is kept, in bytes.
const USER_AGENT: usize = 512;

/// Made by the outermost layer, once a request.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The client's id if it has the allowed form, else one of ours.
    pub request_id: RequestId,
    /// Network origin, as far as it is believed.
    pub origin: Origin,
}

impl Arrival {
    /// Reads id and origin from a request.
    pub fn read(state: &AppState, request: &ServiceRequest) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let request_id = header(REQUEST_ID)
            .and_then(RequestId::parse)
            .unwrap_or_else(|| Self::fresh_id(state));
        let agent = header("user-agent").map(|text| text.chars().take(USER_AGENT).collect());
        Self {
            request_id,
            origin: Origin {
                ip: client_ip(&state.config.server, request),
                user_agent: agent,
            },
        }
    }

    /// What the outermost layer left with the request. A request that passed by it (in a unit test) gets a fresh one.
    pub fn of(state: &AppState, request: &HttpRequest) -> Self {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .unwrap_or_else(|| Self {
                request_id: Self::fresh_id(state),
                origin: Origin::default(),
            })
    }

    /// An id of ours.
    pub fn fresh_id(state: &AppState) -> RequestId {
        let ambient = &state.identity.ambient;
        RequestId::from_uuid(vutf_kernel::id::uuid_v7(ambient.clock(), &mut *ambient.entropy()))
    }
}

/// From the one header that the proxies write: whatever stands in the other one came from the client.
fn client_ip(server: &Server, request: &ServiceRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let lines = |name: header::HeaderName| -> String {
        let values = request.headers().get_all(name);
        // A line that is no text is a hop that nobody can name.
        let texts: Vec<_> = values.map(|value| value.to_str().unwrap_or("unknown")).collect();
        texts.join(",")
    };
    let hops = match server.client_address_header {
        ClientAddressHeader::XForwardedFor => hops_of_x_forwarded_for(&lines(header::X_FORWARDED_FOR)),
        ClientAddressHeader::Forwarded => hops_of_forwarded(&lines(header::FORWARDED)),
    };
    Some(nearest_untrusted(&server.trusted_proxies, peer, &hops))
}

/// Walks from the peer towards the client as long as every hop is a trusted proxy; what lies beyond an untrusted hop was
/// written by a stranger (RFC 7239, section 8.1).
fn nearest_untrusted(trusted: &[Cidr], peer: IpAddr, hops: &[Option<IpAddr>]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        match hop {
            Some(hop) if is_trusted(nearest) => nearest = *hop,
            _ => break,
        }
    }
    nearest
}

fn hops_of_x_forwarded_for(text: &str) -> Vec<Option<IpAddr>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(address).collect()
}

fn hops_of_forwarded(text: &str) -> Vec<Option<IpAddr>> {
    let elements = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    elements
        .map(|element| {
            let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
            let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
            named
                .next()
                .and_then(|(_, value)| address(value.trim().trim_matches('"')))
        })
        .collect()
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.split_once(']'));
    let parsed = match bare {
        Some((inside, _)) => inside.parse().ok(),
        None => text
            .parse()
            .ok()
            .or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|at| at.ip())),
    };
    parsed.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(trusted: &[&str], peer: &str, header: &str) -> IpAddr {
        let trusted: Vec<_> = trusted
            .iter()
            .map(|text| Cidr::parse_text(text).unwrap())
            .collect();
        nearest_untrusted(&trusted, ip(peer), &hops_of_x_forwarded_for(header))
    }

    #[test]
    fn a_stranger_cannot_choose_an_address() {
        assert_eq!(seen(&[], "198.51.100.7", "203.0.113.1"), ip("198.51.100.7"));
        assert_eq!(
            seen(&["10.0.0.0/8"], "198.51.100.7", "203.0.113.1"),
            ip("198.51.100.7")
        );
        // The client wrote the first hop, the proxy the second.
        assert_eq!(
            seen(&["10.0.0.0/8"], "10.0.0.1", "203.0.113.1, 198.51.100.7"),
            ip("198.51.100.7")
        );
        assert_eq!(
            seen(&["10.0.0.0/8"], "10.0.0.1", "198.51.100.7, 10.0.0.2"),
            ip("198.51.100.7")
        );
        assert_eq!(
            seen(&["10.0.0.0/8"], "10.0.0.1", "203.0.113.1, garbage"),
            ip("10.0.0.1")
        );
        assert_eq!(seen(&["10.0.0.0/8"], "10.0.0.1", ""), ip("10.0.0.1"));
    }

    #[test]
    fn the_header_that_the_proxy_does_not_write_is_not_read() {
        let server = |header| {
            let pairs = [
                ("VUTF__SERVER__TRUSTED_PROXIES", "10.0.0.0/8"),
                ("VUTF__SERVER__CLIENT_ADDRESS_HEADER", header),
            ];
            let env = pairs.iter().map(|(name, value)| (name.into(), value.into()));
            let sources = crate::config::Sources {
                env: env.collect(),
                ..crate::config::Sources::default()
            };
            crate::config::load(&sources).unwrap().config.server
        };
        let request = actix_web::test::TestRequest::default()
            .peer_addr("10.0.0.1:4711".parse().unwrap())
            .insert_header((header::X_FORWARDED_FOR, "203.0.113.1"))
            .insert_header((header::FORWARDED, "for=198.51.100.7"))
            .to_srv_request();
        assert_eq!(
            client_ip(&server("forwarded"), &request),
            Some(ip("198.51.100.7"))
        );
        assert_eq!(
            client_ip(&server("x-forwarded-for"), &request),
            Some(ip("203.0.113.1"))
        );
    }

    #[test]
    fn forwarded_is_read_too() {
        let hops = hops_of_forwarded("for=203.0.113.1;proto=https, For=\"[2001:db8::1]:4711\", for=_hidden");
        assert_eq!(hops, [Some(ip("203.0.113.1")), Some(ip("2001:db8::1")), None]);
    }

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(text in "\\PC{0,200}") {
            let _ = (hops_of_forwarded(&text), hops_of_x_forwarded_for(&text));
        }
    }
}
