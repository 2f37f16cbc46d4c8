//! Faces as selfies show them: filling the frame, in pictures that lie on their side, at any
//! resolution.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use frame::{Filter, Frame, Limits, PixelRect, Rect, Resampler, Size, Turn};
use liveness::{
    Consequence, Device, Pipeline, ReasonCode, Report, Settings, Severities, Terms, Verdict,
};

/// Rejects no picture for its quality.
fn pipeline(pack: &str) -> Pipeline {
    let off = Consequence::Off;
    let severity = Severities {
        face_too_small: off,
        face_too_close: off,
        image_too_blurry: off,
        ..Severities::default()
    };
    let settings = Settings { severity, ..Settings::default() };
    Pipeline::load(testbed::runtime(), &testbed::pack(pack), Device::Cpu, settings).unwrap()
}

fn check(pipeline: &mut Pipeline, frame: &Frame, exact: bool) -> Report {
    let terms = Terms { min_picture_side_px: 1, exact, ..Terms::default() };
    pipeline.check(&frame.encode_png().unwrap(), &terms, &|| false).unwrap()
}

fn decoded(bytes: &[u8]) -> Frame {
    frame::decode(bytes, &Limits::default()).unwrap()
}

/// The portrait, and live and spoof pictures of `../shared`.
fn pictures() -> Vec<(&'static str, Frame)> {
    let portrait = decoded(&std::fs::read(testbed::portrait()).unwrap());
    let mut pictures = vec![("portrait", portrait)];
    for name in ["live_1.jpg", "live_1_fills_frame.jpg", "spoof_1.jpg", "spoof_2.jpg"] {
        pictures.extend(testbed::selfie(name).map(|bytes| (name, decoded(&bytes))));
    }
    pictures
}

fn resized(frame: &Frame, longer_side: usize) -> Frame {
    let Size { width, height } = frame.size();
    let side = |pixels: usize| pixels * longer_side / width.max(height);
    let to = Size::new(side(width), side(height));
    let mut resampler = Resampler::default();
    let view = resampler.resample(frame.view(), to, Filter::AreaOrLanczos4);
    let pixels = (0..to.height).flat_map(|y| view.row(y).to_vec()).collect();
    Frame::from_rgb8(to, pixels).unwrap()
}

fn part(frame: &Frame, part: PixelRect) -> Frame {
    let view = frame.crop(part);
    let pixels = (0..part.size.height).flat_map(|y| view.row(y).to_vec()).collect();
    Frame::from_rgb8(part.size, pixels).unwrap()
}

/// The part of `frame` of which `face` takes `share` of the height.
fn filled(frame: &Frame, face: Rect, share: f32) -> Frame {
    let height = face.delta.y / share;
    let width = (0.8 * height).max(face.delta.x / share);
    let size = frame.size();
    let span = |middle: f32, length: f32, pixels: usize| {
        let first = (middle - length / 2.0).max(0.0) as usize;
        (first, (length as usize).min(pixels - first))
    };
    let (left, width) = span(face.top_left.x + face.delta.x / 2.0, width, size.width);
    let (top, height) = span(face.top_left.y + face.delta.y / 2.0, height, size.height);
    part(frame, PixelRect { left, top, size: Size::new(width, height) })
}

#[test]
fn a_picture_on_its_side_is_scored_upright_and_reported_as_it_was_sent() {
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for (name, frame) in pictures() {
            let upright = check(&mut pipeline, &frame, false);
            assert_eq!(upright.turn, Turn::None, "{pack}, {name}");
            for (sent, back) in [
                (Turn::Quarter, Turn::ThreeQuarters),
                (Turn::Half, Turn::Half),
                (Turn::ThreeQuarters, Turn::Quarter),
            ] {
                let turned = frame.turned(sent);
                let report = check(&mut pipeline, &turned, false);
                assert_eq!(report.turn, back, "{pack}, {name} sent turned by {sent:?}");
                // Turned back it is the same picture to the bit.
                assert_eq!(
                    report.judgement.score(),
                    upright.judgement.score(),
                    "{pack}, {name} sent turned by {sent:?}"
                );
                assert_eq!(report.picture, turned.size());
                for (face, expected) in report.faces.iter().zip(&upright.faces) {
                    let (face, expected) = (&face.face, &expected.face);
                    let expected_rect = back.undo_rect(turned.size(), expected.rect);
                    assert!(face.rect.iou(&expected_rect) > 0.999, "{pack}, {name}: {face:?}");
                    if let (Some(found), Some(points)) = (face.landmarks, expected.landmarks) {
                        for (found, point) in found.points().into_iter().zip(points.points()) {
                            let expected = back.undo_point(turned.size(), point);
                            assert!(found.distance(expected) < 0.01, "{pack}, {name}: {found:?}");
                        }
                    }
                }
            }
        }
    }
}

