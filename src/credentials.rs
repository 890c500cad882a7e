//! Microsoft Entra ID tokens for all that asks Azure without a key: one cache for each scope,
//! renewed before a token ends, by one request at a time.

use azure_core_1::credentials::{AccessToken as IssuedToken, TokenCredential};
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use time::OffsetDateTime;

/// A token with less than this left is renewed before it is used.
const RENEWED_BEFORE_END: time::Duration = time::Duration::minutes(5);

/// An identity endpoint answers at once, a sign-in in a second or two, `az` in some more.
const LONGEST_REQUEST: Duration = Duration::from_secs(20);

/// Makes the credential that tokens come from. The library's credentials keep tokens for
/// themselves, so a refused one can only be got rid of with its credential.
pub type MakeCredential =
    Box<dyn Fn() -> azure_core_1::Result<Arc<dyn TokenCredential>> + Send + Sync>;

/// A bearer token.
#[derive(Debug, Clone)]
pub struct AccessToken {
    secret: SecretString,
    expires_at: OffsetDateTime,
}

impl AccessToken {
    /// The value of an `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.secret.expose_secret()).into()
    }

    /// Its last moment.
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
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
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// What there is of one scope. Whoever holds it asks, and the others wait for that.
type Slot = tokio::sync::Mutex<State>;

#[derive(Default)]
struct State {
    credential: Option<Arc<dyn TokenCredential>>,
    token: Option<AccessToken>,
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
            slots: Mutex::default(),
        }
    }

    /// Which credential this is, in a few words.
    #[must_use]
    pub fn describe(&self) -> &str {
        &self.description
    }

    /// A token for `scope` (`https://storage.azure.com/.default`): the one that is there while
    /// it has five minutes left, else a new one, asked for once whoever wants it. While a new
    /// one cannot be had the old one is good until its end.
    ///
    /// # Errors
    /// [`CredentialError`] when there is none.
    pub async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError> {
        let slot = self.slot(scope);
        let mut state = slot.lock().await;
        let now = OffsetDateTime::now_utc();
        let left = |token: &AccessToken| token.expires_at - now;
        if let Some(token) = &state.token
            && left(token) > RENEWED_BEFORE_END
        {
            return Ok(token.clone());
        }
        match (self.ask(&mut state, scope).await, &state.token) {
            (Ok(issued), _) => {
                let token = AccessToken {
                    secret: issued.token.secret().to_owned().into(),
                    expires_at: issued.expires_on,
                };
                state.token = Some(token.clone());
                Ok(token)
            }
            (Err(error), Some(old)) if left(old).is_positive() => {
                tracing::warn!(%error, "a token is not renewed yet; the old one is still good");
                Ok(old.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Tells that `token` was refused (401): the next one is asked for anew, by a credential
    /// that remembers none. Nothing happens where another has taken its place already.
    pub async fn refused(&self, scope: &str, token: &AccessToken) {
        let slot = self.slot(scope);
        let mut state = slot.lock().await;
        let is_here = state
            .token
            .as_ref()
            .is_some_and(|kept| kept.secret.expose_secret() == token.secret.expose_secret());
        if is_here {
            *state = State::default();
        }
    }

    fn slot(&self, scope: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(scope.to_owned()).or_default().clone()
    }

    async fn ask(&self, state: &mut State, scope: &str) -> Result<IssuedToken, CredentialError> {
        let failed = |reason: String| CredentialError {
            credential: self.description.clone(),
            reason,
        };
        let credential = match &state.credential {
            Some(credential) => credential.clone(),
            None => (self.make)().map_err(|error| failed(error.to_string()))?,
        };
        state.credential = Some(credential.clone());
        let scopes = [scope];
        let asked = tokio::time::timeout(LONGEST_REQUEST, credential.get_token(&scopes, None));
        match asked.await {
            Ok(issued) => issued.map_err(|error| failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer within {LONGEST_REQUEST:?}"))),
        }
    }
}
