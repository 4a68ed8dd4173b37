//! A server's private directory, and the watchdog that clears up after an owner that was killed.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::process::{Signal, UNPRIVILEGED, is_root, unprivileged};

/// Whom the files and the server of a [`Home`] belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// The servers' own user when the tests run as root; else the user who runs the tests.
    Servers,
    /// The user who runs the tests: for what tests do in their own process, and for programs that nobody else can reach.
    Own,
}

impl Account {
    /// [`Account::Servers`] where that user can reach every one of these files.
    pub(super) fn for_programs(programs: &[&Path]) -> Self {
        if programs.iter().all(|program| is_open(program)) {
            Self::Servers
        } else {
            Self::Own
        }
    }

    pub(super) fn apply(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Servers => unprivileged(command),
            Self::Own => command,
        }
    }
}

/// Speaks three words on standard input: `pid PID SIGNAL`, `gone`, `done`. End of file without `done` means that the
/// owner died: the server is ended (SIGKILL after 5 s) and the directory removed.
const WATCHDOG: &str = r#"
dir=$1; pid=
while read -r word value signal; do
  case $word in
    pid) pid=$value; ending=$signal ;;
    gone) pid= ;;
    done) exit 0 ;;
  esac
done
if [ -n "$pid" ]; then
  kill -s CONT "$pid"; kill -s "$ending" "$pid"
  n=0
  while kill -0 "$pid" && [ "$n" -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
  kill -s KILL "$pid"
fi
cd / && rm -rf -- "$dir"
"#;

/// What the files are kept on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Memory where there is at least 1 GiB of it, else a disk: for servers whose data may be lost.
    Memory,
    /// A disk: for tests of durability.
    Disk,
}

/// A directory, mode 700 and owned by the servers' user, that is removed with its owner, however the owner ends.
#[derive(Debug)]
pub struct Home {
    directory: TempDir,
    watchdog: Child,
    account: Account,
}

impl Home {
    /// Makes the directory; `name` becomes a part of its name.
    ///
    /// # Errors
    /// When the directory or its watchdog cannot be made.
    pub fn create(name: &str, place: Place) -> Result<Self> {
        Self::create_for(name, place, Account::Servers)
    }

    /// As [`Home::create`], for another account.
    ///
    /// # Errors
    /// As [`Home::create`].
    pub fn create_for(name: &str, place: Place, account: Account) -> Result<Self> {
        let root = place.root();
        let directory = tempfile::Builder::new()
            .prefix(&format!("vutf-{name}-"))
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(&root)
            .with_context(|| format!("cannot make a directory in {}", root.display()))?;
        if is_root() && account == Account::Servers {
            std::os::unix::fs::chown(directory.path(), Some(UNPRIVILEGED), Some(UNPRIVILEGED))?;
        }
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCHDOG, "watchdog"]).arg(directory.path());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // A group of its own: the terminal's Ctrl-C ends the owner, then the watchdog clears up.
        account.apply(&mut command).current_dir("/").process_group(0);
        let watchdog = command.spawn().context("cannot start the watchdog")?;
        Ok(Self {
            directory,
            watchdog,
            account,
        })
    }

    /// Whose it is.
    pub(super) fn account(&self) -> Account {
        self.account
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The file that takes a server's output.
    pub fn log_file(&self) -> PathBuf {
        self.path().join("log")
    }

    /// The last `lines` lines of the log, for error messages.
    pub fn log_tail(&self, lines: usize) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        all.get(all.len().saturating_sub(lines)..)
            .unwrap_or_default()
            .join("\n")
    }

    pub(super) fn server_started(&self, pid: u32, ending: Signal) -> Result<()> {
        self.tell(&format!("pid {pid} {}", ending.name()))
            .context("the watchdog is gone")
    }

    pub(super) fn server_gone(&self) {
        let _nobody_left_to_tell = self.tell("gone");
    }

    fn tell(&self, line: &str) -> std::io::Result<()> {
        let Some(mut input) = self.watchdog.stdin.as_ref() else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        input.write_all(format!("{line}\n").as_bytes())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _nobody_left_to_tell = self.tell("done");
        drop(self.watchdog.stdin.take());
        let _reaped = self.watchdog.wait();
    }
}

impl Place {
    /// The directory to make directories in.
    pub fn root(self) -> PathBuf {
        let memory = Path::new("/dev/shm");
        if self == Self::Memory && available_kib(memory).is_some_and(|free| free >= 1 << 20) {
            return memory.to_path_buf();
        }
        // Not TMPDIR: the servers' user may be unable to enter it.
        PathBuf::from("/tmp")
    }
}

/// Whether every account can reach and read the file that `path` leads to: by the path as it is given, too, since the interpreter of
/// an environment is a link to one that stands elsewhere.
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.permissions().mode());
    let reachable = |path: &Path| {
        let mut parents = path.ancestors().skip(1);
        parents.all(|parent| parent.as_os_str().is_empty() || mode(parent) & 0o001 != 0)
    };
    mode(&real) & 0o004 != 0 && reachable(path) && reachable(&real)
}

/// Free space in KiB, from the fourth column of POSIX `df -Pk`.
fn available_kib(path: &Path) -> Option<u64> {
    let output = Command::new("df")
        .arg("-Pk")
        .arg(path)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .nth(1)?
        .split_whitespace()
        .nth(3)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_behind_a_closed_door_is_run_by_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let program = directory.path().join("program");
        std::fs::write(&program, "").unwrap();
        let open = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(directory.path(), permissions).unwrap();
            Account::for_programs(&[Path::new("/bin/sh"), &program])
        };
        assert_eq!(open(0o755), Account::Servers);
        assert_eq!(open(0o700), Account::Own);
        assert_eq!(Account::for_programs(&[Path::new("/nonexistent")]), Account::Own);
    }

    #[test]
    fn only_its_user_can_enter_and_it_goes_with_its_owner() {
        use std::os::unix::fs::MetadataExt as _;
        let home = Home::create("home-test", Place::Memory).unwrap();
        let path = home.path().to_path_buf();
        let metadata = std::fs::metadata(&path).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o700);
        if is_root() {
            assert_eq!(metadata.uid(), UNPRIVILEGED);
        }
        drop(home);
        assert!(!path.exists());
    }
}
