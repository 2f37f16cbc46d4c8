//! A copy of a picture with the faces and the score drawn on it.

use anyhow::Context;
use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_10X20;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{PrimitiveStyle, Rectangle};
use embedded_graphics::text::{Baseline, Text};
use frame::{Frame, Limits};
use liveness::{Face, JudgedFace, Report, Verdict};

const LIVE: Rgb888 = Rgb888::new(40, 200, 80);
const SPOOF: Rgb888 = Rgb888::new(230, 50, 50);
const NOT_ASSESSED: Rgb888 = Rgb888::new(240, 190, 40);
const OTHER_FACE: Rgb888 = Rgb888::new(160, 160, 160);

/// The picture in `bytes` as a PNG file, with the boxes and the score of `report` drawn.
pub(crate) fn annotate(bytes: &[u8], report: &Report, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let mut frame = frame::decode(bytes, limits).context("the picture was readable just now")?;
    draw(&mut Canvas::new(&mut frame), report);
    frame.encode_png().context("the annotated picture cannot be encoded")
}

fn draw(canvas: &mut Canvas<'_>, report: &Report) {
    let (colour, label) = match (report.judgement.verdict, report.judgement.score()) {
        (Verdict::Live, Some(score)) => (LIVE, format!("live {:.4}", score.get())),
        (Verdict::Spoof, Some(score)) => (SPOOF, format!("spoof {:.4}", score.get())),
        _ => {
            let reasons: Vec<&str> =
                report.judgement.reasons.iter().map(|r| r.code.as_str()).collect();
            (NOT_ASSESSED, reasons.join(" "))
        }
    };
    // The selected face is drawn last, over the others.
    for (i, JudgedFace { face, .. }) in report.faces.iter().enumerate().rev() {
        draw_face(canvas, face, if i == 0 { colour } else { OTHER_FACE });
    }
    let corner = report.faces.first().map_or_else(Point::zero, |it| canvas.place(&it.face));
    let text_height = FONT_10X20.character_size.height as i32;
    let corner = Point::new(corner.x.max(0), (corner.y - text_height).max(0));
    let style = MonoTextStyle::new(&FONT_10X20, Rgb888::BLACK);
    let text = Text::with_baseline(&label, corner, style, Baseline::Top);
    let Ok(()) = text.bounding_box().into_styled(PrimitiveStyle::with_fill(colour)).draw(canvas);
    let Ok(_) = text.draw(canvas);
}

fn draw_face(canvas: &mut Canvas<'_>, face: &Face, colour: Rgb888) {
    let size =
        Size::new(canvas.shrink(face.rect.delta.x) as u32, canvas.shrink(face.rect.delta.y) as u32);
    let outline = PrimitiveStyle::with_stroke(colour, 2);
    let Ok(()) = Rectangle::new(canvas.place(face), size).into_styled(outline).draw(canvas);
    for point in face.landmarks.iter().flat_map(liveness::Landmarks::points) {
        let place = Point::new(canvas.shrink(point.x), canvas.shrink(point.y));
        let dot = Rectangle::with_center(place, Size::new(3, 3));
        let Ok(()) = dot.into_styled(PrimitiveStyle::with_fill(colour)).draw(canvas);
    }
}

/// A frame to draw on, in dots of `dot_px` pixels a side, so that lines and letters are as visible
/// on a large picture as on a small one.
struct Canvas<'a> {
    frame: &'a mut Frame,
    dot_px: usize,
}

impl<'a> Canvas<'a> {
    fn new(frame: &'a mut Frame) -> Self {
        let dot_px = (frame.size().longer_side() / 640).max(1);
        Self { frame, dot_px }
    }

    fn shrink(&self, pixels: f32) -> i32 {
        (pixels / self.dot_px as f32) as i32
    }

    fn place(&self, face: &Face) -> Point {
        Point::new(self.shrink(face.rect.top_left.x), self.shrink(face.rect.top_left.y))
    }
}

impl OriginDimensions for Canvas<'_> {
    fn size(&self) -> Size {
        let size = self.frame.size();
        Size::new(size.width.div_ceil(self.dot_px) as u32, size.height.div_ceil(self.dot_px) as u32)
    }
}

impl DrawTarget for Canvas<'_> {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, dots: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Self::Color>>,
    {
        let (size, dot_px) = (self.frame.size(), self.dot_px);
        let pixels = self.frame.pixels_mut();
        for Pixel(place, colour) in dots {
            let (Ok(x), Ok(y)) = (usize::try_from(place.x), usize::try_from(place.y)) else {
                continue;
            };
            for row in (y * dot_px..(y + 1) * dot_px).take_while(|&row| row < size.height) {
                for column in (x * dot_px..(x + 1) * dot_px).take_while(|&c| c < size.width) {
                    let pixel = &mut pixels[3 * (row * size.width + column)..][..3];
                    pixel.copy_from_slice(&[colour.r(), colour.g(), colour.b()]);
                }
            }
        }
        Ok(())
    }
}
