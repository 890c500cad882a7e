//! Flowers on curved stems before a soft, out-of-focus ground.

use super::Motif;
use super::colour::{Lab, ramp};
use super::frame::Frame;
use super::palette::Palette;
use super::portable::{cos_turns, direction_turns, fraction, lerp, sin_turns, smoothstep};
use super::random::Random;
use super::theme::{Light, Theme};

/// A garden.
pub struct Garden {
    frame: Frame,
    ground: [Lab; 3],
    lights: Vec<Blur>,
    flowers: Vec<Flower>,
}

struct Blur {
    x: f32,
    y: f32,
    radius: f32,
    colour: Lab,
    strength: f32,
}

struct Flower {
    x: f32,
    y: f32,
    radius: f32,
    foot: f32,
    petals: f32,
    turn: f32,
    layers: usize,
    shape: f32,
    colour: Lab,
    heart: Lab,
    stem: Lab,
    leaves: [Leaf; 2],
}

#[derive(Clone, Copy)]
struct Leaf {
    y: f32,
    length: f32,
    /// The unit vector along the leaf.
    along: (f32, f32),
}

impl Garden {
    /// A garden in the colours of the theme.
    pub fn compose(frame: Frame, theme: &Theme, random: &mut Random) -> Self {
        let palette = Palette::choose(theme, random);
        let dark = theme.light == Some(Light::Night) || random.chance(0.3);
        let green = Lab::from_hex(random.pick([0x5d7f4a, 0x47705a, 0x7d8a4a]));
        let ground = if dark {
            let deep = palette.ink.mix(green, 0.3);
            [deep.lighter(-0.06), deep, deep.mix(green, 0.35)]
        } else {
            let warm = palette.paper.mix(palette.tones[3], 0.3);
            [palette.paper, warm, warm.mix(green, 0.45)]
        };
        let lights = compose_lights(frame, &palette, &ground, random);
        let count = (random.between(9.0, 18.0) * frame.area_up_to(6.0)) as usize;
        let mut flowers: Vec<Flower> = (0..count)
            .map(|index| {
                let nearness = index as f32 / count as f32;
                Flower::compose(frame, &palette, green, (nearness, ground[1]), random)
            })
            .collect();
        flowers.sort_by(|one, other| one.radius.total_cmp(&other.radius));
        Self {
            frame,
            ground,
            lights,
            flowers,
        }
    }
}

fn compose_lights(
    frame: Frame,
    palette: &Palette,
    ground: &[Lab; 3],
    random: &mut Random,
) -> Vec<Blur> {
    (0..14)
        .map(|_| Blur {
            x: random.unit() * frame.width,
            y: random.unit() * frame.height,
            radius: random.between(0.06, 0.26),
            colour: palette.tone(random).mix(ground[0], 0.35),
            strength: random.between(0.1, 0.35),
        })
        .collect()
}

impl Motif for Garden {
    fn paint_row(&self, y: f32, row: &mut [Lab]) {
        row.fill(ramp(&self.ground, y / self.frame.height));
        for blur in &self.lights {
            blur.paint_row(&self.frame, y, row);
        }
        for flower in &self.flowers {
            flower.paint_stem(&self.frame, y, row);
            flower.paint_leaves(&self.frame, y, row);
            flower.paint_head(&self.frame, y, row);
        }
    }
}

impl Blur {
    fn paint_row(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        let down = y - self.y;
        if down.abs() > self.radius {
            return;
        }
        for column in frame.columns_between(self.x - self.radius, self.x + self.radius) {
            let across = frame.x(column) - self.x;
            let distance = (across * across + down * down).sqrt() / self.radius;
            let cover = smoothstep(1.0, 0.72, distance) * self.strength;
            row[column] = row[column].mix(self.colour, cover);
        }
    }
}

