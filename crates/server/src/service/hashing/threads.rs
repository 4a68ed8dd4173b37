//! Threads for work that keeps a core busy, which give way to those that answer requests.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use tokio::sync::oneshot;
use vutf_identity::password::HashError;
use vutf_kernel::PortError;

type Job = Box<dyn FnOnce() + Send>;

/// Of the threads, against 0 of the workers: a tenth of a worker's weight in the scheduler (`sched(7)`). Where nothing else wants
/// the core they have all of it, and a worker that wakes up gets it at once; beside busy workers they still get on.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// So many threads, which end with this.
pub(super) struct Threads(SyncSender<Job>);

impl Threads {
    /// # Errors
    /// The system's, when it starts no more threads.
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (sender, jobs) = sync_channel(count);
        let jobs = Arc::new(Mutex::new(jobs));
        for nth in 0..count {
            let jobs = Arc::clone(&jobs);
            let thread = thread::Builder::new().name(format!("hash-{nth}"));
            thread.spawn(move || work(&jobs))?;
        }
        Ok(Self(sender))
    }

    /// What `job` makes. It runs to its end, also when the caller goes away.
    ///
    /// # Errors
    /// [`HashError::Busy`] when more wait than there are threads; [`HashError::Port`] when the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        op: &'static str,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (done, answer) = oneshot::channel();
        let job = move || {
            // An error is a caller who went away.
            let _gone = done.send(job());
        };
        self.0.try_send(Box::new(job)).map_err(|_| HashError::Busy)?;
        Ok(answer.await.map_err(|error| PortError::other(op, error))?)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    give_way();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // The process's hook has told of a panic, and whoever waits gets an error.
        let _panicked = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(target_os = "linux")]
fn give_way() {
    // Without a process this is the thread that calls, on Linux alone (setpriority(2), "C library/kernel differences").
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "threads that hash passwords keep the priority of those that answer requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_that_panics_is_an_error_and_the_next_one_runs() {
        let threads = Threads::start(1).unwrap();
        let failed = threads.run("test", || panic!("as it was told to")).await;
        let none: Result<(), HashError> = failed;
        assert!(matches!(none, Err(HashError::Port(_))));
        assert_eq!(threads.run("test", || 7).await.unwrap(), 7);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_give_way_and_nobody_else_does() {
        let threads = Threads::start(1).unwrap();
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let own = nice();
        assert_eq!(threads.run("test", nice).await.unwrap(), NICE.max(own));
        assert_eq!(nice(), own);
    }
}