/// The reference finds no face, or a box with swapped sides, and scores the face on its side.
#[test]
fn the_face_of_the_sideways_picture_is_found_and_scored_upright() {
    let Some(bytes) = testbed::selfie("live_1_sideways_no_exif.jpg") else { return };
    let sideways = decoded(&bytes);
    let upright = decoded(&testbed::selfie("live_1.jpg").unwrap());
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        let expected = check(&mut pipeline, &upright, false);
        let report = check(&mut pipeline, &sideways, false);
        assert_eq!(
            (report.turn, report.judgement.verdict),
            (Turn::Quarter, Verdict::Live),
            "{pack}"
        );
        let place = report.turn.undo_rect(sideways.size(), expected.faces[0].face.rect);
        assert!(report.faces[0].face.rect.iou(&place) > 0.9, "{pack}: {:?}", report.faces);
        for (model, expected) in report.judgement.models().iter().zip(expected.judgement.models()) {
            let place = report.turn.undo_rect(sideways.size(), expected.crop);
            assert!(model.crop.iou(&place) > 0.9, "{pack}: {model:?}");
        }
        // Like the reference: no face, or a face on its side.
        let exactly = check(&mut pipeline, &sideways, true);
        assert_eq!(exactly.turn, Turn::None, "{pack}");
        assert!(exactly.judgement.score() != report.judgement.score(), "{pack}");
    }
}

#[test]
fn a_face_that_fills_the_frame_is_found() {
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for (name, frame) in pictures() {
            let whole = check(&mut pipeline, &frame, false).faces[0].face.rect;
            let already = whole.delta.x / frame.size().width as f32;
            for share in [0.6, 0.7, 0.8, 0.9, 0.95].into_iter().filter(|&share| share > already) {
                let near = filled(&frame, whole, share);
                // The sizes of a camera and of a small upload.
                for longer_side in [480, 1600] {
                    let near = resized(&near, longer_side);
                    let report = check(&mut pipeline, &near, false);
                    let Size { width, height } = near.size();
                    let face = report.faces.first();
                    let seen = face.map(|face| {
                        let Rect { delta, .. } = face.face.rect;
                        (delta.x / width as f32).max(delta.y / height as f32)
                    });
                    let is_found = seen.is_some_and(|seen| (seen - share).abs() < 0.12);
                    assert!(
                        is_found && report.turn == Turn::None,
                        "{pack}, {name} filling {share} at {longer_side}: {seen:?}, {:?}",
                        report.turn
                    );
                }
            }
        }
    }
}

#[test]
fn a_crop_without_room_reports_the_part_that_the_model_saw() {
    let (_, portrait) = pictures().swap_remove(0);
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        let asked = |id: &str| match id {
            "minifasnet_v1se" => 4.0,
            "minifas_128" => 1.5,
            _ => 2.7,
        };
        let whole = check(&mut pipeline, &portrait, false);
        for model in whole.judgement.models() {
            assert_eq!(model.crop_scale, asked(&model.id), "{pack}: {model:?}");
            // With enough room the crop lies around the face.
            let (crop, face) = (model.crop, whole.faces[0].face.rect);
            let times = crop.delta.y.max(crop.delta.x) / face.delta.y.max(face.delta.x);
            assert!((times - model.crop_scale).abs() < 0.05, "{pack}: {model:?}");
            assert!((crop.iou(&face) * crop.area() / face.area() - 1.0).abs() < 0.05, "{pack}");
        }
        let near = resized(&filled(&portrait, whole.faces[0].face.rect, 0.8), 900);
        for model in check(&mut pipeline, &near, false).judgement.models() {
            // Mirrored beyond the edges, or cut off there.
            let is_reported = &*model.id == "minifas_128" || (1.0..1.5).contains(&model.crop_scale);
            assert!(is_reported, "{pack}: {model:?}");
        }
    }
}

