#![doc = include_str!("../README.md")]
#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait leaves the lifetime out, and an implementation must match it"
)]

mod dialect;
mod m0001_organizations;
mod m0002_users;
mod m0003_sessions;
mod m0004_keys;
mod m0005_audit;
mod m0006_key_lifecycle;
mod m0007_erasure;
mod m0008_key_jobs;
mod m0009_audit_tree;
mod m0010_audit_analysis;
mod m0011_audit_exports;
mod m0012_audit_witness;
mod m0013_audit_search;
mod m0014_audit_retention;
mod m0015_mfa;
mod m0016_api_keys;
mod m0017_mail;
mod m0018_sessions;
mod m0019_passkeys;
mod m0020_authorization;
mod m0021_people;
mod m0022_passwords;
mod m0023_roles;
mod m0024_audit_actors;

pub use sea_orm_migration::{MigrationStatus, MigratorTrait};
use sea_orm_migration::{MigrationTrait, async_trait};

/// All migrations, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_organizations::Migration),
            Box::new(m0002_users::Migration),
            Box::new(m0003_sessions::Migration),
            Box::new(m0004_keys::Migration),
            Box::new(m0005_audit::Migration),
            Box::new(m0006_key_lifecycle::Migration),
            Box::new(m0007_erasure::Migration),
            Box::new(m0008_key_jobs::Migration),
            Box::new(m0009_audit_tree::Migration),
            Box::new(m0010_audit_analysis::Migration),
            Box::new(m0011_audit_exports::Migration),
            Box::new(m0012_audit_witness::Migration),
            Box::new(m0013_audit_search::Migration),
            Box::new(m0014_audit_retention::Migration),
            Box::new(m0015_mfa::Migration),
            Box::new(m0016_api_keys::Migration),
            Box::new(m0017_mail::Migration),
            Box::new(m0018_sessions::Migration),
            Box::new(m0019_passkeys::Migration),
            Box::new(m0020_authorization::Migration),
            Box::new(m0021_people::Migration),
            Box::new(m0022_passwords::Migration),
            Box::new(m0023_roles::Migration),
            Box::new(m0024_audit_actors::Migration),
        ]
    }
}
