//! Writes the seeds of fuzzing: `seeds DIRECTORY` fills a directory in it for every target.
//!
//! The seeds are small, so that most changes have an effect: pictures with sides of 1 to 40 pixels,
//! models from the tests of `onnx`, and bodies from the contract.

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use libjpeg::Made;
use pictures::{Jpeg, encoded, exif};

#[allow(dead_code, reason = "tests need more kinds of pictures than this")]
#[path = "../../../crates/testbed/src/pictures.rs"]
mod pictures;

fn main() {
    let out = PathBuf::from(std::env::args_os().nth(1).expect("a directory to write to"));
    for (name, jpeg) in jpegs() {
        // The targets add the first three bytes themselves, and read from a leading byte the
        // reduction and how often `jpeg` asks before it is stopped.
        for (choice, target) in [(0, "jpeg"), (30, "jpeg"), (1, "jpeg_differential")] {
            let choice = choice + name.len() as u8;
            write(&out, target, &format!("{name}-{choice}"), &[&[choice], &jpeg[3..]].concat());
        }
        write(&out, "picture", &format!("jpeg-{name}"), &jpeg);
    }
    for (name, file) in others() {
        write(&out, "picture", &name, &file);
    }
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/onnx/tests/data");
    for entry in fs::read_dir(models).expect("the models of the tests") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "onnx") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            write(&out, "onnx_model", &name, &fs::read(&path).expect("a readable model"));
        }
    }
    for (name, body) in bodies() {
        write(&out, "body", name, &body);
    }
}

fn write(out: &Path, target: &str, name: &str, bytes: &[u8]) {
    let directory = out.join(target);
    fs::create_dir_all(&directory).expect("the directory can be made");
    fs::write(directory.join(name), bytes).expect("the file can be written");
}

fn scene(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let corner = x < width / 3 && y < height / 4;
        Rgb([(255 * x / width) as u8, (255 * y / height) as u8, if corner { 250 } else { 40 }])
    })
}

/// JPEGs of every kind that libjpeg writes, and some others.
fn jpegs() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for seed in 0..150 {
        let file = Made::of_seed(seed, 40).encode().expect("libjpeg writes it");
        if file.len() < 2000 {
            files.push((format!("made-{seed}"), file));
        }
    }
    let baseline = Jpeg::default().of(&scene(37, 21));
    for orientation in [3, 6] {
        let jpeg_kind = Jpeg { exif: Some(exif(orientation)), ..Jpeg::default() };
        files.push((format!("exif-{orientation}"), jpeg_kind.of(&scene(37, 21))));
    }
    // Lossless, hierarchical, and of extended precision.
    for kind in [0xC1, 0xC3, 0xC5] {
        files.push((format!("frame-{kind}"), with_frame_kind(&baseline, kind)));
    }
    files
}

/// `baseline` with the marker of another kind of frame.
fn with_frame_kind(baseline: &[u8], kind: u8) -> Vec<u8> {
    let mut file = baseline.to_vec();
    let frame = file.windows(2).position(|pair| pair == [0xFF, 0xC0]).expect("a baseline frame");
    file[frame + 1] = kind;
    file
}

