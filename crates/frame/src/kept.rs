//! Buffers that are kept from picture to picture.
//!
//! When a buffer becomes shorter, the bytes behind its new end stay in memory, and a later `clear`
//! does not reach them. So [`fit`] overwrites the bytes that it cuts off. All that a buffer ever
//! held of pictures then lies between its beginning and its end.

/// Resizes `buffer` to `length`. New values are zero; values that are cut off are overwritten. A
/// buffer with too little room is freed first and becomes all zeros, so that there are never two.
pub(crate) fn fit<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    make_room(buffer, length);
    if let Some(cut_off) = buffer.get_mut(length..) {
        cut_off.fill(T::default());
    }
    buffer.resize(length, T::default());
}

/// Makes `buffer` hold `length` zeros.
pub(crate) fn blank<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    make_room(buffer, length);
    buffer.fill(T::default());
    buffer.resize(length, T::default());
}

/// Replaces a buffer that has no room for `length` values. The new one has exactly as many.
fn make_room<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    if buffer.capacity() < length {
        *buffer = Vec::new();
        *buffer = vec![T::default(); length];
    }
}

/// The largest buffer of pixels that is kept for the next picture, bytes: 12 megapixels. Without
/// this limit, one small file that announces the largest size would enlarge a worker for good.
pub const KEPT_BYTES: usize = 3 * 4000 * 3000 + 4096;

/// Frees `buffer` if it is too large to keep.
pub(crate) fn free_if_large(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    }
}

/// Implements `Debug` with these fields alone, so that no buffer, which holds a picture, gets into
/// a log.
macro_rules! debug_without_buffers {
    ($type:ident $(<$lifetime:lifetime>)?, $($field:ident),*) => {
        impl std::fmt::Debug for $type $(<$lifetime>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use debug_without_buffers;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_grows_again_has_zeros_where_it_was_cut() {
        let mut buffer = vec![9_u8; 100];
        fit(&mut buffer, 40);
        assert_eq!(buffer, [9; 40]);
        fit(&mut buffer, 60);
        assert_eq!(buffer, [[9; 20], [9; 20], [0; 20]].concat());
        for length in [80, 10] {
            blank(&mut buffer, length);
            assert_eq!(buffer, vec![0; length]);
        }
    }
}
