//! The most that decoding a picture takes, from its header alone.

use crate::error::DecodeError;
use crate::format::Format;
use crate::geometry::Size;
use crate::limits::Limits;
use crate::needs::{Needs, area};
use crate::{bmp, gif, jpeg, png, tiff, webp};

/// The most that decoding a picture takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Memory of all buffers together, at full size, the result included, bytes. Buffers that a
    /// [`Decoder`](crate::Decoder) keeps from earlier pictures come on top.
    pub memory_bytes: u64,
    /// True where decoding may take more than about 100 ms of one core, or more than 96 MiB.
    pub is_costly: bool,
    /// The size that the header gives, without its orientation.
    pub size: Size,
}

/// Memory above which a picture counts as costly, bytes: a third of what is allowed by default.
pub const COSTLY_BYTES: u64 = 96 << 20;
/// Time above which a picture counts as costly, nanoseconds.
const COSTLY_NS: u64 = 100_000_000;
/// The most time that a decoder may take without a way to stop it, nanoseconds.
const MAX_UNINTERRUPTED_NS: u64 = 500_000_000;
/// Pixels above which a picture of another format than JPEG counts as costly: 2236x2236. PNGs take
/// 10 to 20 ns a pixel, `WebP`s 20 to 40.
const COSTLY_PX: u64 = 5_000_000;

/// What is known of a picture before it is decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub needs: Needs,
    /// Memory of the decoder for texts and profiles while it reads the header, bytes.
    pub metadata_bytes: u64,
    pub is_costly: bool,
}

/// The most that decoding the picture in `bytes` takes, from what stands in front of its pixels.
///
/// # Errors
/// As [`decode()`](crate::decode()), as far as the header tells.
pub fn demand(bytes: &[u8], limits: &Limits) -> Result<Demand, DecodeError> {
    let Plan { needs, is_costly, .. } = plan(bytes, announced(bytes)?, limits)?;
    let size = Size::new(needs.size.0 as usize, needs.size.1 as usize);
    Ok(Demand { memory_bytes: needs.memory_bytes, is_costly, size })
}

/// The format that the first bytes announce.
pub(crate) fn announced(bytes: &[u8]) -> Result<Format, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    Format::sniff(bytes).ok_or(DecodeError::UnknownFormat)
}

/// The plan of a picture, if it is within the limits.
pub(crate) fn plan(bytes: &[u8], format: Format, limits: &Limits) -> Result<Plan, DecodeError> {
    let (mut metadata_bytes, mut jpeg_ns, mut uninterrupted_ns) = (None, None, 0);
    let needs = match format {
        Format::Jpeg => {
            let header = jpeg::header(bytes, limits)?;
            jpeg_ns = Some(header.cost_ns(bytes));
            jpeg::needs(&header, bytes)
        }
        Format::Png => {
            let header = png::header(bytes, limits)?;
            metadata_bytes = Some(header.metadata_bytes);
            header.needs
        }
        Format::WebP => {
            let header = webp::header(bytes, limits)?;
            uninterrupted_ns = header.uninterrupted_ns;
            header.needs
        }
        Format::Tiff => tiff::header(bytes, limits)?,
        Format::Gif => gif::header(bytes, limits)?,
        Format::Bmp => bmp::header(bytes, limits)?,
    };
    limits.check_memory(format, needs.memory_bytes)?;
    if uninterrupted_ns > MAX_UNINTERRUPTED_NS {
        let [estimated_ms, limit_ms] =
            [uninterrupted_ns, MAX_UNINTERRUPTED_NS].map(|ns| ns.div_ceil(1_000_000));
        return Err(DecodeError::TooMuchWork { format, estimated_ms, limit_ms });
    }
    // Of 2000x2000 pixels, a WebP of usual quality is not costly: it takes 120 ms.
    let is_slow = jpeg_ns.map_or(area(needs.size) > COSTLY_PX, |ns| ns > COSTLY_NS)
        || uninterrupted_ns > 2 * COSTLY_NS;
    Ok(Plan {
        needs,
        metadata_bytes: metadata_bytes.unwrap_or(needs.memory_bytes),
        is_costly: is_slow || needs.memory_bytes > COSTLY_BYTES,
    })
}
