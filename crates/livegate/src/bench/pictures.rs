//! What is sent: pictures made of the sample portrait, or the user's own.

use std::path::Path;

use anyhow::Context;
use frame::{Filter, Frame, PixelRect, Resampler, Size};
use model_pack::Home;

use crate::cli::bench::Bench;
use crate::config::Config;
use crate::keys::Unusable;
use crate::verify;

/// As phones and browsers write them.
const JPEG_QUALITY: u8 = 90;
/// What is measured if nothing else is asked for: a selfie as apps send it.
const DEFAULT_SIZE: Size = Size::new(1280, 960);

/// A file to send.
pub(super) struct File {
    pub name: String,
    pub made_of: String,
    /// The user's.
    pub is_own: bool,
    pub bytes: Vec<u8>,
}

/// The files that the flags ask for.
///
/// # Errors
/// When a size is one that the service refuses, or a file cannot be read.
pub(super) fn files(command: &Bench, config: &Config, home: &Home) -> anyhow::Result<Vec<File>> {
    let sizes = match (&*command.size, &*command.picture) {
        ([], []) => &[DEFAULT_SIZE],
        (sizes, _) => sizes,
    };
    let mut files: Vec<File> = Vec::new();
    if !sizes.is_empty() {
        let portrait = home.sample_portrait().context("there is no sample portrait")?;
        let portrait = std::fs::read(&portrait).context("the sample portrait cannot be read")?;
        let portrait = frame::decode(&portrait, &frame::Limits::default())
            .context("the sample portrait is no picture")?;
        for &size in sizes {
            check(size, config)?;
            let made_of = format!("the sample portrait, JPEG of quality {JPEG_QUALITY}");
            let bytes = sized(&portrait, size)?.encode_jpeg(JPEG_QUALITY)?;
            files.push(File {
                name: format!("{}x{}", size.width, size.height),
                made_of,
                is_own: false,
                bytes,
            });
        }
    }
    for path in &command.picture {
        files.push(read(path, config)?);
    }
    // Points are told apart by it.
    files.sort_by(|a, b| (a.bytes.len(), &a.name).cmp(&(b.bytes.len(), &b.name)));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

fn check(size: Size, config: &Config) -> Result<(), Unusable> {
    let (min, max) =
        (config.ingress.min_picture_side_px, config.liveness.max_picture_side_px as usize);
    if size.shorter_side() >= min && size.longer_side() <= max {
        return Ok(());
    }
    let Size { width, height } = size;
    Err(Unusable(format!(
        "--size {width}x{height}: such a picture is not scored; sides go from {min} to {max} pixels here"
    )))
}

fn read(path: &Path, config: &Config) -> Result<File, Unusable> {
    let name = path.display().to_string();
    match verify::read(path, config.ingress.max_body_bytes) {
        Ok(bytes) => Ok(File { made_of: name.clone(), name, is_own: true, bytes }),
        Err(why) => Err(Unusable(format!("--picture {name}: {}", why.message))),
    }
}

/// The largest part of `portrait` with the shape of `size`, brought to that size. From left and right as much is
/// left out; of a high picture the top stays, where the face is.
fn sized(portrait: &Frame, size: Size) -> anyhow::Result<Frame> {
    let from = portrait.size();
    let scale =
        (from.width as f64 / size.width as f64).min(from.height as f64 / size.height as f64);
    let part = |side: usize, whole: usize| ((side as f64 * scale).round() as usize).clamp(1, whole);
    let part = Size::new(part(size.width, from.width), part(size.height, from.height));
    let part = PixelRect { left: (from.width - part.width) / 2, top: 0, size: part };
    let mut resampler = Resampler::default();
    let view = resampler.resample(portrait.crop(part), size, Filter::AreaOrLanczos4);
    let pixels = (0..size.height).flat_map(|y| view.row(y)).copied().collect();
    Ok(Frame::from_rgb8(size, pixels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portrait_is_brought_to_any_size_without_its_shape_being_bent() {
        // A disc in the upper middle, as a face is.
        let side = 120_usize;
        let inside = |x: usize, y: usize| x.abs_diff(60).pow(2) + y.abs_diff(30).pow(2) < 20 * 20;
        let pixel = |i: usize| [if inside(i % side, i / side) { 255 } else { 0 }; 3];
        let pixels = (0..side * side).flat_map(pixel).collect();
        let portrait = Frame::from_rgb8(Size::new(side, side), pixels).unwrap();
        for size in [(120, 120), (60, 60), (240, 180), (180, 240), (301, 300), (300, 301), (90, 80)]
        {
            let to = Size::new(size.0, size.1);
            let sized = sized(&portrait, to).unwrap();
            assert_eq!(sized.size(), to);
            let is_lit = |x: usize, y: usize| sized.pixels()[3 * (y * to.width + x)] > 127;
            let extent =
                |lit: &dyn Fn(usize) -> bool, side: usize| (0..side).filter(|&i| lit(i)).count();
            let middle_row = to.width.max(to.height) / 4;
            let across = extent(&|x| is_lit(x, middle_row), to.width);
            let down = extent(&|y| is_lit(to.width / 2, y), to.height);
            assert!(across.abs_diff(down) <= 4 && across >= 20, "{to:?}: {across} by {down}");
        }
    }
}
