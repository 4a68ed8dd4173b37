//! `user break-glass`: seals the account for emergencies.

use serde_json::json;
use vutf_identity::{
    Username,
    break_glass::seal::{Seal, seal},
};

use super::{
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(username: &str, sources: &Sources, out: &mut Output) -> Outcome {
    let username = Username::parse(username).map_err(|error| Failure::Usage(format!("USERNAME: {error}")))?;
    let service = start::service(sources).await?;
    let done = act(&service, username, out).await;
    service.close().await;
    done
}

/// The one place where the secret leaves its custody: it is for a safe.
async fn act(service: &Service, username: Username, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let name = username.expose().to_owned();
    let sealed = seal(&ctx, &service.identity, Seal { username }).await;
    let sealed = sealed.map_err(|error| Failure::of(&error))?;
    let secret = sealed.secret.expose();
    let text = format!(
        "{name} is sealed. This opens it, once; it is shown here and nowhere else:\n\n  {secret}\n\nPut it on paper, in a sealed \
         envelope, in a safe. POST /api/v1/auth/break-glass opens it."
    );
    let value = json!({"user_id": sealed.user_id, "username": name, "secret": secret});
    Ok(out.answer(&text, &value)?)
}
