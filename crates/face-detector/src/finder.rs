//! Finds faces as selfies have them: near, filling the frame, and in pictures on their side.

use frame::{Frame, Picture, Rect, Size, Turn};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::face::{Face, sort_largest_first};
use crate::landmarker::Landmarker;
use crate::pose::Pose;

/// A detector, and a landmarker if the detector gives no landmarks. Owned by one thread; keeps its
/// buffers from frame to frame.
#[derive(Debug)]
pub struct Finder {
    nets: Nets,
    overview: Frame,
    turned: Frame,
}

/// The faces of a picture, and the turn that makes them upright.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// The turn from the picture as sent.
    pub turn: Turn,
    /// The faces in the turned picture: first the largest that is upright in it, then all others,
    /// largest first.
    pub faces: Vec<Face>,
}

impl Found {
    /// `frame` turned so that its faces are upright. A turned frame is made in `turned`.
    #[must_use]
    pub fn upright<'a>(&self, frame: &'a Frame, turned: &'a mut Frame) -> &'a Frame {
        if self.turn == Turn::None {
            return frame;
        }
        frame.turn_into(self.turn, turned);
        turned
    }

    /// `face`, one of these, in `picture` as it was sent, neither turned nor reduced.
    #[must_use]
    pub fn face_as_sent(&self, picture: &Picture, face: &Face) -> Face {
        let times = picture.reduction as f32;
        face.turned_back(self.turn, picture.frame.size()).stretched(times, times)
    }

    /// `rect`, a box in the turned picture, in `picture` as it was sent.
    #[must_use]
    pub fn rect_as_sent(&self, picture: &Picture, rect: Rect) -> Rect {
        let times = picture.reduction as f32;
        self.turn.undo_rect(picture.frame.size(), rect).stretched(times, times)
    }
}

/// Faces are searched in pictures whose longer side has this many pixels, up to twice as many.
/// JPEGs are decoded to at least this size. On 62 selfies and 93 attacks, 640 pixels showed as many
/// faces as the pictures themselves.
const OVERVIEW_SIDE_PX: usize = 900;
/// A head turned further than this from upright lies on its side; below, it is only tilted.
const LEAST_TURN_DEGREES: f32 = 50.0;

impl Finder {
    /// Puts a detector and a landmarker together.
    #[must_use]
    pub fn new(detector: Detector, landmarker: Option<Landmarker>) -> Self {
        let nets = Nets { detector, landmarker };
        Self { nets, overview: Frame::default(), turned: Frame::default() }
    }

    /// The most memory of the copies that [`find`](Self::find) makes of a frame of `size`, bytes:
    /// its overview, the overview turned, and the square that the landmarker sees.
    #[must_use]
    pub fn copies_bytes(&self, size: Size) -> u64 {
        let factor = overview_factor(size);
        let overview = Size::new(size.width.div_ceil(factor), size.height.div_ceil(factor));
        2 * 3 * overview.area() as u64 + self.square_bytes(overview)
    }

    /// The same of [`find_exactly`](Self::find_exactly): the square alone, in all pixels.
    #[must_use]
    pub fn exact_copies_bytes(&self, size: Size) -> u64 {
        self.square_bytes(size)
    }

    fn square_bytes(&self, size: Size) -> u64 {
        self.nets.landmarker.as_ref().map_or(0, |landmarker| landmarker.square_bytes(size))
    }

    /// The detector alone.
    pub fn detector(&mut self) -> &mut Detector {
        &mut self.nets.detector
    }

    /// The landmarker alone.
    pub fn landmarker(&mut self) -> Option<&mut Landmarker> {
        self.nets.landmarker.as_mut()
    }

    /// The faces of `frame`, of any size and on any side. The largest has landmarks if the detector
    /// or the landmarker gives them. Pictures are turned by whole quarters only. `stop` is asked
    /// before each look and before the landmarker runs; when it returns true, the search ends.
    ///
    /// # Errors
    /// When a model fails or its outputs contradict each other, or the search was stopped.
    pub fn find(&mut self, frame: &Frame, stop: &dyn Fn() -> bool) -> Result<Found, DetectError> {
        if stop() {
            return Err(DetectError::Stopped);
        }
        let factor = overview_factor(frame.size());
        let overview = if factor == 1 {
            frame
        } else {
            frame.bin(factor, &mut self.overview);
            &self.overview
        };
        let Found { turn, faces } = self.nets.find_upright(overview, &mut self.turned, stop)?;
        let factor = factor as f32;
        let faces = faces.into_iter().map(|face| face.stretched(factor, factor)).collect();
        Ok(Found { turn, faces })
    }

    /// The faces of `frame` as the reference finds them: one look at the frame as sent, in all its
    /// pixels. `stop` is asked as [`find`](Self::find) asks it.
    ///
    /// # Errors
    /// When a model fails or its outputs contradict each other, or the search was stopped.
    pub fn find_exactly(
        &mut self,
        frame: &Frame,
        stop: &dyn Fn() -> bool,
    ) -> Result<Found, DetectError> {
        if stop() {
            return Err(DetectError::Stopped);
        }
        let mut faces = self.nets.detector.detect(frame)?;
        self.nets.mark(frame, &mut faces, stop)?;
        Ok(Found { turn: Turn::None, faces })
    }

    /// Overwrites the buffers, which hold parts of pictures.
    pub fn clear(&mut self) {
        self.nets.detector.clear();
        if let Some(landmarker) = &mut self.nets.landmarker {
            landmarker.clear();
        }
        self.overview.clear();
        self.turned.clear();
    }
}

