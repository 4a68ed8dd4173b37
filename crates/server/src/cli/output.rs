//! The one writer of answers.

use std::{
    fmt::Write as _,
    io::{self, BufWriter, IsTerminal as _, Write},
};

use clap::builder::styling::{AnsiColor, Style};
use serde_json::Value;

/// Standard output, for people or for programs. A reader who goes away is an error of kind `BrokenPipe`, never a panic.
pub(super) struct Output {
    sink: Box<dyn Write + Send>,
    json: bool,
    colour: bool,
}

impl Output {
    pub(super) fn stdout(json: bool) -> Self {
        let stdout = io::stdout();
        // https://no-color.org: present and not empty.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: stdout.is_terminal() && !plain && !json,
            sink: Box::new(BufWriter::new(stdout)),
            json,
        }
    }

    #[cfg(test)]
    pub(super) fn to(sink: impl Write + Send + 'static, json: bool) -> Self {
        Self {
            sink: Box::new(sink),
            json,
            colour: false,
        }
    }

    /// Whether a program reads.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// One answer: text for people, or one line of JSON.
    pub(super) fn answer(&mut self, text: &str, value: &Value) -> io::Result<()> {
        if self.json {
            writeln!(self.sink, "{value}")
        } else {
            self.text(text)
        }
    }

    /// A document as it is, whoever reads; ends with one line feed.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        self.sink.write_all(text.as_bytes())?;
        if text.ends_with('\n') {
            Ok(())
        } else {
            self.sink.write_all(b"\n")
        }
    }

    /// `text` in a colour, on terminals.
    pub(super) fn paint(&self, text: &str, colour: AnsiColor) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style: Style = colour.on_default();
        let mut painted = String::new();
        let _infallible = write!(painted, "{style}{text}{style:#}");
        painted
    }

    /// What was written so far is there to be read.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// The end of the answer.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

/// A line on standard error; nothing can be done when that is gone, too.
pub(super) fn complain(text: &str) {
    let _best_effort = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        sync::{Arc, Mutex},
    };

    use serde_json::json;

    use super::*;
    use crate::cli::failure::Failure;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(json: bool, write: impl FnOnce(&mut Output)) -> String {
        let page = Page::default();
        write(&mut Output::to(page.clone(), json));
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_answer_is_text_or_one_line_of_json() {
        let answer = |out: &mut Output| out.answer("two\nlines", &json!({"a": "x\ny"})).unwrap();
        assert_eq!(written(false, answer), "two\nlines\n");
        assert_eq!(written(true, answer), "{\"a\":\"x\\ny\"}\n");
    }

    #[test]
    fn colours_are_for_terminals() {
        let paint = |out: &mut Output| out.text(&out.paint("FAIL", AnsiColor::Red)).unwrap();
        assert_eq!(written(false, paint), "FAIL\n");
    }

    #[test]
    fn a_reader_who_left_is_no_failure() {
        let error = Output::to(Gone, false).text("x").unwrap_err();
        assert!(matches!(Failure::from(error), Failure::ReaderLeft));
        let error = io::Error::from(ErrorKind::StorageFull);
        assert!(matches!(Failure::from(error), Failure::Failed(_)));
    }
}
