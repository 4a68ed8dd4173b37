//! Field encryption in one process, without a database: one field sealed and opened.

use std::{error::Error, io::Write};

use vutf_crypto_keys::memory::{MemoryKeys, MemoryWrapper};
use vutf_crypto_keys::{FieldRef, KeyReader as _, Keyring, Purpose, commit_new, plan_missing};
use vutf_kernel::{Actor, Ctx, Env, OrganizationId, OsEntropy, RequestId, Secret, SystemClock, Transaction};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (clock, mut entropy) = (SystemClock, OsEntropy);
    let mut env = Env {
        clock: &clock,
        entropy: &mut entropy,
    };
    let organization_id = OrganizationId::DEFAULT;
    let wrapper = MemoryWrapper::new("example", Secret::new(env.entropy.bytes()))?;

    // Make the keys outside a transaction, write them inside one, then load.
    let wanted = [Purpose::field("users")];
    let planned = plan_missing(&mut env, &wrapper, organization_id, &[], &wanted).await?;
    let request_id = RequestId::parse("example").ok_or("not a request id")?;
    let ctx = Ctx::internal(organization_id, Actor::Operator, request_id);
    let store = MemoryKeys::default();
    let mut tx = Box::new(store.begin());
    commit_new(&ctx, &mut env, &mut *tx, &planned).await?;
    tx.commit().await?;
    let rows = store.list(None).await?;
    let ring = Keyring::new();
    let report = ring.load(&wrapper, rows).await?;
    ring.self_test()?;
    let field = FieldRef {
        organization_id,
        table: "users",
        column: "email",
        row: b"row-1",
        subject: None,
    };
    let sealed = ring.seal(&field, b"ada@example.org", env.entropy)?;
    let opened = ring.open(&field, &sealed)?.expose().len();
    let elsewhere = FieldRef {
        row: b"row-2",
        ..field
    };
    let refusal = ring
        .open(&elsewhere, &sealed)
        .err()
        .ok_or("it opened elsewhere")?;

    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} keys loaded, {} events",
        report.loaded,
        store.events().len()
    )?;
    writeln!(out, "{opened} bytes in, {} bytes sealed", sealed.len())?;
    writeln!(out, "in another row: {refusal}")?;
    Ok(())
}
