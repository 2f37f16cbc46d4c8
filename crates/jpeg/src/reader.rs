//! A JPEG's scans, from the first to the last, and then its pixels.

use std::array;

use crate::arithmetic::{Arithmetic, Conditioning};
use crate::band::Progress;
use crate::coding::Coding;
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::header::{Header, is_frame_header, segment};
use crate::huffman::{AcTable, DcTable, Definition, standard};
use crate::layout::Layout;
use crate::markers::{self, Marker, code};
use crate::paint::Painter;
use crate::progressive::{Progressive, Tables};
use crate::scan::{Data, Scan};
use crate::sequential::Sequential;

/// Cameras write one scan, progressive encoders about ten.
const MAX_SCANS: usize = 100;

/// Reads one JPEG after the other into the same buffers. One thread owns it.
#[derive(Default)]
pub struct Reader {
    data: Data,
    coefficients: Coefficients,
    painter: Painter,
    tables: HuffmanTables,
}

impl std::fmt::Debug for Reader {
    /// Without the buffers, which hold a picture.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads the JPEG in `bytes`, whose header is `header`, into `rgb`: rows from the top, three
    /// bytes (red, green, blue) for a pixel. `reduction` pixels of the picture become one, across and
    /// down: 1, 2, 4 or 8. Returns the width and height in pixels, each the picture's divided by
    /// `reduction` and rounded up.
    ///
    /// The pixels are those of libjpeg-turbo with its accurate integer transform and its smooth
    /// upsampling. Orientation is not undone.
    ///
    /// `stop` is asked before each scan and each row of blocks; when it returns true, reading ends.
    ///
    /// # Errors
    /// When the picture is not whole, contradicts itself, is of a kind that is not read, or was
    /// stopped. Then the content of `rgb` is unspecified.
    ///
    /// # Panics
    /// When `reduction` is another number.
    pub fn read(
        &mut self,
        bytes: &[u8],
        header: &Header<'_>,
        reduction: usize,
        stop: &dyn Fn() -> bool,
        rgb: &mut Vec<u8>,
    ) -> Result<(usize, usize), Error> {
        assert!(matches!(reduction, 1 | 2 | 4 | 8), "a reduction of 1, 2, 4 or 8");
        match markers::scans(bytes) {
            None => return Err(Error::CutShort),
            Some(scans) if scans > MAX_SCANS => return Err(Error::Scans { limit: MAX_SCANS }),
            Some(_) => {}
        }
        let layout =
            Layout::new((header.width, header.height), &header.components, reduction)?;
        let length = 3 * layout.width * layout.height;
        if let Some(cut_off) = rgb.get_mut(length..) {
            cut_off.fill(0);
        }
        rgb.resize(length, 0);
        let rows = if header.has_many_scans() { layout.mcus_down } else { 1 };
        self.coefficients.begin(&layout, rows);
        self.tables.begin(header);
        let outcome = self.scans(bytes, header, &layout, stop, rgb);
        self.coefficients.free_if_large();
        outcome.map(|()| (layout.width, layout.height))
    }

    /// Overwrites the buffers.
    pub fn clear(&mut self) {
        self.data.clear();
        self.coefficients.clear();
        self.painter.clear();
    }

