//! Galleries of every kind, and the order in which a list has to give them.

use super::store::{MemoryStore, Shape};
use crate::gallery::{found::is_ours, name};
use proptest::{collection::vec, prelude::*};
use std::{cmp::Reverse, sync::Arc};

/// All images are made within so many milliseconds, so that many have the same.
pub const SPAN: u64 = 120;
const FIRST_MILLIS: u64 = 1_700_000_000_000;

/// What lies in a container.
#[derive(Debug, Clone)]
pub struct World {
    /// Milliseconds of our images.
    pub ours: Vec<u64>,
    /// Where and when the others are.
    pub others: Vec<(Other, u64)>,
    /// Milliseconds whose key has a folder marker.
    pub folders: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
pub enum Other {
    Root,
    Folder,
    DeepFolder,
    Stray,
    StrayFolder,
}

impl World {
    /// Puts it into a store.
    pub fn store(&self) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::default());
        for (index, millis) in self.ours.iter().enumerate() {
            store.add(&our_path(*millis, &index.to_string()));
        }
        for (index, (other, millis)) in self.others.iter().enumerate() {
            store.add(&other.path(*millis, index));
        }
        for millis in &self.folders {
            let key = our_path(*millis, "x");
            let key = key.rsplit_once('/').unwrap().0;
            store.add_with(key, &[("hdi_isfolder", "true")]);
        }
        for folder in ["gallery", "holiday", "thumbs"] {
            store.add_with(folder, &[("hdi_isfolder", "true")]);
        }
        store.add("thumbs/0.webp");
        store
    }
}

impl Other {
    fn path(self, millis: u64, index: usize) -> String {
        let millis = FIRST_MILLIS + millis;
        let folder = match self {
            Self::Root => "",
            Self::Folder => "holiday/",
            Self::DeepFolder => "trip/2020/sea/",
            Self::Stray => "gallery/",
            Self::StrayFolder => "gallery/82999/a/",
        };
        format!("{folder}o{index}_{millis}.png")
    }
}

/// Where an image of ours lies, `millis` behind the first of all.
pub fn our_path(millis: u64, title: &str) -> String {
    let format = crate::image_format::ImageFormat::Png;
    name::gallery_path(title, FIRST_MILLIS + millis, format)
}

/// The images of a store in the order of the list.
pub fn expected(store: &MemoryStore) -> Vec<String> {
    let mut names = store.names();
    names.retain(|name| name.ends_with(".png"));
    names.sort_by_key(|name| place(name));
    names
}

/// An image's place in the list: its time is in the name of each.
pub fn place(path: &str) -> (Reverse<u64>, bool, String) {
    let (_, millis) = name::parse_name(path.rsplit('/').next().unwrap());
    (Reverse(millis.unwrap()), !is_ours(path), path.to_owned())
}

fn millis() -> impl Strategy<Value = u64> {
    prop_oneof![3 => 0..SPAN, 1 => Just(SPAN / 2)]
}

/// Any gallery of up to some hundred images.
pub fn any_world() -> impl Strategy<Value = World> {
    let other = prop_oneof![
        3 => Just(Other::Root),
        2 => Just(Other::Folder),
        1 => Just(Other::DeepFolder),
        1 => Just(Other::Stray),
        1 => Just(Other::StrayFolder),
    ];
    let ours = prop_oneof![vec(millis(), 0..20), vec(millis(), 90..350)];
    let others = prop_oneof![
        vec((other.clone(), millis()), 0..4),
        vec((other, millis()), 0..150)
    ];
    let folders = vec(millis(), 0..3);
    (ours, others, folders).prop_map(|(ours, others, folders)| World {
        ours,
        others,
        folders,
    })
}

/// Without strays and markers, which take places in the store's pages.
pub fn plain_world() -> impl Strategy<Value = World> {
    any_world().prop_map(|mut world| {
        let is_stray = |other: Other| matches!(other, Other::Stray | Other::StrayFolder);
        world.others.retain(|(other, _)| !is_stray(*other));
        world.folders.clear();
        world
    })
}

/// Pages of any size, of which not all are empty.
pub fn any_shapes() -> impl Strategy<Value = Vec<Shape>> {
    let shape = prop_oneof![
        2 => Just(Shape::Full),
        2 => (1..60usize).prop_map(Shape::Short),
        1 => Just(Shape::Empty),
    ];
    vec(shape, 0..5).prop_map(|mut shapes| {
        shapes.push(Shape::Short(7));
        shapes
    })
}

/// Limits, one for each page in turn.
pub fn any_limits() -> impl Strategy<Value = Vec<usize>> {
    let limit = prop_oneof![1..8usize, 1..130usize, Just(100), Just(1000)];
    vec(limit, 1..5)
}
