//! The command `visionary migrate`: the gallery copies, this says what it does.

mod bar;
mod output;

use crate::{
    app::{self, Access, StartError},
    config::{Config, ConfigProblems, Mode},
    gallery::{MigrationEnd, MigrationMode, MigrationOptions, Originals},
    storage::StorageError,
};
use output::{Output, cause};

/// An account takes thousands of requests in a second, and a folder's disk writes few files at
/// once; more of them only make the service beside it slower.
const AT_ONCE: usize = 8;

/// Why not everything was copied.
#[derive(Debug, thiserror::Error)]
pub enum NotMigrated {
    /// The Functions host starts the service and nothing else.
    #[error(
        "migrate does not run under the Functions host: run it in a shell, \
         without FUNCTIONS_CUSTOMHANDLER_PORT"
    )]
    UnderTheHost,
    /// Settings are missing or wrong.
    #[error("{0}")]
    Settings(ConfigProblems),
    /// The store cannot be opened.
    #[error("{0}")]
    NotOpened(StartError),
    /// The store failed where nothing goes without it.
    #[error("the store failed ({}); what is copied stays copied: run it again", cause(.0))]
    Broken(StorageError),
    /// It was told to stop.
    #[error("stopped before the end; what is copied stays copied: run it again")]
    Stopped,
    /// Something could not be done.
    #[error("{0} failed, see above; everything else is done: run it again")]
    Failed(u64),
}

impl NotMigrated {
    /// Whether settings are the reason, or how the command was called.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::UnderTheHost | Self::Settings(_) | Self::NotOpened(_)
        )
    }
}

/// Copies the old images of the configured store, until `stop` is done, and says on standard
/// output and standard error what it does.
///
/// # Errors
/// [`NotMigrated`] when anything is left to be done.
pub async fn run(
    config: Config,
    mode: MigrationMode,
    originals: Originals,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), NotMigrated> {
    if config.mode == Mode::Handler {
        return Err(NotMigrated::UnderTheHost);
    }
    let config = config.service.map_err(NotMigrated::Settings)?;
    let access = match mode {
        MigrationMode::Copy => Access::Write,
        MigrationMode::DryRun => Access::Look,
    };
    let gallery = app::open_gallery(&config, access).map_err(NotMigrated::NotOpened)?;
    let options = MigrationOptions {
        mode,
        originals,
        at_once: AT_ONCE,
    };
    let output = Output::new(mode, gallery.count_old_images().await);
    let report = |event: crate::gallery::MigrationEvent<'_>, counts: &_| output.show(event, counts);
    let stop = async {
        stop.await;
        output.say("stopping: the copies that have begun are finished");
    };
    let (counts, end) = gallery.migrate(options, stop, &report).await;
    output.sum_up(&counts, &gallery.describe());
    match end {
        MigrationEnd::Broken(error) => Err(NotMigrated::Broken(error)),
        MigrationEnd::Stopped => Err(NotMigrated::Stopped),
        MigrationEnd::Done if counts.failed > 0 => Err(NotMigrated::Failed(counts.failed)),
        MigrationEnd::Done => Ok(()),
    }
}
