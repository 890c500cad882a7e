//! The sorted names of a folder, and those of large folders kept in memory, so that a page costs
//! what it shows and not what lies around it. What is kept is used only where the folder cannot
//! have changed since, by this process or by anybody's hand.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Names in a folder, folders with a `/` behind them, in the order that whole names below them
/// have. In one piece of memory, since there may be a million.
#[derive(Debug, Default)]
pub(super) struct SortedNames {
    text: String,
    /// Start and end in the text, in the names' order.
    places: Vec<(u32, u32)>,
}

impl SortedNames {
    /// Reads a folder. Names that are not UTF-8 are no blob names and are left out, and so is what
    /// is neither a file nor a folder.
    fn read(folder: &Path) -> io::Result<Self> {
        let (mut text, mut places) = (String::new(), Vec::new());
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let end = match entry.file_type() {
                Ok(kind) if kind.is_dir() => "/",
                Ok(kind) if kind.is_file() => "",
                _ => continue,
            };
            let start = text.len();
            text.push_str(&name);
            text.push_str(end);
            let place = (u32::try_from(start), u32::try_from(text.len()));
            let (Ok(start), Ok(end)) = place else {
                return Err(io::Error::other("a folder has more names than 4 GiB hold"));
            };
            places.push((start, end));
        }
        places.sort_unstable_by_key(|place| name_at(&text, *place));
        text.shrink_to_fit();
        places.shrink_to_fit();
        Ok(Self { text, places })
    }

    /// The names from the first that is not before `first`.
    pub fn starting_at(&self, first: &str) -> impl Iterator<Item = &str> {
        let is_before = |place: &(u32, u32)| name_at(&self.text, *place) < first;
        let start = self.places.partition_point(is_before);
        let places = &self.places[start..];
        places.iter().map(|place| name_at(&self.text, *place))
    }
}

fn name_at(text: &str, (start, end): (u32, u32)) -> &str {
    &text[start as usize..end as usize]
}

/// What changes with a folder. The time of its last change cannot be set from outside, as that
/// of its last write can (by `rsync -a`, or a restored backup).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    written: SystemTime,
    #[cfg(unix)]
    changed_and_which: (i64, i64, u64, u64),
}

impl Stamp {
    fn of(folder: &Path) -> io::Result<Self> {
        let attributes = fs::metadata(folder)?;
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Ok(Self {
            written: attributes.modified()?,
            #[cfg(unix)]
            changed_and_which: (
                attributes.ctime(),
                attributes.ctime_nsec(),
                attributes.dev(),
                attributes.ino(),
            ),
        })
    }

    fn latest(&self) -> SystemTime {
        #[cfg(unix)]
        {
            let (seconds, nanos, ..) = self.changed_and_which;
            let since_epoch = u64::try_from(seconds).unwrap_or_default();
            let nanos = u32::try_from(nanos).unwrap_or_default();
            let changed = SystemTime::UNIX_EPOCH + Duration::new(since_epoch, nanos);
            self.written.max(changed)
        }
        #[cfg(not(unix))]
        self.written
    }
}

/// A folder's names, and what they are worth.
#[derive(Debug)]
struct Kept {
    names: Arc<SortedNames>,
    /// Before they were read.
    stamp: Stamp,
    /// Whether every later change gives another stamp.
    is_sure: bool,
    read_at: Instant,
}

type Slot = Arc<Mutex<Kept>>;

/// The names of the large folders that were listed last.
#[derive(Debug)]
pub(super) struct KeptFolders {
    /// Smaller folders are read each time.
    smallest: usize,
    /// A folder that was changed so shortly before it was read may change again without a new
    /// time: file systems count in up to two seconds.
    unsure: Duration,
    /// The last used at the end.
    slots: Mutex<Vec<(PathBuf, Slot)>>,
}

impl Default for KeptFolders {
    fn default() -> Self {
        Self::new(256, Duration::from_secs(2))
    }
}

impl KeptFolders {
    /// Our own are two, `gallery/` and `thumbs/`; others may be anybody's.
    const MOST: usize = 8;

    pub fn new(smallest: usize, unsure: Duration) -> Self {
        Self {
            smallest,
            unsure,
            slots: Mutex::default(),
        }
    }

    /// The names in a folder, as they are at some moment of this call.
    ///
    /// # Errors
    /// What the file system says.
    pub fn names(&self, folder: &Path) -> io::Result<Arc<SortedNames>> {
        let asked_at = Instant::now();
        let Some(slot) = self.slot(folder) else {
            let read = self.read(folder)?;
            let names = read.names.clone();
            if names.places.len() >= self.smallest {
                self.keep(folder, read);
            }
            return Ok(names);
        };
        // Of many who ask at once one reads, and all who asked before it began share that.
        let mut kept = locked(&slot);
        if kept.read_at < asked_at && !is_current(&kept, folder) {
            *kept = self.read(folder).inspect_err(|_| self.forget(folder))?;
        }
        Ok(kept.names.clone())
    }

    fn read(&self, folder: &Path) -> io::Result<Kept> {
        let read_at = Instant::now();
        let stamp = Stamp::of(folder)?;
        let age = stamp.latest().elapsed();
        Ok(Kept {
            names: Arc::new(SortedNames::read(folder)?),
            stamp,
            is_sure: age.is_ok_and(|age| age > self.unsure),
            read_at,
        })
    }

    fn slot(&self, folder: &Path) -> Option<Slot> {
        let mut slots = locked(&self.slots);
        let found = slots.iter().position(|(path, _)| path == folder)?;
        slots[found..].rotate_left(1);
        slots.last().map(|(_, slot)| slot.clone())
    }

    fn keep(&self, folder: &Path, kept: Kept) {
        let mut slots = locked(&self.slots);
        slots.retain(|(path, _)| path != folder); // somebody else's, read at the same time
        if slots.len() >= Self::MOST {
            slots.remove(0);
        }
        slots.push((folder.to_owned(), Arc::new(Mutex::new(kept))));
    }

    fn forget(&self, folder: &Path) {
        locked(&self.slots).retain(|(path, _)| path != folder);
    }
}

fn is_current(kept: &Kept, folder: &Path) -> bool {
    kept.is_sure && Stamp::of(folder).is_ok_and(|stamp| stamp == kept.stamp)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
