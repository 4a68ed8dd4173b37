//! Telling somebody: an outbox that is written in the transaction of the finding and emptied at least once.

use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use vutf_kernel::Timestamp;

use super::Detection;
use crate::hex::{hex, unhex32};

/// A way to tell somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sink {
    /// A line in the service's log.
    Log,
    /// A POST to a URL.
    Webhook,
    /// An e-mail.
    Mail,
}

impl Sink {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Log, Self::Webhook, Self::Mail];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// The sink of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sink| sink.as_str() == text)
    }
}

/// Somebody is to be told. The finding's id and the sink together are its own: who is told twice can know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedAlert {
    /// Of what.
    pub detection: Detection,
    /// How.
    pub sink: Sink,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written.
    pub queued_at: Timestamp,
}

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It was taken.
    Sent,
    /// It is tried again.
    Again {
        /// Not before then.
        at: Timestamp,
        /// Why. No secret, nothing that the receiver said.
        reason: String,
    },
    /// It is given up.
    Parked {
        /// Why.
        reason: String,
    },
}

/// Alerts that are not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Wait to be tried.
    pub pending: u64,
    /// Were given up.
    pub parked: u64,
}

/// Why an alert was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Undelivered {
    /// For the log and for whoever looks at the outbox. No secret, nothing that the receiver said.
    pub reason: String,
    /// Trying again cannot help.
    pub is_final: bool,
}

impl Undelivered {
    /// Another attempt may work.
    pub fn for_now(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_final: false,
        }
    }
    /// No attempt will work.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_final: true,
        }
    }
}

/// A way that is set up.
#[async_trait]
pub trait AlertSink: Send + Sync {
    /// Which.
    fn sink(&self) -> Sink;
    /// Tells it. May be called again with the same alert although it was taken: the answer may have been lost.
    async fn deliver(&self, alert: &QueuedAlert) -> Result<(), Undelivered>;
}

/// The header `X-VUTF-Signature` of a body that is sent at `secs` (Unix time): `t=SECS,v1=HEX`, where `HEX` is the
/// HMAC-SHA-256 (RFC 2104) under `secret` of `SECS`, a full stop, and the body. The time is signed as well, so that a receiver
/// can refuse what is old.
pub fn signature(secret: &[u8], secs: i64, body: &[u8]) -> String {
    let mac = mac(secret, secs, body).finalize().into_bytes();
    format!("t={secs},v1={}", hex(&mac))
}

/// Whether the header fits the body, and was made no more than `tolerance` seconds before or after `now`. For receivers.
pub fn verify_signature(secret: &[u8], header: &str, body: &[u8], now: i64, tolerance: u64) -> bool {
    let part = |name: &str| {
        let mut parts = header.split(',').filter_map(|part| part.split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let Some(secs) = part("t").and_then(|secs| secs.parse::<i64>().ok()) else {
        return false;
    };
    let Some(given) = part("v1").and_then(unhex32) else {
        return false;
    };
    let is_fresh = now.abs_diff(secs) <= tolerance;
    // In constant time.
    is_fresh && mac(secret, secs, body).verify_slice(&given).is_ok()
}

fn mac(secret: &[u8], secs: i64, body: &[u8]) -> Hmac<Sha256> {
    // RFC 2104, section 2: a key is filled up to a block with zeros; one that is longer is hashed first.
    let mut block = [0; 64];
    if secret.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        block[..secret.len()].copy_from_slice(secret);
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(secs.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of the webhook's receiver";

    #[test]
    fn the_signature_is_pinned() {
        // printf '1767571200.{"a":1}' | openssl dgst -sha256 -hmac 'a secret of the webhook'"'"'s receiver'
        assert_eq!(
            signature(SECRET, 1_767_571_200, br#"{"a":1}"#),
            "t=1767571200,v1=0b3438ea79f6afd857f42967751adf4590f9af9c5d184349da4ab0c070f6bf49"
        );
    }

    /// What the crate makes of a key of any length.
    #[test]
    fn keys_shorter_and_longer_than_a_block_are_those_of_the_standard() {
        for length in [0, 1, 32, 63, 64, 65, 200] {
            let secret = vec![7; length];
            let mut whole = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
            whole.update(b"5.body");
            assert_eq!(mac(&secret, 5, b"body").finalize(), whole.finalize(), "{length}");
        }
    }

    #[test]
    fn a_receiver_knows_what_is_changed_foreign_or_old() {
        let header = signature(SECRET, 1_000, b"body");
        assert!(verify_signature(SECRET, &header, b"body", 1_200, 300));
        assert!(!verify_signature(SECRET, &header, b"Body", 1_200, 300));
        assert!(!verify_signature(b"another", &header, b"body", 1_200, 300));
        assert!(
            !verify_signature(SECRET, &header, b"body", 1_301, 300),
            "it is old"
        );
        assert!(
            !verify_signature(SECRET, &header, b"body", 699, 300),
            "it is from the future"
        );
        let moved = header.replace("t=1000", "t=1200");
        assert!(
            !verify_signature(SECRET, &moved, b"body", 1_200, 300),
            "the time is signed"
        );
        for bad in [
            "",
            "t=1000",
            "v1=00",
            "t=x,v1=00",
            "t=1000,v1=zz",
            &header[..header.len() - 1],
        ] {
            assert!(!verify_signature(SECRET, bad, b"body", 1_000, 300), "{bad}");
        }
    }
}
