//! An authenticator app, as a person has one on their phone.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use vutf_identity::mfa::TotpSecret;
use vutf_kernel::{Clock as _, SystemClock, Timestamp};

use crate::client::{ApiClient, Call, Tokens};

const STEP: i64 = 30;

/// The app, and the paper with the backup codes beside it.
#[derive(Debug)]
pub struct Authenticator {
    secret: TotpSecret,
    /// The last step whose code was given away.
    last: i64,
    /// Backup codes, as they were shown.
    pub backup_codes: Vec<String>,
}

impl Authenticator {
    /// With the secret that an enrolment showed.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(secret: &str) -> Result<Self> {
        Ok(Self {
            secret: TotpSecret::from_base32(secret).context("not a secret")?,
            last: 0,
            backup_codes: Vec::new(),
        })
    }

    /// Enrols with the account that `tokens` are of, and confirms.
    ///
    /// # Errors
    /// When the service refuses.
    pub async fn enrol(api: &ApiClient, tokens: &Tokens) -> Result<Self> {
        let made = api.post("/api/v1/me/mfa/totp").bearer(&tokens.access);
        let made = made.expect(201).await?.json()?;
        let mut app = Self::new(made["secret"].as_str().context("no secret")?)?;
        let body = json!({"code": app.next_code().await});
        let confirmed = api
            .post("/api/v1/me/mfa/totp/confirm")
            .bearer(&tokens.access)
            .json(&body);
        let confirmed = confirmed.expect(200).await?.json()?;
        let codes = confirmed["backup_codes"].as_array().context("no backup codes")?;
        let texts = codes.iter().filter_map(|code| code.as_str().map(str::to_owned));
        app.backup_codes = texts.collect();
        Ok(app)
    }

    /// A code that it has not given away yet. A service takes the code of the next half minute; for one beyond that this waits.
    pub async fn next_code(&mut self) -> String {
        let step = (self.last + 1).max(present());
        while step > present() + 1 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.last = step;
        self.secret
            .code(Timestamp::from_secs(step * STEP))
            .expose()
            .clone()
    }
}

fn present() -> i64 {
    SystemClock.now().as_secs() / STEP
}

impl ApiClient {
    /// The second step of a sign-in.
    pub fn verify_mfa(&self, challenge: &str, method: &str, code: &str) -> Call {
        let body = json!({"challenge": challenge, "method": method, "code": code});
        self.post("/api/v1/auth/mfa/verify").json(&body)
    }
}