/// Pixels of a frame of `size` for one pixel of its overview, across and down.
fn overview_factor(size: Size) -> usize {
    (size.longer_side() / OVERVIEW_SIDE_PX).clamp(1, 255).min(size.shorter_side())
}

/// The faces in a picture that was turned.
struct Seen {
    found: Found,
    /// The doubt that the largest face is upright, in a unit of the detector or landmarker. Lower
    /// is better.
    doubt: f32,
}

impl Seen {
    /// Adds the faces that are only in `as_sent`, a picture of `size`: an upright face there
    /// belongs to another person.
    fn with_others(self, as_sent: Self, size: Size) -> Found {
        let Found { turn, mut faces } = self.found;
        let others = as_sent.found.faces.into_iter().map(|face| face.turned(turn, size));
        let others: Vec<Face> = others
            .filter(|face| faces.iter().all(|other| !other.rect.contains_middle_of(&face.rect)))
            .collect();
        faces.extend(others);
        // The first stays: it is the upright one.
        if let Some((_, rest)) = faces.split_first_mut() {
            sort_largest_first(rest);
        }
        Found { turn, faces }
    }
}

#[derive(Debug)]
struct Nets {
    detector: Detector,
    landmarker: Option<Landmarker>,
}

impl Nets {
    /// The faces of `frame`, turned in `turned` if the faces as sent may not be upright.
    fn find_upright(
        &mut self,
        frame: &Frame,
        turned: &mut Frame,
        stop: &dyn Fn() -> bool,
    ) -> Result<Found, DetectError> {
        let as_sent = self.see(frame, Turn::None, stop)?;
        if as_sent.doubt <= self.most_doubt() {
            return Ok(as_sent.found);
        }
        let others = Turn::OTHERS.into_iter().map(|turn| {
            frame.turn_into(turn, turned);
            self.see(turned, turn, stop)
        });
        let others = others.collect::<Result<Vec<_>, _>>()?;
        let clearest = others.into_iter().min_by(|a, b| a.doubt.total_cmp(&b.doubt));
        Ok(match clearest.filter(|turned| self.is_upright_instead(turned, &as_sent)) {
            Some(turned) => turned.with_others(as_sent, frame.size()),
            None => as_sent.found,
        })
    }

    /// Searches `picture`, which has been turned by `turn`.
    fn see(
        &mut self,
        picture: &Frame,
        turn: Turn,
        stop: &dyn Fn() -> bool,
    ) -> Result<Seen, DetectError> {
        let mut faces = self.detector.search(picture, stop)?;
        let disagreement = self.mark(picture, &mut faces, stop)?;
        let confidence = faces.first().map(|face| face.confidence);
        let doubt = disagreement.or_else(|| confidence.map(|confidence| 1.0 - confidence));
        // The doubt is NaN where the eyes fall together.
        let doubt = doubt.filter(|doubt| !doubt.is_nan()).unwrap_or(f32::INFINITY);
        Ok(Seen { found: Found { turn, faces }, doubt })
    }

    /// Gives the largest of `faces` its landmarks, if there is a landmarker. Returns their
    /// disagreement with those of the mirror image.
    fn mark(
        &mut self,
        picture: &Frame,
        faces: &mut [Face],
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<f32>, DetectError> {
        let (Some(landmarker), Some(face)) = (&mut self.landmarker, faces.first_mut()) else {
            return Ok(None);
        };
        if stop() {
            return Err(DetectError::Stopped);
        }
        let marked = landmarker.mark(picture, &face.rect)?;
        face.landmarks = Some(marked.landmarks);
        Ok(Some(marked.disagreement))
    }

    /// The largest doubt at which a face counts as upright without a look from other sides.
    /// Infinite without a way to tell.
    fn most_doubt(&self) -> f32 {
        match (&self.landmarker, self.detector.spec.upright) {
            (Some(landmarker), _) => landmarker.spec.upright.sure,
            (None, Some(upright)) => 1.0 - upright.sure,
            (None, None) => f32::INFINITY,
        }
    }

    /// Whether the picture is upright as turned rather than as sent.
    fn is_upright_instead(&self, turned: &Seen, as_sent: &Seen) -> bool {
        let Some(face) = turned.found.faces.first() else { return false };
        let leads = match (&self.landmarker, self.detector.spec.upright) {
            (Some(landmarker), _) => {
                let upright = landmarker.spec.upright;
                if as_sent.found.faces.is_empty() {
                    turned.doubt < upright.alone && face.confidence > upright.alone_confidence
                } else {
                    turned.doubt <= upright.lead * as_sent.doubt
                }
            }
            // A detector draws upright landmarks into any face, so only its confidence tells.
            (None, Some(upright)) => {
                turned.doubt <= self.most_doubt().min(as_sent.doubt - upright.lead)
            }
            (None, None) => false,
        };
        let is_on_its_side = |roll_degrees: f32| {
            // The angle as sent is what is left after the turn, minus the turn.
            let turn = f32::from(turned.found.turn.degrees());
            let as_sent = (roll_degrees - turn + 540.0).rem_euclid(360.0) - 180.0;
            as_sent.abs() >= LEAST_TURN_DEGREES
        };
        leads && face.landmarks.is_none_or(|it| is_on_its_side(Pose::of(&it).roll_degrees))
    }
}
