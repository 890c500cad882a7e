//! A container: what was written to it, in memory, among the images that are made up.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use bytes::Bytes;

use super::{
    blob::Blob,
    generated::{Generated, Kind},
};

/// Blobs by name, and the blocks that they are made of.
#[derive(Debug, Default)]
pub struct Container {
    pub generated: Generated,
    pub stored: BTreeMap<String, Blob>,
    /// Made-up images that were deleted.
    pub removed: BTreeSet<String>,
    /// By the blob's name and the block's id, committed or not.
    pub blocks: HashMap<(String, String), Bytes>,
}

impl Container {
    /// The blob of that name.
    pub fn get(&self, name: &str) -> Option<Blob> {
        if let Some(blob) = self.stored.get(name) {
            return Some(blob.clone());
        }
        let found = self.generated.find(name)?;
        (!self.removed.contains(name)).then_some(found)
    }

    /// Forgets the blocks of a blob: those it was made of can be committed again.
    pub fn forget_blocks(&mut self, name: &str) {
        self.blocks.retain(|(of, _), _| of != name);
    }

    /// Deletes a blob.
    pub fn remove(&mut self, name: &str) {
        self.stored.remove(name);
        self.forget_blocks(name);
        if self.generated.find(name).is_some() {
            self.removed.insert(name.to_owned());
        }
    }

    /// All blobs from a name on, with what is beside them or without.
    pub fn walk_from(&self, from: &str, with_metadata: bool) -> Walk<'_> {
        let made_up = [Kind::Ours, Kind::Old].map(|kind| MadeUp {
            generated: self.generated,
            kind,
            number: 0,
            name: None,
        });
        let mut walk = Walk {
            container: self,
            with_metadata,
            made_up,
            stored_from: Bound::Unbounded,
        };
        walk.seek(from);
        walk
    }
}

/// A walk in ascending order of the names' bytes.
pub struct Walk<'a> {
    container: &'a Container,
    with_metadata: bool,
    made_up: [MadeUp; 2],
    stored_from: Bound<String>,
}

/// Where a walk stands among the images of one kind.
struct MadeUp {
    generated: Generated,
    kind: Kind,
    number: u64,
    /// Of the one that comes next.
    name: Option<String>,
}

impl MadeUp {
    fn go_to(&mut self, number: u64) {
        let is_there = number < self.generated.count(self.kind);
        self.name = is_there.then(|| self.generated.name(self.kind, number));
        self.number = number;
    }
}

impl Walk<'_> {
    /// Goes to the first name that is not less than `from`.
    pub fn seek(&mut self, from: &str) {
        for made_up in &mut self.made_up {
            made_up.go_to(made_up.generated.first_from(made_up.kind, from));
        }
        self.stored_from = Bound::Included(from.to_owned());
    }

    fn next_stored(&self) -> Option<(String, Blob)> {
        let range = (self.stored_from.as_ref(), Bound::Unbounded);
        let (name, blob) = self.container.stored.range::<String, _>(range).next()?;
        Some((name.clone(), blob.clone()))
    }

    fn next_made_up(&mut self) -> Option<&mut MadeUp> {
        let left = self.made_up.iter_mut().filter(|kind| kind.name.is_some());
        left.min_by(|one, other| one.name.cmp(&other.name))
    }
}

impl Iterator for Walk<'_> {
    type Item = (String, Blob);

    fn next(&mut self) -> Option<(String, Blob)> {
        let (container, with_metadata) = (self.container, self.with_metadata);
        loop {
            let stored = self.next_stored();
            let made_up = self.next_made_up();
            let made_up = made_up.and_then(|kind| Some((kind.name.clone()?, kind)));
            match (stored, made_up) {
                (Some((name, blob)), made_up) if is_first(&name, made_up.as_ref()) => {
                    // What was written lies over what is made up.
                    if let Some((_, kind)) = made_up.filter(|(other, _)| *other == name) {
                        kind.go_to(kind.number + 1);
                    }
                    self.stored_from = Bound::Excluded(name.clone());
                    return Some((name, blob));
                }
                (_, Some((name, kind))) => {
                    let number = kind.number;
                    kind.go_to(number + 1);
                    if !container.removed.contains(&name) {
                        let made_up = container.generated;
                        return Some((name, made_up.blob(kind.kind, number, with_metadata)));
                    }
                }
                (_, None) => return None,
            }
        }
    }
}

fn is_first(name: &str, made_up: Option<&(String, &mut MadeUp)>) -> bool {
    made_up.is_none_or(|(other, _)| name <= other.as_str())
}
