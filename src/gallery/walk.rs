//! Finds every image of a container, and goes around what a store cannot list: Azurite fails a
//! whole page for one control character in a name, and anybody with a writing signature could
//! put one there.

use super::{
    listing::{self, Found},
    metadata,
};
use crate::storage::{BlobItem, BlobStore, Container, ListDepth, ListQuery, StorageError};
use futures_util::future::join_all;

/// Our keys are so many digits, so a list that fails can be split so often.
const KEY_DIGITS: usize = 13;

/// Our own images, and whatever else lies in the container. The two are asked for apart, and
/// each foreign folder too: what fails of the foreign ones is left out and logged.
///
/// # Errors
/// [`StorageError`] when our own images cannot be listed.
pub(super) async fn find_all(store: &dyn BlobStore) -> Result<Vec<Found>, StorageError> {
    let (ours, foreign) = tokio::join!(find_ours(store), find_foreign(store));
    let mut found = ours?;
    found.extend(foreign);
    Ok(found)
}

/// The images below some prefixes that carry an operation's mark, oldest first.
///
/// # Errors
/// [`StorageError`] when they cannot be listed.
pub(super) async fn find_of_operation(
    store: &dyn BlobStore,
    prefixes: Vec<String>,
    mark: &str,
) -> Result<Vec<Found>, StorageError> {
    let mut all = Vec::new();
    for prefix in prefixes {
        let is_of_operation = |blob: &BlobItem| metadata::operation(&blob.metadata) == Some(mark);
        all.extend(
            find_where(store, &prefix, ListDepth::Whole, is_of_operation)
                .await?
                .0,
        );
    }
    listing::sort_newest_first(&mut all);
    all.reverse();
    Ok(all)
}

async fn find_ours(store: &dyn BlobStore) -> Result<Vec<Found>, StorageError> {
    match find(store, listing::OURS, ListDepth::Whole).await {
        Err(error @ StorageError::Failed { .. }) => find_in_parts(store, error).await,
        other => other.map(|(found, _)| found),
    }
}

/// Digit by digit of the keys, so that only the one key is lost that the store cannot list.
/// Where every digit fails, it is the store that fails.
async fn find_in_parts(
    store: &dyn BlobStore,
    error: StorageError,
) -> Result<Vec<Found>, StorageError> {
    let mut all = Vec::new();
    let mut failing = vec![listing::OURS.to_owned()];
    for _ in 0..KEY_DIGITS {
        let mut still_failing = Vec::new();
        for prefix in failing {
            let prefixes: Vec<String> = (0..10).map(|digit| format!("{prefix}{digit}")).collect();
            let parts = prefixes
                .iter()
                .map(|part| find(store, part, ListDepth::Whole));
            let parts = join_all(parts).await;
            if parts.iter().all(Result::is_err) {
                return Err(error);
            }
            for (prefix, part) in prefixes.into_iter().zip(parts) {
                match part {
                    Ok((found, _)) => all.extend(found),
                    Err(_) => still_failing.push(prefix),
                }
            }
        }
        // Each broken name is one failing part. Many of them would be many requests.
        still_failing.truncate(MOST_BROKEN_KEYS);
        failing = still_failing;
    }
    for prefix in failing {
        tracing::warn!(prefix, "a key of the gallery cannot be listed");
    }
    Ok(all)
}

/// So many keys with names that cannot be listed are gone around.
const MOST_BROKEN_KEYS: usize = 10;

async fn find_foreign(store: &dyn BlobStore) -> Vec<Found> {
    let root = find(store, "", ListDepth::OneLevel).await;
    let Some((mut found, folders)) = keep("", root) else {
        return Vec::new();
    };
    for folder in folders.iter().filter(|folder| listing::is_foreign(folder)) {
        let inside = find(store, folder, ListDepth::Whole).await;
        found.extend(
            keep(folder, inside)
                .into_iter()
                .flat_map(|(found, _)| found),
        );
    }
    found
}

/// A part of the list, or a line in the log that it is missing.
fn keep<T>(prefix: &str, part: Result<T, StorageError>) -> Option<T> {
    match part {
        Ok(part) => Some(part),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(prefix, %error, cause, "a part of the container is not in the list");
            None
        }
    }
}

/// All images below a prefix, and, one level deep, the folders there.
async fn find(
    store: &dyn BlobStore,
    prefix: &str,
    depth: ListDepth,
) -> Result<(Vec<Found>, Vec<String>), StorageError> {
    find_where(store, prefix, depth, listing::is_image).await
}

async fn find_where(
    store: &dyn BlobStore,
    prefix: &str,
    depth: ListDepth,
    is_wanted: impl Fn(&BlobItem) -> bool,
) -> Result<(Vec<Found>, Vec<String>), StorageError> {
    let mut query = ListQuery {
        prefix: prefix.to_owned(),
        depth,
        ..ListQuery::default()
    };
    let (mut found, mut folders) = (Vec::new(), Vec::new());
    loop {
        let page = store.list(Container::Images, &query).await?;
        let wanted = page.items.into_iter().filter(&is_wanted);
        found.extend(wanted.map(Found::from_blob));
        folders.extend(page.folders);
        match page.next_marker {
            Some(marker) => query.marker = Some(marker),
            None => return Ok((found, folders)),
        }
    }
}
