//! Made pictures: every kind of JPEG that libjpeg writes, chosen by a seed.

use std::ffi::c_int;
use std::mem;

use fastrand::Rng;
use mozjpeg_sys::{
    J_BOOLEAN_PARAM, J_COLOR_SPACE, J_INT_PARAM, JINT_COMPRESS_PROFILE_VALUE, jpeg_add_quant_table,
    jpeg_c_set_bool_param, jpeg_c_set_int_param, jpeg_compress_struct, jpeg_create_compress,
    jpeg_destroy_compress, jpeg_finish_compress, jpeg_mem_dest, jpeg_scan_info,
    jpeg_set_colorspace, jpeg_set_defaults, jpeg_set_quality, jpeg_simple_progression,
    jpeg_start_compress, jpeg_write_marker, jpeg_write_scanlines,
};

use crate::errors::{attempt, strict};
use crate::script::{self, MOST_BLOCKS, Scan};

/// A picture, and how it is written. A seed gives all of it.
#[derive(Debug, Clone)]
pub struct Made {
    pub seed: u64,
    pub width: usize,
    pub height: usize,
    pub colours: Colours,
    content: Content,
    /// Sampling factors across and down, for each component.
    pub sampling: Vec<(usize, usize)>,
    quantisation: Quantisation,
    entropy: Entropy,
    scans: Scans,
    restart: Restart,
    /// Table numbers of each component: quantisation, DC and AC.
    tables: Vec<[usize; 3]>,
    /// Identifiers of the components, if they are not the usual ones.
    ids: Option<Vec<u8>>,
    has_jfif: bool,
    has_adobe: bool,
    has_segments: bool,
    tail: Tail,
    /// mozjpeg's own ways, of which trellis quantisation is one.
    is_mozjpegs: bool,
}

