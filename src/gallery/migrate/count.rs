//! How much a migration has before it.

use crate::gallery::{
    Gallery,
    old::{Part, Walker},
};

impl Gallery {
    /// How many old images there are, with a list call for each 5000 of them and for each folder.
    /// What cannot be listed is not counted: the migration itself tells of it.
    pub async fn count_old_images(&self) -> u64 {
        let mut count = 0;
        for part in [Part::Foreign, Part::Strays] {
            let mut walker = Walker::new(self.store.as_ref(), part);
            while let Some(page) = walker.next().await {
                count += page.map_or(0, |images| images.len() as u64);
            }
        }
        count
    }
}
