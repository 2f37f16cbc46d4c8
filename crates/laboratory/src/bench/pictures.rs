//! The pictures that are sent: made of the sample portrait, or the user's own.

use anyhow::Context;
use engine::config::Config;
use engine::{picture_file, refuse};
use frame::{Filter, Frame, PixelRect, Resampler, Size};
use model_pack::Home;

use super::flags::Bench;

/// The quality that phones and browsers use.
const JPEG_QUALITY: u8 = 90;
/// The default size: a selfie as apps send it.
const DEFAULT_SIZE: Size = Size::new(1280, 960);

/// A file to send.
pub(super) struct File {
    pub name: String,
    pub made_of: String,
    /// Whether it is the user's.
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
    let min = config.ingress.min_picture_side_px;
    let max = config.liveness.max_picture_side_px as usize;
    let mut files: Vec<File> = Vec::new();
    if !sizes.is_empty() {
        let portrait = home.sample_portrait().context("there is no sample portrait")?;
        let portrait = std::fs::read(&portrait).context("the sample portrait cannot be read")?;
        let portrait = frame::decode(&portrait, &frame::Limits::default())
            .context("the sample portrait is no picture")?;
        for &size in sizes {
            let name = format!("{}x{}", size.width, size.height);
            if size.shorter_side() < min || size.longer_side() > max {
                refuse!(
                    "--size {name}: such a picture is not scored; sides go from {min} to {max} \
                     pixels here"
                );
            }
            let made_of = format!("the sample portrait, JPEG of quality {JPEG_QUALITY}");
            let bytes = sized(&portrait, size)?.encode_jpeg(JPEG_QUALITY)?;
            files.push(File { name, made_of, is_own: false, bytes });
        }
    }
    for path in &command.picture {
        let name = path.display().to_string();
        match picture_file::read(path, config.ingress.max_body_bytes) {
            Ok(bytes) => files.push(File { made_of: name.clone(), name, is_own: true, bytes }),
            Err(error) => refuse!("--picture {name}: {}", error.message),
        }
    }
    // Points are identified by the name.
    files.sort_by(|a, b| (a.bytes.len(), &a.name).cmp(&(b.bytes.len(), &b.name)));
    files.dedup_by(|a, b| a.name == b.name);
    Ok(files)
}

/// The largest part of `portrait` with the aspect ratio of `size`, resized to `size`. Left and
/// right are cropped equally; from a higher portrait the bottom is cropped, as the face is at the
/// top.
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
    fn a_portrait_keeps_its_proportions_at_any_size() {
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
