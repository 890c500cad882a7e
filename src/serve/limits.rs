//! What one connection may take, and how many there may be.

use crate::request_body::{BodyMemory, BodyTime};
use std::time::Duration;

/// Half of what a Linux process may open without being allowed more; the other half is for the
/// store, the provider and files.
const FEWEST_CONNECTIONS: usize = 512;

const MOST_CONNECTIONS: usize = 2048;

/// The limits of a server. The defaults suit the open internet; behind the Functions host
/// [`DrainLimits`] differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Open connections. Beyond them the longest idle one is closed for each new one, and where
    /// nobody keeps the service waiting new ones wait to be accepted.
    pub connections: usize,
    /// How long a connection may wait for its next request. The Functions host keeps its
    /// connections for 60 s, and a request of its that meets a closed one is a 500: this has to
    /// be longer.
    pub idle: Duration,
    /// How long a request's head may take from its first byte to its last.
    pub head: Duration,
    /// A head's bytes, its line included. The host's own limits are 8 KiB for the line and
    /// 32 KiB for the fields; what platforms add comes on top.
    pub head_bytes: usize,
    /// A head's fields. The host adds ten to the client's, and a platform's front end a dozen.
    pub head_fields: usize,
    /// How long a body may take.
    pub body: BodyTime,
    /// What bodies may take in memory while they are read.
    pub body_memory: BodyMemory,
    /// How long an answer may wait for its reader to take more of it.
    pub unread: Duration,
    /// The same where all connections are at work and a new one waits for a place.
    pub unread_when_full: Duration,
    /// What is drained of a connection that is closed while its peer still sends.
    pub drain: DrainLimits,
    /// How long nothing is accepted after the system could not.
    pub accept_pause: Duration,
}

/// What is read and discarded of a peer that still sends when it has its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainLimits {
    /// Bytes.
    pub bytes: u64,
    /// How long that may take, however slowly they come.
    pub time: Duration,
}

impl DrainLimits {
    /// Enough for bodies that are sent by mistake.
    pub const STANDALONE: Self = Self {
        bytes: 8 * 1024 * 1024,
        time: Duration::from_secs(5),
    };

    /// The Functions host has the whole body when it passes a request on, and answers 500 when it
    /// cannot send all of it.
    pub const BEHIND_HOST: Self = Self {
        bytes: u64::MAX,
        time: Duration::from_secs(15),
    };
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: MOST_CONNECTIONS,
            idle: Duration::from_secs(120),
            head: Duration::from_secs(15),
            head_bytes: 64 * 1024,
            head_fields: 128,
            body: BodyTime {
                pause: Duration::from_secs(20),
                whole: Duration::from_secs(120),
            },
            body_memory: BodyMemory {
                each: 16 * 1024, // nearly every request's
                shared: 32 * 1024 * 1024,
            },
            unread: Duration::from_secs(60),
            unread_when_full: Duration::from_secs(5),
            drain: DrainLimits::STANDALONE,
            accept_pause: Duration::from_millis(50),
        }
    }
}

impl ConnectionLimits {
    /// The defaults, with no more connections than this process may have files open.
    #[must_use]
    pub fn of_this_process() -> Self {
        let limits = std::fs::read_to_string("/proc/self/limits");
        let files = limits.ok().as_deref().and_then(open_files);
        Self {
            connections: files.map_or(FEWEST_CONNECTIONS, |files| {
                (files / 2).clamp(1, MOST_CONNECTIONS)
            }),
            ..Self::default()
        }
    }
}

/// The soft limit in Linux' table (proc_pid_limits(5)).
fn open_files(table: &str) -> Option<usize> {
    let row = table
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    match row.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let head =
            "Limit                     Soft Limit           Hard Limit           Units     \n";
        let table = |soft: &str| {
            format!(
                "{head}Max processes             7                    7                    processes \nMax open files            {soft}                 524288               files     \n"
            )
        };
        assert_eq!(open_files(&table("1024")), Some(1024));
        assert_eq!(open_files(&table("unlimited")), Some(usize::MAX));
        assert_eq!(open_files(head), None);
    }

    #[test]
    fn an_idle_connection_outlives_the_hosts() {
        assert!(ConnectionLimits::default().idle >= Duration::from_secs(75));
    }
}
