//! What this machine gives: files, room, ports.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use rustix::fs::{Access, access, statvfs};

use super::Check;
use crate::{
    cli::{healthcheck, probe},
    config::Config,
};

const MIB: u64 = 1024 * 1024;
/// Below this, readiness is degraded.
const DISK_FLOOR: u64 = 64 * MIB;
/// Below this, there are days left and not months.
const DISK_LOW: u64 = 1024 * MIB;

pub(super) fn data_directory(config: &Config) -> Check {
    const NAME: &str = "data directory";
    let path = &config.data_dir;
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return match access(nearest(path), Access::WRITE_OK | Access::EXEC_OK) {
                Ok(()) => Check::ok(
                    NAME,
                    format!("{shown} is not there yet; the first start makes it"),
                ),
                Err(error) => Check::fail(NAME, format!("{shown} cannot be made: {error}"), MEND),
            };
        }
        Err(error) => return Check::fail(NAME, format!("{shown}: {error}"), MEND),
    };
    if !metadata.is_dir() {
        return Check::fail(NAME, format!("{shown} is no directory"), MEND);
    }
    if let Err(error) = access(path, Access::WRITE_OK | Access::EXEC_OK) {
        return Check::fail(NAME, format!("{shown} cannot be written to: {error}"), MEND);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let found = format!("{shown} is open to others (mode {mode:04o})");
        return Check::warn(NAME, found, format!("run: chmod 700 {shown}"));
    }
    Check::ok(NAME, format!("{shown}, mode {mode:04o}"))
}

const MEND: &str = "set VUTF__DATA_DIR to a directory that this user may write to";

pub(super) fn disk(config: &Config) -> Check {
    const NAME: &str = "disk";
    match statvfs(nearest(&config.data_dir)) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let found = format!("{} MiB free", free / MIB);
            let mend = "make room, or set VUTF__DATA_DIR to another disk";
            match free {
                free if free < DISK_FLOOR => Check::fail(NAME, found, mend),
                free if free < DISK_LOW => Check::warn(NAME, found, mend),
                _ => Check::ok(NAME, found),
            }
        }
        Err(error) => Check::fail(NAME, format!("free space is not known: {error}"), MEND),
    }
}

/// The path itself, or the directory above it that is there.
fn nearest(path: &Path) -> &Path {
    let mut ancestors = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    ancestors.find(|path| path.exists()).unwrap_or(Path::new("."))
}

pub(super) fn listeners(config: &Config) -> [Check; 2] {
    let (public, management) = (&config.server, &config.management);
    [
        listener("public port", public.host, public.port, "VUTF__SERVER__PORT"),
        listener(
            "management port",
            management.host,
            management.port,
            "VUTF__MANAGEMENT__PORT",
        ),
    ]
}

fn listener(name: &'static str, host: IpAddr, port: u16, setting: &str) -> Check {
    let address = SocketAddr::new(host, port);
    if port == 0 {
        return Check::ok(name, "chosen by the system at each start");
    }
    let error = match TcpListener::bind(address) {
        Ok(_closed_again) => return Check::ok(name, format!("{address} is free")),
        Err(error) => error,
    };
    if error.kind() == io::ErrorKind::AddrInUse
        && let Ok(probe::Answer::Service { status, .. }) = probe::ask(healthcheck::reachable(host, port))
    {
        return Check::ok(
            name,
            format!("{address} is served by this service, which is {status}"),
        );
    }
    Check::fail(
        name,
        format!("{address}: {error}"),
        format!("choose another with {setting}"),
    )
}
