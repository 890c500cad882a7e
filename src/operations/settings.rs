//! How much at once, and how long.

use std::time::Duration;

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct OperationSettings {
    /// Generations at once.
    pub max_concurrent: usize,
    /// So many requests more may wait for a place; the next is turned away at once.
    pub max_queued: usize,
    /// How long a caller who waits for an answer waits for a place, and for memory, before being
    /// turned away. Accepted operations wait as long as it takes.
    pub longest_queue_time: Duration,
    /// Memory for pictures in the making, in MiB.
    pub memory_mebibytes: u32,
    /// The provider's part ends so long after a plain request came, whatever the caller allows.
    pub longest_generation: Duration,
    /// When a caller is told that the work goes on without them.
    pub longest_wait: Duration,
    /// The provider's part of a request whose answer is an event stream.
    pub longest_streamed_generation: Duration,
    /// When an event stream ends, with the news that the work goes on.
    pub longest_stream: Duration,
    /// The provider's part of an operation that no request waits for, from its start.
    pub longest_background_generation: Duration,
    /// How long a request that came again waits for the first one's result, where the caller
    /// can come again.
    pub longest_repeat_wait: Duration,
    /// Pause before another attempt to store a picture that no caller can be given any more;
    /// doubled each time.
    pub late_storing_pause: Duration,
    /// How often a process says that it is still at work on an operation.
    pub heartbeat: Duration,
    /// An operation whose process has said nothing for so long has lost it.
    pub lease: Duration,
    /// How often another process's operation is looked at while somebody waits for it.
    pub poll_pause: Duration,
    /// An answer waits no longer than this for its operation's end to be written down.
    pub longest_settling: Duration,
    /// When, after the start, lost and old operations are looked for.
    pub first_sweep_after: Duration,
    /// And how often from then on.
    pub sweep_pause: Duration,
    /// How long operations and keys are kept.
    pub kept_for: Duration,
}

impl Default for OperationSettings {
    /// The platform cuts a request at 230 s
    /// (<https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout>): the
    /// provider's part ends well before, so that there is time to store. A queue longer than
    /// some seconds would only hold callers who are better told to come again. An event stream
    /// has `functionTimeout` of `host.json`, ten minutes, less half a minute.
    fn default() -> Self {
        Self {
            max_concurrent: 64,
            max_queued: 256,
            longest_queue_time: Duration::from_secs(20),
            memory_mebibytes: 96,
            longest_generation: Duration::from_secs(200),
            longest_wait: Duration::from_secs(220),
            longest_streamed_generation: Duration::from_secs(550),
            longest_stream: Duration::from_secs(570),
            longest_background_generation: Duration::from_secs(900),
            longest_repeat_wait: Duration::from_secs(30),
            late_storing_pause: Duration::from_secs(1),
            heartbeat: Duration::from_secs(10),
            // Three heartbeats may be lost, or one write may need all of its repetitions.
            lease: Duration::from_secs(45),
            poll_pause: Duration::from_millis(500),
            longest_settling: Duration::from_secs(2),
            first_sweep_after: Duration::from_secs(2),
            // A look costs a list of a day's operations, and nobody else brings a lost one that
            // nobody asks for to its end.
            sweep_pause: Duration::from_secs(300),
            kept_for: Duration::from_secs(24 * 3600),
        }
    }
}
