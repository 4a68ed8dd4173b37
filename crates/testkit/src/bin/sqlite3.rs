//! Stands in for `sqlite3 [-cmd '.timeout MS'] FILE SQL` where that program is not installed: one line a row, columns of text joined
//! by `|`. It waits for a lock in any case.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use vutf_testkit::sql;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The outermost message alone: the chain below it says the same again.
            let _closed = writeln!(std::io::stderr(), "Error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("-cmd").is_some() {
        let _timeout = arguments.next();
    }
    let (Some(file), Some(statements), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: sqlite3 FILE SQL");
    };
    let url = format!("sqlite://{file}");
    if !statements.trim_start().to_ascii_uppercase().starts_with("SELECT") {
        return sql::execute(&url, &statements).await;
    }
    let mut stdout = std::io::stdout();
    for row in sql::texts(&url, &statements).await? {
        writeln!(stdout, "{}", row.join("|")).context("nobody reads")?;
    }
    Ok(())
}
