//! Places a picture in a detector's input.

use frame::Size;

use crate::spec::Fit;

/// YuNet's largest stride. Both sides of its input are multiples of it.
const LARGEST_STRIDE: usize = 32;

/// The place of a picture in a detector's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Placement {
    /// The picture's size in the input.
    pub picture: Size,
    /// The input's size.
    pub canvas: Size,
    /// Frame pixels per input pixel, across and down.
    pub stretch: (f32, f32),
}

impl Fit {
    /// Places a frame of `size` that is shown at `look` times the usual size.
    pub(crate) fn place(self, size: Size, look: f32) -> Placement {
        let at_look = |side: usize| ((side as f32 * look).round() as usize).max(1);
        match self {
            Self::Stretch { width, height } => {
                let picture = Size::new(at_look(width), at_look(height));
                let across = size.width as f32 / picture.width as f32;
                let down = size.height as f32 / picture.height as f32;
                Placement { picture, canvas: Size::new(width, height), stretch: (across, down) }
            }
            Self::Letterbox { longer_side } => {
                let longer_side = at_look(longer_side);
                let scale = (longer_side as f64 / size.longer_side() as f64).min(1.0);
                let shrink = |side: usize| {
                    ((side as f64 * scale).round_ties_even() as usize).clamp(1, longer_side)
                };
                let picture = Size::new(shrink(size.width), shrink(size.height));
                let pad = |side: usize| side.next_multiple_of(LARGEST_STRIDE);
                let canvas = Size::new(pad(picture.width), pad(picture.height));
                let back = (1.0 / scale) as f32;
                Placement { picture, canvas, stretch: (back, back) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_letterbox_shrinks_pads_and_never_enlarges() {
        let fit = Fit::Letterbox { longer_side: 640 };
        let placed = fit.place(Size::new(720, 1020), 1.0);
        assert_eq!(placed.picture, Size::new(452, 640));
        assert_eq!(placed.canvas, Size::new(480, 640));
        let small = fit.place(Size::new(95, 71), 1.0);
        assert_eq!(small.picture, Size::new(95, 71));
        assert_eq!(small.canvas, Size::new(96, 96));
        assert_eq!(small.stretch, (1.0, 1.0));
    }

    proptest! {
        #[test]
        fn a_placed_picture_fits_its_canvas_and_maps_back(
            width in 1_usize..6000, height in 1_usize..6000, longer_side in 32_usize..1000,
            look in 0.1_f32..=1.0,
        ) {
            for fit in [Fit::Letterbox { longer_side }, Fit::Stretch { width: 320, height: 240 }] {
                let placed = fit.place(Size::new(width, height), look);
                prop_assert!(placed.picture.width <= placed.canvas.width);
                prop_assert!(placed.picture.height <= placed.canvas.height);
                prop_assert!(placed.picture.area() > 0);
                // The placed corner maps back to the frame's, to within half an input pixel.
                let (x, y) = placed.stretch;
                let corner = (placed.picture.width as f32 * x, placed.picture.height as f32 * y);
                prop_assert!((corner.0 - width as f32).abs() <= 0.51 * x || placed.picture.width == 1);
                prop_assert!((corner.1 - height as f32).abs() <= 0.51 * y || placed.picture.height == 1);
            }
        }
    }
}
