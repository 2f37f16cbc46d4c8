//! Pictures that can be recognised in memory, in files and in text.

use image::{DynamicImage, ImageFormat, RgbImage};
use testbed::client::base64_of;
use testbed::pictures::{Jpeg, crc32, encoded};

/// Length of a tag: long enough that no memory holds one by chance.
const TAG_BYTES: usize = 8;
/// Length of the marker that a picture's file holds beside the pixels.
const MARKER_BYTES: usize = 64;
/// Length of the marker in EXIF, where cameras keep a small copy of the picture.
const THUMBNAIL_BYTES: usize = 20_000;

fn random() -> [u8; 16] {
    uuid::Uuid::new_v4().into_bytes()
}

/// Random bytes that mark one picture.
#[derive(Debug, Clone, Copy)]
struct Tag([u8; TAG_BYTES]);

impl Tag {
    fn new() -> Self {
        Self(*random().first_chunk().unwrap())
    }

    /// `count` bytes: the tag, as many random bytes, the tag and so on. Every 24 of them hold a
    /// whole tag.
    fn marker(self, count: usize) -> Vec<u8> {
        let halves = || [self.0, *random().first_chunk().unwrap()].concat();
        std::iter::repeat_with(halves).flatten().take(count).collect()
    }
}

/// Bytes by which a picture is recognised.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    pub(super) what: String,
    pub(super) bytes: Vec<u8>,
}

