//! What a browser is asked: WebAuthn Level 2, §5.4 and §5.5.

use vutf_kernel::{Secret, UserId};

use super::{Challenge, CredentialId, Passkey, PasskeyPolicy, Transport};

/// COSE algorithms, the most wanted first: EdDSA, ES256, RS256.
pub const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// A credential that is named to the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: CredentialId,
    /// How it is reached.
    pub transports: Vec<Transport>,
}

impl From<&Passkey> for Named {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.credential_id.clone(),
            transports: passkey.transports.clone(),
        }
    }
}

/// How to make a credential.
#[derive(Clone, Debug)]
pub struct CreationOptions {
    /// What is to be signed.
    pub challenge: Challenge,
    /// The site.
    pub rp_id: String,
    /// Its name.
    pub rp_name: String,
    /// For whom; an authenticator keeps one of each site and handle. It names nobody.
    pub user: UserId,
    /// The name of the account, which the authenticator shows.
    pub username: Secret<String>,
    /// Credentials whose authenticators are not to make another one.
    pub exclude: Vec<Named>,
}

/// How to use a credential.
#[derive(Clone, Debug)]
pub struct RequestOptions {
    /// What is to be signed.
    pub challenge: Challenge,
    /// The site.
    pub rp_id: String,
    /// Which ones; empty: whichever the authenticator has for the site.
    pub allow: Vec<Named>,
    /// Whether the authenticator must verify the person.
    pub user_verification: bool,
}

impl RequestOptions {
    /// For the passkeys of somebody.
    pub(crate) fn of(
        policy: &PasskeyPolicy,
        challenge: Challenge,
        passkeys: &[Passkey],
        user_verification: bool,
    ) -> Self {
        Self {
            challenge,
            rp_id: policy.rp_id.clone(),
            allow: passkeys.iter().map(Named::from).collect(),
            user_verification,
        }
    }
}
