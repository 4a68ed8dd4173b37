//! What the browser says of the ceremony: WebAuthn Level 2, §5.8.1.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use vutf_identity::passkey::{CeremonyError, Challenge, Expected};

/// Which ceremony the browser took part in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Create,
    Get,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "webauthn.create",
            Self::Get => "webauthn.get",
        }
    }
}

/// Browsers add members at will: what is not known here is skipped.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    /// Of Level 3: there only within the frame of another site.
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

impl ClientData {
    /// §7.1 steps 5 and 6, §7.2 steps 9 and 10: JSON, without a byte order mark.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, CeremonyError> {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        serde_json::from_slice(text).map_err(|_| CeremonyError::MALFORMED)
    }

    /// The challenge that it claims to answer.
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.challenge).ok()?;
        bytes.try_into().ok().map(Challenge)
    }

    /// §7.1 steps 7 to 9, §7.2 steps 11 to 13.
    pub(crate) fn check(&self, kind: Kind, expected: &Expected<'_>) -> Result<(), CeremonyError> {
        if self.kind != kind.as_str() {
            return Err(CeremonyError::WRONG_TYPE);
        }
        let answered = self.challenge().ok_or(CeremonyError::WRONG_CHALLENGE)?;
        if !bool::from(answered.0.ct_eq(&expected.challenge.0)) {
            return Err(CeremonyError::WRONG_CHALLENGE);
        }
        if self.cross_origin || self.top_origin.is_some() || !expected.policy.allows(&self.origin) {
            return Err(CeremonyError::WRONG_ORIGIN);
        }
        Ok(())
    }
}
