//! The port contracts, against the in-memory twins and both databases alike.

use std::sync::Arc;

use vutf_audit::{MemoryLog, tlog::publish::MemoryCosignatures};
use vutf_crypto_keys::{job::MemoryJobs, memory::MemoryKeys};
use vutf_identity::memory::MemoryStore;
use vutf_testkit::contracts::{
    analysis::{AnalysisStore, analysis_contract},
    audit::{AuditStore, audit_contract},
    cosignatures::cosignatures_contract,
    exports::exports_contract,
    identity::{identity_contract, mail_contract},
    jobs::{JobStore, TWIN_TABLES, jobs_contract},
    keys::{KeyStore, keys_contract},
};

use crate::world::World;

on_both!(identity, mail, keys, jobs, audit, cosignatures, exports, analysis);

async fn identity(world: World) {
    identity_contract(Arc::new(world.store.clone())).await;
}

async fn mail(world: World) {
    mail_contract(Arc::new(world.store.clone()), &world.store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_mail() {
    let store = MemoryStore::default();
    mail_contract(Arc::new(store.clone()), &store).await;
}

async fn keys(world: World) {
    keys_contract(KeyStore::Store(Arc::new(world.store.clone()))).await;
}

async fn jobs(world: World) {
    jobs_contract(JobStore::Store(Arc::new(world.store.clone()), world.place.url())).await;
}

async fn analysis(world: World) {
    analysis_contract(AnalysisStore::Store(Arc::new(world.store.clone()))).await;
}

async fn audit(world: World) {
    audit_contract(world.log()).await;
}

async fn cosignatures(world: World) {
    cosignatures_contract(&world.store).await;
    for change in [
        "UPDATE audit_cosignature SET line = 'x'",
        "DELETE FROM audit_cosignature",
    ] {
        assert!(world.try_sql(change).await.is_err(), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_cosignatures() {
    cosignatures_contract(&MemoryCosignatures::default()).await;
}

async fn exports(world: World) {
    exports_contract(&world.store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_exports() {
    exports_contract(&MemoryLog::unsealed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_identity() {
    identity_contract(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_the_key_registry() {
    keys_contract(KeyStore::Memory(MemoryKeys::default())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_the_jobs() {
    jobs_contract(JobStore::Memory(MemoryJobs::new(&TWIN_TABLES))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_the_audit_log() {
    audit_contract(AuditStore::Memory(MemoryLog::unsealed())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_twin_of_the_analysis() {
    analysis_contract(AnalysisStore::memory()).await;
}
