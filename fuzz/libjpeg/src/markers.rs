//! Where a JPEG ends, how many scans it has, and whether one of Adobe's programs wrote it: what
//! Livegate looked at before libjpeg read the picture.

/// Where a JPEG ends.
pub(crate) enum Extent {
    /// At its end-of-image marker, which begins at `end`, behind `scans` scans.
    Complete {
        scans: usize,
        end: usize,
    },
    CutShort,
}

pub(crate) fn extent(bytes: &[u8]) -> Extent {
    let mut scans = 0;
    for Marker { code, at, .. } in markers(bytes) {
        match code {
            0xD9 => return Extent::Complete { scans, end: at },
            0xDA => scans += 1,
            _ => {}
        }
    }
    Extent::CutShort
}

/// The JPEG in `bytes` without the zeros that some cameras write before its end-of-image marker.
/// `None` if it has no such zeros.
pub(crate) fn without_padding(bytes: &[u8]) -> Option<Vec<u8>> {
    let Extent::Complete { end, .. } = extent(bytes) else { return None };
    let data = bytes[..end].iter().rposition(|&byte| byte != 0)? + 1;
    // A zero behind 0xFF is stuffed.
    let data = data + usize::from(bytes[data - 1] == 0xFF);
    (data < end).then(|| [&bytes[..data], &[0xFF, 0xD9]].concat())
}

/// Whether there is an Adobe segment, as long as libjpeg wants it, before the first scan.
pub(crate) fn is_adobe(bytes: &[u8]) -> bool {
    markers(bytes).take_while(|marker| !matches!(marker.code, 0xD9 | 0xDA)).any(|marker| {
        marker.code == 0xEE && marker.data.starts_with(b"Adobe") && marker.data.len() >= 12
    })
}

struct Marker<'a> {
    code: u8,
    at: usize,
    data: &'a [u8],
}

fn markers(bytes: &[u8]) -> impl Iterator<Item = Marker<'_>> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let tail = bytes.get(rest..)?;
        let mut codes = memchr::memchr_iter(0xFF, tail).map(|at| at + 1);
        let code_at = rest
            + codes.find(|&code| tail.get(code).is_some_and(|&code| !matches!(code, 0 | 0xFF)))?;
        let (code, at) = (bytes[code_at], code_at - 1);
        rest = code_at + 1;
        if matches!(code, 0x01 | 0xD0..=0xD9) {
            return Some(Marker { code, at, data: &[] });
        }
        let length = usize::from(u16::from_be_bytes(*bytes.get(rest..)?.first_chunk()?)).max(2);
        let data = bytes.get(rest + 2..rest + length).unwrap_or_default();
        rest += length;
        Some(Marker { code, at, data })
    })
}