    fn scans(
        &mut self,
        bytes: &[u8],
        header: &Header<'_>,
        layout: &Layout,
        stop: &dyn Fn() -> bool,
        rgb: &mut [u8],
    ) -> Result<(), Error> {
        let mut settings = Settings::default();
        let mut progress = vec![Progress::NONE; header.components.len()];
        let (mut from, mut is_behind_scan) = (2, false);
        loop {
            let marker = markers::next(bytes, from).ok_or(Error::CutShort)?;
            // Cameras write other bytes between the segments of the header; behind a scan they would
            // be lost data. 0xFF in front of a marker is filling.
            let is_gap = bytes[from..marker.at].iter().any(|&byte| byte != 0xFF);
            if is_behind_scan && is_gap {
                return Err(Error::Damaged("there are data between the markers"));
            }
            from = marker.end;
            match marker.code {
                code::SOS => {
                    let scan = Scan::read(&marker, &header.components, header.coding.is_progressive)?;
                    for one in &scan.components {
                        progress[one.component].note(&scan.band)?;
                        settings.latch(one.component, header.components[one.component].table)?;
                    }
                    if stop() {
                        return Err(Error::Stopped);
                    }
                    from = self.data.take(bytes, marker.end)?;
                    if !header.has_many_scans() {
                        self.painter.begin(layout, header.colours, &settings.latched());
                    }
                    self.scan(header, layout, &scan, &settings, stop, rgb)?;
                    is_behind_scan = true;
                }
                code::EOI => break,
                other if is_behind_scan && is_frame_header(other) => {
                    return Err(Error::Damaged("there are two frame headers"));
                }
                _ => settings.take(&marker, &mut self.tables)?,
            }
        }
        if !progress.iter().all(Progress::is_whole) {
            return Err(Error::Damaged("a component or some of its frequencies are missing"));
        }
        if header.has_many_scans() {
            self.painter.begin(layout, header.colours, &settings.latched());
            for row in 0..layout.mcus_down {
                if stop() {
                    return Err(Error::Stopped);
                }
                self.painter.paint(layout, &self.coefficients.row(layout, row), rgb);
            }
        }
        Ok(())
    }

    /// Decodes the data of a scan.
    fn scan(
        &mut self,
        header: &Header<'_>,
        layout: &Layout,
        scan: &Scan,
        settings: &Settings,
        stop: &dyn Fn() -> bool,
        rgb: &mut [u8],
    ) -> Result<(), Error> {
        let Self { data, coefficients, painter, tables } = self;
        let mut walk = Walk { data, coefficients, layout, scan, interval: settings.interval, stop };
        let mut paint = |coefficients: &mut Coefficients| {
            painter.paint(layout, &coefficients.row(layout, 0), rgb);
        };
        let painting: Option<&mut dyn FnMut(&mut Coefficients)> =
            if header.has_many_scans() { None } else { Some(&mut paint) };
        if header.coding.is_arithmetic {
            let of_each = scan.components.iter().map(|one| (one.dc_table, one.ac_table));
            let tables: Vec<_> = of_each.collect();
            let coding = Arithmetic::new(scan.band, &tables, &settings.conditioning);
            return walk.decode(coding, painting);
        }
        let low = header.coding.is_progressive.then_some(scan.band.low);
        let band = scan.band;
        let (has_dc, has_ac) = (band.start == 0 && !band.is_refinement(), band.end > 0);
        for one in &scan.components {
            tables.build(has_dc.then_some(one.dc_table), has_ac.then_some(one.ac_table), low)?;
        }
        let tables = &*tables;
        let in_scan = |index: usize| scan.components.get(index);
        if !header.coding.is_progressive {
            let both = |index| {
                in_scan(index).and_then(|one| Some((tables.dc(one.dc_table)?, tables.ac(one.ac_table)?)))
            };
            return walk.decode(Sequential::new(array::from_fn(both)), painting);
        }
        let of_band = match tables.ac(scan.components[0].ac_table) {
            Some(table) if has_ac => Tables::Ac(table),
            _ => Tables::Dc(array::from_fn(|index| in_scan(index).and_then(|one| tables.dc(one.dc_table)))),
        };
        walk.decode(Progressive::new(band, of_band), painting)
    }
}

/// What is needed to go through the blocks of a scan.
struct Walk<'a> {
    data: &'a Data,
    coefficients: &'a mut Coefficients,
    layout: &'a Layout,
    scan: &'a Scan,
    /// MCUs of a restart interval; 0 if the scan is not divided.
    interval: usize,
    stop: &'a dyn Fn() -> bool,
}

