//! An administrator makes an account.

use vutf_kernel::{Ctx, Detail, Outcome, Secret};

use super::{
    User, UserKind,
    account::{self, NewAccount},
};
use crate::{
    DisplayName, Email, Identity, IdentityTaken, Phone, RuleError, Username, action,
    password::{HashError, PasswordContext, PasswordError},
    refusal::use_case_error,
    role::{self, CustomRoles, permission},
    work::{About, Work, require},
};

/// An administrator makes an account.
#[derive(Debug)]
pub struct CreateUser {
    /// The name.
    pub username: Username,
    /// The address. The administrator vouches for it: it counts as proved.
    pub email: Email,
    /// The password; without one nobody can sign in until one is set.
    pub password: Option<Secret<String>>,
    /// What others see.
    pub display_name: Option<DisplayName>,
    /// Telephone number.
    pub phone: Option<Phone>,
    /// Roles beside the one that everybody has; any needs `roles:assign`.
    pub roles: Vec<String>,
}

/// An administrator makes an account for a program.
#[derive(Clone, Debug)]
pub struct CreateServiceAccount {
    /// The name.
    pub username: Username,
    /// What it is for.
    pub display_name: Option<DisplayName>,
    /// Roles beside the one that everybody has; any needs `roles:assign`.
    pub roles: Vec<String>,
}

use_case_error! {
    /// Why no account was made.
    CreateError {
        /// A role that does not exist.
        UnknownRole => Invalid, "unknown_role", "there is no such role";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The password.
        Password(PasswordError);
        /// The name or the address.
        Taken(IdentityTaken);
        /// No hash can be computed now.
        Hash(HashError);
    }
}

/// Makes an account that may sign in at once.
pub async fn create(ctx: &Ctx, id: &Identity, command: CreateUser) -> Result<User, CreateError> {
    let done = attempt(ctx, id, command).await;
    id.audited(ctx, About::kind(action::USER_CREATE), done).await
}

async fn attempt(ctx: &Ctx, id: &Identity, command: CreateUser) -> Result<User, CreateError> {
    let account = prepared(ctx, id, command).await?;
    id.run(ctx, account, |work| Box::pin(apply(work))).await
}

/// The account to be, with the slow work done that no transaction waits for.
pub(super) async fn prepared(
    ctx: &Ctx,
    id: &Identity,
    command: CreateUser,
) -> Result<NewAccount, CreateError> {
    require(ctx, &permission::USERS_WRITE)?;
    check_roles(ctx, id, &command.roles).await?;
    let context =
        PasswordContext::new(&command.username, &command.email).named(command.display_name.as_ref());
    let phc = match &command.password {
        Some(password) => {
            id.settings.password.check(password, context)?;
            id.refuse_breached::<CreateError>(ctx, password).await?;
            Some(id.hash_password(password).await?)
        }
        None => None,
    };
    Ok(NewAccount {
        kind: UserKind::Person,
        phc,
        username: command.username,
        email: command.email,
        display_name: command.display_name,
        phone: command.phone,
        verified: true,
        must_change: false,
        roles: command.roles,
    })
}

/// Makes an account that acts through API keys alone. It is no mailbox: its address is one that no mail reaches (RFC 6761, section
/// 6.4), and as unique as its name.
pub async fn create_service(
    ctx: &Ctx,
    id: &Identity,
    command: CreateServiceAccount,
) -> Result<User, CreateError> {
    let done = attempt_service(ctx, id, command).await;
    id.audited(ctx, About::kind(action::SERVICE_ACCOUNT_CREATE), done)
        .await
}

async fn attempt_service(
    ctx: &Ctx,
    id: &Identity,
    command: CreateServiceAccount,
) -> Result<User, CreateError> {
    require(ctx, &permission::SERVICE_ACCOUNTS_MANAGE)?;
    check_roles(ctx, id, &command.roles).await?;
    let address = format!("{}@service-account.invalid", command.username.expose());
    let account = NewAccount {
        kind: UserKind::Service,
        phc: None,
        email: Email::from_store(address),
        username: command.username,
        display_name: command.display_name,
        phone: None,
        verified: true,
        must_change: false,
        roles: command.roles,
    };
    id.run(ctx, account, |work| Box::pin(apply(work))).await
}

/// Before the slow work, by what is remembered; [`apply`] asks again.
async fn check_roles(ctx: &Ctx, id: &Identity, roles: &[String]) -> Result<(), CreateError> {
    let known = role::present(id, ctx.organization_id, roles).await?;
    if known.lacks_one_of(roles) {
        return Err(CreateError::UnknownRole);
    }
    Ok(may_give(ctx, id, &known, roles)?)
}

/// Nobody gives more than they hold, nor alone what takes two persons.
pub(crate) fn may_give(
    ctx: &Ctx,
    id: &Identity,
    known: &CustomRoles,
    roles: &[String],
) -> Result<(), RuleError> {
    if ctx.is_trusted() || roles.iter().all(|name| name == role::USER) {
        return Ok(());
    }
    require(ctx, &permission::ROLES_ASSIGN)?;
    if !known.are_held(ctx, roles) {
        return Err(RuleError::Exceeds);
    }
    if id.settings.authorization.two_person && roles.iter().any(|name| name == role::SUPER_ADMIN) {
        return Err(RuleError::TakesTwo);
    }
    Ok(())
}

pub(super) async fn apply(mut work: Work<'_, NewAccount>) -> Result<User, CreateError> {
    let account = work.command.clone();
    let known = role::held_fast(&mut work, &account.roles).await?;
    if known.lacks_one_of(&account.roles) {
        return Err(CreateError::UnknownRole);
    }
    may_give(&work.ctx, &work.id, &known, &account.roles)?;
    let user = account::open::<_, CreateError>(&mut work, &account).await?;
    let action = match user.kind {
        UserKind::Person => action::USER_CREATE,
        UserKind::Service => action::SERVICE_ACCOUNT_CREATE,
    };
    let about = About::written(action, &user);
    let roles = account::role_names(&account.roles);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("roles", Detail::List(roles))
    })
    .await?;
    Ok(user)
}
