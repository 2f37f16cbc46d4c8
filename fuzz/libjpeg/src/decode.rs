//! Reading with libjpeg, as strictly as Livegate did.

use std::mem;

use mozjpeg_sys::{
    J_COLOR_SPACE, J_DCT_METHOD, jpeg_create_decompress, jpeg_decompress_struct,
    jpeg_destroy_decompress, jpeg_error_mgr, jpeg_finish_decompress, jpeg_mem_src,
    jpeg_read_coefficients, jpeg_read_header, jpeg_read_scanlines, jpeg_start_decompress,
};

use crate::errors::{attempt, strict};
use crate::markers::{Extent, extent, is_adobe, without_padding};

/// Cameras write one scan, progressive encoders about ten.
const MAX_SCANS: usize = 100;

/// A picture in RGB8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

/// Why a picture was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It has no end-of-image marker.
    CutShort,
    Scans,
    /// Its sides are longer than the caller allows.
    TooLarge,
    /// It has other than 1, 3 or 4 components.
    Colours,
    /// What libjpeg says.
    Libjpeg(String),
}

/// Decodes a JPEG, reduced by 1, 2, 4 or 8. Refuses one with a side of more than `most_px`.
///
/// # Errors
///
/// libjpeg's errors, and its warnings once it reads the picture's data.
pub fn decode(bytes: &[u8], reduction: usize, most_px: usize) -> Result<Decoded, Refusal> {
    match extent(bytes) {
        Extent::CutShort => return Err(Refusal::CutShort),
        Extent::Complete { scans, .. } if scans > MAX_SCANS => return Err(Refusal::Scans),
        Extent::Complete { .. } => {}
    }
    or_unpadded(bytes, |bytes| decode_exactly(bytes, reduction, most_px))
}

/// Reads a picture that libjpeg refuses a second time without the zeros in front of its end: then
/// it must be as strictly right.
fn or_unpadded<T>(bytes: &[u8], read: impl Fn(&[u8]) -> Result<T, Refusal>) -> Result<T, Refusal> {
    let outcome = read(bytes);
    match (&outcome, without_padding(bytes)) {
        (Err(Refusal::Libjpeg(_)), Some(unpadded)) => read(&unpadded).or(outcome),
        _ => outcome,
    }
}

fn decode_exactly(bytes: &[u8], reduction: usize, most_px: usize) -> Result<Decoded, Refusal> {
    let mut reader = Reader::new();
    reader.attempt(|libjpeg| {
        // SAFETY: `bytes` live longer than `reader` reads them; the calls come in the order that
        // libjpeg's manual gives, and each row has room for its samples.
        unsafe {
            jpeg_mem_src(libjpeg, bytes.as_ptr(), bytes.len() as _);
            jpeg_read_header(libjpeg, 1);
            if (libjpeg.image_width.max(libjpeg.image_height) as usize) > most_px {
                return Err(Refusal::TooLarge);
            }
            libjpeg.scale_num = (8 / reduction) as _;
            libjpeg.scale_denom = 8;
            libjpeg.dct_method = J_DCT_METHOD::JDCT_ISLOW;
            let is_ink = match libjpeg.jpeg_color_space {
                J_COLOR_SPACE::JCS_GRAYSCALE
                | J_COLOR_SPACE::JCS_RGB
                | J_COLOR_SPACE::JCS_YCbCr => false,
                J_COLOR_SPACE::JCS_CMYK | J_COLOR_SPACE::JCS_YCCK => true,
                _ => return Err(Refusal::Colours),
            };
            let space = if is_ink { J_COLOR_SPACE::JCS_CMYK } else { J_COLOR_SPACE::JCS_RGB };
            libjpeg.out_color_space = space;
            jpeg_start_decompress(libjpeg);
            let (width, height) = (libjpeg.output_width as usize, libjpeg.output_height as usize);
            let row = width * libjpeg.output_components as usize;
            let mut samples = vec![0u8; row * height];
            while (libjpeg.output_scanline as usize) < height {
                let mut line = samples[libjpeg.output_scanline as usize * row..].as_mut_ptr();
                jpeg_read_scanlines(libjpeg, &mut line, 1);
            }
            jpeg_finish_decompress(libjpeg);
            let rgb = if is_ink { rgb_of_inks(&samples, is_adobe(bytes)) } else { samples };
            Ok(Decoded { width, height, rgb })
        }
    })
}

