//! What a person does with passkeys, whoever plays browser and authenticator.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::service::{Service, success};

const PASSWORD: &str = "seven quiet lanterns over the harbour";

/// A browser with an authenticator.
pub(super) trait Wallet {
    /// `navigator.credentials.create`, with what the service asks for.
    fn create(&mut self, options: &Value) -> Result<Value>;
    /// `navigator.credentials.get`.
    fn get(&mut self, options: &Value) -> Result<Value>;
}

/// Registers an account and a passkey, signs in with it alone and beside the password, and steps up; how many ceremonies that were.
pub(super) fn judge(wallet: &mut dyn Wallet, service: &Service, name: &str, copied: bool) -> Result<usize> {
    let person = Person::register(service, name)?;
    person.add_passkey(wallet, copied)?;
    for _ in 0..2 {
        person.sign_in_alone(wallet)?;
    }
    person.sign_in_beside_a_password(wallet)?;
    person.step_up(wallet)?;
    person.repeat(wallet)?;
    Ok(6)
}

/// Somebody with a wallet.
struct Person<'a> {
    service: &'a Service,
    name: String,
    access: String,
}

impl<'a> Person<'a> {
    fn register(service: &'a Service, name: &str) -> Result<Self> {
        let account = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        service.ask("/api/v1/auth/register", &account)?;
        let mut person = Self {
            service,
            name: name.to_owned(),
            access: String::new(),
        };
        let signed_in = person.post("/api/v1/auth/login", &person.password())?;
        person.access = text(&signed_in["access_token"])?;
        Ok(person)
    }

    fn password(&self) -> Value {
        json!({"username": self.name, "password": PASSWORD})
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let header = format!("authorization: Bearer {}", self.access);
        success(self.service.request("POST", path, &header, body).once()?)
            .with_context(|| format!("POST {path}"))
    }

    fn add_passkey(&self, wallet: &mut dyn Wallet, copied: bool) -> Result<()> {
        let begun = self.post("/api/v1/me/mfa/passkeys/register/begin", &Value::Null)?;
        let credential = wallet.create(&begun["public_key"])?;
        let body = json!({"name": "wallet", "credential": credential});
        let added = self.post("/api/v1/me/mfa/passkeys/register/finish", &body)?;
        ensure!(added["passkey"]["synced"] == copied, "{added}");
        ensure!(
            added["backup_codes"]
                .as_array()
                .is_some_and(|codes| codes.len() == 10),
            "{added}"
        );
        Ok(())
    }

    fn sign_in_alone(&self, wallet: &mut dyn Wallet) -> Result<()> {
        let begun = self.post("/api/v1/auth/passkey/begin", &Value::Null)?;
        let body = json!({"credential": wallet.get(&begun["public_key"])?});
        let signed_in = self.post("/api/v1/auth/passkey/finish", &body)?;
        ensure!(signed_in["status"] == "authenticated", "{signed_in}");
        let again = self.post("/api/v1/auth/passkey/finish", &body);
        ensure!(again.is_err(), "the same answer signs in twice");
        Ok(())
    }

    fn sign_in_beside_a_password(&self, wallet: &mut dyn Wallet) -> Result<()> {
        let first = self.post("/api/v1/auth/login", &self.password())?;
        let credential = wallet.get(&first["passkey"])?;
        let body = json!({"challenge": first["challenge"], "method": "passkey", "credential": credential});
        let signed_in = self.post("/api/v1/auth/mfa/verify", &body)?;
        ensure!(signed_in["status"] == "authenticated", "{signed_in}");
        Ok(())
    }

    fn step_up(&self, wallet: &mut dyn Wallet) -> Result<()> {
        let begun = self.post("/api/v1/auth/step-up/passkey", &Value::Null)?;
        let body = json!({"method": "passkey", "credential": wallet.get(&begun["public_key"])?});
        let done = self.post("/api/v1/auth/step-up", &body)?;
        ensure!(done["acr"] == "aal2", "{done}");
        Ok(())
    }

    /// It refuses by itself to make a second one with the same authenticator.
    fn repeat(&self, wallet: &mut dyn Wallet) -> Result<()> {
        let begun = self.post("/api/v1/me/mfa/passkeys/register/begin", &Value::Null)?;
        let refused = wallet.create(&begun["public_key"]);
        ensure!(refused.is_err(), "one authenticator made two passkeys");
        Ok(())
    }
}

/// The text that `value` must be.
pub(super) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).context("a text is missing")
}