impl<'a> Walk<'a> {
    /// Decodes all blocks. `paint` takes each row of MCUs, if the picture has but this scan.
    fn decode<C: Coding<'a>>(
        &mut self,
        mut coding: C,
        mut paint: Option<&mut dyn FnMut(&mut Coefficients)>,
    ) -> Result<(), Error> {
        let (data, layout, scan) = (self.data, self.layout, self.scan);
        // A scan of one component has MCUs of one block, and none that only fills the last MCU.
        let alone = match &scan.components[..] {
            [one] => Some(layout.planes[one.component]),
            _ => None,
        };
        let (across, down) = alone.map_or((layout.mcus_across, layout.mcus_down), |plane| {
            (plane.own_blocks_across, plane.own_blocks_down)
        });
        let interval = if self.interval == 0 { across * down } else { self.interval };
        if !data.has_intervals((across * down).div_ceil(interval)) {
            return Err(Error::Damaged("there are too few or too many restart markers"));
        }
        let (mut left, mut begun) = (0, 0);
        for row in 0..down {
            if (self.stop)() {
                return Err(Error::Stopped);
            }
            let kept_row = if paint.is_some() { 0 } else { row };
            for column in 0..across {
                if left == 0 {
                    if begun > 0 {
                        coding.end()?;
                    }
                    let Some((bytes, length)) = data.interval(begun) else { return Err(PAST_END) };
                    coding.begin(bytes, length);
                    begun += 1;
                    left = interval;
                }
                left -= 1;
                if let [one] = &scan.components[..] {
                    coding.block(0, self.coefficients.block(one.component, kept_row, column))?;
                } else {
                    for (index, one) in scan.components.iter().enumerate() {
                        let plane = &layout.planes[one.component];
                        for y in 0..plane.down {
                            for x in 0..plane.across {
                                let (y, x) = (kept_row * plane.down + y, column * plane.across + x);
                                coding.block(index, self.coefficients.block(one.component, y, x))?;
                            }
                        }
                    }
                }
                if left == 0 && coding.is_past_end() {
                    return Err(PAST_END);
                }
            }
            if coding.is_past_end() {
                return Err(PAST_END);
            }
            if let Some(paint) = &mut paint {
                paint(self.coefficients);
            }
        }
        coding.end()
    }
}

const PAST_END: Error = Error::Damaged("there are fewer data than blocks");

/// What segments between the scans set.
#[derive(Default)]
struct Settings {
    /// Quantisation tables, in the order of a block.
    quantisation: [Option<[u16; 64]>; 4],
    /// Those of the components: what counted when the first scan of the component began.
    latched: [Option<[u16; 64]>; 4],
    /// MCUs of a restart interval.
    interval: usize,
    conditioning: Conditioning,
}

impl Settings {
    /// Reads a segment that stands outside of the scans.
    fn take(&mut self, marker: &Marker<'_>, tables: &mut HuffmanTables) -> Result<(), Error> {
        match marker.code {
            code::DQT => self.take_quantisation(segment(marker)?),
            code::DHT => tables.take(segment(marker)?),
            code::DRI => {
                let wrong = Error::Damaged("the length of a restart interval's segment is wrong");
                let bytes = <[u8; 2]>::try_from(segment(marker)?).map_err(|_| wrong)?;
                self.interval = usize::from(u16::from_be_bytes(bytes));
                Ok(())
            }
            code::SOI => Err(Error::Damaged("there is a second start-of-image marker")),
            code::DAC => self.conditioning.define(segment(marker)?),
            code::APP0..=code::APP15 | code::COM | code::DNL => segment(marker).map(drop),
            code::TEMPORARY | code::RST0..=code::RST7 => Ok(()),
            other if is_frame_header(other) => Ok(()),
            _ => Err(Error::Damaged("there is a marker that the standard does not know")),
        }
    }

    fn take_quantisation(&mut self, mut data: &[u8]) -> Result<(), Error> {
        let wrong = Error::Damaged("a quantisation table is cut or has a number over 3");
        while let Some((&kind, rest)) = data.split_first() {
            let (is_wide, number) = (kind >> 4 != 0, usize::from(kind & 15));
            let bytes = if is_wide { 128 } else { 64 };
            let (values, rest) = rest.split_at_checked(bytes).ok_or(wrong)?;
            let table = self.quantisation.get_mut(number).ok_or(wrong)?.insert([0; 64]);
            for (i, &place) in crate::block::PLACES[..64].iter().enumerate() {
                table[usize::from(place)] = if is_wide {
                    u16::from_be_bytes([values[2 * i], values[2 * i + 1]])
                } else {
                    values[i].into()
                };
            }
            data = rest;
        }
        Ok(())
    }

