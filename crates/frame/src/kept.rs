//! Buffers that are kept from picture to picture.
//!
//! What lies behind a buffer's end stays where it is when the buffer becomes shorter, and nobody who overwrites the
//! buffer later would see it. So whoever shortens one overwrites what is cut off, and all that a buffer ever had of
//! pictures is between its beginning and its end.

/// Makes `buffer` one of `length` values. Those that were there stay, new ones are zero, and what is cut off is
/// overwritten.
pub(crate) fn fit<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    if let Some(cut_off) = buffer.get_mut(length..) {
        cut_off.fill(T::default());
    }
    buffer.resize(length, T::default());
}

/// Makes `buffer` one of `length` zeros.
pub(crate) fn blank<T: Copy + Default>(buffer: &mut Vec<T>, length: usize) {
    buffer.fill(T::default());
    buffer.resize(length, T::default());
}

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
