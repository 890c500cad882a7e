//! A service that waits for its storage folder, which another process still has.

use super::{App, Service, StartError};
use crate::config::ServiceConfig;

/// What a service will be made from as soon as its folder is free.
pub struct Starting {
    config: ServiceConfig,
}

impl Starting {
    pub(super) fn new(config: ServiceConfig) -> Self {
        Self { config }
    }

    /// Tries again until the folder is this process's, however long that takes. What else fails
    /// then is a wrong setting, as at every start.
    pub async fn ready(&self) -> Service {
        loop {
            tokio::time::sleep(self.config.folder_retry).await;
            match self.attempt().await {
                Ok(app) => {
                    tracing::info!("the storage folder is free: {}", app.summary);
                    return Service::ready(app);
                }
                Err(StartError::FolderInUse { .. }) => {}
                Err(problem) => return Service::misconfigured(&problem),
            }
        }
    }

    /// On a thread that may block, since opening a folder does.
    async fn attempt(&self) -> Result<App, StartError> {
        let config = self.config.clone();
        let opened = tokio::task::spawn_blocking(move || App::new(config));
        opened.await.map_err(StartError::Panicked)?
    }
}
