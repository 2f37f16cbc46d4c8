//! A JPEG's scans, from the first to the last, and then its pixels.

use crate::arithmetic::{Arithmetic, Conditioning};
use crate::band::{Band, Progress};
use crate::coding::{Coding, Next};
use crate::coefficients::Coefficients;
use crate::error::Error;
use crate::header::{Header, MAX_SCANS, is_frame_header, segment};
use crate::huffman::Use;
use crate::layout::Layout;
use crate::markers::{self, Marker, code};
use crate::paint::Painter;
use crate::progressive::Progressive;
use crate::scan::{Data, RESTARTS, Scan};
use crate::sequential::Sequential;
use crate::tables::HuffmanTables;
use crate::transform::read_by;

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
    /// bytes (red, green, blue) for a pixel. `reduction` pixels of the picture become one, across
    /// and down: 1, 2, 4 or 8. Returns the width and height in pixels, each the picture's divided
    /// by `reduction` and rounded up.
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
        let (scans, end) = markers::scans(bytes).ok_or(Error::CutShort)?;
        if scans > MAX_SCANS {
            return Err(Error::Scans { limit: MAX_SCANS });
        }
        // Buffers are measured by what is left, so that they need not grow.
        let bytes = &bytes[..end];
        let layout = Layout::new((header.width, header.height), &header.components, reduction)?;
        let length = 3 * layout.width * layout.height;
        if let Some(cut_off) = rgb.get_mut(length..) {
            cut_off.fill(0);
        }
        if rgb.capacity() < length {
            // The old one is freed first, so that there are never two.
            *rgb = Vec::new();
            *rgb = vec![0; length];
        }
        rgb.resize(length, 0);
        let rows = if header.has_many_scans { layout.mcus_down } else { 1 };
        self.coefficients.begin(&layout, rows);
        self.tables.begin(header.coding.is_progressive);
        let outcome = self.scans(bytes, header, &layout, stop, rgb);
        self.coefficients.free_if_large();
        self.data.free_if_large();
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
            // Cameras write other bytes between the segments of the header; behind a scan they
            // would be lost data. 0xFF in front of a marker is filling.
            let is_gap = bytes[from..marker.at].iter().any(|&byte| byte != 0xFF);
            if is_behind_scan && is_gap {
                return Err(Error::Damaged("there are data between the markers"));
            }
            from = marker.end;
            match marker.code {
                code::SOS => {
                    let scan =
                        Scan::read(&marker, &header.components, header.coding.is_progressive)?;
                    for one in &scan.components {
                        progress[one.component].note(&scan.band)?;
                        settings.latch(one.component, header.components[one.component].table)?;
                    }
                    if stop() {
                        return Err(Error::Stopped);
                    }
                    from = self.data.take(bytes, marker.end, layout.most_mcus())?;
                    is_behind_scan = true;
                    if cannot_show(&scan, layout) {
                        continue;
                    }
                    if !header.has_many_scans {
                        self.painter.begin(layout, header.colours, &settings.latched());
                    }
                    self.scan(header, layout, &scan, &settings, stop, rgb)?;
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
        if header.has_many_scans {
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
            if header.has_many_scans { None } else { Some(&mut paint) };
        if header.coding.is_arithmetic {
            let of_each = scan.components.iter().map(|one| (one.dc_table, one.ac_table));
            let tables: Vec<_> = of_each.collect();
            let coding = Arithmetic::new(scan.band, &tables, &settings.conditioning);
            return walk.decode(coding, painting);
        }
        let band = scan.band;
        let mut slots = [[0; 2]; 4];
        for (slots, one) in slots.iter_mut().zip(&scan.components) {
            if band.start == 0 && !band.is_refinement() {
                slots[0] = tables.make(one.dc_table, Use::Dc)?;
            }
            if band.end > 0 {
                let low = header.coding.is_progressive.then_some(band.low);
                let made_for = low.map_or(Use::Ac, |low| Use::ProgressiveAc { low });
                slots[1] = tables.make(one.ac_table, made_for)?;
            }
        }
        if header.coding.is_progressive {
            let slots = slots.map(|[dc, ac]| if band.start == 0 { dc } else { ac });
            let plane = &layout.planes[scan.components[0].component];
            let coding = Progressive::new(band, tables, slots, read_by(plane.block_px));
            walk.decode(coding, painting)
        } else {
            let coding = Sequential::new(tables, slots);
            walk.decode(coding, painting)
        }
    }
}

/// Whether no pixel depends on this scan, as the picture is reduced.
fn cannot_show(scan: &Scan, layout: &Layout) -> bool {
    let [one] = scan.components[..] else { return false };
    let read = read_by(layout.planes[one.component].block_px);
    let has_ac = |read: u64| read >> 1 != 0;
    let Band { start, end, low, .. } = scan.band;
    let is_read = read & (u64::MAX >> (63 - end) & u64::MAX << start) != 0;
    // A later scan that adds to the coefficients has to know which are zero.
    !is_read && (low == 0 || !has_ac(read))
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
            return Err(RESTARTS);
        }
        let blocks_of_mcu = match &scan.components[..] {
            [_] => 1,
            all => all.iter().map(|one| layout.planes[one.component].blocks_in_mcu()).sum(),
        };
        let mut order = Vec::with_capacity(across * blocks_of_mcu);
        let (mut left, mut begun) = (0, 0);
        for row in 0..down {
            if (self.stop)() {
                return Err(Error::Stopped);
            }
            if row == 0 || paint.is_none() {
                self.order(row, across, &mut order);
            }
            let mut next = &order[..];
            while !next.is_empty() {
                if left == 0 {
                    if begun > 0 {
                        coding.end()?;
                    }
                    let Some((bytes, length)) = data.interval(begun) else { return Err(PAST_END) };
                    coding.begin(bytes, length);
                    begun += 1;
                    left = interval;
                }
                let mcus = left.min(next.len() / blocks_of_mcu);
                let (now, later) = next.split_at(mcus * blocks_of_mcu);
                coding.blocks(now, self.coefficients)?;
                if coding.is_past_end() {
                    return Err(PAST_END);
                }
                left -= mcus;
                next = later;
            }
            if let Some(paint) = &mut paint {
                paint(self.coefficients);
            }
        }
        coding.end()
    }

    /// The blocks of a row of MCUs, in the order in which they come.
    fn order(&self, row: usize, across: usize, order: &mut Vec<Next>) {
        let Self { coefficients, layout, scan, .. } = self;
        order.clear();
        if let [one] = &scan.components[..] {
            let first = coefficients.index(layout, one.component, row, 0) as u32;
            order.extend((first..first + across as u32).map(|index| Next { index, component: 0 }));
            return;
        }
        let mut push = |component: usize, of: usize, y, x| {
            let index = coefficients.index(layout, of, y, x) as u32;
            order.push(Next { index, component: component as u32 });
        };
        for column in 0..across {
            for (component, one) in scan.components.iter().enumerate() {
                let plane = &layout.planes[one.component];
                for y in 0..plane.down {
                    for x in 0..plane.across {
                        let (y, x) = (row * plane.down + y, column * plane.across + x);
                        push(component, one.component, y, x);
                    }
                }
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Component;
    use crate::scan::InScan;

    #[test]
    fn scans_that_no_pixel_depends_on_are_passed_over() -> Result<(), Error> {
        let component = |across, down| Component { id: 0, across, down, table: 0 };
        let components = [component(2, 2), component(1, 1), component(1, 1)];
        let is_passed_over = |reduction, component, start, end, low| {
            let band = Band { start, end, high: 0, low };
            let one = InScan { component, dc_table: 0, ac_table: 0 };
            let scan = Scan { components: vec![one], band };
            Layout::new((100, 100), &components, reduction)
                .map(|layout| cannot_show(&scan, &layout))
        };
        // At an eighth, a block of the first component becomes one sample, one of the others four.
        assert!(is_passed_over(8, 0, 1, 63, 2)?);
        assert!(is_passed_over(8, 0, 1, 63, 0)?);
        assert!(!is_passed_over(8, 0, 0, 0, 0)?);
        assert!(!is_passed_over(8, 1, 1, 63, 0)?);
        // The sixth coefficient stands in the third column: two samples do without it.
        assert!(is_passed_over(4, 0, 5, 5, 0)?);
        assert!(!is_passed_over(4, 0, 5, 5, 1)?);
        assert!(!is_passed_over(4, 0, 5, 6, 0)?);
        assert!(!is_passed_over(1, 0, 5, 5, 0)?);
        Ok(())
    }
}
