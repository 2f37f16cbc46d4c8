//! How far a JPEG goes, by its markers alone (ITU-T T.81, annex B).

/// How far a JPEG goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// To its end-of-image marker, which begins at `end`, over so many scans. What follows that does not matter: phones append
    /// videos and thumbnails.
    Complete { scans: usize, end: usize },
    /// The bytes end before it does.
    CutShort,
}

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Follows the markers of the JPEG in `bytes`.
pub(crate) fn extent(bytes: &[u8]) -> Extent {
    let mut scans = 0;
    let mut at = 0;
    while let Some(marker_at) = next_marker(bytes, at) {
        let marker = bytes[marker_at];
        at = marker_at + 1;
        match marker {
            END_OF_IMAGE => return Extent::Complete { scans, end: marker_at - 1 },
            // Temporary, restarts and start of image have no length.
            0x01 | 0xD0..=0xD8 => continue,
            START_OF_SCAN => scans += 1,
            _ => {}
        }
        let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
            break;
        };
        // A scan's header is followed by its data, in which 0xFF comes before 0 (it was a data byte)
        // or a restart marker only: `next_marker` passes over the one, this loop over the other.
        at += usize::from(u16::from_be_bytes(*length)).max(2);
    }
    Extent::CutShort
}

/// What follows `prefix` in the first segment that begins with it, of those that begin with `marker` and come before
/// the first scan.
pub(crate) fn segment<'a>(bytes: &'a [u8], (marker, prefix): (u8, &[u8])) -> Option<&'a [u8]> {
    let mut at = 0;
    loop {
        let marker_at = next_marker(bytes, at)?;
        at = marker_at + 1;
        match bytes[marker_at] {
            END_OF_IMAGE | START_OF_SCAN => return None,
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)).max(2);
        let data = bytes.get(at + 2..at + length)?;
        match data.strip_prefix(prefix) {
            Some(data) if bytes[marker_at] == marker => return Some(data),
            _ => at += length,
        }
    }
}

/// The JPEG in `bytes` without the zeros that some cameras write before its end-of-image marker; none
/// where there are no zeros.
pub(crate) fn without_padding(bytes: &[u8]) -> Option<Vec<u8>> {
    let Extent::Complete { end, .. } = extent(bytes) else { return None };
    let data = bytes[..end].iter().rposition(|&byte| byte != 0)? + 1;
    (data < end).then(|| [&bytes[..data], &[0xFF, END_OF_IMAGE]].concat())
}

/// The place of the next marker code: a byte after 0xFF that is neither 0 (stuffing) nor 0xFF
/// (filling).
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let tail = bytes.get(from..)?;
    // Four megabytes are gone through in a tenth of a millisecond so, and in four byte by byte.
    let mut codes = memchr::memchr_iter(0xFF, tail).map(|at| at + 1);
    let code = codes.find(|&code| tail.get(code).is_some_and(|&code| !matches!(code, 0 | 0xFF)))?;
    Some(from + code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_by_what_it_begins_with() {
        let exif = (0xE1, &b"Exif"[..]);
        let jpeg = [
            &[0xFF, 0xD8, 0xFF, 0xE0, 0, 6][..],
            b"Exif",
            &[0xFF, 0xE1, 0, 5],
            b"xmp",
            &[0xFF, 0xE1, 0, 8],
            b"Exif12",
            &[0xFF, 0xE1, 0, 7],
            b"Exif3",
            &[0xFF, 0xDA, 0, 2],
        ];
        let before = jpeg[..4].concat();
        assert_eq!(segment(&jpeg.concat(), exif), Some(&b"12"[..]));
        assert_eq!(segment(&before, exif), None);
        assert_eq!(segment(&[&before[..], jpeg[8], jpeg[5], jpeg[6]].concat(), exif), None);
        for end in 0..before.len() + 10 {
            assert_eq!(segment(&jpeg.concat()[..end], exif), None, "{end}");
        }
    }

    #[test]
    fn markers_lead_to_the_end_and_not_past_a_cut() {
        let jpeg = [
            &[0xFF, 0xD8][..],                                 // start of image
            &[0xFF, 0xE1, 0, 6, 0xFF, 0xD9, 1, 2], // a segment that holds a thumbnail's end
            &[0xFF, 0xDA, 0, 3, 9, 1, 0xFF, 0, 2, 0xFF, 0xD0], // a scan, a stuffed byte, a restart
            &[3, 0xFF, 0xFF, 0xDA, 0, 2, 7],       // filling, another scan
            &[0xFF, 0xD9],
        ]
        .concat();
        assert_eq!(extent(&jpeg), Extent::Complete { scans: 2, end: jpeg.len() - 2 });
        assert_eq!(
            extent(&[&jpeg[..], b"video"].concat()),
            Extent::Complete { scans: 2, end: jpeg.len() - 2 }
        );
        for end in 0..jpeg.len() {
            assert_eq!(extent(&jpeg[..end]), Extent::CutShort, "{end}");
        }
    }
}
