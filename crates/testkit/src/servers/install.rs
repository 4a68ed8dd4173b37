//! Installing the servers: Debian's packages, without starting the services that come with them, and what pip has.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::Component;
use super::binaries::on_path;
use super::components::venv;
use super::process::is_root;

const POLICY: &str = "/usr/sbin/policy-rc.d";
const CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Whether this user may install packages here.
pub fn can_install() -> bool {
    is_root() && on_path("apt-get").is_some()
}

/// Installs `components`; no cluster is created and no service is started. One that cannot be had does not keep the others
/// away.
///
/// # Errors
/// The last lines of apt or pip when one of them fails, for example without a network.
pub fn install(components: &[Component]) -> Result<()> {
    let by_apt: Vec<_> = components
        .iter()
        .copied()
        .filter(|component| venv::of(*component).is_none_or(|_| !venv::can_make()))
        .collect();
    let mut failures = Vec::new();
    if can_install()
        && let Err(error) = install_packages(&by_apt)
    {
        failures.push(format!("{error:#}"));
    }
    for venv in components.iter().filter_map(|component| venv::of(*component)) {
        if let Err(error) = venv::make(venv) {
            failures.push(format!("{error:#}"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}

/// The Python that has the library tlog-scales, which is installed unless it is there.
///
/// # Errors
/// The last lines of pip, for example without a network.
pub fn tlog_scales() -> Result<PathBuf> {
    venv::make(&venv::TLOG_SCALES)?;
    venv::installed(&venv::TLOG_SCALES).context("tlog-scales was not installed")
}

/// The Python that has pyotp, pyseto and argon2-cffi, which are installed unless they are there.
///
/// # Errors
/// The last lines of pip, for example without a network.
pub fn identity_judges() -> Result<PathBuf> {
    venv::make(&venv::IDENTITY)?;
    venv::installed(&venv::IDENTITY).context("pyotp, pyseto and argon2-cffi were not installed")
}

/// Chromium, and the program that drives it, which are installed unless they are there.
///
/// # Errors
/// The last lines of apt, for example without a network; or when this user may not install packages.
pub fn chromium() -> Result<(PathBuf, PathBuf)> {
    let found = || Some((on_path("chromium")?, on_path("chromedriver")?));
    if found().is_none() && can_install() {
        let _services_stay_down = ServicePolicy::forbid()?;
        let packages = ["chromium", "chromium-driver"];
        if apt_install(&packages).is_err() {
            apt(&["update", "-qq"])?;
            apt_install(&packages)?;
        }
    }
    found().context("install Debian's packages chromium and chromium-driver")
}

fn install_packages(components: &[Component]) -> Result<()> {
    if components.is_empty() {
        return Ok(());
    }
    let _services_stay_down = ServicePolicy::forbid()?;
    if components.contains(&Component::Postgres) {
        forbid_main_cluster(Path::new(CLUSTER))?;
    }
    let packages: Vec<_> = components
        .iter()
        .flat_map(|component| component.packages())
        .copied()
        .collect();
    // The lists may be absent or old: try with what is there, then refresh them once.
    if apt_install(&packages).is_err() {
        apt(&["update", "-qq"])?;
        apt_install(&packages)?;
    }
    Ok(())
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let options = [
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "-o",
        "Dpkg::Options::=--force-confold",
    ];
    apt(&[&options, packages].concat())
}

fn apt(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .context("apt-get could not be started")?;
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<_> = text.lines().collect();
    let tail = lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n");
    ensure!(
        output.status.success(),
        "apt-get {} failed: {tail}",
        arguments.first().unwrap_or(&"")
    );
    Ok(())
}

/// Debian's package makes and starts a cluster of its own unless this says no; a file that is there is left alone.
fn forbid_main_cluster(file: &Path) -> Result<()> {
    if file.exists() {
        return Ok(());
    }
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(file, "create_main_cluster = false\n")
        .with_context(|| format!("cannot write {}", file.display()))
}

/// While it lives, package scripts may not start services (`policy-rc.d` answers 101, Debian Policy 9.3.3.1).
struct ServicePolicy(Option<PathBuf>);

impl ServicePolicy {
    fn forbid() -> Result<Self> {
        let file = PathBuf::from(POLICY);
        if file.exists() {
            return Ok(Self(None));
        }
        std::fs::write(&file, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
        let policy = Self(Some(file));
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(POLICY, executable)
            .with_context(|| format!("cannot make {POLICY} executable"))?;
        Ok(policy)
    }
}

impl Drop for ServicePolicy {
    fn drop(&mut self) {
        if let Some(file) = self.0.take() {
            let _removed = std::fs::remove_file(file);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_setting_that_is_there_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("etc/createcluster.conf");
        forbid_main_cluster(&file).unwrap();
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "create_main_cluster = false\n"
        );
        std::fs::write(&file, "own\n").unwrap();
        forbid_main_cluster(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "own\n");
    }
}
