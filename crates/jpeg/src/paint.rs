#[derive(Debug, Clone, Copy)]
pub(crate) enum Colours { Gray, Rgb, YCbCr, Cmyk { inverted: bool }, Ycck { inverted: bool } }
#[derive(Default)]
pub(crate) struct Painter {}
use crate::layout::Layout; use crate::block::Blocks;
impl Painter {
    pub(crate) fn begin(&mut self, _: &Layout, _: Colours, _: &[[u16;64]]) {}
    pub(crate) fn paint(&mut self, _: &Layout, _: &[Blocks<'_>], _: &mut [u8]) {}
    pub(crate) fn clear(&mut self) {}
}
