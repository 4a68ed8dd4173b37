//! The first administrator: made once, with a secret that only somebody on the machine can read.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;
use vutf_kernel::{Ctx, Entropy, Outcome, PortError, Secret};

use crate::{
    Email, Identity, IdentityTaken, RuleError, User, Username, action,
    password::{HashError, PasswordContext, PasswordError},
    refresh::TokenHash,
    refusal::use_case_error,
    role,
    user::{
        UserKind,
        account::{self, NewAccount},
    },
    work::{About, Work},
};

/// Prefix of the secret, by which scanners recognise a leaked one.
pub const TOKEN_PREFIX: &str = "vutf_bootstrap_";
const ACTION: vutf_kernel::Action = action::BOOTSTRAP;

/// Makes the first administrator.
#[derive(Debug)]
pub struct Bootstrap {
    /// The secret of the first start.
    pub token: Secret<String>,
    /// The name.
    pub username: Username,
    /// The address; it counts as proved.
    pub email: Email,
    /// The password as typed.
    pub password: Secret<String>,
}

/// Makes an administrator from the command line.
#[derive(Debug)]
pub struct CreateAdmin {
    /// The name.
    pub username: Username,
    /// The address; it counts as proved.
    pub email: Email,
    /// The password as typed.
    pub password: Secret<String>,
}

use_case_error! {
    /// Why no administrator was made.
    BootstrapError {
        /// There is an administrator already.
        Used => Conflict, "bootstrap_used", "the first administrator was made already";
        /// Not the secret of the first start.
        WrongToken => Unauthenticated, "bootstrap_token", "the bootstrap token is not right";
    } {
        /// Only the operator on the machine may do this without the secret.
        Rule(RuleError);
        /// The password.
        Password(PasswordError);
        /// The name or the address.
        Taken(IdentityTaken);
        /// No hash can be computed now.
        Hash(HashError);
    }
}

/// Whether a secret can make the first administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It can.
    Open,
    /// Another one can: another replica was first.
    Elsewhere,
    /// None can: there is an administrator.
    Closed,
}

/// A secret of 256 bits, for [`offer`]. Write it to its file first: a crash between the two then loses nothing.
pub fn make_token(entropy: &mut dyn Entropy) -> Secret<String> {
    let random = Secret::new(entropy.bytes::<32>());
    let mut token = String::with_capacity(TOKEN_PREFIX.len() + 43);
    token.push_str(TOKEN_PREFIX);
    URL_SAFE_NO_PAD.encode_string(random.expose(), &mut token);
    Secret::new(token)
}

/// Offers `token` as the secret of the first administrator; only its hash is stored. Of several replicas that start on one
/// empty database, the first one's is taken.
pub async fn offer(ctx: &Ctx, id: &Identity, token: &Secret<String>) -> Result<Offer, PortError> {
    let hash = TokenHash::of(token.expose());
    id.run(ctx, hash, |work| Box::pin(register(work))).await
}

/// Makes the first administrator, exactly once however many try at once.
pub async fn bootstrap(ctx: &Ctx, id: &Identity, command: Bootstrap) -> Result<User, BootstrapError> {
    let done = attempt(ctx, id, command).await;
    id.audited(ctx, About::kind(ACTION), done).await
}

/// Makes an administrator without the secret: for the operator on the machine, whose access to it is the proof.
pub async fn create_admin(ctx: &Ctx, id: &Identity, command: CreateAdmin) -> Result<User, BootstrapError> {
    let CreateAdmin {
        username,
        email,
        password,
    } = command;
    let done = if ctx.is_trusted() {
        match account(ctx, id, username, email, &password).await {
            Ok(account) => id.run(ctx, account, |work| Box::pin(add(work))).await,
            Err(error) => Err(error),
        }
    } else {
        Err(RuleError::Denied(role::permission::USERS_WRITE).into())
    };
    id.audited(ctx, About::kind(action::CREATE_ADMIN), done).await
}

/// How the first administrator stands.
enum Standing {
    /// Made.
    Used,
    /// To be made with this secret.
    Offered(TokenHash),
    /// To be made, with a secret that nobody has offered yet.
    Open,
}

