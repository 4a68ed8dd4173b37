//! Passkeys on the wire: what a browser is asked and what it answers, in the JSON of Web Authentication Level 3 (§5.1.8 to §5.1.10),
//! so that `PublicKeyCredential.parseRequestOptionsFromJSON` takes the one and `toJSON` makes the other.

pub(crate) mod begin;
pub(crate) mod finish;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vutf_identity::passkey::{Assertion, CEREMONY_LIFE, CredentialId, RequestOptions, options::Named};
use vutf_kernel::Class;

use crate::http::problem::{FieldError, Problem};

/// Whatever else a kind of credential there may be one day.
pub(crate) const PUBLIC_KEY: &str = "public-key";

/// How to use a passkey, and how long it may take.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyRequest)]
pub(crate) struct RequestBody {
    /// For `PublicKeyCredential.parseRequestOptionsFromJSON`.
    public_key: RequestOptionsBody,
    /// How long it waits for the answer, in seconds.
    #[schema(example = 300)]
    expires_in: u64,
}

/// `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKeyCredentialRequestOptions)]
pub(crate) struct RequestOptionsBody {
    /// To be signed; base64url.
    challenge: String,
    /// In milliseconds.
    #[schema(example = 300_000)]
    timeout: u64,
    /// The site.
    #[schema(example = "example.org")]
    rp_id: String,
    /// Which passkeys; absent: whichever there is for the site.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    allow_credentials: Vec<DescriptorBody>,
    /// `required` or `preferred`.
    #[schema(example = "required")]
    user_verification: &'static str,
}

/// `PublicKeyCredentialDescriptorJSON`.
#[derive(Serialize, ToSchema)]
#[schema(as = PublicKeyCredentialDescriptor)]
pub(crate) struct DescriptorBody {
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: &'static str,
    /// The credential's id; base64url.
    id: String,
    /// How its authenticator is reached.
    #[schema(example = json!(["internal", "hybrid"]))]
    transports: Vec<&'static str>,
}

impl From<Named> for DescriptorBody {
    fn from(named: Named) -> Self {
        Self {
            kind: PUBLIC_KEY,
            id: text(named.id.as_bytes()),
            transports: named.transports.iter().map(|one| one.as_str()).collect(),
        }
    }
}

impl From<RequestOptions> for RequestOptionsBody {
    fn from(options: RequestOptions) -> Self {
        Self {
            challenge: text(&options.challenge.0),
            timeout: timeout(),
            rp_id: options.rp_id,
            allow_credentials: options.allow.into_iter().map(DescriptorBody::from).collect(),
            user_verification: if options.user_verification {
                "required"
            } else {
                "preferred"
            },
        }
    }
}

impl From<RequestOptions> for RequestBody {
    fn from(options: RequestOptions) -> Self {
        Self {
            public_key: options.into(),
            expires_in: CEREMONY_LIFE.as_secs(),
        }
    }
}

/// `AuthenticationResponseJSON`: what `toJSON` makes of the answer to `navigator.credentials.get`. Members that are not named
/// here are skipped: browsers add some.
#[derive(Deserialize, ToSchema)]
#[schema(as = AuthenticationResponse)]
pub(crate) struct AssertionBody {
    /// The credential's id; base64url.
    id: String,
    /// Always `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: String,
    /// What was answered.
    response: AssertionResponseBody,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticatorAssertionResponse)]
pub(crate) struct AssertionResponseBody {
    /// Base64url.
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    /// Base64url.
    authenticator_data: String,
    /// Base64url.
    #[schema(value_type = String, write_only)]
    signature: String,
    /// Base64url.
    #[serde(default)]
    user_handle: Option<String>,
}

impl AssertionBody {
    /// The answer, or where it is none.
    pub(crate) fn parse(self) -> Result<Assertion, Problem> {
        let mut parts = Parts::default();
        parts.kind(&self.kind);
        let id = CredentialId::new(parts.bytes("/credential/id", &self.id));
        let response = self.response;
        let handle = response.user_handle.as_deref();
        let assertion = id.map(|credential_id| Assertion {
            credential_id,
            client_data: parts.bytes("/credential/response/clientDataJSON", &response.client_data_json),
            authenticator_data: parts.bytes(
                "/credential/response/authenticatorData",
                &response.authenticator_data,
            ),
            signature: parts.bytes("/credential/response/signature", &response.signature),
            user_handle: handle.map(|handle| parts.bytes("/credential/response/userHandle", handle)),
        });
        if assertion.is_none() {
            parts.refuse("/credential/id", "use 1 to 1,023 bytes in base64url");
        }
        parts.check(assertion)
    }
}

/// Base64url, as both directions have it.
pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// In milliseconds.
pub(crate) fn timeout() -> u64 {
    u64::try_from(CEREMONY_LIFE.as_millis()).unwrap_or(u64::MAX)
}

/// Members of a credential as bytes; what is none is noted.
#[derive(Default)]
pub(crate) struct Parts(Vec<FieldError>);

impl Parts {
    pub(crate) fn bytes(&mut self, pointer: &str, text: &str) -> Vec<u8> {
        let decoded = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        decoded.unwrap_or_else(|_| {
            self.refuse(pointer, "use base64url (RFC 4648, section 5)");
            Vec::new()
        })
    }
    pub(crate) fn kind(&mut self, kind: &str) {
        if kind != PUBLIC_KEY {
            self.refuse("/credential/type", "use `public-key`");
        }
    }
    pub(crate) fn refuse(&mut self, pointer: &str, detail: &str) {
        self.0.push(FieldError::new(pointer, "credential_form", detail));
    }
    pub(crate) fn check<T>(self, made: Option<T>) -> Result<T, Problem> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(Problem::new(Class::Invalid, "invalid_value").errors(self.0)),
        }
    }
}
