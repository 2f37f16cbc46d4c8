//! Sharpness and brightness of a face.

use frame::{Frame, LumaSampler, PixelRect, Rect, Size};

/// Width that every face is scaled to first, pixels. A number then means the same at any
/// resolution. The widest scorer input leaves fewer pixels of a face.
const WIDTH_PX: usize = 128;

/// Mean luma at which sharpness is measured.
const MEAN_LUMA: f64 = 128.0;

/// Sharpness and brightness of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quality {
    /// Variance of the Laplacian, at a mean luma of 128 (Pech-Pacheco et al., "Diatom autofocusing
    /// in brightfield microscopy", 2000). NaN for a black face.
    pub sharpness: f32,
    /// Mean luma (ITU-R BT.601), 0 to 255.
    pub luma: f32,
}

impl Quality {
    /// Measures the part of `face` inside `frame`; none if no part is.
    pub(crate) fn of(frame: &Frame, face: &Rect, sampler: &mut LumaSampler) -> Option<Self> {
        let part = inside(frame.size(), face)?;
        let height = (WIDTH_PX * part.size.height).div_ceil(part.size.width).clamp(3, 4 * WIDTH_PX);
        let luma = sampler.sample(frame.crop(part), Size::new(WIDTH_PX, height));
        let rows = luma.as_chunks::<WIDTH_PX>().0;
        let (mut lumas, mut edges, mut squares) = ([0.0; WIDTH_PX], [0.0; COLUMNS], [0.0; COLUMNS]);
        for row in rows {
            for (sum, luma) in lumas.iter_mut().zip(row) {
                *sum += luma;
            }
        }
        for rows in rows.windows(3) {
            let [above, row, below] = rows else { continue };
            for x in 0..COLUMNS {
                let around = above[x + 1] + below[x + 1] + row[x] + row[x + 2];
                let edge = around - 4.0 * row[x + 1];
                edges[x] += edge;
                squares[x] += edge * edge;
            }
        }
        let (luma, edge) = (mean(&lumas, height), mean(&edges, height - 2));
        let variance = mean(&squares, height - 2) - edge * edge;
        // Half the light halves every edge, but does not blur.
        let brightness = luma / MEAN_LUMA;
        let sharpness = variance / (brightness * brightness);
        Some(Self { sharpness: sharpness as f32, luma: luma as f32 })
    }
}

/// Columns of the Laplacian. The first and the last column of the face have none.
const COLUMNS: usize = WIDTH_PX - 2;

/// The mean of the values whose sums are `sums`, each over `rows` rows. The sums are kept by column
/// so that the compiler vectorises the loops over them.
fn mean(sums: &[f32], rows: usize) -> f64 {
    sums.iter().copied().map(f64::from).sum::<f64>() / (sums.len() * rows) as f64
}

/// The pixels of a picture of size `picture` that `face` covers, even in part.
fn inside(picture: Size, face: &Rect) -> Option<PixelRect> {
    let span = |start: f32, length: f32, pixels: usize| {
        let first = start.max(0.0).floor() as usize;
        let end = (start + length).max(0.0).min(pixels as f32).ceil() as usize;
        (first < end).then(|| (first, end - first))
    };
    let (left, width) = span(face.top_left.x, face.delta.x, picture.width)?;
    let (top, height) = span(face.top_left.y, face.delta.y, picture.height)?;
    Some(PixelRect { left, top, size: Size::new(width, height) })
}

#[cfg(test)]
mod tests {
    use frame::{Filter, Resampler};
    use model_pack::GoldenPicture;

    use super::*;

    fn quality(frame: &Frame) -> Quality {
        Quality::of(frame, &Rect::new(335.0, 327.0, 150.0, 172.0), &mut LumaSampler::default())
            .unwrap()
    }

    fn changed(frame: &Frame, change: impl Fn(u8) -> u8) -> Frame {
        let pixels = frame.pixels().iter().map(|&level| change(level)).collect();
        Frame::from_rgb8(frame.size(), pixels).unwrap()
    }

    #[test]
    fn less_light_lowers_luma_and_less_detail_lowers_sharpness() {
        let face = GoldenPicture::DrawnFace.frame();
        let (as_drawn, dark) = (quality(&face), quality(&changed(&face, |level| level / 4)));
        assert!(dark.luma < as_drawn.luma / 3.0, "{as_drawn:?} {dark:?}");
        // Shrunk to a twelfth and enlarged again.
        let (mut down, mut up) = (Resampler::default(), Resampler::default());
        let small = down.resample(face.view(), Size::new(66, 66), Filter::AreaOrLanczos4);
        let soft = up.resample(small, face.size(), Filter::Linear);
        let pixels = (0..soft.size().height).flat_map(|y| soft.row(y).to_vec()).collect();
        let soft = quality(&Frame::from_rgb8(face.size(), pixels).unwrap());
        assert!(soft.sharpness < as_drawn.sharpness / 10.0, "{as_drawn:?} {soft:?}");
        assert!((soft.luma - as_drawn.luma).abs() < 5.0);
    }

    #[test]
    fn a_flat_picture_has_no_sharpness_and_a_box_outside_it_has_no_quality() {
        let gray = Frame::from_rgb8(Size::new(90, 90), vec![100; 3 * 90 * 90]).unwrap();
        let quality =
            |x| Quality::of(&gray, &Rect::new(x, 10.0, 50.0, 60.0), &mut LumaSampler::default());
        let found = quality(10.0).unwrap();
        assert!(found.sharpness < 1e-6 && (found.luma - 100.0).abs() < 0.01, "{found:?}");
        assert!(quality(-10.0).is_some());
        assert_eq!(quality(-60.0), None);
        assert_eq!(quality(100.0), None);
    }
}
