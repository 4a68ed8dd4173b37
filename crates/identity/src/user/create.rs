//! An administrator makes an account.

use vutf_kernel::{Ctx, Detail, Outcome, Secret};

use super::{
    User,
    account::{self, NewAccount},
};
use crate::{
    DisplayName, Email, Identity, IdentityTaken, Phone, RuleError, Username, action,
    password::{HashError, PasswordContext, PasswordError},
    refusal::use_case_error,
    role::{self, permission},
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
    require(ctx, &permission::USERS_WRITE)?;
    check_roles(ctx, &command.roles)?;
    let context =
        PasswordContext::new(&command.username, &command.email).named(command.display_name.as_ref());
    let phc = match &command.password {
        Some(password) => {
            id.settings.password.check(password, context)?;
            Some(id.hash_password(password).await?)
        }
        None => None,
    };
    let account = NewAccount {
        phc,
        username: command.username,
        email: command.email,
        display_name: command.display_name,
        phone: command.phone,
        verified: true,
        roles: command.roles,
    };
    id.run(ctx, account, |work| Box::pin(apply(work))).await
}

fn check_roles(ctx: &Ctx, roles: &[String]) -> Result<(), CreateError> {
    if roles.iter().any(|name| role::built_in(name).is_none()) {
        return Err(CreateError::UnknownRole);
    }
    Ok(may_give(ctx, roles)?)
}

/// Nobody gives more than they hold.
pub(crate) fn may_give(ctx: &Ctx, roles: &[String]) -> Result<(), RuleError> {
    if ctx.is_trusted() || roles.iter().all(|name| name == role::USER) {
        return Ok(());
    }
    require(ctx, &permission::ROLES_ASSIGN)?;
    if ctx.grants.covers(&role::grants(roles)) {
        Ok(())
    } else {
        Err(RuleError::Exceeds)
    }
}

async fn apply(mut work: Work<'_, NewAccount>) -> Result<User, CreateError> {
    let account = work.command.clone();
    let user = account::open::<_, CreateError>(&mut work, &account).await?;
    let about = About::written(action::USER_CREATE, &user);
    let roles = account::role_names(&account.roles);
    work.raise(&about, Outcome::Success, |event| {
        event.detail("roles", Detail::List(roles))
    })
    .await?;
    Ok(user)
}