/// Ink to light: black dims each of the other inks. Adobe's programs store the inverse of ink.
fn rgb_of_inks(inks: &[u8], is_adobe: bool) -> Vec<u8> {
    let light = |ink: u8| u32::from(if is_adobe { ink } else { 255 - ink });
    let (pixels, _) = inks.as_chunks();
    let pixel =
        |&[c, m, y, k]: &[u8; 4]| [c, m, y].map(|ink| ((light(ink) * light(k) + 127) / 255) as u8);
    pixels.iter().flat_map(pixel).collect()
}

/// The coefficients of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coefficients {
    /// Blocks that hold samples of the picture, row by row, each in natural order, quantised.
    pub blocks: Vec<[i16; 64]>,
    /// Quantisers, in natural order.
    pub steps: [u16; 64],
}

/// Reads the coefficients of each component.
///
/// # Errors
///
/// libjpeg's errors, and its warnings once it reads the picture's data.
pub fn coefficients(bytes: &[u8]) -> Result<Vec<Coefficients>, Refusal> {
    or_unpadded(bytes, coefficients_exactly)
}

fn coefficients_exactly(bytes: &[u8]) -> Result<Vec<Coefficients>, Refusal> {
    let mut reader = Reader::new();
    reader.attempt(|libjpeg| {
        // SAFETY: as in `decode_exactly`. Rows of blocks that libjpeg gives are as long as it says.
        unsafe {
            jpeg_mem_src(libjpeg, bytes.as_ptr(), bytes.len() as _);
            jpeg_read_header(libjpeg, 1);
            let arrays = jpeg_read_coefficients(libjpeg);
            let mut planes = Vec::new();
            for i in 0..libjpeg.num_components as usize {
                let component = &*libjpeg.comp_info.add(i);
                let across = component.width_in_blocks as usize;
                let down = component.height_in_blocks as usize;
                let access = (*libjpeg.common.mem).access_virt_barray.expect("set by libjpeg");
                let mut blocks = Vec::new();
                for row in 0..down {
                    let array = *arrays.add(i);
                    let rows = access(&mut libjpeg.common, array, row as _, 1, 0);
                    blocks.extend_from_slice(std::slice::from_raw_parts(*rows, across));
                }
                let steps = component.quant_table.as_ref().map_or([0; 64], |table| table.quantval);
                planes.push(Coefficients { blocks, steps });
            }
            jpeg_finish_decompress(libjpeg);
            Ok(planes)
        }
    })
}

/// libjpeg's decoder.
struct Reader {
    libjpeg: Box<jpeg_decompress_struct>,
    /// Where `libjpeg` points to.
    _errors: Box<jpeg_error_mgr>,
}

impl Reader {
    fn new() -> Self {
        let mut errors = strict();
        // SAFETY: zeros are valid for the struct, and libjpeg fills it.
        let libjpeg = unsafe {
            let mut libjpeg = Box::new(mem::zeroed::<jpeg_decompress_struct>());
            libjpeg.common.err = &raw mut *errors;
            jpeg_create_decompress(&raw mut *libjpeg);
            libjpeg
        };
        Self { libjpeg, _errors: errors }
    }

    fn attempt<T>(
        &mut self,
        calls: impl FnOnce(&mut jpeg_decompress_struct) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        attempt(|| calls(&mut self.libjpeg)).unwrap_or_else(|text| Err(Refusal::Libjpeg(text)))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: `new` has created it.
        unsafe { jpeg_destroy_decompress(&mut self.libjpeg) };
    }
}
