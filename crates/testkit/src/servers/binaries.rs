//! Where the servers' programs are.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::settings;

/// A server that tests need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
}

impl Component {
    /// The name in `VUTF_TEST_SKIP` and in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    /// Debian's package of it.
    pub fn package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis-server",
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
}

impl Binaries {
    /// What is not installed.
    pub fn missing(&self) -> Vec<Component> {
        let mut missing = Vec::new();
        if self.postgres.is_none() {
            missing.push(Component::Postgres);
        }
        if self.redis.is_none() {
            missing.push(Component::Redis);
        }
        missing
    }

    /// What the program says to `--version`, for example `postgres (PostgreSQL) 15.14`.
    pub fn version(&self, component: Component) -> Option<String> {
        let program = match component {
            Component::Postgres => self.postgres.as_ref()?.join("postgres"),
            Component::Redis => self.redis.clone()?,
        };
        let output = Command::new(program).arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .map(str::to_owned)
    }
}

/// Looks for PostgreSQL in `$PG_BIN_DIR`, then the highest `/usr/lib/postgresql/*/bin`, then on `PATH`; for Redis on
/// `PATH`.
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
    }
}

/// One line that says how to get what is missing.
pub fn install_hint(missing: &[Component]) -> String {
    let packages: Vec<_> = missing.iter().map(|component| component.package()).collect();
    format!(
        "install with `apt-get install --no-install-recommends {}` (or set PG_BIN_DIR, VUTF_TEST_DATABASE_URL, VUTF_TEST_REDIS_URL)",
        packages.join(" ")
    )
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
        assert_eq!(hint.lines().count(), 1);
    }
}
