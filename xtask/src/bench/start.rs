//! How long the release binary takes until it serves, and what it holds when nothing happens.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{output::say, workspace::root};

/// Between two looks at the listener; the error of a figure.
const POLL: Duration = Duration::from_millis(1);
/// Ends a hang.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long "idle" is waited for before memory is read.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn run(rounds: usize) -> Result<()> {
    ensure!(rounds > 0, "--rounds must be at least 1");
    let program = build()?;
    let size = fs::metadata(&program)?.len();
    let (mut empty, mut existing, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let home = tempfile::tempdir()?;
        empty.push(start(&program, home.path())?.0);
        let (took, memory) = start(&program, home.path())?;
        existing.push(took);
        resident.push(memory);
    }
    say(&format!("rounds: {rounds}"));
    say(&format!("ready on an empty directory: {}", spread(&mut empty)));
    say(&format!("ready on an existing one: {}", spread(&mut existing)));
    resident.sort_unstable();
    say(&format!(
        "resident when idle: {} MiB (median)",
        mib(resident[resident.len() / 2])
    ));
    say(&format!("size of the binary: {} MiB", mib(size)));
    Ok(())
}

fn build() -> Result<PathBuf> {
    let started = Instant::now();
    let program = super::release()?;
    say(&format!(
        "release build: {} s (only a clean one is a figure)",
        started.elapsed().as_secs()
    ));
    Ok(program)
}

/// Starts, waits for `ready`, and ends it; answers the time and the memory when idle, in bytes.
fn start(program: &Path, home: &Path) -> Result<(Duration, u64)> {
    let (port, management) = (free_port()?, free_port()?);
    let begun = Instant::now();
    let mut child = Command::new(program)
        .current_dir(root())
        .env("VUTF__DATA_DIR", home.join("data"))
        .env("VUTF__SERVER__PORT", port.to_string())
        .env("VUTF__MANAGEMENT__PORT", management.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let found = wait_ready(port, begun).and_then(|took| {
        std::thread::sleep(SETTLE);
        Ok((took, resident(child.id())?))
    });
    end(&mut child)?;
    found
}

fn wait_ready(port: u16, begun: Instant) -> Result<Duration> {
    while begun.elapsed() < PATIENCE {
        if is_ready(port) {
            return Ok(begun.elapsed());
        }
        std::thread::sleep(POLL);
    }
    bail!("not ready after {} s", PATIENCE.as_secs())
}

fn is_ready(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut head = [0_u8; 12];
    stream.write_all(request).is_ok() && stream.read_exact(&mut head).is_ok() && head == *b"HTTP/1.1 200"
}

fn resident(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}

fn end(child: &mut Child) -> Result<()> {
    let asked = Command::new("kill").arg(child.id().to_string()).status()?;
    ensure!(asked.success(), "SIGTERM could not be sent");
    let status = child.wait()?;
    ensure!(status.success(), "the service ended with {status}");
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let (best, worst) = (times[0], times[times.len() - 1]);
    let median = times[times.len() / 2];
    format!(
        "{} ms (median; best {}, worst {})",
        median.as_millis(),
        best.as_millis(),
        worst.as_millis()
    )
}

fn mib(bytes: u64) -> String {
    format!("{}.{}", bytes >> 20, ((bytes & 0xF_FFFF) * 10) >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(mib(25 << 20), "25.0");
        assert_eq!(mib((25 << 20) + (1 << 19)), "25.5");
    }

    #[test]
    fn a_spread_names_the_median() {
        let mut times = [30, 10, 20].map(Duration::from_millis);
        assert_eq!(spread(&mut times), "20 ms (median; best 10, worst 30)");
    }
}
