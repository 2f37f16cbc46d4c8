//! What a picture may cost.

/// What [`decode`](crate::decode()) refuses from the header alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest longer side, pixels.
    pub max_side_px: u32,
    /// Most memory a decoder may take, bytes, however large the picture within the limit above.
    pub max_decoder_bytes: u64,
}

impl Default for Limits {
    /// 5000 px, the limit that Kairos documents for its liveness endpoint; 512 MiB, two and a half
    /// times what 5000x5000 pixels of 16-bit RGBA take.
    fn default() -> Self {
        Self { max_side_px: 5000, max_decoder_bytes: 512 << 20 }
    }
}
