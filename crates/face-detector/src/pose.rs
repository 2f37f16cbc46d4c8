//! Which way a head is turned, from five landmarks.
//!
//! Pitch is not among the answers: in five points a smile moves the mouth as much as a nod does. On the
//! pictures at hand a pitch made of them was no better than a constant.

use frame::Point;

use crate::face::Landmarks;

/// How far the tip of the nose stands out before the line of the eyes, in distances between the eyes: what
/// makes its shift to the side an angle. Fitted to the yaw of the `Hopenet`-style net in the npm package
/// faceplugin-face-recognition-js on nine portraits; the median error was 1.5 degrees, the greatest 12.5.
const NOSE_REACH: f32 = 0.62;

/// Which way a head is turned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// To the side, degrees: positive with the nose towards the left of the picture.
    pub yaw_degrees: f32,
    /// In the plane of the picture, degrees clockwise as seen.
    pub roll_degrees: f32,
}

impl Pose {
    /// The pose that these landmarks show. Not a number where they fall together.
    #[must_use]
    pub fn of(landmarks: &Landmarks) -> Self {
        let Landmarks { right_eye, left_eye, nose, mouth_right, mouth_left } = *landmarks;
        // Both the line of the eyes and that of the mouth, each for what it is worth.
        let (eyes, mouth) = (unit(right_eye, left_eye), unit(mouth_right, mouth_left));
        let roll = (eyes.y + mouth.y).atan2(eyes.x + mouth.x);
        let middle = between(right_eye, left_eye);
        let upright = |p: Point| {
            let (x, y) = (p.x - middle.x, p.y - middle.y);
            Point { x: x * roll.cos() + y * roll.sin(), y: y * roll.cos() - x * roll.sin() }
        };
        let (nose, mouth) = (upright(nose), upright(between(mouth_right, mouth_left)));
        // How far the nose is off the line from between the eyes to the middle of the mouth.
        let shift = (nose.x - mouth.x * nose.y / mouth.y) / right_eye.distance(left_eye);
        Self {
            yaw_degrees: -(shift / NOSE_REACH).atan().to_degrees(),
            roll_degrees: roll.to_degrees(),
        }
    }
}

fn between(a: Point, b: Point) -> Point {
    Point { x: a.x.midpoint(b.x), y: a.y.midpoint(b.y) }
}

/// The direction from `a` to `b`, one long.
fn unit(a: Point, b: Point) -> Point {
    let length = a.distance(b);
    Point { x: (b.x - a.x) / length, y: (b.y - a.y) / length }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A face with the nose `shift` distances between the eyes off its middle, rolled by `roll` degrees.
    fn face(shift: f32, roll: f32) -> Landmarks {
        let (sin, cos) = roll.to_radians().sin_cos();
        let place = |x: f32, y: f32| Point {
            x: 300.0 + 100.0 * (x * cos - y * sin),
            y: 200.0 + 100.0 * (x * sin + y * cos),
        };
        Landmarks {
            right_eye: place(-0.5, 0.0),
            left_eye: place(0.5, 0.0),
            nose: place(shift, 0.6),
            mouth_right: place(-0.4, 1.1),
            mouth_left: place(0.4, 1.1),
        }
    }

    #[test]
    fn a_face_to_the_front_has_no_angle() {
        let pose = Pose::of(&face(0.0, 0.0));
        assert!(pose.yaw_degrees.abs() < 1e-3 && pose.roll_degrees.abs() < 1e-3, "{pose:?}");
    }

    #[test]
    fn a_nose_out_by_its_reach_is_half_a_right_angle() {
        // The nose to the left of the picture is positive.
        assert!((Pose::of(&face(-0.62, 0.0)).yaw_degrees - 45.0).abs() < 1e-3);
        assert!((Pose::of(&face(0.62, 0.0)).yaw_degrees + 45.0).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn a_roll_is_found_and_changes_no_yaw(shift in -1.0_f32..1.0, roll in -170.0_f32..170.0) {
            let pose = Pose::of(&face(shift, roll));
            prop_assert!((pose.roll_degrees - roll).abs() < 0.1, "{:?}", pose);
            prop_assert!((pose.yaw_degrees - Pose::of(&face(shift, 0.0)).yaw_degrees).abs() < 0.1);
        }
    }
}
