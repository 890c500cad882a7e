//! The few transcendental functions that painting needs, from `+ - * /` alone: those are exact under
//! IEEE 754, while the standard library's `sin` or `powf` may differ by machine. Angles are in turns.

/// The largest whole number that is not above `value`, which must fit an `i32`.
pub fn floor(value: f32) -> f32 {
    let truncated = value as i32 as f32;
    if truncated > value {
        truncated - 1.0
    } else {
        truncated
    }
}

/// The part of `value` above its floor, from 0 to 1.
pub fn fraction(value: f32) -> f32 {
    value - floor(value)
}

/// The sine of an angle in turns (1.0 is the full circle), to about 1e-5.
pub fn sin_turns(turns: f32) -> f32 {
    let wrapped = turns - floor(turns + 0.5);
    let folded = if wrapped > 0.25 {
        0.5 - wrapped
    } else if wrapped < -0.25 {
        -0.5 - wrapped
    } else {
        wrapped
    };
    let angle = folded * std::f32::consts::TAU;
    let square = angle * angle;
    // The Taylor series up to the ninth power, in Horner's form.
    angle
        * (1.0
            - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))))
}

/// The cosine of an angle in turns, to about 1e-5.
pub fn cos_turns(turns: f32) -> f32 {
    sin_turns(turns + 0.25)
}

/// The direction of the vector (x, y) in turns, from -0.5 to 0.5, to about 1e-4; zero for no vector.
pub fn direction_turns(x: f32, y: f32) -> f32 {
    let (across, along) = (x.abs(), y.abs());
    let larger = across.max(along);
    if larger <= 0.0 {
        return 0.0;
    }
    let slope = across.min(along) / larger;
    let square = slope * slope;
    // A minimax polynomial of the arctangent on 0 to 1, in radians.
    let radians =
        ((-0.046_496_5 * square + 0.159_314_22) * square - 0.327_622_76) * square * slope + slope;
    let octant = radians / std::f32::consts::TAU;
    let quadrant = if along > across {
        0.25 - octant
    } else {
        octant
    };
    let half = if x < 0.0 { 0.5 - quadrant } else { quadrant };
    if y < 0.0 { -half } else { half }
}

/// The cube root of a value from 0 to 1, by Newton's method.
pub fn cube_root(value: f32) -> f32 {
    if value <= 0.0 {
        return 0.0;
    }
    // From above the root the method falls steadily; 40 steps are enough down to 1e-8.
    (0..40).fold(1.0, |root, _| (2.0 * root + value / (root * root)) / 3.0)
}

/// The fifth root of a value from 0 to 1, by Newton's method.
pub fn fifth_root(value: f32) -> f32 {
    if value <= 0.0 {
        return 0.0;
    }
    (0..60).fold(1.0, |root: f32, _| {
        let square = root * root;
        (4.0 * root + value / (square * square)) / 5.0
    })
}

/// From `start` to `end` as `amount` goes from 0 to 1.
pub fn lerp(start: f32, end: f32, amount: f32) -> f32 {
    start + (end - start) * amount
}

/// 0 up to `low`, 1 from `high` on, and a smooth rise between them.
pub fn smoothstep(low: f32, high: f32, value: f32) -> f32 {
    let amount = ((value - low) / (high - low)).clamp(0.0, 1.0);
    amount * amount * (3.0 - 2.0 * amount)
}

#[cfg(test)]
mod tests {
    use super::{cos_turns, cube_root, direction_turns, fifth_root, floor, sin_turns};

    #[test]
    fn the_functions_agree_with_the_standard_library() {
        for step in -400..400 {
            let turns = step as f32 * 0.007;
            let angle = turns * std::f32::consts::TAU;
            assert!((sin_turns(turns) - angle.sin()).abs() < 2e-5, "sin {turns}");
            assert!((cos_turns(turns) - angle.cos()).abs() < 2e-5, "cos {turns}");
            let expected = angle.sin().atan2(angle.cos()) / std::f32::consts::TAU;
            let found = direction_turns(angle.cos(), angle.sin());
            let apart = (found - expected).abs();
            assert!(apart.min(1.0 - apart) < 2e-4, "direction {turns}");
            assert_eq!(floor(turns), turns.floor());
        }
        for step in 0..=100 {
            let value = step as f32 / 100.0;
            assert!((cube_root(value) - value.cbrt()).abs() < 1e-5);
            assert!((fifth_root(value) - value.powf(0.2)).abs() < 1e-5);
        }
    }
}
