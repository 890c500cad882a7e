//! A skyline: rows of buildings one behind the other, windows lit in the nearer ones, sometimes
//! mirrored in a river.

use super::Motif;
use super::colour::Lab;
use super::frame::Frame;
use super::mood::Mood;
use super::noise::hash_unit;
use super::portable::{floor, lerp};
use super::random::Random;
use super::ridges::Ridge;
use super::sky::Sky;
use super::theme::{Light, Theme};
use super::water::Water;

/// A city.
pub struct City {
    frame: Frame,
    sky: Sky,
    rows: Vec<BuildingRow>,
    water: Option<Water>,
}

struct BuildingRow {
    buildings: Vec<Building>,
    /// For every column the building that stands there.
    owner: Vec<u16>,
    skyline: Ridge,
    windows: Option<Windows>,
}

#[derive(Clone, Copy)]
struct Building {
    left: f32,
    right: f32,
    top: f32,
    roof: Roof,
}

#[derive(Clone, Copy)]
enum Roof {
    Flat,
    Stepped,
    Gabled,
    Slanted,
    Mast,
}

struct Windows {
    size: f32,
    lit_share: f32,
    lit: [Lab; 2],
    dark: Lab,
    seed: u32,
}

impl City {
    /// A city in the light and colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let usual = [
            Light::Dusk,
            Light::Dusk,
            Light::Night,
            Light::Dawn,
            Light::Mist,
        ];
        let mood = Mood::choose(theme, usual, random);
        let mirrored = theme.water || random.chance(0.4);
        let ground = frame.height
            * if mirrored {
                random.between(0.68, 0.76)
            } else {
                1.0
            };
        let sky = Sky::compose(frame, mood, ground, random);
        let count = random.whole(3, 4);
        let rows = (0..count)
            .map(|index| {
                let nearness = index as f32 / (count - 1) as f32;
                BuildingRow::compose(frame, sky.mood(), ground, nearness, random)
            })
            .collect();
        let water = mirrored.then(|| {
            let mood = sky.mood();
            Water::compose(
                frame,
                ground,
                mood.near.mix(mood.sky[1], 0.3),
                mood.sky[2],
                random,
            )
        });
        Self {
            frame,
            sky,
            rows,
            water,
        }
    }

    fn paint_city(&self, y: f32, row: &mut [Lab]) {
        self.sky.paint_row(y, row);
        for buildings in &self.rows {
            buildings.paint_row(&self.frame, y, row);
        }
    }
}

impl Motif for City {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        match &self.water {
            Some(water) => water.paint_row(y, row, |y, row| self.paint_city(y, row)),
            None => self.paint_city(y, row),
        }
    }
}

impl BuildingRow {
    fn compose(frame: Frame, mood: &Mood, ground: f32, nearness: f32, random: &mut Random) -> Self {
        let buildings = compose_buildings(frame, ground, nearness, random);
        let owner: Vec<u16> = (0..frame.columns)
            .map(|column| {
                let x = frame.x(column);
                buildings.partition_point(|building| building.right <= x) as u16
            })
            .collect();
        let skyline = Ridge::new(frame, |x| {
            let index = buildings.partition_point(|building| building.right <= x);
            buildings
                .get(index)
                .map_or(ground, |building| building.crest(x))
        });
        let top = mood.far.mix(mood.near, 0.15 + 0.85 * nearness);
        let foot = top.mix(mood.sky[2], lerp(0.55, 0.1, nearness));
        Self {
            skyline: skyline.coloured(top, foot, lerp(0.5, 0.7, nearness)),
            windows: (nearness > 0.4).then(|| Windows::compose(mood, nearness, random)),
            buildings,
            owner,
        }
    }

    fn paint_row(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        self.skyline.paint_row_with(y, row, |column, _, colour| {
            let building = self.buildings.get(usize::from(self.owner[column]));
            let (Some(windows), Some(building)) = (&self.windows, building) else {
                return colour;
            };
            let tone = hash_unit(windows.seed, i32::from(self.owner[column]), -9) - 0.5;
            windows.paint(
                frame,
                building,
                frame.x(column),
                y,
                colour.lighter(tone * 0.05),
            )
        });
    }
}

fn compose_buildings(
    frame: Frame,
    ground: f32,
    nearness: f32,
    random: &mut Random,
) -> Vec<Building> {
    let mut buildings = Vec::new();
    let mut left = -random.between(0.0, 0.1);
    while left < frame.width && buildings.len() < usize::from(u16::MAX) {
        let breadth = random.between(0.05, 0.12) * lerp(0.75, 1.25, nearness);
        let rise = random.unit();
        let height = lerp(0.28, 0.12, nearness) + lerp(0.34, 0.36, nearness) * rise * rise;
        buildings.push(Building {
            left,
            right: left + breadth,
            top: ground - height,
            roof: random.pick([
                Roof::Flat,
                Roof::Flat,
                Roof::Stepped,
                Roof::Gabled,
                Roof::Slanted,
                Roof::Mast,
            ]),
        });
        left += breadth;
    }
    buildings
}

impl Building {
    /// The height of the roof at x, from the top of the picture.
    fn crest(&self, x: f32) -> f32 {
        let breadth = self.right - self.left;
        let place = (x - self.left) / breadth;
        let middle = (place - 0.5).abs() * 2.0;
        self.top
            - breadth
                * match self.roof {
                    Roof::Flat => 0.0,
                    Roof::Stepped if middle < 0.35 => 0.5,
                    Roof::Stepped if middle < 0.7 => 0.25,
                    Roof::Stepped => 0.0,
                    Roof::Gabled => 0.45 * (1.0 - middle),
                    Roof::Slanted => 0.35 * place,
                    Roof::Mast if middle < 0.05 => 0.9,
                    Roof::Mast if middle < 0.5 => 0.15,
                    Roof::Mast => 0.0,
                }
    }
}

impl Windows {
    fn compose(mood: &Mood, nearness: f32, random: &mut Random) -> Self {
        let late = matches!(mood.light, Light::Night | Light::Dusk);
        let lamp = mood.sun.mix(Lab::from_hex(0xffc766), 0.7);
        Self {
            size: lerp(0.0075, 0.0115, nearness),
            lit_share: if late { random.between(0.3, 0.5) } else { 0.12 },
            lit: [lamp, lamp.mix(mood.sky[2], 0.5)],
            dark: mood.sky[1],
            seed: random.noise_seed(),
        }
    }

    fn paint(&self, frame: &Frame, building: &Building, x: f32, y: f32, wall: Lab) -> Lab {
        let across = building.right - building.left - self.size;
        let count = floor(across / (self.size * 1.5)).max(1.0);
        let pitch = across / count;
        let column = (x - building.left - self.size * 0.5) / pitch;
        let story = (y - building.top) / (self.size * 1.9) - 0.5;
        if column < 0.0 || column >= count || story < 0.0 {
            return wall;
        }
        let (right, below) = (column - floor(column) - 0.5, story - floor(story) - 0.5);
        let inside_x = 0.3 * pitch - right.abs() * pitch;
        let inside_y = 0.55 * self.size - below.abs() * self.size * 1.9;
        let cover = frame.coverage(inside_x) * frame.coverage(inside_y);
        let key = self.seed ^ (building.left * 4096.0) as i32 as u32;
        let chance = hash_unit(key, column as i32, story as i32);
        let glass = if chance < self.lit_share {
            self.lit[0].mix(self.lit[1], chance / self.lit_share)
        } else {
            wall.mix(self.dark, 0.18)
        };
        wall.mix(glass, cover * 0.92)
    }
}