#[test]
fn a_picture_has_the_same_score_at_any_resolution() {
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for (name, frame) in pictures() {
            let mut score = |longer_side| {
                let report = check(&mut pipeline, &resized(&frame, longer_side), false);
                report.judgement.score().unwrap().get()
            };
            let (small, large) = (score(900), score(4000));
            assert!((small - large).abs() <= 0.05, "{pack}, {name}: {small} and {large}");
        }
    }
}

#[test]
fn a_picture_without_a_face_is_not_turned() {
    let Some(bytes) = testbed::selfie("no_face.jpg") else { return };
    let frame = decoded(&bytes);
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for turn in [Turn::None, Turn::Quarter, Turn::Half, Turn::ThreeQuarters] {
            let report = check(&mut pipeline, &frame.turned(turn), false);
            assert_eq!(report.turn, Turn::None, "{pack}, {turn:?}");
            // Ultra-Light finds a face in the cup on its side.
            if pack != "starter" || turn == Turn::None {
                assert_eq!(report.faces.len(), 0, "{pack}, {turn:?}");
                assert_eq!(report.judgement.reasons[0].code, ReasonCode::FaceNotFound);
            }
        }
    }
}

/// `frame` with its content tilted clockwise by `degrees` about its middle; the edge goes on
/// outside.
fn tilted(frame: &Frame, degrees: f32) -> Frame {
    let Size { width, height } = frame.size();
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_x, middle_y) = (width as f32 / 2.0, height as f32 / 2.0);
    let mut pixels = Vec::with_capacity(frame.pixels().len());
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (x as f32 + 0.5 - middle_x, y as f32 + 0.5 - middle_y);
            let from = |at: f32, pixels: usize| (at.max(0.0) as usize).min(pixels - 1);
            let source_x = from(middle_x + dx * cos + dy * sin, width);
            let source_y = from(middle_y + dy * cos - dx * sin, height);
            pixels.extend_from_slice(&frame.pixels()[3 * (source_y * width + source_x)..][..3]);
        }
    }
    Frame::from_rgb8(frame.size(), pixels).unwrap()
}

#[test]
fn a_tilted_head_is_not_turned_away_from_upright() {
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for (name, frame) in pictures() {
            for degrees in [-50.0, -40.0, -25.0, 25.0, 40.0, 50.0] {
                let report = check(&mut pipeline, &tilted(&frame, degrees), false);
                let towards_upright =
                    if degrees > 0.0 { Turn::ThreeQuarters } else { Turn::Quarter };
                // Some of these heads are tilted by 15 degrees already.
                let may_be_turned = degrees.abs() > 30.0 && report.turn == towards_upright;
                assert!(
                    report.turn == Turn::None || may_be_turned,
                    "{pack}, {name} tilted by {degrees}: {:?}",
                    report.turn
                );
            }
        }
    }
}

#[test]
fn a_turn_does_not_hide_the_upright_face_beside_one_upside_down() {
    let (_, portrait) = pictures().swap_remove(0);
    let flipped = portrait.turned(Turn::Half);
    let Size { width, height } = portrait.size();
    let rows = |frame: &Frame, y: usize| frame.view().row(y).to_vec();
    let both = (0..height).flat_map(|y| [rows(&portrait, y), rows(&flipped, y)]).flatten();
    let both = Frame::from_rgb8(Size::new(2 * width, height), both.collect()).unwrap();
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        for frame in [&both, &both.turned(Turn::Half)] {
            let report = check(&mut pipeline, frame, false);
            // A detector may miss one face; it must not be the upright one, after a turn.
            let is_turned_and_alone = report.turn != Turn::None && report.faces.len() == 1;
            assert!(!is_turned_and_alone, "{pack}: {report:?}");
        }
    }
}

#[test]
fn half_a_face_is_not_assessed() {
    let (_, portrait) = pictures().swap_remove(0);
    for &pack in testbed::packs() {
        let mut pipeline = pipeline(pack);
        let face = check(&mut pipeline, &portrait, false).faces[0].face.rect;
        // The left half of the face lies outside.
        let left = (face.top_left.x + face.delta.x / 2.0) as usize;
        let Size { width, height } = portrait.size();
        let size = Size::new((width - left).min(300), height.min(300));
        let half = resized(&part(&portrait, PixelRect { left, top: 0, size }), 900);
        let report = check(&mut pipeline, &half, false);
        assert_eq!(report.judgement.verdict, Verdict::NotAssessed, "{pack}: {report:?}");
    }
}
