//! What is served now. A service that is still starting refuses every request, and is replaced
//! once, on open connections too, when it is ready; the background work begins then.

use crate::{
    app::{App, Service},
    router,
};
use axum::Router;
use std::sync::Arc;
use time::OffsetDateTime;
use tokio::sync::watch;

/// Where requests go, and whose work is finished at the end.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) router: Router,
    /// `None` where every request is refused.
    pub(super) app: Option<Arc<App>>,
}

impl Current {
    pub(super) fn of(service: &Service) -> Self {
        Self {
            router: router::router(service),
            app: match service {
                Service::Ready(app) => Some(app.clone()),
                Service::Starting(_) | Service::Misconfigured => None,
            },
        }
    }
}

/// Waits until `service` is ready where it is not, and does its background work from then on.
pub(super) async fn run(service: Arc<Service>, current: watch::Sender<Current>) {
    if let Service::Starting(starting) = service.as_ref() {
        current.send_replace(Current::of(&starting.ready().await));
    }
    let app = current.borrow().app.clone();
    if let Some(app) = app {
        tokio::join!(look_ahead(&app), app.operations.keep_sweeping());
    }
}

/// Lets the log say which models end soon. Not at the start itself, which is to be quick.
async fn look_ahead(app: &App) {
    tokio::time::sleep(app.models_checked_after).await;
    let now = OffsetDateTime::now_utc();
    app.health.warn_of_ending_models(now).await;
}
