//! JPEG, by way of libjpeg (`mozjpeg`), made strict.
//!
//! The models were trained on what libjpeg-turbo decodes, and this decoder equals it to the bit.
//!
//! libjpeg shows a picture in any case: it warns, and paints the missing part gray. A score of half
//! a picture is worthless. So here every warning about the picture's data ends the decoding, and
//! the end-of-image marker is looked for first.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use image::metadata::Orientation;
use mozjpeg::decompress::DecompressBuilder;
use mozjpeg::{ColorSpace, ColorSpaceExt, DctMethod, Decompress};
use mozjpeg_sys::{jpeg_common_struct, jpeg_error_mgr, msg_parm_union};

use crate::error::{CodecError, DecodeError};
use crate::format::Format;
use crate::geometry::Size;
use crate::jpeg_markers::{Extent, extent, segment, without_padding};
use crate::kept::fit;
use crate::limits::Limits;
use crate::raw::{Raw, convert_to_rgb};
use crate::reduction::Reduction;

/// Cameras write one scan, progressive encoders about ten.
const MAX_SCANS: usize = 100;
/// The segments of EXIF and of Adobe's programs. libjpeg does not read them: it would copy them,
/// with the thumbnail that is in EXIF, into memory that is never overwritten.
const EXIF: (u8, &[u8]) = (0xE1, b"Exif\0\0");
const ADOBE: (u8, &[u8]) = (0xEE, b"Adobe");

/// Reads the JPEG in `bytes` into `pixels`. `samples` is a buffer for other colour spaces than RGB.
pub(crate) fn decode(
    bytes: &[u8],
    limits: &Limits,
    reduction: &Reduction,
    pixels: &mut Vec<u8>,
    samples: &mut Vec<u8>,
) -> Result<Raw, DecodeError> {
    let mut attempt = |bytes: &[u8]| {
        let read = || read_pixels(open(bytes, limits)?, bytes, reduction, pixels, samples);
        // On an error libjpeg unwinds, through C frames that are built for it.
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(corrupt(CodecError::Jpeg)))
    };
    match attempt(bytes) {
        // Data left over behind the last row mean that earlier data are lost. Zeros may be padding:
        // then the picture decodes as strictly without them.
        Err(DecodeError::Corrupt { source: CodecError::Jpeg, .. }) => {
            match without_padding(bytes) {
                Some(unpadded) => attempt(&unpadded),
                None => Err(corrupt(CodecError::Jpeg)),
            }
        }
        outcome => outcome,
    }
}

fn corrupt(source: CodecError) -> DecodeError {
    DecodeError::Corrupt { format: Format::Jpeg, source }
}

/// Reads the header, and refuses the picture for its size, its end or its number of scans.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Decompress<&'a [u8]>, DecodeError> {
    let builder = DecompressBuilder::new().with_err(strict());
    let decoder = builder.from_mem(bytes).map_err(|_| corrupt(CodecError::Jpeg))?;
    limits.check_size(Format::Jpeg, (decoder.width() as u32, decoder.height() as u32))?;
    match extent(bytes) {
        Extent::CutShort => Err(DecodeError::CutShort { format: Format::Jpeg }),
        Extent::Complete { scans, .. } if scans > MAX_SCANS => {
            Err(corrupt(CodecError::Scans { limit: MAX_SCANS }))
        }
        Extent::Complete { .. } => Ok(decoder),
    }
}

fn read_pixels(
    mut decoder: Decompress<&[u8]>,
    bytes: &[u8],
    reduction: &Reduction,
    pixels: &mut Vec<u8>,
    samples: &mut Vec<u8>,
) -> Result<Raw, DecodeError> {
    let exif = segment(bytes, EXIF).and_then(Orientation::from_exif_chunk);
    let orientation = exif.unwrap_or(Orientation::NoTransforms);
    let full_size = Size::new(decoder.width(), decoder.height());
    let reduction = reduction.of(full_size);
    // In eighths: 1, 2, 4 or 8 of them.
    decoder.scale((8 / reduction) as u8);
    decoder.dct_method(DctMethod::IntegerSlow);
    let size = match decoder.color_space() {
        ColorSpace::JCS_GRAYSCALE | ColorSpace::JCS_RGB | ColorSpace::JCS_YCbCr => {
            read(decoder, ColorSpace::JCS_RGB, pixels)?
        }
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => {
            let size = read(decoder, ColorSpace::JCS_CMYK, samples)?;
            let is_adobe = segment(bytes, ADOBE).is_some();
            convert_to_rgb(samples, pixels, |cmyk| rgb_of_cmyk(cmyk, is_adobe));
            size
        }
        _ => {
            let source = CodecError::Colours;
            return Err(DecodeError::UnsupportedKind { format: Format::Jpeg, source });
        }
    };
    Ok(Raw { size, full_size, reduction, orientation })
}

/// Reads all samples in the colour space `space`, and returns their number across and down.
fn read(
    decoder: Decompress<&[u8]>,
    space: ColorSpace,
    samples: &mut Vec<u8>,
) -> Result<Size, DecodeError> {
    let read = || {
        let mut started = decoder.to_colorspace(space)?;
        let size = Size::new(started.width(), started.height());
        fit(samples, size.area() * started.color_space().num_components());
        started.read_scanlines_into(samples)?;
        // Reads to the end of the image: a fault behind the last row counts too.
        started.finish()?;
        Ok(size)
    };
    read().map_err(|_: std::io::Error| corrupt(CodecError::Jpeg))
}

/// Ink to light: black dims each of the other inks. Adobe's programs store the inverse of ink.
fn rgb_of_cmyk(cmyk: [u8; 4], is_adobe: bool) -> [u8; 3] {
    let [c, m, y, black] = cmyk.map(|ink| u32::from(if is_adobe { ink } else { 255 - ink }));
    [c, m, y].map(|light| ((light * black + 127) / 255) as u8)
}

/// An error handler that treats a warning about the picture's data as an error.
fn strict() -> jpeg_error_mgr {
    /// libjpeg's state when it begins to read the picture's data (`DSTATE_PRELOAD`). From then on a
    /// warning means damage. Earlier ones are about an unusual header, which does no harm.
    const READING_DATA: std::ffi::c_int = 203;

    extern "C-unwind" fn leave(_: &mut jpeg_common_struct) {
        // Without the panic hook: a bad picture is not a bug of the service.
        resume_unwind(Box::new(()));
    }
    extern "C-unwind" fn judge(decoder: &mut jpeg_common_struct, level: std::ffi::c_int) {
        let is_warning = level < 0;
        if is_warning && decoder.global_state >= READING_DATA {
            leave(decoder);
        }
    }
    extern "C-unwind" fn ignore(_: &mut jpeg_common_struct) {}
    extern "C-unwind" fn say_nothing(_: &mut jpeg_common_struct, _: &[u8; 80]) {}

    jpeg_error_mgr {
        error_exit: Some(leave),
        emit_message: Some(judge),
        output_message: Some(ignore),
        format_message: Some(say_nothing),
        reset_error_mgr: Some(ignore),
        msg_code: 0,
        msg_parm: msg_parm_union::default(),
        trace_level: 0,
        num_warnings: 0,
        jpeg_message_table: std::ptr::null(),
        last_jpeg_message: 0,
        addon_message_table: std::ptr::null(),
        first_addon_message: 0,
        last_addon_message: 0,
    }
}
