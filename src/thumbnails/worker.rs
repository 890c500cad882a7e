//! The threads that thumbnails are made on: threads of their own rather than those that the
//! runtime has for blocking work, since glibc keeps what a thread has freed for that thread, and
//! work that goes from thread to thread would leave its peak behind in each.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads and the work that waits for them. They end when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Workers {
    jobs: Sender<Job>,
}

impl Workers {
    /// Starts `count` threads. Where the system gives none there is none, and work fails.
    pub fn start(count: usize) -> Self {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new().name("thumbnails".to_owned());
            if let Err(error) = thread.spawn(move || work_off(&waiting)) {
                tracing::error!(%error, "no thread for thumbnails");
            }
        }
        Self { jobs }
    }

    /// Does the work on one of the threads; `None` when it panics, or when there is no thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Nothing of the work is looked at again after a panic: its answer is missing.
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                // Nobody may be waiting any more.
                let _ = answer.send(done);
            }
        };
        self.jobs.send(Box::new(job)).ok()?;
        answered.await.ok()
    }
}

fn work_off(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting, and by one thread: the next takes it with the next job.
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}