/// A picture's file with marked bytes, in its pixels too.
pub(super) struct Marked {
    pub(super) name: &'static str,
    pub(super) file: Vec<u8>,
    tag: Tag,
    /// More bytes by which it is recognised, each with its name.
    others: Vec<(&'static str, Vec<u8>)>,
}

impl Marked {
    /// All bytes by which it is recognised: the tag, and the tag in base64, for each of the three
    /// places where a group of three bytes may begin.
    pub(super) fn traces(&self) -> Vec<Trace> {
        let trace = |what: &str, bytes: &[u8]| Trace {
            what: format!("{what} of {}", self.name),
            bytes: bytes.to_vec(),
        };
        let mut traces = vec![trace("bytes", &self.tag.0)];
        for start in 0..3 {
            let text = base64_of(&self.tag.0[start..start + 6]);
            traces.push(trace("base64 text", text.as_bytes()));
        }
        traces.extend(self.others.iter().map(|(what, bytes)| trace(what, bytes)));
        traces
    }
}

/// The portrait with a row of marked pixels far above the face, which detectors still find.
fn portrait(tag: Tag) -> DynamicImage {
    marked_row(crate::demo::portrait(), tag)
}

fn marked_row(mut picture: RgbImage, tag: Tag) -> DynamicImage {
    let row = tag.marker(3 * picture.width() as usize);
    for (x, &pixel) in (0..).zip(row.as_chunks().0) {
        picture.put_pixel(x, ROW, image::Rgb(pixel));
    }
    DynamicImage::ImageRgb8(picture)
}

/// The bytes of `file` with `inserted` at `at`.
fn with(file: &[u8], at: usize, inserted: &[u8]) -> Vec<u8> {
    [&file[..at], inserted, &file[at..]].concat()
}

/// The marked row of pixels.
const ROW: u32 = 4;
/// The length of a PNG's signature and `IHDR`.
const PNG_HEADER_BYTES: usize = 33;

fn png(name: &'static str, picture: &DynamicImage, tag: Tag) -> Marked {
    let marker = tag.marker(MARKER_BYTES);
    // Ancillary, private, safe to copy.
    let chunk = [b"maRk", &marker[..]].concat();
    let length = (marker.len() as u32).to_be_bytes();
    let chunk = [&length[..], &chunk, &crc32(&chunk).to_be_bytes()].concat();
    let file = with(&encoded(picture, ImageFormat::Png), PNG_HEADER_BYTES, &chunk);
    Marked { name, file, tag, others: Vec::new() }
}

fn jpeg(name: &'static str, how: &Jpeg) -> Marked {
    let tag = Tag::new();
    let segment = |marker: u8, data: &[u8]| {
        let length = (2 + data.len() as u16).to_be_bytes();
        [&[0xFF, marker][..], &length, data].concat()
    };
    let exif = [testbed::pictures::exif(1), tag.marker(THUMBNAIL_BYTES)].concat();
    let segments = [segment(0xE1, &exif), segment(0xFE, &tag.marker(MARKER_BYTES))].concat();
    let file = with(&how.of(&portrait(tag).to_rgb8()), 2, &segments);
    // JPEG does not keep pixels exactly, so the decoder says what they are.
    let frame = frame::decode(&file, &frame::Limits::default()).unwrap();
    let pixels = frame.view().row(ROW as usize)[300..324].to_vec();
    Marked { name, file, tag, others: vec![("pixels", pixels)] }
}

/// A picture with the marker also behind its end.
fn trailed(name: &'static str, format: ImageFormat) -> Marked {
    let tag = Tag::new();
    let file = [encoded(&portrait(tag), format), tag.marker(MARKER_BYTES)].concat();
    Marked { name, file, tag, others: Vec::new() }
}

/// Pictures with a face, in every format and for every path through the decoders.
pub(super) fn good() -> Vec<Marked> {
    let altered = |name, alter: &dyn Fn(DynamicImage) -> DynamicImage| {
        let tag = Tag::new();
        png(name, &alter(portrait(tag)), tag)
    };
    vec![
        jpeg("a JPEG", &Jpeg::default()),
        jpeg("a progressive JPEG", &Jpeg { progressive: true, ..Jpeg::default() }),
        altered("a PNG", &|picture| picture),
        altered("a PNG with transparency", &|picture| picture.to_rgba8().into()),
        altered("a PNG of 16 bits", &|picture| picture.to_rgb16().into()),
        altered("a PNG on its side", &|picture| picture.rotate90()),
        trailed("a BMP", ImageFormat::Bmp),
        trailed("a TIFF", ImageFormat::Tiff),
        trailed("a WebP", ImageFormat::WebP),
        trailed("a GIF", ImageFormat::Gif),
    ]
}

/// Pictures that cannot be assessed, each with its outcome.
pub(super) fn bad() -> Vec<(&'static str, Marked)> {
    let plain = |name, picture: RgbImage| {
        let tag = Tag::new();
        png(name, &marked_row(picture, tag), tag)
    };
    let mut cut_png = plain("half a PNG", crate::demo::portrait());
    cut_png.file.truncate(cut_png.file.len() / 2);
    let mut cut_jpeg = jpeg("half a JPEG", &Jpeg::default());
    cut_jpeg.file.truncate(cut_jpeg.file.len() / 2);
    let mut holed = jpeg("a JPEG with a hole", &Jpeg::default());
    holed.file.drain(30_000..33_000);
    let tag = Tag::new();
    let text = [b"not a picture ", &tag.marker(MARKER_BYTES)[..]].concat();
    let none = Marked { name: "no picture", file: text, tag, others: Vec::new() };
    vec![
        ("422 unreadable_image", cut_png),
        ("422 unreadable_image", cut_jpeg),
        ("422 unreadable_image", holed),
        ("415 unsupported_image", none),
        ("422 image_too_large", plain("a picture too wide", RgbImage::new(5001, 300))),
        ("200 2", faceless()),
    ]
}

/// A picture without a face, in which the detector therefore looks from every side. It has the size
/// of the starter pack's detector input, so that the input's numbers are known too.
pub(super) fn faceless() -> Marked {
    let tag = Tag::new();
    let picture = marked_row(RgbImage::from_pixel(320, 240, image::Rgb([128; 3])), tag);
    let rgb = picture.to_rgb8();
    let reds = (100..106).map(|x| (f32::from(rgb.get_pixel(x, ROW)[0]) - 127.0) / 128.0);
    let tensor: Vec<u8> = reds.flat_map(f32::to_le_bytes).collect();
    let mut marked = png("a faceless PNG", &picture, tag);
    marked.others.push(("the detector's input", tensor));
    marked
}

/// A body over every limit, with the marker at its beginning, in its middle and at its end.
pub(super) fn oversized() -> Marked {
    let tag = Tag::new();
    let (marker, zeros) = (tag.marker(MARKER_BYTES), vec![0; 15 << 20]);
    let file = [&marker[..], &zeros, &marker, &zeros, &marker].concat();
    Marked { name: "a body too large", file, tag, others: Vec::new() }
}
