//! The command line: the real binary, its output and its exit codes.

mod accounts;
mod audit;
mod configuration;
mod doctor;
mod erasures;
mod imports;
mod kek;
mod keys;
mod postgres;
mod programs;
mod retention;
mod schema;
mod suites;
mod usage;
mod witness;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use vutf_testkit::process::{ServerBuilder, ServerProcess};

/// How a command ended.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// One line of JSON on standard output.
    #[track_caller]
    fn json(self) -> Value {
        let text = self.ok();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// One line for a person on standard error, and nothing else.
    #[track_caller]
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "an answer although it failed");
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        self.err
    }
}

/// A directory of its own, and the program in it.
struct Site {
    home: TempDir,
    server: ServerBuilder,
}

impl Site {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let server = ServerProcess::builder(home.path()).unwrap();
        Self { home, server }
    }

    /// With a schema.
    fn migrated() -> Self {
        let site = Self::new();
        site.run(&["migrate", "up"]).ok();
        site
    }

    fn on(mut self, database: &str) -> Self {
        self.server = self.server.database(database);
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.server = self.server.env(name, value);
        self
    }

    fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.server.command(arguments).unwrap())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that refuses its arguments does not read.
        let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
        Done::of(child.wait_with_output().unwrap())
    }

    /// The program, ready to be started.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_violentutf-api"));
        command
            .args(arguments)
            .env_clear()
            .envs(self.server.settings())
            .current_dir(self.home.path());
        command
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    /// Where a test looks and tampers behind the program's back.
    fn database(&self) -> String {
        format!("sqlite://{}", self.server.data().join("violentutf.db").display())
    }

    /// Makes an administrator.
    fn admin(&self, name: &str) -> Done {
        let email = format!("{name}@example.org");
        let arguments = [
            "user",
            "create-admin",
            "--username",
            name,
            "--email",
            &email,
            "--json",
        ];
        self.run_with_input(&arguments, "correct horse battery staple\n")
    }
}
