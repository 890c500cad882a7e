//! User delegation keys: asked for with a token, one for each slot of the grid that all instances
//! share, by one request at a time, and kept.

use super::{
    AzureSettings,
    bearer::Bearer,
    delegation_xml::{InvalidKeyAnswer, key_info, parse_key},
    endpoint_text,
    failure::{Failure, GET_DELEGATION_KEY, GaveUp, Refusal},
    retry::{Attempts, Kind},
    transport::io_error,
};
use crate::{
    sas::{DelegationKey, KeyPeriod, VERSION, key_period},
    storage::StorageError,
};
use azure_core::{
    date::{parse_rfc1123, to_rfc1123},
    error::{Error, ErrorKind},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;
use tokio::time::Instant;
use url::Url;

/// While an old key serves, a renewal that failed is not tried again before this.
const RENEWAL_PAUSE: time::Duration = time::Duration::seconds(30);

/// Signatures start five minutes before their window, and windows begin now.
const LARGEST_SKEW: time::Duration = time::Duration::minutes(5);

/// The keys of one account.
#[derive(Debug)]
pub(super) struct DelegationKeys {
    http: reqwest::Client,
    settings: AzureSettings,
    bearer: Bearer,
    /// What signatures have left, as in [`crate::sas::signature_window`].
    minutes_left: u16,
    kept: Mutex<Option<Kept>>,
    /// Whoever holds it asks.
    asking: tokio::sync::Mutex<Failed>,
}

#[derive(Debug, Clone)]
struct Kept {
    period: KeyPeriod,
    key: Arc<DelegationKey>,
}

/// What became of the last requests, where they brought no key.
#[derive(Debug, Default)]
struct Failed {
    /// The last that somebody had to have, and when it had failed.
    first: Option<(Instant, Arc<GaveUp>)>,
    /// When a renewal failed last.
    renewal: Option<OffsetDateTime>,
}

impl DelegationKeys {
    /// None yet; asks for none.
    pub fn new(
        http: reqwest::Client,
        settings: AzureSettings,
        bearer: Bearer,
        minutes_left: u16,
    ) -> Self {
        Self {
            http,
            settings,
            bearer,
            minutes_left,
            kept: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The key that signs at `now`. While the slot's own cannot be had, the one before it signs,
    /// as long as it outlives what it signs.
    ///
    /// # Errors
    /// [`StorageError`] where neither is there.
    pub async fn key(&self, now: OffsetDateTime) -> Result<Arc<DelegationKey>, StorageError> {
        let period = key_period(now, self.minutes_left);
        let kept = self.kept_that_serves(now);
        if let Some(kept) = &kept
            && kept.period == period
        {
            return Ok(kept.key.clone());
        }
        match kept {
            Some(old) => Ok(self.renew(period, old.key, now).await),
            None => {
                let first = self.first(period, now).await;
                first.map_err(|gave_up| gave_up.to_error(GET_DELEGATION_KEY))
            }
        }
    }

    /// The slot's key, or the old one: nobody waits for it longer than for one request, and only
    /// one does.
    async fn renew(
        &self,
        period: KeyPeriod,
        old: Arc<DelegationKey>,
        now: OffsetDateTime,
    ) -> Arc<DelegationKey> {
        let Ok(mut failed) = self.asking.try_lock() else {
            return old;
        };
        let is_recent = |at: OffsetDateTime| (now - at).abs() < RENEWAL_PAUSE;
        if failed.renewal.is_some_and(is_recent) {
            return old;
        }
        let patience = self.settings.request_timeout;
        match self.ask_unless_kept(period, now, patience).await {
            Ok(key) => {
                failed.renewal = None;
                key
            }
            Err(error) => {
                tracing::warn!(%error, "the user delegation key is not renewed yet; the old one still signs");
                failed.renewal = Some(now);
                old
            }
        }
    }

    /// The slot's key, which all who want one wait for. They share a failure too, or each of them
    /// would try for as long as the first.
    async fn first(
        &self,
        period: KeyPeriod,
        now: OffsetDateTime,
    ) -> Result<Arc<DelegationKey>, Arc<GaveUp>> {
        let came = Instant::now();
        let mut failed = self.asking.lock().await;
        if let Some((failed_at, failure)) = &failed.first
            && *failed_at > came
        {
            return Err(failure.clone());
        }
        let asked = self
            .ask_unless_kept(period, now, self.settings.longest_put)
            .await;
        asked.map_err(|gave_up| {
            let gave_up = Arc::new(gave_up);
            failed.first = Some((Instant::now(), gave_up.clone()));
            gave_up
        })
    }

    async fn ask_unless_kept(
        &self,
        period: KeyPeriod,
        now: OffsetDateTime,
        patience: Duration,
    ) -> Result<Arc<DelegationKey>, GaveUp> {
        if let Some(kept) = self.kept_that_serves(now)
            && kept.period == period
        {
            return Ok(kept.key);
        }
        let key = Arc::new(self.ask(&period, now, patience).await?);
        let kept = Kept {
            period,
            key: key.clone(),
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(key)
    }

    async fn ask(
        &self,
        period: &KeyPeriod,
        now: OffsetDateTime,
        patience: Duration,
    ) -> Result<DelegationKey, GaveUp> {
        let deadline = Instant::now() + patience;
        let mut attempts = Attempts::new(self.settings.retries, deadline, Kind::NeedsBlob);
        loop {
            let failure = match attempts.make(self.ask_once(period, now)).await {
                Ok(Ok(key)) => return Ok(key),
                Ok(Err(failure)) | Err(failure) => failure,
            };
            attempts.wait_after(failure).await?;
        }
    }

    /// One request, for a key that signs at `signs_at`.
    async fn ask_once(
        &self,
        period: &KeyPeriod,
        signs_at: OffsetDateTime,
    ) -> Result<DelegationKey, Failure> {
        let unreadable = |error| Failure::Broken(Error::new(ErrorKind::Io, error));
        let url = self.url()?;
        let body = key_info(period);
        let prepare = || {
            let request = self.http.post(url.clone());
            request
                .header("x-ms-version", VERSION)
                .header("x-ms-date", to_rfc1123(&OffsetDateTime::now_utc()))
                .header("content-type", "application/xml")
                .timeout(self.settings.request_timeout)
                .body(body.clone())
        };
        let response = self.bearer.send(&url, prepare).await?;
        let (status, now) = (response.status().as_u16(), OffsetDateTime::now_utc());
        let header = |name| response.headers().get(name)?.to_str().ok();
        if status != 200 {
            return Err(Failure::Refused(Refusal::read(status, header, now)));
        }
        warn_of_clock(header("date"), now);
        let body = response.bytes().await;
        let body = body.map_err(|error| Failure::Broken(io_error(error)))?;
        let key = parse_key(&body, &self.settings.account).map_err(unreadable)?;
        match key.serves(signs_at, self.minutes_left) {
            true => Ok(key),
            false => Err(unreadable(InvalidKeyAnswer::SignsNothing)),
        }
    }

    fn url(&self) -> Result<Url, Failure> {
        let endpoint = endpoint_text(&self.settings.endpoint);
        let url = Url::parse(&format!(
            "{endpoint}/?restype=service&comp=userdelegationkey"
        ));
        url.map_err(|error| Failure::Broken(Error::new(ErrorKind::Other, error)))
    }

    /// The key that is kept, unless it ends too soon: the account may give one for less time than
    /// it was asked for.
    fn kept_that_serves(&self, now: OffsetDateTime) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let serves = |kept: &&Kept| kept.key.serves(now, self.minutes_left);
        kept.as_ref().filter(serves).cloned()
    }
}

/// The service takes no notice of our clock here, but of what we sign by it.
fn warn_of_clock(account_clock: Option<&str>, now: OffsetDateTime) {
    let account_clock = account_clock.and_then(|date| parse_rfc1123(date).ok());
    let Some(ahead) = account_clock.map(|account_clock| now - account_clock) else {
        return;
    };
    if ahead.abs() > LARGEST_SKEW {
        let seconds = ahead.whole_seconds();
        tracing::warn!(
            seconds_ahead = seconds,
            "this machine's clock differs from the account's: signed addresses may open nothing"
        );
    }
}

#[cfg(test)]
mod tests;
