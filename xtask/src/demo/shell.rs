//! One shell for the whole demo, so that variables live from step to step, as they do for a reader.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

const END: &str = "--- end of step ---";

/// A shell that reads commands from this process.
#[derive(Debug)]
pub(super) struct Shell {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// Starts it in `directory`, with `programs` before everything else on its path and no setting of the caller's.
    pub(super) fn start(directory: &Path, programs: &Path) -> Result<Self> {
        let mut path = programs.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut child = Command::new("/bin/sh")
            .current_dir(directory)
            .env_clear()
            .env("PATH", path)
            .env("HOME", directory)
            .env("LC_ALL", "C")
            .env("no_proxy", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start /bin/sh")?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        let mut shell = Self { child, input, output };
        shell.run("exec 2>&1")?;
        Ok(shell)
    }

    /// Runs commands and returns what they print.
    pub(super) fn run(&mut self, commands: &str) -> Result<String> {
        // Commands read no input: the rest of the script is not theirs.
        write!(self.input, "{{ {commands}\n}} </dev/null\necho '{END}'\n")?;
        self.input.flush()?;
        let mut text = String::new();
        loop {
            let before = text.len();
            let length = self.output.read_line(&mut text)?;
            ensure!(length > 0, "the shell ended in\n{commands}\n{text}");
            if let Some(unended) = text[before..].trim_end().strip_suffix(END) {
                // What was printed last may have no line end.
                let end = before + unended.len();
                text.truncate(end);
                return Ok(text);
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Whether a program can be called by its name.
pub(super) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_live_on_and_output_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let mut shell = Shell::start(home.path(), home.path()).unwrap();
        assert_eq!(shell.run("one=1").unwrap(), "");
        assert_eq!(shell.run("printf 'no end'").unwrap(), "no end");
        assert_eq!(shell.run("echo \"$one\"; echo 2 >&2").unwrap(), "1\n2\n");
        assert_eq!(
            shell.run("false; echo \"exit code $?\"").unwrap(),
            "exit code 1\n"
        );
        assert!(shell.run("exit 3").is_err());
    }
}
