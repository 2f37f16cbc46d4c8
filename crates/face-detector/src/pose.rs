//! The pose of a head, from five landmarks.
//!
//! Pitch is not measured: in five points a smile moves the mouth as much as a nod does.

use frame::Point;

use crate::face::Landmarks;

/// Distance of the tip of the nose in front of the line of the eyes, in distances between the eyes.
/// It turns the nose's shift to the side into an angle. Fitted to the yaw of the `Hopenet`-style
/// net in the npm package faceplugin-face-recognition-js on nine portraits: the median error was
/// 1.5 degrees, the largest 12.5.
const NOSE_REACH: f32 = 0.62;

/// The pose of a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// To the side, degrees. Positive with the nose towards the left of the picture.
    pub yaw_degrees: f32,
    /// In the plane of the picture, degrees clockwise.
    pub roll_degrees: f32,
}

impl Pose {
    /// The pose of `landmarks`. NaN if they fall together.
    #[must_use]
    pub fn of(landmarks: &Landmarks) -> Self {
        let Landmarks { right_eye, left_eye, nose, mouth_right, mouth_left } = *landmarks;
        // The mean direction of the eyes' line and the mouth's line.
        let (eyes, mouth) = (unit(right_eye, left_eye), unit(mouth_right, mouth_left));
        let roll = (eyes.y + mouth.y).atan2(eyes.x + mouth.x);
        let middle = between(right_eye, left_eye);
        let upright = |p: Point| {
            let (x, y) = (p.x - middle.x, p.y - middle.y);
            Point { x: x * roll.cos() + y * roll.sin(), y: y * roll.cos() - x * roll.sin() }
        };
        let (nose, mouth) = (upright(nose), upright(between(mouth_right, mouth_left)));
        // The nose's distance from the line between the middle of the eyes and of the mouth.
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

/// The direction from `a` to `b`, of length 1.
fn unit(a: Point, b: Point) -> Point {
    let length = a.distance(b);
    Point { x: (b.x - a.x) / length, y: (b.y - a.y) / length }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A face rolled by `roll` degrees, its nose `shift` distances between the eyes off the middle.
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
    fn a_frontal_face_has_no_angle() {
        let pose = Pose::of(&face(0.0, 0.0));
        assert!(pose.yaw_degrees.abs() < 1e-3 && pose.roll_degrees.abs() < 1e-3, "{pose:?}");
    }

    #[test]
    fn a_nose_shifted_by_its_reach_is_a_yaw_of_45_degrees() {
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
