//! One check against a table that is not protected, and against one that is.
//!
//! `cargo run -p vutf-compliance --example embed-compliance`

use std::{error::Error, io::Write, sync::Arc};

use async_trait::async_trait;
use vutf_compliance::{AppendOnlyCheck, AppendOnlyProbe, CheckRegistry, ProbeOutcome};
use vutf_kernel::{PortError, SystemClock};

/// A table, as an embedder's database would answer for it.
struct Table {
    protected: bool,
}

impl Table {
    fn answer(&self) -> ProbeOutcome {
        if self.protected {
            let message = "audit records are append-only".to_owned();
            ProbeOutcome::Refused { message }
        } else {
            ProbeOutcome::Accepted { rows: 1 }
        }
    }
}

#[async_trait]
impl AppendOnlyProbe for Table {
    async fn try_update(&self) -> Result<ProbeOutcome, PortError> {
        Ok(self.answer())
    }
    async fn try_delete(&self) -> Result<ProbeOutcome, PortError> {
        Ok(self.answer())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    for protected in [false, true] {
        let mut registry = CheckRegistry::default();
        registry.register(Box::new(AppendOnlyCheck::new(Arc::new(Table { protected }))))?;
        for run in registry.run(&SystemClock).await {
            let seen = run.result?;
            writeln!(
                out,
                "{} {}: {} {:?}",
                run.check_id,
                seen.control,
                seen.outcome.as_str(),
                seen.facts
            )?;
        }
    }
    Ok(())
}
