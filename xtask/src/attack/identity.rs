//! The attacks on identity, one after the other against one service on SQLite, and the table of them.

use std::{fmt::Write as _, fs, process::ExitCode};

use anyhow::{Result, ensure};

use super::{browser, guessing, mail, passkeys, site::Site, tokens};
use crate::{
    output::say,
    workspace::{build, root},
};

const TABLE: &str = "docs/security/attack-drill.md";

/// What is done with the table.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write docs/security/attack-drill.md.
    #[arg(long)]
    write: bool,
}

/// One attack, as it ended.
pub(super) struct Stood {
    /// How many requests the attacker sent.
    pub(super) requests: usize,
    /// What the attacker got.
    pub(super) answer: String,
    /// What the log tells of it.
    pub(super) trace: String,
}

type Attack = (&'static str, &'static str, fn(&Site) -> Result<Stood>);

/// What it is called, what the attacker does, and the attack.
const ATTACKS: [Attack; 18] = [
    (
        "Password spraying",
        "one frequent password tried on 30 accounts from one address",
        guessing::spraying,
    ),
    (
        "Credential stuffing",
        "150 pairs of name and password from another site, each from an address of its own",
        guessing::stuffing,
    ),
    (
        "Guessing in parallel",
        "32 wrong passwords for one account at once",
        guessing::in_parallel,
    ),
    (
        "Lockout as denial of service",
        "30 wrong passwords from 30 networks, so that the owner is locked out; the owner has a device cookie",
        guessing::denial_of_service,
    ),
    (
        "Lockout against a passkey",
        "30 wrong passwords from 30 networks, and 10 signatures of somebody else's; the owner has a passkey, and no browser that is known",
        passkeys::denial_of_service,
    ),
    (
        "Copied passkey",
        "a copy of the key, made before its owner's last sign-in; an answer sent twice; one that was given to another page",
        passkeys::copied,
    ),
    (
        "Guessing the second factor",
        "the password is known: 40 codes, in parallel, over several sign-ins",
        guessing::codes,
    ),
    (
        "Forged access token",
        "signature, claims, footer and key of a token changed; other algorithms",
        tokens::forged,
    ),
    (
        "Stolen access token",
        "used after its owner signed out, and after an administrator locked the account",
        tokens::stolen_access,
    ),
    (
        "Stolen refresh token, thief first",
        "the thief refreshes; the owner does so 11 s later",
        tokens::thief_first,
    ),
    (
        "Stolen refresh token, owner first",
        "the owner refreshes; the thief does so 11 s later",
        tokens::owner_first,
    ),
    (
        "Session without the factor",
        "a session from before the enrolment changes password and factor, and makes backup codes",
        tokens::session_from_before,
    ),
    (
        "Session fixation",
        "a cookie of the attacker's choice, and their own session's, are in the victim's browser before the sign-in",
        browser::fixation,
    ),
    (
        "Forged page",
        "a page elsewhere makes the victim's browser change something: without the token, with it, and with what a browser says of the page",
        browser::forgery,
    ),
    (
        "Reset poisoning",
        "a reset in the victim's name, with `Host`, `X-Forwarded-Host` and `Forwarded` of the attacker's",
        mail::poisoning,
    ),
    (
        "Second factor by reset",
        "the victim's mailbox is read, and a password set by its link; the link is used again",
        mail::around_the_factor,
    ),
    (
        "Another user's session",
        "ends, reads and changes by ids of somebody else",
        tokens::foreign_ids,
    ),
    (
        "Self-made rights",
        "roles, reset of a factor and unlock, asked for by an ordinary user",
        tokens::own_rights,
    ),
];

pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let program = build()?.service;
    let home = tempfile::Builder::new().prefix("vutf-attack-").tempdir()?;
    let site = Site::start(&program, home.path())?;
    let mut table = String::new();
    let mut fallen = Vec::new();
    for (name, deed, attack) in ATTACKS {
        match attack(&site) {
            Ok(stood) => {
                say(&format!("stood   {name}: {}; {}", stood.answer, stood.trace));
                writeln!(
                    table,
                    "| {name} | {deed} | {} | {} | {} |",
                    stood.requests, stood.answer, stood.trace
                )?;
            }
            Err(error) => {
                say(&format!("FALLEN  {name}: {error:#}"));
                fallen.push(name);
            }
        }
    }
    ensure!(fallen.is_empty(), "not withstood: {}", fallen.join(", "));
    if options.write {
        fs::write(root().join(TABLE), document(&table))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(table: &str) -> String {
    format!(
        "# What attacks on sign-in came to\n\n\
         Written by `cargo xtask attack identity --write`, which starts the service on SQLite with its defaults (rate limits off, so \
         that\nnothing but the rules below stands in the way), attacks it over HTTP from loopback, and fails when an attack succeeds \
         or leaves\nno trace in the audit log. Addresses of attackers are written by a trusted proxy.\n\n\
         | attack | what is done | requests | what the attacker gets | what the log tells |\n|---|---|---:|---|---|\n{table}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_documents_has_every_attack() {
        let written = fs::read_to_string(root().join(TABLE)).unwrap();
        for (name, deed, _) in ATTACKS {
            let row = format!("| {name} | {deed} |");
            assert!(
                written.contains(&row),
                "run `cargo xtask attack identity --write`: {row}"
            );
        }
    }
}
