//! Faces as selfies have them: near, filling the frame, and in pictures that lie on their side.

use frame::{Frame, Picture, Rect, Size, Turn};

use crate::detector::Detector;
use crate::error::DetectError;
use crate::face::Face;
use crate::landmarker::Landmarker;
use crate::pose::Pose;

/// A detector, and a landmarker where the detector gives no landmarks. Owned by one thread; keeps its buffers
/// from frame to frame.
#[derive(Debug)]
pub struct Finder {
    detector: Detector,
    landmarker: Option<Landmarker>,
    overview: Frame,
    turned: Frame,
}

/// The faces of a picture, and how it had to be turned for them to be upright.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// By how much.
    pub turn: Turn,
    /// The faces in the picture as turned: the largest that is upright in it, then all others, largest first.
    pub faces: Vec<Face>,
}

impl Found {
    /// `frame` turned so that its faces are upright; made in `turned` where that is another frame.
    #[must_use]
    pub fn upright<'a>(&self, frame: &'a Frame, turned: &'a mut Frame) -> &'a Frame {
        if self.turn == Turn::None {
            return frame;
        }
        frame.turn_into(self.turn, turned);
        turned
    }

    /// `face`, which is one of these, in `picture` as it was sent, neither turned nor reduced.
    #[must_use]
    pub fn face_as_sent(&self, picture: &Picture, face: &Face) -> Face {
        let times = picture.reduction as f32;
        face.turned_back(self.turn, picture.frame.size()).stretched(times, times)
    }

    /// The same of any box.
    #[must_use]
    pub fn rect_as_sent(&self, picture: &Picture, rect: Rect) -> Rect {
        let times = picture.reduction as f32;
        self.turn.undo_rect(picture.frame.size(), rect).stretched(times, times)
    }
}

fn largest_first(faces: &mut [Face]) {
    faces.sort_by(|a, b| b.rect.area().total_cmp(&a.rect.area()));
}

/// A longer side of this many pixels, or up to twice as many, is enough to look for faces in: as many as JPEGs are
/// decoded to at least. On 62 selfies and 93 attacks, 640 found as many faces as the pictures themselves.
const OVERVIEW_SIDE_PX: usize = 900;
/// A head further from upright than this lies on its side; one that is less is tilted, and stays.
const LEAST_TURN_DEGREES: f32 = 50.0;

/// A picture as seen from one side.
struct Seen {
    found: Found,
    /// How little its largest face looks upright: less is better, in a unit of the detector's own.
    doubt: f32,
}

impl Seen {
    /// With the faces that were found only in the picture as it was sent, which was of `size`: whoever is upright
    /// there is somebody, too.
    fn with_others(mut self, as_sent: Seen, size: Size) -> Self {
        let Found { turn, faces } = &mut self.found;
        let there = as_sent.found.faces.into_iter().map(|face| face.turned(*turn, size));
        let others: Vec<Face> = there
            .filter(|face| faces.iter().all(|other| !other.rect.contains_middle_of(&face.rect)))
            .collect();
        faces.extend(others);
        // The first stays the first: it is the one that is upright.
        if let Some((_, rest)) = faces.split_first_mut() {
            largest_first(rest);
        }
        self
    }
}

impl Finder {
    /// Puts a detector and a landmarker together.
    #[must_use]
    pub fn new(detector: Detector, landmarker: Option<Landmarker>) -> Self {
        Self { detector, landmarker, overview: Frame::default(), turned: Frame::default() }
    }

    /// The detector alone.
    pub fn detector(&mut self) -> &mut Detector {
        &mut self.detector
    }

    /// The landmarker alone.
    pub fn landmarker(&mut self) -> Option<&mut Landmarker> {
        self.landmarker.as_mut()
    }

    /// The faces of `frame`, found at any size and from any side, the largest with landmarks if there is a
    /// way to have them. Pictures are turned by whole quarters only.
    ///
    /// # Errors
    /// When a model fails or contradicts itself.
    pub fn find(&mut self, frame: &Frame) -> Result<Found, DetectError> {
        let factor = (frame.size().longer_side() / OVERVIEW_SIDE_PX).clamp(1, 255);
        let factor = factor.min(frame.size().shorter_side());
        let seen = if factor == 1 {
            self.find_upright(frame)?
        } else {
            let mut overview = std::mem::take(&mut self.overview);
            frame.view().bin(factor, &mut overview);
            let seen = self.find_upright(&overview);
            self.overview = overview;
            seen?
        };
        let Found { turn, faces } = seen.found;
        let faces =
            faces.into_iter().map(|face| face.stretched(factor as f32, factor as f32)).collect();
        Ok(Found { turn, faces })
    }