/// Pictures of the formats that the `image` crate decodes.
fn others() -> Vec<(String, Vec<u8>)> {
    let rgb = DynamicImage::ImageRgb8(scene(20, 12));
    let mut rgba = rgb.to_rgba8();
    rgba.enumerate_pixels_mut().for_each(|(x, _, pixel)| pixel.0[3] = (12 * x) as u8);
    let mut files = Vec::new();
    for (name, format) in [
        ("png", ImageFormat::Png),
        ("webp", ImageFormat::WebP),
        ("bmp", ImageFormat::Bmp),
        ("tiff", ImageFormat::Tiff),
        ("gif", ImageFormat::Gif),
    ] {
        files.push((name.to_owned(), encoded(&rgb, format)));
        files.push((format!("{name}-alpha"), encoded(&rgba.clone().into(), format)));
    }
    files.push(("png-gray".to_owned(), encoded(&rgb.to_luma8().into(), ImageFormat::Png)));
    files.push(("png-deep".to_owned(), encoded(&rgb.to_rgba16().into(), ImageFormat::Png)));
    files.push(("png-palette".to_owned(), pictures::palette_png(&rgb.to_luma8())));
    files.push(("png-interlaced".to_owned(), interlaced_png()));
    files.push(("tiff-gray".to_owned(), encoded(&rgb.to_luma8().into(), ImageFormat::Tiff)));
    files.push(("tiff-deep".to_owned(), encoded(&rgb.to_rgb16().into(), ImageFormat::Tiff)));
    files.push(("tiff-float".to_owned(), encoded(&rgb.to_rgb32f().into(), ImageFormat::Tiff)));
    // A lossy key frame of 16x16 whose data are zeros. No encoder here writes lossy WebP.
    let vp8 = [&[0x50, 0x02, 0, 0x9D, 0x01, 0x2A, 16, 0, 16, 0][..], &[0; 40]].concat();
    let riff = |chunks: &[u8]| chunk(b"RIFF", &[&b"WEBP"[..], chunks].concat());
    files.push(("webp-lossy".to_owned(), riff(&chunk(b"VP8 ", &vp8))));
    let canvas = chunk(b"VP8X", &[0x02, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    let animation = chunk(b"ANIM", &[0; 6]);
    let place = [0, 0, 0, 0, 0, 0, 15, 0, 0, 15, 0, 0, 100, 0, 0, 0];
    let frame = chunk(b"ANMF", &[&place[..], &chunk(b"VP8 ", &vp8)].concat());
    files.push(("webp-animated".to_owned(), riff(&[canvas, animation, frame].concat())));
    let canvas = chunk(b"VP8X", &[0x10, 0, 0, 0, 15, 0, 0, 15, 0, 0]);
    let alpha = chunk(b"ALPH", &[&[0][..], &[128; 256]].concat());
    files.push((
        "webp-alpha-lossy".to_owned(),
        riff(&[canvas, alpha, chunk(b"VP8 ", &vp8)].concat()),
    ));
    files
}

/// A chunk of a RIFF file.
fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [&name[..], &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

/// A PNG of 2 bits a pixel in Adam7 order.
fn interlaced_png() -> Vec<u8> {
    // The encoder writes rows from the top. For a 1x1 picture Adam7 order is the same.
    let mut file = Vec::new();
    let mut writer = png::Encoder::new(&mut file, 1, 1);
    writer.set_color(png::ColorType::Grayscale);
    writer.set_depth(png::BitDepth::Two);
    let mut writer = writer.write_header().expect("memory can be written to");
    writer.write_image_data(&[0b0100_0000]).expect("memory can be written to");
    drop(writer);
    // The interlace method is the last byte of the header's data; the checksum follows.
    file[28] = 1;
    let checksum = pictures::crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

/// Bodies as callers send them. The first byte chooses the media type, the second the size of
/// chunks.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let part = |name: &str, value: &[u8]| {
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), value, b"\r\n"].concat()
    };
    let picture = b"\xFF\xD8\xFF\x00picture";
    let form = [part("threshold", b"0.5"), part("selfie", picture), b"--B--\r\n".to_vec()];
    let file = b"--B\r\nContent-Disposition: form-data; name=\"selfie\"; filename=\"a\"\r\n\
                 Content-Type: image/jpeg\r\n\r\ndata:image/jpeg;base64,/9j/AA==\r\n--B--\r\n";
    let level = [part("selfie", b"_9j_AA"), part("security_level", b"hardened"), b"--B--".to_vec()];
    let json = br#"{"selfie":"data:image/jpeg;base64,/9j/AA==","threshold":"0.25"}"#;
    let level_json = br#"{"security_level":"standard","selfie":"\/9j\n_AA","threshold":1e-1}"#;
    vec![
        ("form", [&[0, 6][..], &form.concat()].concat()),
        ("form-file", [&[0, 200][..], file].concat()),
        ("form-level", [&[8, 0][..], &level.concat()].concat()),
        ("json", [&[1, 20][..], json].concat()),
        ("json-level", [&[9, 3][..], level_json].concat()),
    ]
}
