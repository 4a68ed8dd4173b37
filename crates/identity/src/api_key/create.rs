//! Makes an API key.

use std::time::Duration;

use vutf_kernel::{
    ApiKeyId, Ctx, Detail, Fault, Grants, OrganizationId, Outcome, Permission, PortError, Stamps, Timestamp,
    UserId,
};

use super::{
    ApiKey, ApiKeyName, MAX_NETWORKS, MadeApiKey, Network, Token,
    owner::{about, is_program, oneself, proved, somebody, unowned},
};
use crate::{
    Identity, RuleError, User, action,
    mfa::InsufficientAuthentication,
    refusal::use_case_error,
    role::{self, permission},
    user::UserStatus,
    work::{About, Work},
};

/// Makes an API key.
#[derive(Clone, Debug)]
pub struct CreateApiKey {
    /// A service account; `None`: the caller themself. Nobody makes a key of another person.
    pub owner: Option<UserId>,
    /// What it is called.
    pub name: ApiKeyName,
    /// Names of the permissions that it may use; at least one.
    pub scopes: Vec<String>,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Network>,
    /// How long it lives; `None`: as long as the settings say.
    pub ttl: Option<Duration>,
}

use_case_error! {
    /// Why no key was made.
    CreateApiKeyError {
        /// The caller is in no session.
        NotSignedIn => Unauthenticated, "not_signed_in", "sign in first";
        /// No such account.
        NotFound => NotFound, "user_not_found", "there is no such user";
        /// It would let one person act as another.
        OfAPerson => Forbidden, "owner_is_a_person", "a person makes their keys themself; others make those of service accounts";
        /// It is locked, disabled or deleted.
        OwnerBarred => Conflict, "account_state", "the account may not be used";
        /// A permission that does not exist, or none at all.
        UnknownScope => Invalid, "unknown_scope", "name at least one permission, and only such that exist";
        /// More than the account holds.
        ScopesExceed => Forbidden, "scopes_exceed_owner", "the account does not hold every permission that the key is to have";
        /// Too many of them.
        TooManyNetworks => Invalid, "too_many_networks", "name at most 16 networks";
        /// Longer than the settings allow, or none.
        Lifetime => Invalid, "api_key_lifetime", "the key would live too long, or not at all";
        /// As many as an account may have.
        TooMany => Conflict, "too_many_api_keys", "the account has as many live keys as it may";
    } {
        /// The caller may not do this.
        Rule(RuleError);
        /// The last proof is too old, or was not of a second factor.
        Fresh(InsufficientAuthentication);
    }
}

unowned!(CreateApiKeyError);

/// Makes a key. Its secret is in the answer and nowhere else.
pub async fn create(
    ctx: &Ctx,
    id: &Identity,
    command: CreateApiKey,
) -> Result<MadeApiKey, CreateApiKeyError> {
    let about = About::kind(action::API_KEY_CREATE).of(command.owner.or(ctx.actor.user_id()));
    let done = id.run(ctx, command, |work| Box::pin(apply(work))).await;
    id.audited(ctx, about, done).await
}

async fn apply(mut work: Work<'_, CreateApiKey>) -> Result<MadeApiKey, CreateApiKeyError> {
    let command = work.command.clone();
    let (owner, roles) = owner(&mut work, command.owner).await?;
    proved::<_, CreateApiKeyError>(&mut work).await?;
    let held = role::within(&mut work, &roles).await?.grants(&roles);
    let scopes = scopes(&command.scopes, &held)?;
    if command.networks.len() > MAX_NETWORKS {
        return Err(CreateApiKeyError::TooManyNetworks);
    }
    let policy = &work.id.settings.api_keys;
    let (ttl, most) = (command.ttl.unwrap_or(policy.ttl), policy.per_owner);
    if ttl.is_zero() || ttl > policy.max_ttl {
        return Err(CreateApiKeyError::Lifetime);
    }
    let (organization, now) = (work.ctx.organization_id, work.now());
    let live = work.tx.api_keys().live_of(organization, owner.id, now).await?;
    if live.iter().filter(|key| key.is_head()).count() >= most {
        return Err(CreateApiKeyError::TooMany);
    }
    let plan = Plan {
        organization_id: organization,
        user_id: owner.id,
        name: command.name.clone(),
        scopes,
        networks: command.networks.clone(),
        expires_at: now.plus(ttl),
    };
    let made = make(&mut work, plan).await?;
    let about = about(action::API_KEY_CREATE, made.key.id, Some(owner.id));
    let facts = facts(&made.key);
    work.raise(&about, Outcome::Success, |event| {
        facts
            .into_iter()
            .fold(event, |event, (name, fact)| event.detail(name, fact))
    })
    .await?;
    Ok(made)
}

