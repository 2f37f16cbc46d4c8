//! What stands in front of a JPEG's first scan: size, components, colours and EXIF.

use std::ops::Range;

use crate::block::Block;
use crate::colour::Colours;
use crate::error::{Error, Unsupported};
use crate::layout::{Component, Layout, Plane};
use crate::markers::{self, Marker, code};

/// Memory of Huffman tables that are made to be looked up.
const TABLES_BYTES: usize = 256 << 10;

/// The most scans. Cameras write one, progressive encoders about ten.
pub(crate) const MAX_SCANS: usize = 100;

/// Rates of this reader on one core of a server, rounded up: a block in a scan without data, a byte
/// of each coding, and a pixel's transform and colour. A baseline picture of 12 megapixels
/// and 2.8 MB takes 20 to 40 ms; 5000x5000 pixels in 100 scans without data, 3.2 s.
const BLOCK_NS: u64 = 30;
const HUFFMAN_BYTE_NS: u64 = 6;
const ARITHMETIC_BYTE_NS: u64 = 60;
const PIXEL_NS: u64 = 1;

/// What stands in front of the first scan.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    /// Width, pixels.
    pub width: usize,
    /// Height, pixels.
    pub height: usize,
    /// The data of the first EXIF segment, behind its name `Exif\0\0`.
    pub exif: Option<&'a [u8]>,
    pub(crate) coding: Coding,
    pub(crate) components: Vec<Component>,
    pub(crate) colours: Colours,
    /// Whether the coefficients of the whole picture are kept until the last scan is read.
    pub(crate) has_many_scans: bool,
}

/// How the coefficients are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    /// Over several scans that each add frequencies or bits.
    pub(crate) is_progressive: bool,
    /// With the arithmetic coder instead of Huffman's.
    pub(crate) is_arithmetic: bool,
}

impl<'a> Header<'a> {
    /// Reads what stands in front of the first scan of the JPEG in `bytes`.
    ///
    /// # Errors
    /// When the bytes are no JPEG, end before the first scan or contradict themselves, and when
    /// this kind of JPEG is not read.
    pub fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        if !bytes.starts_with(&[0xFF, code::SOI]) {
            return Err(Error::NotJpeg);
        }
        let mut frame: Option<Frame> = None;
        let (mut exif, mut adobe, mut is_jfif) = (None, None, false);
        let mut from = 2;
        loop {
            let marker = markers::next(bytes, from).ok_or(Error::CutShort)?;
            from = marker.end;
            let prefixed = |prefix: &[u8]| marker.data.and_then(|data| data.strip_prefix(prefix));
            match marker.code {
                code::SOI => return Err(Error::Damaged("there is a second start-of-image marker")),
                code::EOI => return Err(Error::Damaged("there is no scan")),
                // As libjpeg: shorter segments do not count, and the last of Adobe's does.
                code::APP0 => is_jfif |= prefixed(b"JFIF\0").is_some_and(|data| data.len() >= 9),
                code::APP14 => adobe = prefixed(b"Adobe").and_then(|data| data.get(6)).or(adobe),
                code::APP1 => exif = exif.or(prefixed(b"Exif\0\0")),
                code::SOS => {
                    let (width, height, coding, mut components) =
                        frame.ok_or(Error::Damaged("there is no frame header"))?;
                    let in_scan = segment(&marker)?.first().copied().map(usize::from);
                    let ids = components.iter().map(|one| one.id).collect::<Vec<_>>();
                    let colours = colours(&ids, is_jfif, adobe)?;
                    if let [one] = &mut components[..] {
                        // The factors say how many samples a component has compared with others.
                        (one.across, one.down) = (1, 1);
                    }
                    let has_many_scans = coding.is_progressive || in_scan != Some(components.len());
                    return Ok(Self {
                        width,
                        height,
                        exif,
                        coding,
                        components,
                        colours,
                        has_many_scans,
                    });
                }
                other if is_frame_header(other) => {
                    if frame.is_some() {
                        return Err(Error::Damaged("there are two frame headers"));
                    }
                    frame = Some(frame_header(&marker)?);
                }
                code::DHP => return Err(Error::Unsupported(Unsupported::Hierarchical)),
                _ => {}
            }
        }
    }

    /// About the most time that reading in full takes on one core, ns. `bytes` is the file.
    #[must_use]
    pub fn cost_ns(&self, bytes: &[u8]) -> u64 {
        let Ok(layout) = Layout::new((self.width, self.height), &self.components, 1) else {
            return 0;
        };
        let blocks =
            layout.mcus_down * layout.planes.iter().map(Plane::blocks_in_row).sum::<usize>();
        let (scans, length) = markers::scans(bytes).unwrap_or((1, bytes.len()));
        // A sequential picture has each block once, in however many scans.
        let passes = if self.coding.is_progressive { scans.min(MAX_SCANS) } else { 1 };
        let byte_ns = if self.coding.is_arithmetic { ARITHMETIC_BYTE_NS } else { HUFFMAN_BYTE_NS };
        let blocks_ns = BLOCK_NS * (blocks * passes) as u64;
        blocks_ns + byte_ns * length as u64 + PIXEL_NS * (layout.width * layout.height) as u64
    }

    /// The most memory that reading takes, the pixels included, bytes. `length` is that of the
    /// file. Buffers that are kept from a larger picture may take more.
    #[must_use]
    pub fn memory_bytes(&self, length: usize, reduction: usize) -> usize {
        let Ok(layout) = Layout::new((self.width, self.height), &self.components, reduction) else {
            return 0;
        };
        let rows = if self.has_many_scans { layout.mcus_down } else { 1 };
        let row_blocks = layout.planes.iter().map(Plane::blocks_in_row).sum::<usize>();
        let in_strips =
            |plane: &Plane| plane.blocks_across * plane.block_px * (plane.rows_in_row() + 2);
        let strips = layout.planes.iter().map(in_strips).sum::<usize>();
        // A vector that grows takes up to three times what it holds: while it moves there are two.
        let intervals = 3 * size_of::<Range<usize>>() * layout.most_mcus().min(length / 2);
        let rows_of_pixels = 64 * (layout.width + 64);
        TABLES_BYTES
            + length
            + intervals
            + rows * row_blocks * (size_of::<Block>() + size_of::<u64>())
            + 16 * row_blocks
            + strips
            + rows_of_pixels
            + 3 * layout.width * layout.height
    }
}