impl Flower {
    fn compose(
        frame: Frame,
        palette: &Palette,
        green: Lab,
        (nearness, haze): (f32, Lab),
        random: &mut Random,
    ) -> Self {
        let radius = lerp(0.04, 0.15, nearness) * random.between(0.8, 1.25);
        let x = frame.width * random.between(0.03, 0.97);
        let lowest = frame.height - radius;
        let y = (frame.height * random.between(0.1, 0.8)).min(lowest);
        let distance = 0.55 * (1.0 - nearness);
        let stem = green
            .lighter(random.between(-0.1, 0.02))
            .mix(haze, distance);
        let colour = palette
            .tone(random)
            .mix(palette.paper, random.between(0.0, 0.25));
        let heart = random.pick([palette.ink, Lab::from_hex(0xe9b44c), palette.tones[4]]);
        let leaf = |side: f32, random: &mut Random| {
            let turn = 0.25 + side * random.between(0.08, 0.16);
            Leaf {
                y: y + radius * random.between(1.7, 3.4),
                length: radius * random.between(0.9, 1.4),
                along: (-cos_turns(turn), -sin_turns(turn)),
            }
        };
        Self {
            x,
            y,
            radius,
            foot: x + random.between(-0.14, 0.14),
            petals: random.whole(5, 13) as f32,
            turn: random.unit(),
            layers: random.whole(1, 3),
            shape: random.between(0.25, 0.75),
            colour: colour.mix(haze, distance),
            heart: heart.mix(haze, distance),
            stem,
            leaves: [leaf(1.0, random), leaf(-1.0, random)],
        }
    }

    /// The stem's centre at the height `y`, which leaves the flower straight down.
    fn stem_at(&self, y: f32) -> f32 {
        let down = y - self.y;
        self.x + (self.foot - self.x) * down * down / (down * down + 0.2)
    }

    fn paint_stem(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        if y < self.y {
            return;
        }
        let (centre, half) = (self.stem_at(y), self.radius * 0.045 + 0.001);
        for column in frame.columns_between(centre - half, centre + half) {
            let inside = half - (frame.x(column) - centre).abs();
            row[column] = row[column].mix(self.stem, frame.coverage(inside));
        }
    }

    fn paint_leaves(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        for leaf in &self.leaves {
            if (y - leaf.y).abs() > leaf.length {
                continue;
            }
            let centre = self.stem_at(leaf.y);
            for column in frame.columns_between(centre - leaf.length, centre + leaf.length) {
                let (x, down) = (frame.x(column) - centre, y - leaf.y);
                let along = (x * leaf.along.0 + down * leaf.along.1) / leaf.length;
                let across = (x * leaf.along.1 - down * leaf.along.0) / leaf.length;
                // A lens: two parabolas that meet at both ends.
                let inside = 0.9 * along * (1.0 - along) - across.abs();
                let side = if across > 0.0 { 0.03 } else { -0.02 };
                let cover = frame.coverage(inside * leaf.length * 0.8);
                row[column] = row[column].mix(self.stem.lighter(side), cover);
            }
        }
    }

    fn paint_head(&self, frame: &Frame, y: f32, row: &mut [Lab]) {
        let down = y - self.y;
        if down.abs() > self.radius + frame.pixel {
            return;
        }
        for column in frame.columns_between(self.x - self.radius, self.x + self.radius) {
            let across = frame.x(column) - self.x;
            let distance = (across * across + down * down).sqrt() / self.radius;
            if distance > 1.1 {
                continue;
            }
            let direction = direction_turns(across, down) + self.turn;
            row[column] = self.head_colour(frame, direction, distance, row[column]);
        }
    }

    fn head_colour(&self, frame: &Frame, direction: f32, distance: f32, behind: Lab) -> Lab {
        let mut colour = behind;
        for layer in 0..self.layers {
            let size = 1.0 - 0.24 * layer as f32;
            let place = fraction(direction * self.petals + 0.5 * layer as f32);
            // From 0 in a petal's middle to 1 between two petals.
            let aside = (place - 0.5).abs() * 2.0;
            let round = (1.0 - aside * aside).max(0.0).sqrt();
            let edge = size * lerp(self.shape, 1.0, round);
            let cover = frame.coverage((edge - distance) * self.radius * 0.8);
            let depth = (distance / size).min(1.0);
            let lift = 0.11 * depth - 0.09 + 0.05 * layer as f32 - 0.07 * aside * aside;
            colour = colour.mix(self.colour.lighter(lift), cover);
        }
        let heart = 0.2 + 0.06 * (3 - self.layers) as f32;
        let dots = sin_turns(direction * 24.0) * sin_turns(distance * 18.0);
        let cover = frame.coverage((heart - distance) * self.radius);
        colour.mix(
            self.heart.lighter(0.05 * dots - 0.25 * distance + 0.03),
            cover,
        )
    }
}
