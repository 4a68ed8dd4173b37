//! The `violentutf-api` binary.

use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    vutf_server::cli::note_panics();
    // Whatever this process makes is for its own user, the files that SQLite makes beside its database included.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // The only provider: whoever asks for TLS gets this one. A second installation would be a defect of this function.
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(vutf_server::cli::run(std::env::args_os().collect()));
            // What still blocks a thread, such as a read from the terminal, must not keep the process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            let _best_effort = writeln!(std::io::stderr(), "error: the runtime cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
