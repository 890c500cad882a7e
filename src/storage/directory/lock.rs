//! One process for each folder: a comparison and the rename after it are one step only for the
//! threads of one process. The kernel lets go of the lock when its process ends, however it ends.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const FILE_NAME: &str = "lock";

/// Between two tries while another process still has the folder.
const PAUSE: Duration = Duration::from_millis(50);

/// Held as long as a clone of it lives.
#[derive(Debug, Clone)]
pub(super) struct FolderLock {
    _file: Arc<File>,
}

impl FolderLock {
    /// Takes the lock of the store in `root`; blocks the thread for `longest_wait` at the most.
    /// Where the file system has no locks it says so in the log, and there is none.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else has it all that time; otherwise what the file system says
    /// of the lock's file.
    pub fn take(root: &Path, longest_wait: Duration) -> io::Result<Self> {
        let path = root.join(FILE_NAME);
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        Self::take_file(options.open(path)?, longest_wait)
    }

    /// The same, but without its file, which whoever uses the folder has made, there is nobody
    /// to wait for and no lock.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_present(root: &Path, longest_wait: Duration) -> io::Result<Option<Self>> {
        match File::options().write(true).open(root.join(FILE_NAME)) {
            Ok(file) => Self::take_file(file, longest_wait).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn take_file(file: File, longest_wait: Duration) -> io::Result<Self> {
        lock(&file, longest_wait)?;
        let _file = Arc::new(file);
        Ok(Self { _file })
    }
}

fn lock(file: &File, longest_wait: Duration) -> io::Result<()> {
    let started = Instant::now();
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if started.elapsed() < longest_wait => {
                if !is_told {
                    tracing::info!("another process uses the storage folder: waiting for its end");
                    is_told = true;
                }
                std::thread::sleep(PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                let message = "another process uses this folder; \
                    end it, or give this one a folder of its own";
                return Err(io::Error::new(io::ErrorKind::WouldBlock, message));
            }
            Err(TryLockError::Error(error)) => {
                tracing::warn!(%error, "the storage folder cannot be locked: \
                    see to it that no other process uses it");
                return Ok(());
            }
        }
    }
}
