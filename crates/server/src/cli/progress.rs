//! Progress on standard error, when a person watches.

use std::{io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Less is done before a bar could be read.
const SHORT: u64 = 2_000;

/// A bar that is not drawn unless standard error is a terminal and there is much to do.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(doing: &'static str, total: u64, visible: bool) -> Self {
        let bar = if visible && total > SHORT && std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        let template = "{msg} [{bar:40}] {human_pos}/{human_len} {per_sec} {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(doing);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// So much is done. The log may grow meanwhile.
    pub(super) fn reached(&self, done: u64) {
        if self.0.length().is_some_and(|total| total < done) {
            self.0.set_length(done);
        }
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
