//! Answers as a browser does: reads lines `{"do": "create" | "get", "public_key": …}` and writes for each the credential that
//! `toJSON` would give, or `{"error": …}`. The argument is the page's origin.

use std::io::{BufRead as _, Write as _, stdin, stdout};

use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey,
        ctap2::{Aaguid, Ctap2Error},
    },
};
use serde_json::{Value, json};
use url::Url;

/// Somebody who is there, and is who they are.
struct Person;

#[async_trait::async_trait]
impl UserValidationMethod for Person {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        if matches!(hint, UiHint::InformExcludedCredentialFound(_)) {
            return Err(Ctap2Error::CredentialExcluded);
        }
        Ok(UserCheck {
            presence,
            verification,
        })
    }
    fn is_presence_enabled(&self) -> bool {
        true
    }
    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let origin = std::env::args().nth(1).ok_or("name the page's origin")?;
    let origin = Url::parse(&origin)?;
    let store: Option<Passkey> = None;
    let mut authenticator = Authenticator::new(Aaguid::new_empty(), store, Person, RustCryptoBackend);
    authenticator.set_make_credentials_with_signature_counter(true);
    let mut client = Client::new(authenticator).allows_insecure_localhost(true);
    for line in stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let options = json!({"publicKey": asked["public_key"]});
        let done = if asked["do"] == "create" {
            let options = serde_json::from_value(options)?;
            let made = client.register(&origin, options, DefaultClientData).await;
            made.map(serde_json::to_value)
        } else {
            let options = serde_json::from_value(options)?;
            let made = client.authenticate(&origin, options, DefaultClientData).await;
            made.map(serde_json::to_value)
        };
        let answer = match done {
            Ok(credential) => json!({"credential": credential?}),
            Err(error) => json!({"error": format!("{error:?}")}),
        };
        let mut out = stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}
