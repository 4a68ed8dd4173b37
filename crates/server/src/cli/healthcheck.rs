//! `healthcheck`: for containers, which have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::json;

use super::{
    failure::{FAILED, Failure, Outcome},
    output::Output,
    probe::{self, Answer},
};
use crate::config::{Sources, load};

pub(super) fn run(sources: &Sources, out: &mut Output) -> Outcome {
    let server = load(sources)?.config.server;
    if server.port == 0 {
        let text = "server.port is 0: the system chose the port, and only the service knows it";
        return Err(Failure::Usage(text.to_owned()));
    }
    let address = reachable(server.host, server.port);
    match probe::ask(address) {
        Ok(Answer::Service { ready, status }) => {
            let value = json!({"address": address.to_string(), "ready": ready, "status": status});
            out.answer(&status, &value)?;
            out.flush()?;
            if ready { Ok(()) } else { Err(Failure::Told(FAILED)) }
        }
        Ok(Answer::Stranger) => {
            let text = format!("what answers at {address} is not this service");
            Err(Failure::Failed(text))
        }
        Err(error) => Err(Failure::Failed(format!("nothing answers at {address}: {error}"))),
    }
}

/// The listener's address as a client on this machine sees it.
pub(super) fn reachable(host: IpAddr, port: u16) -> SocketAddr {
    let host = match host {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(host, port)
}
