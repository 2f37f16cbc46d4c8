// The meanings of the answer's words and numbers.

import { number, percent } from './format.js';

export const VERDICTS = {
  live: {
    word: 'Live',
    meaning: 'The score reaches the threshold: this looks like a living person in front of the camera.',
  },
  spoof: {
    word: 'Presentation attack',
    meaning: 'The score stays below the threshold: this looks like a picture of a person, as on paper or a screen.',
  },
  not_assessed: {
    word: 'Not assessed',
    meaning: 'This picture cannot be judged fairly, so there is no score. It says nothing against the person: take another.',
  },
};

/** The verdict for `score` at `threshold`, by the service's rule. */
export function verdictAt(score, threshold) {
  if (score === null || score === undefined) return 'not_assessed';
  return score >= threshold ? 'live' : 'spoof';
}

const pixels = (value) => `${number(value)} px`;
const times = (value) => `${number(value)} times`;
const degrees = (value) => `${number(value)}°`;
const luma = (value) => `${number(value)} of 255`;

/** By code: the reason in words, the quantity measured, its unit, the limit's direction, and the
 * guidance at the camera. */
const REASONS = {
  IMAGE_TOO_SMALL: ['The picture is too small', 'Shorter side', pixels, 'least', 'This camera’s picture is too small'],
  FACE_NOT_FOUND: ['There is no face in it', 'Faces found', number, 'least', 'Bring your face into the picture'],
  TOO_MANY_FACES: ['Several faces are of like size', 'Largest face over the second', times, 'least', 'Only you in the picture, please'],
  FACE_CROPPED: ['The face is cut off', 'Share outside the picture', percent, 'most', 'Bring your whole face into the picture'],
  FACE_TOO_SMALL: ['The face is too small', 'Shorter side of the face', pixels, 'least', 'Come closer'],
  FACE_TOO_CLOSE: ['The face fills too much of it', 'Share of the picture', percent, 'most', 'Move a little further away'],
  FACE_CLOSE_TO_BORDER: ['The face is near the edge', 'Room around it, in face widths', percent, 'least', 'Move to the centre'],
  FACE_ANGLE_TOO_LARGE: ['The head is turned or tilted', 'Angle', degrees, 'most', 'Look straight into the camera'],
  IMAGE_TOO_DARK: ['The face is too dark', 'Brightness', luma, 'least', 'Find more light'],
  IMAGE_TOO_BRIGHT: ['The face is too bright', 'Brightness', luma, 'most', 'Turn away from the bright light'],
  IMAGE_TOO_BLURRY: ['The face is blurred', 'Sharpness', number, 'least', 'Hold still'],
};

/** The order in which guidance names reasons: a reason that hides others comes before them. */
const ORDER = Object.keys(REASONS);

/** A reason for people: `{ what, figures, hint }`. A reason unknown to this page is named by its
 * code. */
export function reason({ code, measured, limit, hint }) {
  const [what, measure, unit, side] = REASONS[code] ?? [plain(code), 'Measured', number, 'limit'];
  const bound = side === 'limit' ? 'limit' : `at ${side}`;
  const isFigure = Number.isFinite(measured) && Number.isFinite(limit);
  return { what, figures: isFigure ? `${measure}: ${unit(measured)}, ${bound} ${unit(limit)}` : '', hint: hint ?? '' };
}

/** The unchecked reasons in words. */
export function unchecked(codes) {
  const words = codes.map((code) => (REASONS[code]?.[0] ?? plain(code)).toLowerCase());
  return words.length === 0 ? '' : `Could not be checked: whether ${words.join('; whether ')}.`;
}

/** `FACE_TOO_ROUND` as `Face too round`. */
function plain(code) {
  const words = String(code).toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The sentence for the person at the camera. */
export function guidance(answer) {
  const weight = ({ severity, code }) => {
    const rank = ORDER.indexOf(code);
    return (severity === 'reject' ? 0 : 100) + (rank < 0 ? 50 : rank);
  };
  const [first] = [...(answer.reasons ?? [])].sort((a, b) => weight(a) - weight(b));
  const isRejected = answer.verdict === 'not_assessed';
  if (first && (isRejected || answer.verdict === 'spoof')) {
    return REASONS[first.code]?.[4] ?? first.hint ?? 'Hold still';
  }
  if (isRejected) return 'Hold still';
  if (answer.verdict === 'live') return 'Good, hold it';
  return 'This does not look live: show your own face, without glare';
}

const DEVICES = { cpu: 'CPU', openvino: 'OpenVINO' };

/** The device in words. */
export function device(name) {
  return DEVICES[name] ?? String(name ?? '–');
}
