//! Promises of the painter: repeatable, varied, and at home at every size.

use super::theme::{Light, SCENES, Terrain, Theme};
use super::{Canvas, PaintRequest, paint};
use sha2::{Digest, Sha256};

fn painted(prompt: &str, seed: u64, width: u32, height: u32) -> Canvas {
    paint(&PaintRequest {
        prompt,
        seed,
        width,
        height,
    })
}

/// A prompt for each scene.
const PROMPTS: [&str; 12] = [
    "mountains",
    "sea",
    "galaxy",
    "city",
    "garden",
    "smoke",
    "maze",
    "peacock",
    "mandala",
    "bubbles",
    "quilt",
    "mosaic",
];

#[test]
fn the_prompts_of_these_tests_reach_every_scene() {
    let scenes = PROMPTS.map(|prompt| Theme::read(prompt).scene);
    assert_eq!(scenes, SCENES.map(Some));
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    for prompt in PROMPTS {
        assert_eq!(
            painted(prompt, 7, 96, 64),
            painted(prompt, 7, 96, 64),
            "{prompt}"
        );
    }
}

#[test]
fn another_prompt_or_another_seed_is_another_picture() {
    let mut seen = std::collections::HashSet::new();
    for prompt in PROMPTS.into_iter().chain(["", "a cat", "a dog", "日本語"]) {
        for seed in [0, 1, u64::MAX] {
            assert!(seen.insert(painted(prompt, seed, 64, 64).pixels().to_vec()));
        }
    }
}

#[test]
fn every_scene_stands_extreme_sizes() {
    for prompt in PROMPTS {
        for (width, height) in [(1, 1), (64, 2048), (2048, 64), (65, 67), (3, 300), (0, 0)] {
            for seed in 0..3 {
                let canvas = painted(prompt, seed, width, height);
                assert_eq!(canvas.width(), width.max(1));
                assert_eq!(canvas.height(), height.max(1));
            }
        }
    }
}

#[test]
fn every_terrain_and_light_is_painted_with_some_contrast() {
    let terrains = ["mountain", "snow", "hill", "forest", "desert"];
    for terrain in terrains {
        for light in ["dawn", "day", "sunset", "night", "mist"] {
            let prompt = format!("{terrain} {light} lake");
            let canvas = painted(&prompt, 3, 64, 64);
            let (least, greatest) = (canvas.pixels().iter().min(), canvas.pixels().iter().max());
            let contrast = greatest.zip(least).map(|(high, low)| high - low);
            assert!(contrast > Some(60), "{prompt}: {contrast:?}");
        }
    }
    let theme = Theme::read("hill dawn");
    assert_eq!(
        (theme.terrain, theme.light),
        (Some(Terrain::Hills), Some(Light::Dawn))
    );
}

#[test]
fn a_composition_keeps_its_colours_at_every_size() {
    let mean = |canvas: &Canvas| {
        let sum: u64 = canvas.pixels().iter().map(|byte| u64::from(*byte)).sum();
        sum as f64 / canvas.pixels().len() as f64
    };
    for prompt in PROMPTS {
        let small = mean(&painted(prompt, 5, 128, 128));
        let large = mean(&painted(prompt, 5, 384, 384));
        assert!((small - large).abs() < 4.0, "{prompt}: {small} and {large}");
    }
}

#[test]
fn a_named_colour_shows() {
    let channels = |prompt: &str| {
        let canvas = painted(prompt, 2, 64, 64);
        let mut sums = [0_u64; 3];
        for pixel in canvas.pixels().chunks_exact(3) {
            for (sum, byte) in sums.iter_mut().zip(pixel) {
                *sum += u64::from(*byte);
            }
        }
        sums
    };
    for scene in ["quilt", "bubbles", "smoke", "maze", "mosaic"] {
        let red = channels(&format!("{scene} in red"));
        let blue = channels(&format!("{scene} in blue"));
        assert!(
            red[0] * blue[2] > red[2] * blue[0],
            "{scene}: {red:?} {blue:?}"
        );
    }
}

#[test]
fn the_bytes_are_those_that_every_machine_paints() {
    let mut hasher = Sha256::new();
    for prompt in PROMPTS {
        hasher.update(painted(prompt, 1, 80, 56).pixels());
    }
    let digest = hasher.finalize();
    // Changes with every change of the art: take the new value then.
    let expected = "b3170ed457181c0f";
    let found: String = digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(found, expected);
}
