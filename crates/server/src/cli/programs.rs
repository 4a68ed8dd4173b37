//! `service-account`: accounts of programs, from the machine.

use serde_json::{Value, json};
use vutf_identity::{
    DisplayName, LoginName, User, UserKind, Username,
    repo::UserFilter,
    user::{
        create::{CreateServiceAccount, create_service},
        disable::{Disable, disable},
        find::find,
        list::{ListUsers, list},
    },
};
use vutf_kernel::{Ctx, PageRequest, UserId};

use super::{
    answer::table,
    args,
    failure::{Failure, Outcome},
    output::Output,
    program_args::id_of,
    start,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(action: args::ServiceAccounts, sources: &Sources, out: &mut Output) -> Outcome {
    // Everything that can be wrong with the call, before anything is touched.
    let act = Act::parse(action)?;
    let service = start::service(sources).await?;
    let done = act.run(&service, out).await;
    service.close().await;
    done
}

enum Act {
    Create(CreateServiceAccount),
    List,
    Disable(String),
}

impl Act {
    fn parse(action: args::ServiceAccounts) -> Result<Self, Failure> {
        Ok(match action {
            args::ServiceAccounts::Create {
                name,
                description,
                roles,
            } => {
                let username = Username::parse(&name);
                let username = username.map_err(|error| Failure::Usage(format!("--name: {error}")))?;
                let display_name = description.as_deref().map(DisplayName::parse).transpose();
                let display_name =
                    display_name.map_err(|error| Failure::Usage(format!("--description: {error}")))?;
                Self::Create(CreateServiceAccount {
                    username,
                    display_name,
                    roles,
                })
            }
            args::ServiceAccounts::List => Self::List,
            args::ServiceAccounts::Disable { account } => Self::Disable(account),
        })
    }

    async fn run(self, service: &Service, out: &mut Output) -> Outcome {
        let ctx = start::operator(service);
        match self {
            Self::Create(command) => {
                let made = create_service(&ctx, &service.identity, command).await;
                let user = made.map_err(|error| Failure::of(&error))?;
                let text = format!(
                    "Made the service account {} ({}).",
                    user.username.expose(),
                    user.id
                );
                Ok(out.answer(&text, &described(&user))?)
            }
            Self::List => show(service, &ctx, out).await,
            Self::Disable(account) => switch_off(service, &ctx, &account, out).await,
        }
    }
}

async fn switch_off(service: &Service, ctx: &Ctx, account: &str, out: &mut Output) -> Outcome {
    let user_id = named(ctx, service, account).await?;
    let done = disable(ctx, &service.identity, Disable { user_id }).await;
    let user = done.map_err(|error| Failure::of(&error))?;
    let text = format!("{} is disabled now.", user.username.expose());
    Ok(out.answer(&text, &described(&user))?)
}

/// The service account of that name or id. A person is none, so that nobody is switched off by a slip.
pub(super) async fn named(ctx: &Ctx, service: &Service, name: &str) -> Result<UserId, Failure> {
    if let Some(id) = id_of(name) {
        return Ok(id);
    }
    let found = find(ctx, &service.identity, LoginName::parse(name)).await;
    let user = found.map_err(|error| Failure::of(&error))?;
    if user.kind == UserKind::Service {
        Ok(user.id)
    } else {
        Err(Failure::Failed("this is the account of a person".to_owned()))
    }
}

async fn show(service: &Service, ctx: &Ctx, out: &mut Output) -> Outcome {
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    let mut rows = Vec::new();
    loop {
        let command = ListUsers {
            filter: UserFilter {
                kind: Some(UserKind::Service),
                ..UserFilter::default()
            },
            page: page.clone(),
        };
        let found = list(ctx, &service.identity, command).await;
        let found = found.map_err(|error| Failure::of(&error))?;
        for user in &found.items {
            if out.is_json() {
                out.answer("", &described(user))?;
            } else {
                rows.push(row(user));
            }
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    if !out.is_json() {
        out.text(&table(["ID", "NAME", "STATUS", "MADE"], &rows))?;
    }
    Ok(())
}

fn row(user: &User) -> [String; 4] {
    [
        user.id.to_string(),
        user.username.expose().to_owned(),
        user.status.as_str().to_owned(),
        user.stamps.created_at.rfc3339(),
    ]
}

fn described(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.username.expose(),
        "description": user.display_name.as_ref().map(DisplayName::expose),
        "status": user.status.as_str(),
        "created_at": user.stamps.created_at,
    })
}
