//! `user`: accounts, from the machine.

use std::path::Path;

use serde_json::{Value, json};
use vutf_app::erasure::Erase;
use vutf_identity::{
    Email, LoginName, User, UserStatus, Username,
    bootstrap::{CreateAdmin, create_admin},
    mfa::reset::{ResetMfa, reset},
    repo::UserFilter,
    user::{
        find::find,
        list::{ListUsers, list},
        unlock::{Unlock, unlock},
    },
};
use vutf_kernel::{Ctx, PageRequest, Timestamp, UserId};

use super::{
    answer::table,
    args, break_glass, erase,
    failure::{Failure, Outcome},
    import,
    output::Output,
    password, start,
};
use crate::{config::Sources, service::Service};

pub(super) async fn run(action: args::User, sources: &Sources, out: &mut Output) -> Outcome {
    match action {
        args::User::CreateAdmin {
            username,
            email,
            password_file,
        } => {
            let command = parse(&username, &email, password_file.as_deref())?;
            let service = start::service(sources).await?;
            let done = admin(&service, command, out).await;
            service.close().await;
            done
        }
        args::User::Import {
            file,
            dry_run,
            require_password_change,
        } => {
            let how = import::How {
                dry_run,
                must_change: require_password_change,
            };
            Box::pin(import::run(&file, how, sources, out)).await
        }
        args::User::BreakGlass { username } => break_glass::run(&username, sources, out).await,
        args::User::Unlock { user } => {
            let service = start::service(sources).await?;
            let done = lift(&service, &user, out).await;
            service.close().await;
            done
        }
        args::User::ResetMfa { user } => {
            let service = start::service(sources).await?;
            let done = forget_factor(&service, &user, out).await;
            service.close().await;
            done
        }
        args::User::List { status } => {
            let service = start::service(sources).await?;
            let done = show(&service, status, out).await;
            service.close().await;
            done
        }
        args::User::Erase {
            id,
            reason,
            reference,
            yes,
        } => {
            erase::confirm(id, yes)?;
            let service = start::service(sources).await?;
            let command = Erase {
                user_id: id,
                expected_version: None,
                reason,
                reference,
            };
            let done = erase::run(&service, command, out).await;
            service.close().await;
            done
        }
    }
}

/// Everything that can be wrong with the call, before anything is touched.
fn parse(username: &str, email: &str, password_file: Option<&Path>) -> Result<CreateAdmin, Failure> {
    let username = Username::parse(username).map_err(|error| Failure::Usage(format!("--username: {error}")));
    let email = Email::parse(email).map_err(|error| Failure::Usage(format!("--email: {error}")));
    let (username, email) = (username?, email?);
    Ok(CreateAdmin {
        username,
        email,
        password: password::read(password_file)?,
    })
}

async fn admin(service: &Service, command: CreateAdmin, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let made = create_admin(&ctx, &service.identity, command).await;
    let user = made.map_err(|error| Failure::of(&error))?;
    let text = format!("Made the administrator {} ({}).", user.username.expose(), user.id);
    Ok(out.answer(&text, &described(&user))?)
}

async fn lift(service: &Service, name: &str, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let user_id = named(&ctx, service, name).await?;
    let command = Unlock { user_id };
    let unlocked = unlock(&ctx, &service.identity, command).await;
    let user = unlocked.map_err(|error| Failure::of(&error))?;
    let text = format!("{} is {} now.", user.username.expose(), user.status.as_str());
    Ok(out.answer(&text, &described(&user))?)
}

async fn forget_factor(service: &Service, name: &str, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let user_id = named(&ctx, service, name).await?;
    let done = reset(&ctx, &service.identity, ResetMfa { user_id }).await;
    let user = done.map_err(|error| Failure::of(&error))?;
    let text = format!("{} has no second factor now.", user.username.expose());
    Ok(out.answer(&text, &described(&user))?)
}

async fn named(ctx: &Ctx, service: &Service, name: &str) -> Result<UserId, Failure> {
    if let Ok(id) = name.parse::<UserId>() {
        return Ok(id);
    }
    let found = find(ctx, &service.identity, LoginName::parse(name)).await;
    Ok(found.map_err(|error| Failure::of(&error))?.id)
}

async fn show(service: &Service, status: Option<UserStatus>, out: &mut Output) -> Outcome {
    let ctx = start::operator(service);
    let mut page = PageRequest {
        after: None,
        limit: PageRequest::MAX_LIMIT,
    };
    let mut rows = Vec::new();
    loop {
        let command = ListUsers {
            filter: UserFilter {
                status,
                ..UserFilter::default()
            },
            page: page.clone(),
        };
        let found = list(&ctx, &service.identity, command).await;
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
        out.text(&table(
            ["ID", "USERNAME", "E-MAIL", "STATUS", "LAST SIGN-IN", "MADE"],
            &rows,
        ))?;
    }
    Ok(())
}

fn row(user: &User) -> [String; 6] {
    [
        user.id.to_string(),
        user.username.expose().to_owned(),
        user.email.expose().to_owned(),
        user.status.as_str().to_owned(),
        user.last_login_at
            .map_or_else(|| "never".to_owned(), Timestamp::rfc3339),
        user.stamps.created_at.rfc3339(),
    ]
}

fn described(user: &User) -> Value {
    json!({
        "id": user.id,
        "username": user.username.expose(),
        "email": user.email.expose(),
        "status": user.status.as_str(),
        "last_login_at": user.last_login_at,
        "created_at": user.stamps.created_at,
    })
}
