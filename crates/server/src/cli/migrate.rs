//! `migrate`: the schema up, down, or as it is.

use serde_json::json;
use vutf_store_seaorm::{DownError, MigrationLine, SeaStore};

use super::{
    answer::{count, table},
    args::Migrate,
    database,
    failure::{Failure, Outcome},
    output::Output,
    start,
};
use crate::{
    config::Sources,
    service::{self, StartError},
};

/// What to take back.
struct Down {
    steps: u32,
    /// Migrations whose rows may go.
    destroy: Vec<String>,
}

pub(super) async fn run(action: Migrate, sources: &Sources, out: &mut Output) -> Outcome {
    let config = start::command(sources)?;
    if matches!(action, Migrate::Up) {
        service::prepare_data_dir(&config.data_dir)?;
    } else {
        database::must_exist(&config)?;
    }
    let store = database::connect(&config).await?;
    let done = match action {
        Migrate::Up => up(&store, out).await,
        Migrate::Down { steps, destroy_data } => {
            let destroy = destroy_data;
            down(&store, config.is_production(), Down { steps, destroy }, out).await
        }
        Migrate::Status => status(&store, out).await,
    };
    store.close().await;
    done
}

async fn up(store: &SeaStore, out: &mut Output) -> Outcome {
    let applied = store.migrate_up().await.map_err(StartError::Schema)?;
    let text = if applied.is_empty() {
        "The schema is up to date; nothing was applied.".to_owned()
    } else {
        format!("Applied {}:\n{}", migrations(applied.len()), list(&applied))
    };
    Ok(out.answer(&text, &json!({"applied": applied}))?)
}

async fn down(store: &SeaStore, production: bool, down: Down, out: &mut Output) -> Outcome {
    if production && !down.destroy.is_empty() {
        let text = "profile `production` destroys no data: leave out --destroy-data";
        return Err(Failure::Usage(text.to_owned()));
    }
    let done = store.migrate_down(down.steps, &down.destroy).await;
    let reverted = done.map_err(|error| match error {
        error @ DownError::HoldsData { .. } if production => Failure::Failed(format!(
            "{error}; profile `production` destroys no data: restore a backup from before the migration instead"
        )),
        DownError::HoldsData { ref name, .. } => Failure::Failed(format!(
            "{error}; nothing was taken back. To destroy them for good, add: --destroy-data {name}"
        )),
        DownError::Schema(error) => StartError::Schema(error).into(),
    })?;
    let text = if reverted.is_empty() {
        "No migration was applied; nothing was taken back.".to_owned()
    } else {
        format!("Took back {}:\n{}", migrations(reverted.len()), list(&reverted))
    };
    Ok(out.answer(&text, &json!({"reverted": reverted}))?)
}

async fn status(store: &SeaStore, out: &mut Output) -> Outcome {
    store.refuse_newer().await.map_err(StartError::Schema)?;
    let lines = store.migration_status().await?;
    let pending = lines.iter().filter(|line| !line.applied).count();
    let row = |line: &MigrationLine| {
        let state = if line.applied { "applied" } else { "pending" };
        [line.name.clone(), state.to_owned()]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let end = if pending == 0 {
        "The schema is up to date.".to_owned()
    } else {
        format!(
            "{} to apply: run `violentutf-api migrate up`.",
            migrations(pending)
        )
    };
    let text = format!("{}\n{end}", table(["MIGRATION", "STATE"], &rows));
    let migrations: Vec<_> = lines
        .iter()
        .map(|line| json!({"name": line.name, "applied": line.applied}))
        .collect();
    let value = json!({"up_to_date": pending == 0, "migrations": migrations});
    Ok(out.answer(&text, &value)?)
}

fn migrations(number: usize) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX), "migration")
}

fn list(names: &[String]) -> String {
    format!("  {}\n", names.join("\n  "))
}
