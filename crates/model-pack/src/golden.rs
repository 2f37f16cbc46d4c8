//! Golden vectors: the results that a pack must reproduce before it may serve.
//!
//! The picture is drawn by whole-number arithmetic, so every machine has the same one to the bit,
//! and the program contains no person's face. Detectors find the drawn face. Scorers are undecided
//! about it, and so react most to a wrong input: two swapped colour channels or a wrong scale move
//! their results far.

use std::collections::BTreeMap;

use face_detector::Face;
use frame::{Frame, Size};
use serde::{Deserialize, Serialize};

/// A picture and the results that a pack must give for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The picture.
    pub picture: GoldenPicture,
    /// The faces it must find, largest first.
    pub faces: Vec<Face>,
    /// The log-odds of a live face that each scorer must give for the first of these faces.
    pub log_odds: BTreeMap<String, f64>,
}

/// A picture that every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GoldenPicture {
    /// A drawn portrait, 800x800 px.
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

const WIDTH: i32 = 800;
const HEIGHT: i32 = 800;
/// The centre of the face. It is off the centre of the picture, so that a crop's shift matters.
/// Four times the face fits around it, so that a crop's scale matters.
const CENTRE: (i32, i32) = (410, 410);

const HAIR: Colour = [58, 40, 30];
const SKIN: Colour = [222, 172, 148];

/// Converts hundredths of half the face's width to pixels.
const fn u(hundredths: i32) -> i32 {
    hundredths * 80 / 100
}

/// Squared distance from the centre of an ellipse, in 1024ths of its squared radius. Up to 1024 is
/// inside.
fn in_ellipse((x, y): (i32, i32), (cx, cy): (i32, i32), (rx, ry): (i32, i32)) -> i32 {
    let term = |d: i32, r: i32| (i64::from(d) * i64::from(d) * 1024).div_euclid(i64::from(r * r));
    i32::try_from(term(x - cx, rx) + term(y - cy, ry)).unwrap_or(i32::MAX)
}

/// True if a place is inside an ellipse with an offset from `centre` and two radii.
fn ellipses(place: (i32, i32), (cx, cy): (i32, i32)) -> impl Fn(i32, i32, i32, i32) -> bool {
    move |dx, dy, rx, ry| in_ellipse(place, (cx + dx, cy + dy), (rx, ry)) <= 1024
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

/// Noise from -8 to 7, as a camera's sensor adds it to smooth surfaces.
fn grain(x: i32, y: i32) -> i32 {
    let (x, y) = (i64::from(x), i64::from(y));
    let hash = x * 1_103_515_245 + y * 86_415 + x * y * 2_654_435_761;
    ((hash >> 7) & 15) as i32 - 8
}

/// The colour at a place without noise: the colour of the last layer that covers it.
fn pixel(x: i32, y: i32) -> Colour {
    let (cx, cy) = CENTRE;
    let within = ellipses((x, y), CENTRE);
    let mut colour =
        [70 + x * 60 / WIDTH, 90 + y * 50 / HEIGHT, 120 + (x + y) * 40 / (WIDTH + HEIGHT)];
    if within(0, u(330), u(210), u(170)) {
        colour = [60, 70, 110]; // Shoulders.
    }
    if (x - cx).abs() <= u(42) && (cy + u(60)..=cy + u(190)).contains(&y) {
        colour = [190, 140, 118]; // Neck.
    }
    if within(0, -u(30), u(112), u(138)) {
        colour = HAIR;
    }
    if within(-u(100), u(5), u(14), u(28)) || within(u(100), u(5), u(14), u(28)) {
        colour = [196, 142, 120]; // Ears.
    }
    let depth = in_ellipse((x, y), (cx, cy + u(10)), (u(100), u(128)));
    if depth <= 1024 {
        // Darker towards the edge, and from left to right.
        let shade = |channel: usize, slant: i32| {
            SKIN[channel] - depth * 34 / 1024 - ((x - cx) * slant).div_euclid(u(100))
        };
        colour = [shade(0, 14), shade(1, 12), shade(2, 10)];
        if y < cy - u(72) + (x - cx) * (x - cx) * u(30) / (u(100) * u(100)) {
            colour = HAIR;
        }
    }
    for side in [-1, 1] {
        colour = eye(x, y, (cx + side * u(40), cy - u(15)), colour);
    }
    colour = nose(x, y, colour);
    if within(0, u(78), u(32), u(10)) {
        colour = [184, 92, 88]; // Lips.
    }
    if (x - cx).abs() <= u(30) && (y - cy - u(77)).abs() <= u(1) {
        colour = [110, 50, 48]; // Between the lips.
    }
    colour
}

fn eye(x: i32, y: i32, (ex, ey): (i32, i32), mut colour: Colour) -> Colour {
    let within = ellipses((x, y), (ex, ey));
    if within(0, 0, u(24), u(17)) {
        colour = [colour[0] - 26, colour[1] - 26, colour[2] - 24]; // Socket.
    }
    for ((rx, ry), layer) in [
        ((19, 9), [235, 230, 225]), // White.
        ((9, 9), [70, 48, 35]),     // Iris.
        ((4, 4), [15, 12, 12]),     // Pupil.
    ] {
        if within(0, 0, u(rx), u(ry)) {
            colour = layer;
        }
    }
    if within(-u(3), -u(3), u(2), u(2)) {
        colour = [250, 250, 250]; // Glint.
    }
    let arch = (x - ex) * (x - ex) * u(6) / (u(25) * u(25));
    if (x - ex).abs() <= u(25) && (y - (ey - u(24)) - arch).abs() <= u(3) {
        colour = [60, 42, 32]; // Brow.
    }
    colour
}

fn nose(x: i32, y: i32, mut colour: Colour) -> Colour {
    let within = ellipses((x, y), CENTRE);
    if within(u(5), u(22), u(7), u(34)) {
        colour = [colour[0] - 14, colour[1] - 14, colour[2] - 13]; // Bridge.
    }
    if within(0, u(42), u(19), u(9)) {
        colour = [colour[0] - 22, colour[1] - 22, colour[2] - 20]; // Tip.
    }
    if within(-u(9), u(46), u(5), u(3)) || within(u(9), u(46), u(5), u(3)) {
        colour = [110, 64, 52]; // Nostrils.
    }
    colour
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    #[test]
    fn the_drawn_face_is_the_same_on_every_machine() {
        let frame = GoldenPicture::DrawnFace.frame();
        let path = std::env::var_os("LIVEGATE_SAVE_DRAWN_FACE");
        if let Some(path) = path.filter(|path| !path.is_empty()) {
            std::fs::write(path, frame.encode_png().unwrap()).unwrap();
        }
        assert_eq!(frame.size(), Size::new(800, 800));
        assert_eq!(
            Digest::of(frame.pixels()).to_string(),
            "650323da9c1f7776c7187490da06f1db021c97e05c91ab05ee6d6218d2f392ce"
        );
    }
}