/// Colour space of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    Gray,
    Rgb,
    YCbCr,
    Cmyk,
    Ycck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Smooth,
    Noise,
    Drawn,
    /// Black and white pixels at random: the largest coefficients.
    Extreme,
    Flat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantisation {
    Quality {
        quality: u8,
        in_bytes: bool,
    },
    /// Random steps of 1 up to this.
    Steps(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entropy {
    StandardHuffman,
    OptimisedHuffman,
    Arithmetic { has_conditioning: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scans {
    One,
    /// Sequential, with these components each.
    Sequential(Vec<Vec<usize>>),
    /// libjpeg's script for progressive pictures.
    SimpleProgression,
    /// mozjpeg's search for the best script.
    SearchedProgression,
    Progressive(Vec<Scan>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    Never,
    Mcus(usize),
    Rows(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    Plain,
    /// Zeros in front of the end-of-image marker.
    Padded,
    /// Bytes behind it.
    Appended,
}

impl Made {
    /// The picture of a seed, with sides of 1 to `most_px`.
    #[must_use]
    pub fn of_seed(seed: u64, most_px: usize) -> Self {
        let random = &mut Rng::with_seed(seed);
        let colours = choose(
            random,
            &[
                Colours::Gray,
                Colours::Rgb,
                Colours::YCbCr,
                Colours::YCbCr,
                Colours::YCbCr,
                Colours::YCbCr,
                Colours::Cmyk,
                Colours::Ycck,
            ],
        );
        let side = |random: &mut Rng| {
            let most = if random.bool() { most_px } else { most_px.min(40) };
            random.usize(1..=most)
        };
        let (width, height) = (side(random), side(random));
        let sampling = sampling(random, colours);
        let blocks: Vec<usize> = sampling.iter().map(|(across, down)| across * down).collect();
        let content = choose(
            random,
            &[Content::Smooth, Content::Noise, Content::Drawn, Content::Extreme, Content::Flat],
        );
        let quantisation = match random.u8(..4) {
            // The greatest step that libjpeg's encoder divides by without an overflow: 0xFFFF / 8.
            0 => Quantisation::Steps(choose(random, &[1, 3, 16, 255, 2000, 8191])),
            _ => {
                let quality = random.u8(1..=100);
                Quantisation::Quality { quality, in_bytes: random.u8(..4) > 0 }
            }
        };
        let entropy = match random.u8(..6) {
            0 | 1 => Entropy::StandardHuffman,
            2 | 3 => Entropy::OptimisedHuffman,
            _ => Entropy::Arithmetic { has_conditioning: random.bool() },
        };
        let is_mozjpegs = random.u8(..4) == 0;
        // Trellis quantisation spoils files with other Huffman tables.
        let entropy = match entropy {
            Entropy::StandardHuffman if is_mozjpegs => Entropy::OptimisedHuffman,
            other => other,
        };
        // It also rounds small coefficients up to a large step, and then libjpeg's own C code and
        // SIMD code read different samples.
        let quantisation = match quantisation {
            Quantisation::Steps(most) if is_mozjpegs => Quantisation::Steps(most.min(2000)),
            other => other,
        };
        let fits = blocks.len() == 1 || blocks.iter().sum::<usize>() <= MOST_BLOCKS;
        let can_search = is_mozjpegs
            && fits
            && !matches!(entropy, Entropy::Arithmetic { .. })
            && matches!(colours, Colours::Gray | Colours::YCbCr);
        let scans = match random.u8(..6) {
            0 | 1 if fits => Scans::One,
            3 if fits => Scans::SimpleProgression,
            4 if can_search => Scans::SearchedProgression,
            0..=2 => Scans::Sequential(parts(random, &blocks)),
            _ => Scans::Progressive(script::progressive(random, &blocks)),
        };
        let restart = match random.u8(..8) {
            // The search forgets the restart markers of the scans that it copies.
            _ if scans == Scans::SearchedProgression => Restart::Never,
            0..=3 => Restart::Never,
            4 => Restart::Mcus(1),
            5 | 6 => Restart::Mcus(random.usize(1..20)),
            _ => Restart::Rows(random.usize(1..3)),
        };
        let most_entropy_tables = match entropy {
            Entropy::StandardHuffman => 2,
            Entropy::OptimisedHuffman => 4,
            Entropy::Arithmetic { .. } => 16,
        };
        let has_usual_tables = random.bool() || is_mozjpegs;
        let is_first = |i: usize| i == 0 || i == 3;
        let tables = (0..blocks.len())
            .map(|i| {
                if has_usual_tables {
                    return [usize::from(!is_first(i)); 3];
                }
                let quantisation = match quantisation {
                    Quantisation::Quality { .. } => random.usize(..2),
                    Quantisation::Steps(_) => random.usize(..4),
                };
                let mut entropy_table = || random.usize(..most_entropy_tables);
                [quantisation, entropy_table(), entropy_table()]
            })
            .collect();
        let ids = (random.u8(..4) == 0).then(|| {
            let lists = [[0, 1, 2, 3], [82, 71, 66, 65], [1, 2, 3, 4], [200, 7, 255, 0]];
            choose(random, &lists)[..blocks.len()].to_vec()
        });
        let is_ycc = matches!(colours, Colours::Gray | Colours::YCbCr);
        let is_usual = random.u8(..4) > 0;
        Self {
            seed,
            width,
            height,
            colours,
            content,
            sampling,
            quantisation,
            entropy,
            scans,
            restart,
            tables,
            ids,
            has_jfif: if is_usual { is_ycc } else { random.bool() },
            has_adobe: if is_usual { !is_ycc } else { random.bool() },
            has_segments: random.u8(..4) == 0,
            tail: choose(random, &[Tail::Plain, Tail::Plain, Tail::Padded, Tail::Appended]),
            is_mozjpegs,
        }
    }

    /// Writes the picture.
    ///
    /// # Errors
    ///
    /// What libjpeg says, if it cannot write this kind of picture.
    pub fn encode(&self) -> Result<Vec<u8>, String> {
        let mut errors = strict();
        let mut output = Output { bytes: std::ptr::null_mut(), len: 0 };
        // SAFETY: zeros are valid for the struct, and libjpeg fills it.
        let mut libjpeg = unsafe {
            let mut libjpeg = Box::new(mem::zeroed::<jpeg_compress_struct>());
            libjpeg.common.err = &raw mut *errors;
            jpeg_create_compress(&raw mut *libjpeg);
            libjpeg
        };
        let outcome = attempt(|| self.write(&mut libjpeg, &mut output));
        // SAFETY: it was created above, and is not used after this.
        unsafe { jpeg_destroy_compress(&mut libjpeg) };
        outcome?;
        // SAFETY: libjpeg has allocated the bytes and set their number.
        let mut file =
            unsafe { std::slice::from_raw_parts(output.bytes, output.len as usize) }.to_vec();
        let end = file.len() - 2;
        match self.tail {
            Tail::Plain => {}
            // Behind a zero that belongs to the data, Livegate cannot tell what is padding.
            Tail::Padded if file[end - 1] == 0 => {}
            Tail::Padded => drop(file.splice(end..end, [0; 3])),
            Tail::Appended => file.extend([1, 2, 0xFF, 0xD8, 0xFF, 0xDA, 0, 3, 7]),
        }
        Ok(file)
    }

    fn write(&self, libjpeg: &mut jpeg_compress_struct, output: &mut Output) {
        let components = self.sampling.len();
        let (given, kept) = match self.colours {
            Colours::Gray => (J_COLOR_SPACE::JCS_GRAYSCALE, J_COLOR_SPACE::JCS_GRAYSCALE),
            Colours::Rgb => (J_COLOR_SPACE::JCS_RGB, J_COLOR_SPACE::JCS_RGB),
            Colours::YCbCr => (J_COLOR_SPACE::JCS_RGB, J_COLOR_SPACE::JCS_YCbCr),
            Colours::Cmyk => (J_COLOR_SPACE::JCS_CMYK, J_COLOR_SPACE::JCS_CMYK),
            Colours::Ycck => (J_COLOR_SPACE::JCS_CMYK, J_COLOR_SPACE::JCS_YCCK),
        };
        let scans = self.scan_infos();
        let random = &mut Rng::with_seed(!self.seed);
        let samples = self.samples(components, random);
        // SAFETY: the calls come in the order that libjpeg's manual gives. `output`, `scans` and
        // `samples` live until the last of them. `comp_info` has room for ten components.
        unsafe {
            jpeg_mem_dest(libjpeg, &raw mut output.bytes, &raw mut output.len);
            libjpeg.image_width = self.width as _;
            libjpeg.image_height = self.height as _;
            libjpeg.input_components = components as _;
            libjpeg.in_color_space = given;
            let profile = if self.is_mozjpegs {
                JINT_COMPRESS_PROFILE_VALUE::JCP_MAX_COMPRESSION
            } else {
                JINT_COMPRESS_PROFILE_VALUE::JCP_FASTEST
            };
            jpeg_c_set_int_param(
                libjpeg,
                J_INT_PARAM::JINT_COMPRESS_PROFILE,
                profile as u32 as c_int,
            );
            jpeg_set_defaults(libjpeg);
            let searches = self.scans == Scans::SearchedProgression;
            jpeg_c_set_bool_param(
                libjpeg,
                J_BOOLEAN_PARAM::JBOOLEAN_OPTIMIZE_SCANS,
                c_int::from(searches),
            );
            libjpeg.scan_info = std::ptr::null();
            libjpeg.num_scans = 0;
            jpeg_set_colorspace(libjpeg, kept);
            self.set_quantisation(libjpeg, random);
            for (i, &(across, down)) in self.sampling.iter().enumerate() {
                let component = &mut *libjpeg.comp_info.add(i);
                component.h_samp_factor = across as _;
                component.v_samp_factor = down as _;
                let [quantisation, dc, ac] = self.tables[i].map(|table| table as c_int);
                component.quant_tbl_no = quantisation;
                component.dc_tbl_no = dc;
                component.ac_tbl_no = ac;
                if let Some(ids) = &self.ids {
                    component.component_id = c_int::from(ids[i]);
                }
            }
            match self.entropy {
                Entropy::StandardHuffman => libjpeg.optimize_coding = 0,
                Entropy::OptimisedHuffman => libjpeg.optimize_coding = 1,
                Entropy::Arithmetic { has_conditioning } => {
                    libjpeg.arith_code = 1;
                    libjpeg.optimize_coding = 0;
                    if has_conditioning {
                        for i in 0..16 {
                            libjpeg.arith_dc_L[i] = random.u8(..16);
                            libjpeg.arith_dc_U[i] = random.u8(libjpeg.arith_dc_L[i]..16);
                            libjpeg.arith_ac_K[i] = random.u8(1..64);
                        }
                    }
                }
            }
            if searches || self.scans == Scans::SimpleProgression {
                jpeg_simple_progression(libjpeg);
            } else if !scans.is_empty() {
                libjpeg.scan_info = scans.as_ptr();
                libjpeg.num_scans = scans.len() as _;
            }
            match self.restart {
                Restart::Never => {}
                Restart::Mcus(mcus) => libjpeg.restart_interval = mcus as _,
                Restart::Rows(rows) => libjpeg.restart_in_rows = rows as _,
            }
            libjpeg.write_JFIF_header = c_int::from(self.has_jfif);
            libjpeg.write_Adobe_marker = c_int::from(self.has_adobe);
            jpeg_start_compress(libjpeg, 1);
            if self.has_segments {
                // A thumbnail's markers in EXIF, and a comment.
                let exif = b"Exif\0\0II*\0\x08\0\0\0\0\0\xFF\xD8\xFF\xDA\0\x02\xFF\xD9";
                jpeg_write_marker(libjpeg, 0xE1, exif.as_ptr(), exif.len() as _);
                jpeg_write_marker(libjpeg, 0xFE, b"\xFF\xD9 made".as_ptr(), 7);
            }
            for row in samples.chunks_exact(self.width * components) {
                jpeg_write_scanlines(libjpeg, &row.as_ptr(), 1);
            }
            jpeg_finish_compress(libjpeg);
        }
    }

    /// # Safety
    ///
    /// `libjpeg` is created and has defaults.
    unsafe fn set_quantisation(&self, libjpeg: &mut jpeg_compress_struct, random: &mut Rng) {
        match self.quantisation {
            // SAFETY: the caller's.
            Quantisation::Quality { quality, in_bytes } => unsafe {
                jpeg_set_quality(libjpeg, c_int::from(quality), c_int::from(in_bytes));
            },
            Quantisation::Steps(most) => {
                for table in 0..4 {
                    let steps: [_; 64] = std::array::from_fn(|_| random.u32(1..=most));
                    // SAFETY: the caller's, and a table has 64 steps.
                    unsafe { jpeg_add_quant_table(libjpeg, table, steps.as_ptr(), 100, 0) };
                }
            }
        }
    }

    fn scan_infos(&self) -> Vec<jpeg_scan_info> {
        let info = |components: &[usize], [start, end, high, low]: [usize; 4]| {
            let mut info = jpeg_scan_info {
                comps_in_scan: components.len() as _,
                Ss: start as _,
                Se: end as _,
                Ah: high as _,
                Al: low as _,
                ..Default::default()
            };
            for (index, &component) in info.component_index.iter_mut().zip(components) {
                *index = component as _;
            }
            info
        };
        match &self.scans {
            Scans::One | Scans::SimpleProgression | Scans::SearchedProgression => Vec::new(),
            Scans::Sequential(parts) => {
                parts.iter().map(|part| info(part, [0, 63, 0, 0])).collect()
            }
            Scans::Progressive(scans) => scans
                .iter()
                .map(|Scan { components, start, end, high, low }| {
                    info(components, [*start, *end, *high as usize, *low as usize])
                })
                .collect(),
        }
    }

    fn samples(&self, components: usize, random: &mut Rng) -> Vec<u8> {
        let (width, height) = (self.width, self.height);
        let mut samples = vec![0; width * height * components];
        let flat: [u8; 4] = std::array::from_fn(|_| random.u8(..));
        match self.content {
            Content::Noise => random.fill(&mut samples),
            Content::Extreme => {
                samples.iter_mut().for_each(|sample| *sample = if random.bool() { 255 } else { 0 });
            }
            Content::Flat => {
                for pixel in samples.chunks_exact_mut(components) {
                    pixel.copy_from_slice(&flat[..components]);
                }
            }
            Content::Smooth => {
                let waves: [[f32; 3]; 4] = std::array::from_fn(|_| {
                    [random.f32() * 0.3, random.f32() * 0.3, random.f32() * 6.0]
                });
                for (i, sample) in samples.iter_mut().enumerate() {
                    let (pixel, component) = (i / components, i % components);
                    let (x, y) = ((pixel % width) as f32, (pixel / width) as f32);
                    let [along, down, phase] = waves[component];
                    *sample = (127.5 + 127.5 * (x * along + y * down + phase).sin()) as u8;
                }
            }
            Content::Drawn => {
                for _ in 0..12 {
                    let (left, top) = (random.usize(..width), random.usize(..height));
                    let (right, bottom) = (random.usize(left..width), random.usize(top..height));
                    let colour: [u8; 4] = std::array::from_fn(|_| random.u8(..));
                    for y in top..=bottom {
                        for x in left..=right {
                            let at = (y * width + x) * components;
                            samples[at..at + components].copy_from_slice(&colour[..components]);
                        }
                    }
                }
            }
        }
        samples
    }
}

/// What libjpeg writes to.
struct Output {
    bytes: *mut u8,
    len: std::ffi::c_ulong,
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: null, or allocated by libjpeg with `malloc`.
        unsafe { libc::free(self.bytes.cast()) };
    }
}

fn choose<T: Clone>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(..from.len())].clone()
}

/// Sampling factors that libjpeg can write: the largest is a multiple of each.
fn sampling(random: &mut Rng, colours: Colours) -> Vec<(usize, usize)> {
    let components = match colours {
        Colours::Gray => 1,
        Colours::Rgb | Colours::YCbCr => 3,
        Colours::Cmyk | Colours::Ycck => 4,
    };
    if random.u8(..3) == 0 {
        let first = choose(random, &[(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 2)]);
        let last = if first == (4, 2) { (1, 1) } else { first };
        return [first, (1, 1), (1, 1), last][..components].to_vec();
    }
    loop {
        let factors: Vec<(usize, usize)> =
            (0..components).map(|_| (random.usize(1..=4), random.usize(1..=4))).collect();
        let most_across = factors.iter().map(|one| one.0).max().unwrap_or(1);
        let most_down = factors.iter().map(|one| one.1).max().unwrap_or(1);
        let is_whole = factors
            .iter()
            .all(|one| most_across.is_multiple_of(one.0) && most_down.is_multiple_of(one.1));
        let blocks: usize = factors.iter().map(|one| one.0 * one.1).sum();
        // Some that can only be written with scans of their own.
        let may_be_large = random.u8(..8) == 0;
        if is_whole && (components == 1 || blocks <= MOST_BLOCKS || may_be_large) {
            return factors;
        }
    }
}

/// Components divided among sequential scans.
fn parts(random: &mut Rng, blocks: &[usize]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    for component in 0..blocks.len() {
        let joins = parts.last().is_some_and(|part| {
            let total: usize = part.iter().map(|&i| blocks[i]).sum();
            total + blocks[component] <= MOST_BLOCKS && random.bool()
        });
        match parts.last_mut() {
            Some(part) if joins => part.push(component),
            _ => parts.push(vec![component]),
        }
    }
    random.shuffle(&mut parts);
    parts
}