    /// Keeps the table of a component from its first scan on.
    fn latch(&mut self, component: usize, table: usize) -> Result<(), Error> {
        if self.latched[component].is_none() {
            let table = self.quantisation.get(table).copied().flatten();
            self.latched[component] =
                Some(table.ok_or(Error::Damaged("a quantisation table is missing"))?);
        }
        Ok(())
    }

    /// The tables of the components.
    fn latched(&self) -> [[u16; 64]; 4] {
        self.latched.map(|table| table.unwrap_or([0; 64]))
    }
}

/// Huffman tables by their numbers. Those made for one picture are kept for the next, which often
/// has the same.
#[derive(Default)]
struct HuffmanTables {
    dc: [Slot<DcTable>; 4],
    ac: [Slot<AcTable>; 4],
}

struct Slot<T> {
    definition: Option<Definition>,
    made: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { definition: None, made: None }
    }
}

impl HuffmanTables {
    /// Forgets the definitions of the last picture.
    fn begin(&mut self, header: &Header<'_>) {
        self.dc.iter_mut().for_each(|slot| slot.definition = None);
        self.ac.iter_mut().for_each(|slot| slot.definition = None);
        if !header.coding.is_progressive {
            let [dc0, ac0, dc1, ac1] = standard();
            (self.dc[0].definition, self.ac[0].definition) = (Some(dc0), Some(ac0));
            (self.dc[1].definition, self.ac[1].definition) = (Some(dc1), Some(ac1));
        }
    }

    /// Reads a segment of tables.
    fn take(&mut self, mut data: &[u8]) -> Result<(), Error> {
        let wrong = Error::Damaged("a Huffman table is cut or has a number over 3");
        while !data.is_empty() {
            let (&[kind, ref counts @ ..], rest) = data.split_first_chunk::<17>().ok_or(wrong)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
            let (symbols, rest) = rest.split_at_checked(count).ok_or(wrong)?;
            if count > 256 {
                return Err(wrong);
            }
            let definition = Some(Definition { counts: *counts, symbols: symbols.to_vec() });
            let number = usize::from(kind & 15);
            match kind >> 4 {
                0 => self.dc.get_mut(number).ok_or(wrong)?.definition = definition,
                1 => self.ac.get_mut(number).ok_or(wrong)?.definition = definition,
                _ => return Err(wrong),
            }
            data = rest;
        }
        Ok(())
    }

    /// Makes the tables with these numbers, unless they are made already.
    fn build(&mut self, dc: Option<usize>, ac: Option<usize>, low: Option<u32>) -> Result<(), Error> {
        let missing = Error::Damaged("a Huffman table is missing");
        if let Some(number) = dc {
            let slot = self.dc.get_mut(number).ok_or(missing)?;
            let definition = slot.definition.as_ref().ok_or(missing)?;
            if slot.made.as_ref().is_none_or(|table| table.definition != *definition) {
                slot.made = Some(DcTable::new(definition)?);
            }
        }
        if let Some(number) = ac {
            let slot = self.ac.get_mut(number).ok_or(missing)?;
            let definition = slot.definition.as_ref().ok_or(missing)?;
            let is_made = |table: &AcTable| table.definition == *definition && table.low == low;
            if !slot.made.as_ref().is_some_and(is_made) {
                slot.made = Some(AcTable::new(definition, low)?);
            }
        }
        Ok(())
    }

    fn dc(&self, number: usize) -> Option<&DcTable> {
        self.dc.get(number)?.made.as_ref()
    }

    fn ac(&self, number: usize) -> Option<&AcTable> {
        self.ac.get(number)?.made.as_ref()
    }
}
