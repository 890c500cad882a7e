//! Microsoft Entra ID tokens for all that asks Azure without a key: one cache for each scope,
//! renewed before a token ends, by one request at a time.

mod az;
mod identity;
mod reason;

use azure_core_1::credentials::TokenCredential;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;
use tokio::time::Instant;

pub use identity::{Application, IdentitySettings};

/// A token with less than this left is renewed before it is used.
const RENEWED_BEFORE_END: time::Duration = time::Duration::minutes(5);

/// After a request the token that there is stays in use for so long, even one that ends soon: an
/// identity endpoint that fails, or that gives short tokens, is not asked by every caller.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// An identity endpoint answers at once, a sign-in in a second or two, `az` in some more.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// The same while the old token is still good: nobody needs the new one yet.
const LONGEST_RENEWAL: Duration = Duration::from_secs(5);

/// Makes the credential that tokens come from. The library's credentials keep tokens for
/// themselves, so a refused one can only be got rid of with its credential.
pub type MakeCredential =
    Box<dyn Fn() -> azure_core_1::Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// A bearer token.
#[derive(Debug, Clone)]
pub struct AccessToken(Arc<Issued>);

/// One answer to one request: two may bring the same text.
#[derive(Debug)]
struct Issued {
    secret: SecretString,
    expires_at: OffsetDateTime,
}

impl AccessToken {
    /// The value of an `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.0.secret.expose_secret()).into()
    }

    /// Whether a text repeats it.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let secret = self.0.secret.expose_secret();
        !secret.is_empty() && text.contains(secret)
    }

    /// Its last moment.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.0.expires_at
    }
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{credential} gave no token: {reason}")]
pub struct CredentialError {
    /// Which credential was asked.
    pub credential: String,
    /// What it said; for the log alone.
    pub reason: String,
}

/// The identity of this process, and the tokens that it has got.
pub struct Credentials {
    description: String,
    make: MakeCredential,
    /// What it shows to get tokens; whoever answers may repeat it.
    shown: Option<SecretString>,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// What there is of one scope. Whoever holds it asks, and the others wait for that.
type Slot = tokio::sync::Mutex<State>;

#[derive(Default)]
struct State {
    credential: Option<Arc<dyn TokenCredential>>,
    token: Option<AccessToken>,
    last: Option<LastRequest>,
    /// When a token was given up last because it was refused.
    given_up_at: Option<Instant>,
}

/// When the last request ended, and why without a token.
struct LastRequest {
    ended_at: Instant,
    failure: Option<CredentialError>,
}

impl State {
    /// The token, while it is good and need not be renewed now.
    fn usable(&self, now: OffsetDateTime) -> Option<&AccessToken> {
        let token = self.still_good(now)?;
        let is_asked_for_lately = |last: &LastRequest| last.ended_at.elapsed() < RENEWAL_PAUSE;
        let may_wait = token.expires_at() - now > RENEWED_BEFORE_END
            || self.last.as_ref().is_some_and(is_asked_for_lately);
        may_wait.then_some(token)
    }

    fn still_good(&self, now: OffsetDateTime) -> Option<&AccessToken> {
        self.token.as_ref().filter(|token| token.expires_at() > now)
    }

    /// What a request brought that ended while somebody who came at that moment waited for it: a
    /// token too that has ended by this machine's clock, which may be wrong.
    fn outcome_since(&self, came_at: Instant) -> Option<Result<AccessToken, CredentialError>> {
        let last = self.last.as_ref().filter(|last| last.ended_at >= came_at)?;
        match &last.failure {
            Some(failure) => Some(Err(failure.clone())),
            None => self.token.clone().map(Ok),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Credentials");
        shown.field("description", &self.description);
        shown.finish_non_exhaustive()
    }
}

impl Credentials {
    /// Tokens of what `make` makes; asks for none yet. `description` says which credential that
    /// is, in a few words and without secrets.
    #[must_use]
    pub fn new(description: impl Into<String>, make: MakeCredential) -> Self {
        Self {
            description: description.into(),
            make,
            shown: None,
            slots: Mutex::default(),
        }
    }

    /// The same, whose failures never repeat this.
    #[must_use]
    fn hiding(self, shown: Option<SecretString>) -> Self {
        Self { shown, ..self }
    }

    /// Which credential this is, in a few words.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// A token for `scope` (`https://storage.azure.com/.default`): the one that is there while
    /// it has five minutes left, else a new one, asked for once whoever wants it. While a new
    /// one cannot be had the old one is good until its end. Whoever waited for a request shares
    /// what it brought, a failure too.
    ///
    /// # Errors
    /// [`CredentialError`] when there is none.
    pub async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError> {
        let came_at = Instant::now();
        let slot = self.slot(scope);
        let mut state = slot.lock().await;
        let now = OffsetDateTime::now_utc();
        if let Some(token) = state.usable(now) {
            return Ok(token.clone());
        }
        if let Some(outcome) = state.outcome_since(came_at) {
            return outcome;
        }
        let asked = self.ask(&mut state, scope, now).await;
        state.last = Some(LastRequest {
            ended_at: Instant::now(),
            failure: asked.as_ref().err().cloned(),
        });
        match (asked, state.still_good(now)) {
            (Ok(token), _) => {
                state.token = Some(token.clone());
                Ok(token)
            }
            (Err(error), Some(old)) => {
                tracing::warn!(%error, "a token is not renewed yet; the old one is still good");
                Ok(old.clone())
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Tells that `token` was refused (401): the next one is asked for anew, by a credential
    /// that remembers none. Nothing happens where another has taken its place already, or where
    /// one was given up a moment ago: a service that refuses every token wants no new one for
    /// each call.
    pub async fn refused(&self, scope: &str, token: &AccessToken) {
        let slot = self.slot(scope);
        let mut state = slot.lock().await;
        let kept = state.token.as_ref();
        let is_kept = kept.is_some_and(|kept| Arc::ptr_eq(&kept.0, &token.0));
        let given_up = state.given_up_at;
        if is_kept && given_up.is_none_or(|at| at.elapsed() >= RENEWAL_PAUSE) {
            *state = State {
                given_up_at: Some(Instant::now()),
                ..State::default()
            };
        }
    }

    fn slot(&self, scope: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    async fn ask(
        &self,
        state: &mut State,
        scope: &str,
        now: OffsetDateTime,
    ) -> Result<AccessToken, CredentialError> {
        let failed = |reason: String| CredentialError {
            credential: self.description.clone(),
            reason,
        };
        let told = |error| failed(reason::of(&error, self.shown.as_ref()));
        let credential = match &state.credential {
            Some(credential) => credential.clone(),
            None => (self.make)().map_err(told)?,
        };
        state.credential = Some(credential.clone());
        let longest = match state.still_good(now) {
            Some(_) => LONGEST_RENEWAL,
            None => LONGEST_REQUEST,
        };
        let scopes = [scope];
        let asked = tokio::time::timeout(longest, credential.get_token(&scopes, None));
        let issued = asked
            .await
            .map_err(|_| failed(format!("no answer within {longest:?}")))?
            .map_err(told)?;
        Ok(AccessToken(Arc::new(Issued {
            secret: issued.token.secret().to_owned().into(),
            expires_at: issued.expires_on,
        })))
    }
}

#[cfg(test)]
mod tests;
