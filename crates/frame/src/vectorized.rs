//! Inner loops that the compiler vectorises for the processor at hand.

/// Defines a function whose body is compiled twice: with the instructions that every processor of
/// the architecture has (SSE2 on x86-64), and with AVX2. A call takes the better one that this
/// processor runs. Both give the same bits: the compiler neither reorders nor fuses operations on
/// floats.
///
/// The body must be a loop over slices. A function that it calls is compiled with it only if it is
/// inlined.
macro_rules! vectorized {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident<$life:lifetime>(
        $($argument:ident: $type:ty),* $(,)?
    ) $body:block) => {
        $(#[$attribute])*
        $visibility fn $name<$life>($($argument: $type),*) {
            struct Body<$life> {
                $($argument: $type),*
            }
            impl<$life> pulp::NullaryFnOnce for Body<$life> {
                type Output = ();
                // Else it would be compiled for SSE2 alone.
                #[inline(always)]
                fn call(self) {
                    let Self { $($argument),* } = self;
                    $body
                }
            }
            crate::vectorized::arch().dispatch(Body { $($argument),* });
        }
    };
}
pub(crate) use vectorized;

/// The instructions that are used.
pub(crate) fn arch() -> pulp::Arch {
    #[cfg(test)]
    if tests::BASELINE.get() {
        return pulp::Arch::Scalar;
    }
    pulp::Arch::new()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use crate::frame::Frame;
    use crate::geometry::{PixelRect, Size};
    use crate::resample::{Filter, Resampler};
    use crate::tensor::{Channels, TensorSpec};

    thread_local! {
        /// Whether this thread takes the instructions that every processor has.
        pub(super) static BASELINE: Cell<bool> = const { Cell::new(false) };
    }

    /// `numbers` as bits, with the instructions that every processor has, and with all.
    fn both(numbers: impl Fn() -> Vec<f32>) -> [Vec<u32>; 2] {
        [true, false].map(|baseline| {
            BASELINE.set(baseline);
            numbers().into_iter().map(f32::to_bits).collect()
        })
    }

    /// Passes anywhere; says something where the processor has AVX2, in a release build.
    #[test]
    fn the_instructions_do_not_change_a_bit() {
        let size = Size::new(83, 61);
        let level = |i: usize| (i * i * 31 + i * 7) as u8;
        let frame = Frame::from_rgb8(size, (0..3 * size.area()).map(level).collect()).unwrap();
        for [width, height] in [[83, 61], [40, 30], [21, 17], [7, 61], [1, 1]] {
            let part = PixelRect { left: 0, top: 0, size: Size::new(width, height) };
            let view = frame.crop(part);
            let [of_all, of_avx2] = both(|| {
                let mut luma = Vec::new();
                view.luma_into(&mut luma);
                luma
            });
            assert_eq!(of_all, of_avx2, "luma of {part:?}");
            for (filter, std) in [
                (Filter::Linear, [1.0, 128.0, 0.25]),
                (Filter::AreaOrLanczos4, [58.395, 57.12, 57.375]),
            ] {
                let spec =
                    TensorSpec { channels: Channels::Bgr, scale: 0.7, mean: [3.0, 0.0, 9.0], std };
                let [of_all, of_avx2] = both(|| {
                    let (to, mut tensor) = (Size::new(40, 30), Vec::new());
                    Resampler::default().fill(view, (to, filter), &spec, to, &mut tensor);
                    tensor
                });
                assert_eq!(of_all, of_avx2, "{filter:?} of {part:?}");
            }
        }
    }
}
