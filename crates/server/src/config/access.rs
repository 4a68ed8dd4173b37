//! Values that follow from several settings.

use std::path::PathBuf;

use vutf_kernel::{BreakerOptions, Secret};

use super::{Config, EmailVerification, Inactive, Profile, TwoPerson};

impl Config {
    /// Whether this is the production profile.
    pub fn is_production(&self) -> bool {
        self.profile == Profile::Production
    }

    /// When each circuit breaker opens, and for how long.
    pub fn breaker_options(&self) -> BreakerOptions {
        BreakerOptions {
            failures: self.breaker.failures,
            cool_down: self.breaker.cool_down,
        }
    }

    /// The database's URL: the configured one, or SQLite in the data directory.
    pub fn database_url(&self) -> Secret<String> {
        self.database.url.as_ref().map_or_else(
            || {
                let file = self.data_dir.join("violentutf.db");
                Secret::new(format!("sqlite://{}?mode=rwc", file.display()))
            },
            |url| url.secret().clone(),
        )
    }

    /// The sealed file of the key-encryption key.
    pub fn kek_file(&self) -> PathBuf {
        self.keys
            .kek_file
            .clone()
            .unwrap_or_else(|| self.data_dir.join("kek.vutf"))
    }

    /// The file of tombstones.
    pub fn tombstones_file(&self) -> PathBuf {
        let named = self.erasure.tombstones.clone();
        named.unwrap_or_else(|| self.data_dir.join("erasure-tombstones.jsonl"))
    }

    /// `iss` of tokens. Never made from the address that a replica listens on: replicas must agree.
    pub fn issuer(&self) -> String {
        let public = || self.server.public_url.as_ref().map(|url| url.as_str().to_owned());
        self.identity
            .issuer
            .clone()
            .or_else(public)
            .unwrap_or_else(|| "violentutf".to_owned())
    }

    /// Whether the most dangerous acts take two persons.
    pub fn takes_two_persons(&self) -> bool {
        match self.authorization.two_person {
            TwoPerson::Auto => self.is_production(),
            TwoPerson::On => true,
            TwoPerson::Off => false,
        }
    }
    /// Whether an e-mail address must be proved before the first sign-in.
    pub fn email_must_be_verified(&self) -> bool {
        match self.identity.email_verification {
            EmailVerification::Auto => self.is_production(),
            EmailVerification::Required => true,
            EmailVerification::Off => false,
        }
    }

    /// Whether accounts are switched off that nobody uses.
    pub fn disables_inactive(&self) -> bool {
        match self.identity.inactivity.disable {
            Inactive::Auto => self.is_production(),
            Inactive::On => true,
            Inactive::Off => false,
        }
    }

    /// Threads that serve requests.
    pub fn worker_threads(&self) -> usize {
        or_cores(self.server.workers)
    }

    /// Passwords hashed at once.
    pub fn hash_permits(&self) -> usize {
        or_cores(self.identity.hash_concurrency)
    }
}

fn or_cores(setting: u16) -> usize {
    match setting {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => usize::from(count),
    }
}