    /// The faces of `frame` as the reference finds them: one look, as it came, in all its pixels.
    ///
    /// # Errors
    /// When a model fails or contradicts itself.
    pub fn find_exactly(&mut self, frame: &Frame) -> Result<Found, DetectError> {
        let mut faces = self.detector.detect(frame)?;
        self.mark(frame, &mut faces)?;
        Ok(Found { turn: Turn::None, faces })
    }

    /// Overwrites what is left of pictures.
    pub fn clear(&mut self) {
        self.detector.clear();
        if let Some(landmarker) = &mut self.landmarker {
            landmarker.clear();
        }
        self.overview.clear();
        self.turned.clear();
    }

    fn find_upright(&mut self, overview: &Frame) -> Result<Seen, DetectError> {
        let as_sent = self.see(overview, Turn::None)?;
        if as_sent.doubt <= self.most_doubt() {
            return Ok(as_sent);
        }
        let mut best: Option<Seen> = None;
        for turn in Turn::OTHERS {
            let mut turned = std::mem::take(&mut self.turned);
            overview.turn_into(turn, &mut turned);
            let seen = self.see(&turned, turn);
            self.turned = turned;
            let seen = seen?;
            if best.as_ref().is_none_or(|best| seen.doubt < best.doubt) {
                best = Some(seen);
            }
        }
        Ok(match best.filter(|turned| self.is_upright_instead(turned, &as_sent)) {
            Some(turned) => turned.with_others(as_sent, overview.size()),
            None => as_sent,
        })
    }

    /// Looks for faces in `picture`, which has been turned by `turn`.
    fn see(&mut self, picture: &Frame, turn: Turn) -> Result<Seen, DetectError> {
        let mut faces = self.detector.search(picture)?;
        let disagreement = self.mark(picture, &mut faces)?;
        let confidence = faces.first().map(|face| face.confidence);
        let doubt = disagreement.or_else(|| confidence.map(|confidence| 1.0 - confidence));
        // No face at all, or one whose eyes fall together, is no upright face.
        let doubt = doubt.filter(|doubt| !doubt.is_nan()).unwrap_or(f32::INFINITY);
        Ok(Seen { found: Found { turn, faces }, doubt })
    }

    /// Gives the largest of `faces` its landmarks, if there is a landmarker; comes back with how far these
    /// disagree with those of its mirror image.
    fn mark(&mut self, picture: &Frame, faces: &mut [Face]) -> Result<Option<f32>, DetectError> {
        let (Some(landmarker), Some(face)) = (&mut self.landmarker, faces.first_mut()) else {
            return Ok(None);
        };
        let marked = landmarker.mark(picture, &face.rect)?;
        face.landmarks = Some(marked.landmarks);
        Ok(Some(marked.disagreement))
    }

    /// Up to here a face is upright without a second look; without a way to tell, always.
    fn most_doubt(&self) -> f32 {
        match (&self.landmarker, self.detector.spec().upright) {
            (Some(landmarker), _) => landmarker.spec().upright.sure,
            (None, Some(upright)) => 1.0 - upright.sure,
            (None, None) => f32::INFINITY,
        }
    }

    /// Whether the picture is upright as it was turned, rather than as it was sent.
    fn is_upright_instead(&self, turned: &Seen, as_sent: &Seen) -> bool {
        let Some(face) = turned.found.faces.first() else { return false };
        let leads = match (&self.landmarker, self.detector.spec().upright) {
            (Some(landmarker), _) => {
                let upright = landmarker.spec().upright;
                if as_sent.found.faces.is_empty() {
                    turned.doubt < upright.alone && face.confidence > upright.alone_confidence
                } else {
                    turned.doubt <= upright.lead * as_sent.doubt
                }
            }
            // Landmarks of its own are drawn upright into whatever it found; only being sure tells.
            (None, Some(upright)) => {
                turned.doubt <= self.most_doubt().min(as_sent.doubt - upright.lead)
            }
            (None, None) => false,
        };
        leads
            && face.landmarks.is_none_or(|landmarks| {
                // What is left over once it is turned, taken off the turn: the angle it was sent at.
                let roll = Pose::of(&landmarks).roll_degrees;
                let sent = (roll - f32::from(turned.found.turn.degrees()) + 540.0)
                    .rem_euclid(360.0)
                    - 180.0;
                sent.abs() >= LEAST_TURN_DEGREES
            })
    }
}
