//! What a pack must answer before it may serve.
//!
//! The picture is drawn by whole-number arithmetic, so that every machine has the same one to the
//! bit and nobody's face has to be carried along. It is face enough for detectors, and strange enough
//! to leave the scorers undecided, where they react most to a wrong input: swap two colour channels
//! or forget a scale and the answers are far off.

use std::collections::BTreeMap;

use face_detector::Face;
use frame::{Frame, Size};
use serde::{Deserialize, Serialize};

/// A picture and what a pack must find in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// What is shown to the pack.
    pub picture: GoldenPicture,
    /// The faces it must find, largest first.
    pub faces: Vec<Face>,
    /// The log-odds of life that each scorer must give the first of these faces.
    pub log_odds: BTreeMap<String, f64>,
}

/// A picture that every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoldenPicture {
    /// A drawn portrait, 480x640 px.
    DrawnFace,
}

impl GoldenPicture {
    /// The picture.
    #[must_use]
    pub fn frame(self) -> Frame {
        match self {
            Self::DrawnFace => drawn_face(),
        }
    }
}

type Colour = [i32; 3];

const WIDTH: i32 = 480;
const HEIGHT: i32 = 640;
/// The middle of the face.
const CENTRE: (i32, i32) = (240, 300);

const HAIR: Colour = [58, 40, 30];
const SKIN: Colour = [222, 172, 148];

/// Squared distance from the centre of an ellipse, in 1024ths of its radius: up to 1024 is inside.
fn in_ellipse((x, y): (i32, i32), (cx, cy): (i32, i32), (rx, ry): (i32, i32)) -> i32 {
    let term = |d: i32, r: i32| (i64::from(d) * i64::from(d) * 1024).div_euclid(i64::from(r * r));
    i32::try_from(term(x - cx, rx) + term(y - cy, ry)).unwrap_or(i32::MAX)
}

fn drawn_face() -> Frame {
    let mut pixels = Vec::with_capacity((3 * WIDTH * HEIGHT) as usize);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let grain = grain(x, y);
            pixels.extend(pixel(x, y).map(|channel| (channel + grain).clamp(0, 255) as u8));
        }
    }
    let size = Size::new(WIDTH as usize, HEIGHT as usize);
    Frame::from_rgb8(size, pixels).expect("a pixel was drawn for each place")
}

/// Something like a sensor's noise, -8 to 7: smooth surfaces alone look like nothing a camera gave.
fn grain(x: i32, y: i32) -> i32 {
    let (x, y) = (i64::from(x), i64::from(y));
    let hash = x * 1_103_515_245 + y * 86_415 + x * y * 2_654_435_761;
    ((hash >> 7) & 15) as i32 - 8
}

/// The colour at a place before the grain: the last layer that covers it.
fn pixel(x: i32, y: i32) -> Colour {
    let (cx, cy) = CENTRE;
    let within = |dx: i32, dy: i32, rx: i32, ry: i32| {
        in_ellipse((x, y), (cx + dx, cy + dy), (rx, ry)) <= 1024
    };
    let mut colour =
        [70 + x * 60 / WIDTH, 90 + y * 50 / HEIGHT, 120 + (x + y) * 40 / (WIDTH + HEIGHT)];
    if within(0, 346, 220, 178) {
        colour = [60, 70, 110]; // Shoulders.
    }
    if (x - cx).abs() <= 44 && (cy + 63..=cy + 199).contains(&y) {
        colour = [190, 140, 118]; // Neck.
    }
    if within(0, -31, 117, 144) {
        colour = HAIR;
    }
    if within(-105, 5, 14, 29) || within(105, 5, 14, 29) {
        colour = [196, 142, 120]; // Ears.
    }
    let depth = in_ellipse((x, y), (cx, cy + 10), (105, 134));
    if depth <= 1024 {
        // Darker towards the edge, and from left to right.
        let shade = |channel: usize, slant: i32| {
            SKIN[channel] - depth * 34 / 1024 - ((x - cx) * slant).div_euclid(105)
        };
        colour = [shade(0, 14), shade(1, 12), shade(2, 10)];
        if y < cy - 75 + (x - cx) * (x - cx) * 31 / (105 * 105) {
            colour = HAIR;
        }
    }
    for side in [-1, 1] {
        colour = eye(x, y, (cx + side * 42, cy - 15), colour);
    }
    colour = nose(x, y, colour);
    if within(0, 81, 33, 10) {
        colour = [184, 92, 88]; // Lips.
    }
    if (x - cx).abs() <= 31 && (y - cy - 80).abs() <= 1 {
        colour = [110, 50, 48]; // Between the lips.
    }
    colour
}

fn eye(x: i32, y: i32, (ex, ey): (i32, i32), mut colour: Colour) -> Colour {
    let within = |dx: i32, dy: i32, rx: i32, ry: i32| {
        in_ellipse((x, y), (ex + dx, ey + dy), (rx, ry)) <= 1024
    };
    if within(0, 0, 25, 17) {
        colour = [colour[0] - 26, colour[1] - 26, colour[2] - 24]; // Socket.
    }
    for (radii, layer) in [
        ((19, 9), [235, 230, 225]), // White.
        ((9, 9), [70, 48, 35]),     // Iris.
        ((4, 4), [15, 12, 12]),     // Pupil.
    ] {
        if within(0, 0, radii.0, radii.1) {
            colour = layer;
        }
    }
    if within(-3, -3, 2, 2) {
        colour = [250, 250, 250]; // Glint.
    }
    let arch = (x - ex) * (x - ex) * 6 / (26 * 26);
    if (x - ex).abs() <= 26 && (y - (ey - 25) - arch).abs() <= 3 {
        colour = [60, 42, 32]; // Brow.
    }
    colour
}

fn nose(x: i32, y: i32, mut colour: Colour) -> Colour {
    let (cx, cy) = CENTRE;
    let within = |dx: i32, dy: i32, rx: i32, ry: i32| {
        in_ellipse((x, y), (cx + dx, cy + dy), (rx, ry)) <= 1024
    };
    if within(5, 23, 7, 35) {
        colour = [colour[0] - 14, colour[1] - 14, colour[2] - 13]; // Bridge.
    }
    if within(0, 44, 19, 9) {
        colour = [colour[0] - 22, colour[1] - 22, colour[2] - 20]; // Tip.
    }
    if within(-9, 48, 5, 3) || within(9, 48, 5, 3) {
        colour = [110, 64, 52]; // Nostrils.
    }
    colour
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn the_drawn_face_is_the_same_everywhere() {
        let frame = GoldenPicture::DrawnFace.frame();
        assert_eq!(frame.size(), Size::new(480, 640));
        assert_eq!(
            Digest::of(frame.pixels()).to_string(),
            "8f27ad7f92305817e66c90d15107f42537b8e293e9030ed040d0d7581d9d7e63"
        );
    }
}
