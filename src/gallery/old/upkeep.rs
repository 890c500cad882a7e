//! Behind the answers: taking over the index that is stored, and building and writing it anew.

use super::{
    Change, Inner, Migrated, OldIndex, Part,
    index::OldImage,
    walk::{self, Walked},
};
use crate::{
    gallery::found::Found,
    storage::{Container, NewBlob, PutMode, StorageError},
};
use uuid::Uuid;

/// The index, in the state container.
const INDEX: &str = "gallery/old-images";

/// An index of the most images with the longest names takes less.
const MOST_INDEX_BYTES: u64 = 512 * 1024 * 1024;

/// Writers of the index who meet another's begin anew this often; later ones leave it to those.
const MOST_ROUNDS: usize = 3;

/// The stored index, if there is one that can be read, and how to replace what is stored.
struct Stored {
    index: Option<OldIndex>,
    mode: PutMode,
}

impl Inner {
    /// Takes the stored index over, and where it is old or something has changed, writes it anew.
    pub async fn bring_up_to_date(&self, changes: &[Change]) -> Result<(), StorageError> {
        for _ in 0..MOST_ROUNDS {
            let Stored { mut index, mode } = self.read().await?;
            if let Some(index) = &mut index {
                changes.iter().for_each(|change| change.apply(index));
                self.publish(index.clone());
            }
            let fresh = index.take_if(|it| it.walked_before < self.settings.walked_after);
            let index = match fresh {
                Some(_) if changes.is_empty() => return Ok(()),
                Some(index) => index,
                None => self.build(index.unwrap_or_default(), changes).await?,
            };
            self.publish(index.clone());
            if self.write(&index, mode).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Builds the index anew, strays and all.
    pub async fn rebuild(&self) -> Result<(), StorageError> {
        for _ in 0..MOST_ROUNDS {
            let Stored { index, mode } = self.read().await?;
            let mut before = index.unwrap_or_default();
            before.walks = 0; // strays are searched for at the first walk
            let index = self.build(before, &[]).await?;
            if self.write(&index, mode).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn read(&self) -> Result<Stored, StorageError> {
        let stored = self
            .store
            .get_at_most(Container::State, INDEX, MOST_INDEX_BYTES);
        let blob = match stored.await {
            Ok(blob) => blob,
            Err(StorageError::NotFound) => {
                return Ok(Stored {
                    index: None,
                    mode: PutMode::Create,
                });
            }
            Err(error) => return Err(error),
        };
        let mut index = OldIndex::parse(&blob.bytes);
        if let Some(index) = &mut index {
            index.walked_before = index.walked_before.saturating_add(blob.age);
        }
        Ok(Stored {
            index,
            mode: PutMode::Replace(blob.etag),
        })
    }

    /// Walks the container, with what an earlier index knew of the parts that cannot be seen.
    async fn build(&self, before: OldIndex, changes: &[Change]) -> Result<OldIndex, StorageError> {
        let migrated = Migrated::read(self.store.as_ref()).await?;
        let foreign = self.walk(Part::Foreign, &before, &migrated).await.found;
        let index = |strays: Vec<Found>, hidden: Vec<String>| {
            let found = [foreign.clone(), strays].concat();
            let mut index = OldIndex::new(found, hidden, before.walks + 1);
            changes.iter().for_each(|change| change.apply(&mut index));
            index
        };
        let is_known_stray =
            |it: &&OldImage| Part::Strays.has(it.path()) && !migrated.has(it.path(), it.millis());
        let known_strays = before.iter().filter(is_known_stray);
        let with_known_strays = index(
            known_strays.map(|image| image.to_found()).collect(),
            before.hidden().map(str::to_owned).collect(),
        );
        if !before.walks.is_multiple_of(self.settings.walks_per_search) {
            return Ok(with_known_strays);
        }
        // The long part: what is found so far is to be seen meanwhile.
        self.publish(with_known_strays);
        let strays = self.walk(Part::Strays, &before, &migrated).await;
        Ok(index(strays.found, strays.hidden))
    }

    async fn walk(&self, part: Part, before: &OldIndex, migrated: &Migrated) -> Walked {
        let mut walked = walk::walk(self.store.as_ref(), part, migrated).await;
        walked.fill_up_from(before, part, migrated);
        walked
    }

    /// Whether it was written; else somebody else has written another meanwhile.
    async fn write(&self, index: &OldIndex, mode: PutMode) -> Result<bool, StorageError> {
        let blob = NewBlob {
            content: index.to_json().into(),
            content_type: "application/json".to_owned(),
            metadata: Default::default(),
            write_id: Uuid::new_v4(),
        };
        let put = self.store.put(Container::State, INDEX, blob, mode);
        match put.await {
            Ok(_) => Ok(true),
            Err(StorageError::Changed | StorageError::AlreadyExists) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
