//! Makes the migrated database that tests copy, says so in one line (`NAME VERSION`), and keeps it until standard input
//! ends: also when the process that started this one is killed.

use std::io::{Read as _, Write as _};

use anyhow::{Context as _, Result};
use vutf_testkit::servers::database;
use vutf_testkit::servers::settings::{DATABASE_URL, variable};

#[tokio::main]
async fn main() -> Result<()> {
    let server = variable(DATABASE_URL).with_context(|| format!("{DATABASE_URL} names no server"))?;
    let template = database::create_migrated(&server)
        .await
        .context("cannot make the template database")?;
    template.seal_as_template().await?;
    let version = database::server_version(&server).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{} {version}", template.name())?;
    stdout.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    template.close().await
}