/// Whose key it is to be, locked, with their roles.
async fn owner(
    work: &mut Work<'_, CreateApiKey>,
    named: Option<UserId>,
) -> Result<(User, Vec<String>), CreateApiKeyError> {
    let organization = work.ctx.organization_id;
    let id = match named {
        None => oneself(work).await?.id,
        Some(user) => {
            if !work.ctx.is_trusted() && work.signed_in().is_none() {
                return Err(CreateApiKeyError::NotSignedIn);
            }
            somebody(work, &permission::SERVICE_ACCOUNTS_MANAGE, user)
                .await?
                .0
                .id
        }
    };
    work.tx.api_keys().lock_owner(organization, id).await?;
    // Only what is read behind the lock stays as it is.
    let user = work.tx.users().find(organization, id).await?;
    let user = user.ok_or(CreateApiKeyError::NotFound)?;
    if named.is_some() && !is_program(&user) {
        return Err(CreateApiKeyError::OfAPerson);
    }
    if user.status != UserStatus::Active {
        return Err(CreateApiKeyError::OwnerBarred);
    }
    let roles = work.tx.roles().of_user(organization, id).await?;
    Ok((user, roles))
}

fn scopes(names: &[String], held: &Grants) -> Result<Grants, CreateApiKeyError> {
    let known = |name: &String| {
        let mut all = permission::ALL.iter();
        all.find(|(known, _)| known == name)
            .map(|(known, _)| Permission::known(known))
    };
    let scopes: Option<Grants> = names.iter().map(known).collect();
    let scopes = scopes
        .filter(|scopes| !scopes.is_empty())
        .ok_or(CreateApiKeyError::UnknownScope)?;
    if held.covers(&scopes) {
        Ok(scopes)
    } else {
        Err(CreateApiKeyError::ScopesExceed)
    }
}

/// A key to be.
pub(super) struct Plan {
    pub(super) organization_id: OrganizationId,
    pub(super) user_id: UserId,
    pub(super) name: ApiKeyName,
    pub(super) scopes: Grants,
    pub(super) networks: Vec<Network>,
    pub(super) expires_at: Timestamp,
}

pub(super) async fn make<C>(work: &mut Work<'_, C>, plan: Plan) -> Result<MadeApiKey, PortError> {
    let (now, by) = (work.now(), work.by());
    let token = Token::generate(work.env.entropy);
    let key = ApiKey {
        id: ApiKeyId::generate(work.env.clock, work.env.entropy),
        organization_id: plan.organization_id,
        user_id: plan.user_id,
        lookup: token.lookup,
        secret: token.hash(),
        name: plan.name,
        scopes: plan.scopes,
        networks: plan.networks,
        expires_at: plan.expires_at,
        revoked_at: None,
        successor_id: None,
        last_used_at: None,
        last_used_ip: None,
        stamps: Stamps::new(by, now),
    };
    // Another key has drawn the same eight characters: from the start again, with others.
    work.tx.api_keys().insert(&key).await.map_err(|error| PortError {
        fault: if error.fault == Fault::Duplicate {
            Fault::Contention
        } else {
            error.fault
        },
        ..error
    })?;
    Ok(MadeApiKey {
        key,
        token: token.to_text(),
    })
}

/// What an event tells of a key. Neither its name nor its networks: both may be personal.
pub(super) fn facts(key: &ApiKey) -> [(&'static str, Detail); 4] {
    let scopes = key.scopes.iter().map(|scope| scope.as_str().to_owned());
    let networks = i64::try_from(key.networks.len()).unwrap_or(i64::MAX);
    [
        ("lookup", Detail::Text(key.lookup.as_str().to_owned())),
        ("scopes", Detail::List(scopes.collect())),
        ("networks", Detail::Number(networks)),
        ("expires_at", Detail::Text(key.expires_at.rfc3339())),
    ]
}