/// One caller at a time learns it, until the transaction ends.
async fn standing<C>(work: &mut Work<'_, C>) -> Result<Standing, PortError> {
    let organization = work.ctx.organization_id;
    work.tx.roles().lock_organization(organization).await?;
    let record = work.tx.bootstrap().find(organization).await?;
    let used = record.as_ref().is_some_and(|record| record.used_at.is_some());
    if used || work.tx.roles().holders(organization, role::SUPER_ADMIN).await? > 0 {
        return Ok(Standing::Used);
    }
    Ok(record.map_or(Standing::Open, |record| Standing::Offered(record.token)))
}

async fn register(mut work: Work<'_, TokenHash>) -> Result<Offer, PortError> {
    match standing(&mut work).await? {
        Standing::Used => Ok(Offer::Closed),
        Standing::Offered(token) if same(&token, &work.command) => Ok(Offer::Open),
        Standing::Offered(_) => Ok(Offer::Elsewhere),
        Standing::Open => {
            let (now, organization, hash) = (work.now(), work.ctx.organization_id, *work.command);
            let stored = work.tx.bootstrap().put(organization, &hash, now).await?;
            Ok(if stored { Offer::Open } else { Offer::Closed })
        }
    }
}

async fn attempt(ctx: &Ctx, id: &Identity, command: Bootstrap) -> Result<User, BootstrapError> {
    let Bootstrap {
        token,
        username,
        email,
        password,
    } = command;
    let token = TokenHash::of(token.expose());
    // Before the costly hash, so that guessing the secret costs the service nothing.
    id.run(ctx, token, |mut work| {
        Box::pin(async move { check(&mut work, token).await })
    })
    .await?;
    let account = account(ctx, id, username, email, &password).await?;
    id.run(ctx, (token, account), |work| Box::pin(consume(work)))
        .await
}

async fn check<C>(work: &mut Work<'_, C>, token: TokenHash) -> Result<(), BootstrapError> {
    match standing(work).await? {
        Standing::Used => Err(BootstrapError::Used),
        Standing::Offered(expected) if same(&expected, &token) => Ok(()),
        Standing::Offered(_) | Standing::Open => Err(BootstrapError::WrongToken),
    }
}

async fn consume(mut work: Work<'_, (TokenHash, NewAccount)>) -> Result<User, BootstrapError> {
    let command = work.command.clone();
    let (token, account) = &*command;
    check(&mut work, *token).await?;
    let (now, organization) = (work.now(), work.ctx.organization_id);
    if !work.tx.bootstrap().consume(organization, token, now).await? {
        return Err(BootstrapError::Used);
    }
    let user = account::open::<_, BootstrapError>(&mut work, account).await?;
    work.done(&About::written(ACTION, &user)).await?;
    Ok(user)
}

async fn add(mut work: Work<'_, NewAccount>) -> Result<User, BootstrapError> {
    let account = work.command.clone();
    let organization = work.ctx.organization_id;
    work.tx.roles().lock_organization(organization).await?;
    let user = account::open::<_, BootstrapError>(&mut work, &account).await?;
    let about = About::written(action::CREATE_ADMIN, &user);
    work.raise(&about, Outcome::Success, |event| event).await?;
    Ok(user)
}

async fn account(
    ctx: &Ctx,
    id: &Identity,
    username: Username,
    email: Email,
    password: &Secret<String>,
) -> Result<NewAccount, BootstrapError> {
    let context = PasswordContext::new(&username, &email);
    id.settings.password.check(password, context)?;
    id.refuse_breached::<BootstrapError>(ctx, password).await?;
    Ok(NewAccount {
        kind: UserKind::Person,
        phc: Some(id.hash_password(password).await?),
        username,
        email,
        display_name: None,
        phone: None,
        verified: true,
        must_change: false,
        roles: vec![role::SUPER_ADMIN.to_owned()],
    })
}

fn same(one: &TokenHash, two: &TokenHash) -> bool {
    one.0.ct_eq(&two.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vutf_kernel::Class;

    #[test]
    fn a_second_bootstrap_is_a_conflict_and_a_wrong_secret_is_not_authenticated() {
        assert_eq!(BootstrapError::Used.class(), Class::Conflict);
        assert_eq!(BootstrapError::WrongToken.class(), Class::Unauthenticated);
    }
}
