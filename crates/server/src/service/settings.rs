//! The domains' numbers, from the configuration.

use vutf_app::jobs::JobSettings;
use vutf_audit::retention::{CLASSES, Policy, RetentionSettings, TooShort};
use vutf_crypto_keys::{CacheLimits, OutageLimits};
use vutf_identity::{
    AuthorizationPolicy, Settings,
    api_key::ApiKeyPolicy,
    consent::SystemUse,
    device::DevicePolicy,
    guard::GuardPolicy,
    mail::MailSettings,
    mfa::EnrolmentPolicy,
    network::NetworkPolicy,
    passkey::PasskeyPolicy,
    password::{Blocklist, PasswordPolicy},
    presence::InactivityPolicy,
    session::{Lifetime, SessionPolicy},
};

use super::{StartError, breaches};
use crate::config::{Config, MailDelivery, OWN_ROLE, Registration};

pub(super) fn identity(config: &Config) -> Result<Settings, StartError> {
    let identity = &config.identity;
    let guard = GuardPolicy {
        free: i64::from(identity.lockout.free_attempts),
        delays: identity.lockout.delays.clone(),
        disable_at: i64::from(identity.lockout.disable_after),
    };
    let keys = &identity.api_keys;
    let api_keys = ApiKeyPolicy {
        ttl: keys.ttl,
        max_ttl: keys.max_ttl,
        overlap: keys.overlap,
        max_overlap: keys.max_overlap,
        per_owner: usize::from(keys.per_owner),
    };
    Ok(Settings {
        api_keys,
        access_ttl: identity.access_token_ttl,
        refresh_idle: identity.refresh_idle,
        refresh_absolute: identity.refresh_absolute,
        refresh_grace: identity.refresh_grace,
        open_registration: identity.registration == Registration::Open,
        by_invitation: identity.registration == Registration::Invitation,
        verified_at_once: !config.email_must_be_verified(),
        password: passwords(config)?,
        guard,
        networks: NetworkPolicy {
            window: identity.lockout.network_window,
            per_address: identity.lockout.address_failures.into(),
            per_network: identity.lockout.network_failures.into(),
        },
        devices: DevicePolicy {
            life: identity.lockout.device_life,
            disable_at: identity.lockout.device_disable_after.into(),
        },
        sessions: sessions(config),
        enrolment: EnrolmentPolicy {
            grace: identity.second_factor.grace,
            roles: named_roles(&identity.second_factor.roles),
        },
        passkeys: passkeys(config),
        mail: mail(config),
        system_use: SystemUse {
            text: identity.system_use.text.clone(),
            version: identity.system_use.version.clone(),
            required: identity.system_use.required,
        },
        inactivity: InactivityPolicy {
            enabled: config.disables_inactive(),
            after: identity.inactivity.after,
            warning: identity.inactivity.warning,
        },
        erasure_delay: config.erasure.delay,
        authorization: AuthorizationPolicy {
            two_person: config.takes_two_persons(),
            break_glass_life: config.authorization.break_glass_life,
        },
        ..Settings::new(config.issuer(), identity.audience.clone())
    })
}

/// How long sessions last.
fn sessions(config: &Config) -> SessionPolicy {
    let sessions = &config.identity.sessions;
    SessionPolicy {
        aal2: Lifetime {
            absolute: sessions.aal2_absolute,
            idle: sessions.aal2_idle,
        },
        aal3: Lifetime {
            absolute: sessions.aal3_absolute,
            idle: sessions.aal3_idle,
        },
        max_per_user: sessions.max_per_user.into(),
    }
}

/// For which site passkeys are.
fn passkeys(config: &Config) -> PasskeyPolicy {
    let (rp_id, origins) = config.passkey_site();
    let passkeys = &config.identity.passkeys;
    PasskeyPolicy {
        rp_name: passkeys.rp_name.clone().unwrap_or_else(|| rp_id.clone()),
        rp_id,
        origins,
        per_user: passkeys.max_per_user.into(),
    }
}

/// What is mailed, and how long it is good for.
fn mail(config: &Config) -> MailSettings {
    let links = &config.identity.links;
    MailSettings {
        enabled: config.mail_delivery() != MailDelivery::Off,
        reset_life: links.reset,
        verify_life: links.verify,
        change_life: links.change,
        objection_life: links.objection,
        unlock_life: links.unlock,
        invitation_life: links.invitation,
        pause: links.pause,
        attempts: links.attempts,
        first_pause: links.first_pause,
    }
}

/// What a password must be like.
fn passwords(config: &Config) -> Result<PasswordPolicy, StartError> {
    let identity = &config.identity;
    let policy = PasswordPolicy::new(usize::from(identity.min_password_length))
        .map_err(|error| StartError::Hashing(error.to_string()))?;
    let refused = |error: &dyn std::fmt::Display| StartError::Hashing(error.to_string());
    let policy = policy
        .beside_factor(usize::from(identity.passwords.min_length_with_mfa))
        .map_err(|error| refused(&error))?;
    let legacy = identity.passwords.legacy.policy();
    let mut policy = policy
        .with_legacy(legacy.map_err(|error| refused(&error))?)
        .with_words(identity.password_words.iter().cloned());
    if let Some(ranges) = breaches::ranges(config)? {
        policy = policy.asking(ranges);
    }
    let Some(path) = &identity.password_blocklist else {
        return Ok(policy);
    };
    let refused = |error: &dyn std::fmt::Display| {
        StartError::Hashing(format!("password_blocklist: {}: {error}", path.display()))
    };
    let file = std::fs::read(path).map_err(|error| refused(&error))?;
    let list = Blocklist::decode(&file).map_err(|error| refused(&error))?;
    Ok(policy.also_refusing(list))
}

pub(super) fn key_limits(config: &Config) -> CacheLimits {
    let keys = &config.keys;
    CacheLimits {
        capacity: usize::try_from(keys.subject_cache).unwrap_or(usize::MAX),
        max_age: keys.subject_cache_age,
        unwraps_per_minute: keys.unwraps_per_minute.into(),
        outage: OutageLimits {
            max_age: keys.confirm_after,
            write_grace: keys.write_grace,
            read_grace: keys.read_grace,
        },
        ..CacheLimits::default()
    }
}

/// How jobs over keys are run.
pub(super) fn jobs(config: &Config) -> JobSettings {
    JobSettings {
        lease: config.keys.job_lease,
        ..JobSettings::new(config.keys.reload_interval)
    }
}

/// By their names alone: no role of an organization has the name of a built-in one.
fn named_roles(roles: &[String]) -> Vec<String> {
    let name = |role: &String| role.strip_prefix(OWN_ROLE).unwrap_or(role).to_owned();
    roles.iter().map(name).collect()
}

/// How long events are kept.
pub(super) fn retention(config: &Config) -> Result<RetentionSettings, TooShort> {
    let retention = &config.audit.retention;
    let mut policy = Policy::documented();
    for (name, period) in retention.periods() {
        for class in CLASSES.iter().filter(|class| class.name == name) {
            policy = policy.keep(class, period)?;
        }
    }
    Ok(RetentionSettings {
        enabled: retention.enabled,
        policy,
    })
}