/// The data of a marker's segment.
pub(crate) fn segment<'a>(marker: &Marker<'a>) -> Result<&'a [u8], Error> {
    marker.data.ok_or(Error::Damaged("the length of a segment is wrong"))
}

pub(crate) fn is_frame_header(code: u8) -> bool {
    matches!(code, code::SOF0..=code::SOF15) && !matches!(code, code::DHT | code::JPG | code::DAC)
}

type Frame = (usize, usize, Coding, Vec<Component>);

fn frame_header(marker: &Marker<'_>) -> Result<Frame, Error> {
    let coding = match marker.code - code::SOF0 {
        3 | 7 | 11 | 15 => return Err(Error::Unsupported(Unsupported::Lossless)),
        5 | 6 | 13 | 14 => return Err(Error::Unsupported(Unsupported::Hierarchical)),
        number => Coding { is_progressive: number & 3 == 2, is_arithmetic: number > 8 },
    };
    let wrong = Error::Damaged("the length of the frame header is wrong");
    let (&[bits, high, low, across_high, across_low, count], rest) =
        segment(marker)?.split_first_chunk::<6>().ok_or(wrong)?;
    let height = usize::from(u16::from_be_bytes([high, low]));
    let width = usize::from(u16::from_be_bytes([across_high, across_low]));
    let (triples, rest) = rest.as_chunks::<3>();
    if triples.len() != usize::from(count) || !rest.is_empty() {
        return Err(wrong);
    }
    if bits != 8 {
        return Err(Error::Unsupported(Unsupported::Precision { bits }));
    }
    if width == 0 {
        return Err(Error::Damaged("the frame header gives a width of zero pixels"));
    }
    if height == 0 {
        return Err(Error::Unsupported(Unsupported::Dnl));
    }
    if !matches!(count, 1 | 3 | 4) {
        return Err(Error::Unsupported(Unsupported::Components(usize::from(count))));
    }
    let component = |&[id, sampling, table]: &[u8; 3]| {
        let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return Err(Error::Damaged("a sampling factor is not 1 to 4"));
        }
        Ok(Component { id, across, down, table: usize::from(table) })
    };
    let components = triples.iter().map(component).collect::<Result<Vec<_>, _>>()?;
    Ok((width, height, coding, components))
}

/// The colour space, as libjpeg concludes it: from JFIF, from the transform in Adobe's segment or
/// from the names of the components.
fn colours(ids: &[u8], is_jfif: bool, adobe: Option<&u8>) -> Result<Colours, Error> {
    Ok(match (ids, adobe) {
        ([_], _) => Colours::Gray,
        ([_, _, _], Some(0)) | (b"RGB", None) if !is_jfif => Colours::Rgb,
        ([_, _, _], _) => Colours::YCbCr,
        ([_, _, _, _], Some(1..)) => Colours::Ycck { inverted: true },
        ([_, _, _, _], _) => Colours::Cmyk { inverted: adobe.is_some() },
        _ => return Err(Error::Unsupported(Unsupported::Components(ids.len()))),
    })
}
