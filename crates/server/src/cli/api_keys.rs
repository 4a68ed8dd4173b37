//! `api-key`: keys with which programs act, from the machine. A secret is in the answer that made it, and nowhere else.

use serde_json::{Value, json};
use vutf_identity::api_key::{
    ApiKey, MadeApiKey, Network, Whose,
    create::{CreateApiKey, create},
    list::{ListApiKeys, list},
    revoke::{RevokeApiKey, revoke},
    rotate::{RotateApiKey, rotate},
};
use vutf_kernel::{Ctx, PageRequest, Permission, Timestamp};

use super::{
    answer::table,
    args,
    failure::{Failure, Outcome},
    output::Output,
    programs::named,
    start,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(action: args::ApiKeys, sources: &Sources, out: &mut Output) -> Outcome {
    let service = start::service(sources).await?;
    let ctx = start::operator(&service);
    let done = act(action, &service, &ctx, out).await;
    service.close().await;
    done
}

async fn act(action: args::ApiKeys, service: &Service, ctx: &Ctx, out: &mut Output) -> Outcome {
    match action {
        args::ApiKeys::Create {
            account,
            name,
            scopes,
            networks,
            life,
        } => {
            let command = CreateApiKey {
                owner: Some(named(ctx, service, &account).await?),
                name,
                scopes,
                networks,
                ttl: life,
            };
            let made = create(ctx, &service.identity, command).await;
            told(&made.map_err(|error| Failure::of(&error))?, out)
        }
        args::ApiKeys::List { account } => show(service, ctx, account.as_deref(), out).await,
        args::ApiKeys::Revoke { id } => {
            let command = RevokeApiKey {
                key_id: id,
                whose: Whose::Others,
            };
            let done = revoke(ctx, &service.identity, command).await;
            done.map_err(|error| Failure::of(&error))?;
            Ok(out.answer(&format!("{id} has ended."), &json!({"id": id, "revoked": true}))?)
        }
        args::ApiKeys::Rotate { id, overlap } => {
            let command = RotateApiKey {
                key_id: id,
                whose: Whose::Others,
                overlap,
            };
            let made = rotate(ctx, &service.identity, command).await;
            told(&made.map_err(|error| Failure::of(&error))?, out)
        }
    }
}

/// The one place where a secret leaves its custody on the machine: it is for whoever made the key.
fn told(made: &MadeApiKey, out: &mut Output) -> Outcome {
    let secret = made.token.expose();
    let text = format!(
        "Made the key {} ({}), good until {}.\nIts secret, which is shown here and nowhere else:\n{secret}",
        made.key.name.expose(),
        made.key.id,
        made.key.expires_at.rfc3339()
    );
    let value = json!({"secret": secret, "api_key": described(&made.key)});
    Ok(out.answer(&text, &value)?)
}

async fn show(service: &Service, ctx: &Ctx, account: Option<&str>, out: &mut Output) -> Outcome {
    let owner = match account {
        Some(account) => Some(named(ctx, service, account).await?),
        None => None,
    };
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    let mut rows = Vec::new();
    loop {
        let command = ListApiKeys {
            whose: Whose::Others,
            owner,
            page: page.clone(),
        };
        let found = list(ctx, &service.identity, command).await;
        let found = found.map_err(|error| Failure::of(&error))?;
        for key in &found.items {
            if out.is_json() {
                out.answer("", &described(key))?;
            } else {
                rows.push(row(key));
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if !out.is_json() {
        let titles = [
            "ID",
            "OWNER",
            "LOOKUP",
            "NAME",
            "SCOPES",
            "GOOD UNTIL",
            "LAST USED",
        ];
        out.text(&table(titles, &rows))?;
    }
    Ok(())
}

fn scopes(key: &ApiKey) -> Vec<&str> {
    key.scopes.iter().map(Permission::as_str).collect()
}

fn row(key: &ApiKey) -> [String; 7] {
    let until = match key.revoked_at {
        Some(_) => "ended".to_owned(),
        None => key.expires_at.rfc3339(),
    };
    [
        key.id.to_string(),
        key.user_id.to_string(),
        key.lookup.as_str().to_owned(),
        key.name.expose().to_owned(),
        scopes(key).join(" "),
        until,
        key.last_used_at
            .map_or_else(|| "never".to_owned(), Timestamp::rfc3339),
    ]
}

fn described(key: &ApiKey) -> Value {
    json!({
        "id": key.id,
        "owner": key.user_id,
        "lookup": key.lookup.as_str(),
        "name": key.name.expose(),
        "scopes": scopes(key),
        "networks": key.networks.iter().map(Network::to_string).collect::<Vec<_>>(),
        "created_at": key.stamps.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "successor": key.successor_id,
        "last_used_at": key.last_used_at,
    })
}
