//! Tells the program how it was built, for `violentutf-api version`.

use std::{ffi::OsString, io::Write as _, process::Command};

fn main() -> std::io::Result<()> {
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
    let compiler = match variable("RUSTC") {
        path if path.is_empty() => OsString::from("rustc"),
        path => path,
    };
    let rustc = Command::new(compiler).arg("--version").output()?.stdout;
    let rustc = String::from_utf8_lossy(&rustc);
    let mut out = std::io::stdout();
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    writeln!(out, "cargo::rustc-env=VUTF_RUSTC={}", rustc.trim())?;
    for (name, from) in [("VUTF_PROFILE", "PROFILE"), ("VUTF_TARGET", "TARGET")] {
        writeln!(
            out,
            "cargo::rustc-env={name}={}",
            variable(from).to_string_lossy()
        )?;
    }
    Ok(())
}
