//! A password from the terminal, from standard input or from a file; never from an argument, which other users can see.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _},
    path::Path,
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use vutf_kernel::Secret;

use super::failure::Failure;

/// Longer than any password that is accepted; what is longer is the wrong file.
const LONGEST: u64 = 8 * 1024;

/// The password: from `file`, else typed twice on the terminal, else the first line of standard input.
pub(super) fn read(file: Option<&Path>) -> Result<Secret<String>, Failure> {
    match file {
        Some(path) => {
            let failed = |error: io::Error| {
                Failure::Failed(format!(
                    "the password file {} cannot be read: {error}",
                    path.display()
                ))
            };
            first_line(File::open(path).map_err(failed)?).map_err(failed)
        }
        None if io::stdin().is_terminal() => typed_twice(),
        None => first_line(io::stdin())
            .map_err(|error| Failure::Failed(format!("no password on standard input: {error}"))),
    }
}

/// Up to the first line feed, which does not belong to it, nor does a carriage return before it.
fn first_line(source: impl Read) -> io::Result<Secret<String>> {
    // Room enough from the start: growing would leave copies behind.
    let mut line = String::with_capacity(usize::try_from(LONGEST).unwrap_or_default());
    BufReader::new(source.take(LONGEST)).read_line(&mut line)?;
    let length = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(length);
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty"));
    }
    Ok(Secret::new(line))
}

fn typed_twice() -> Result<Secret<String>, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("no password from the terminal: {error}"));
    let one = typed("Password: ").map_err(failed)?;
    let two = typed("The same again: ").map_err(failed)?;
    if one == two {
        Ok(one)
    } else {
        Err(Failure::Failed("the two passwords differ".to_owned()))
    }
}

/// One line from the terminal, without echo.
pub(super) fn typed(prompt: &str) -> io::Result<Secret<String>> {
    let mut stderr = io::stderr();
    stderr.write_all(prompt.as_bytes())?;
    stderr.flush()?;
    let _silent = Silence::begin()?;
    let line = first_line(io::stdin());
    // The line feed that was typed is not shown either.
    stderr.write_all(b"\n")?;
    line
}

/// The terminal without echo, until this goes away.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _best_effort = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(bytes: &[u8]) -> Option<String> {
        first_line(bytes).ok().map(|secret| secret.expose().clone())
    }

    #[test]
    fn a_password_is_the_first_line_and_keeps_its_blanks() {
        assert_eq!(line(b" correct horse \nrest").as_deref(), Some(" correct horse "));
        assert_eq!(line(b"battery\r\n").as_deref(), Some("battery"));
        assert_eq!(line(b"staple").as_deref(), Some("staple"));
        assert_eq!(line(b""), None);
        assert_eq!(line(b"\n"), None);
        assert_eq!(line(b"\xff\xfe"), None);
    }

    proptest! {
        #[test]
        fn what_is_one_line_comes_back(text in "[^\r\n]{1,80}") {
            prop_assert_eq!(line(format!("{text}\n").as_bytes()), Some(text));
        }
    }
}
