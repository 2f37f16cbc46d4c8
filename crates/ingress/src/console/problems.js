// Every problem as a sentence on what happened and a sentence on what to do.

/** By code: what happened, what to do, and `again` if a retry may help, or `who` if credentials
 * must change. */
const PROBLEMS = {
  // Error codes of the service (docs/API.md).
  malformed_body: ['The service could not read the request.', 'Try again. If it stays so, something between this page and the service changes what is sent.', 'again'],
  missing_selfie: ['No picture reached the service.', 'Choose the picture again.'],
  invalid_threshold: ['That is no threshold.', 'Move the slider to a number from 0 to 1 and ask again.', 'again'],
  invalid_security_level: ['The service’s models were not measured at this security level.', 'Choose another level, or “–” and a threshold, and ask again.', 'again'],
  invalid_faces: ['The service does not know this choice of faces.', 'Untick “Score every face” and ask again.', 'again'],
  too_many_selfies: ['These are more pictures than the service takes at once.', 'Send one picture.'],
  invalid_credentials: ['The service does not know this app id with this key.', 'Enter them again. A key that was changed or a demo that was started anew has a new one: ask the operator.', 'who'],
  usage_limit_reached: ['This app may not ask any more for now: its quota is spent, or it is disabled.', 'Come back tomorrow (UTC), ask the operator for more, or use another app.', 'who'],
  not_found: ['There is no such service at this address.', 'Open the console at the address where Livegate itself listens, or ask the operator of the proxy before it to let /v1 and /v0.2 through.'],
  method_not_allowed: ['Something on the way to the service does not let the question through.', 'Ask the operator of the proxy before it to let POST requests through.'],
  request_timeout: ['The picture stopped coming: the connection is too slow or broke off.', 'Try again, with a smaller picture if your connection is slow.', 'again'],
  body_too_large: ['The picture has too many bytes.', 'Send a smaller one: 20 MiB is the limit unless the service is set otherwise.'],
  unsupported_media_type: ['Something on the way to the service changed the kind of the request.', 'Ask the operator of the proxy before it to pass requests on unchanged.'],
  unsupported_image: ['This file is no picture that the service reads.', 'Choose a JPEG, PNG, WebP, BMP, TIFF or GIF.'],
  unreadable_image: ['This picture is damaged or cut short.', 'Save or download it again, or choose another.'],
  image_too_large: ['This picture has too many pixels, or takes too much memory to read.', 'Make it smaller, and send it as a JPEG: 5000 pixels on the longer side is the limit unless the service is set otherwise.'],
  image_too_costly: ['This picture takes too long to check.', 'Make it smaller, or save it again as a plain JPEG.'],
  rate_limited: ['This app asks faster than it may.', 'Wait a moment and try again.', 'again'],
  internal: ['The service failed at this picture; that is no fault of yours, and says nothing about the picture.', 'Try again. If it stays so, tell the operator the request’s number below.', 'again'],
  overloaded: ['The service has as much to do as it can at the moment.', 'Wait a moment and try again.', 'again'],
  shutting_down: ['The service is about to stop or to start anew.', 'Wait a moment and try again.', 'again'],
  accounts_unavailable: ['The service cannot look up who may ask at the moment.', 'Wait a moment and try again. If it stays so, tell the operator.', 'again'],
  deadline_exceeded: ['It took the service too long to receive and judge the picture.', 'Try again, with a smaller picture if your connection is slow.', 'again'],
  // Codes of this page.
  gone: ['The service does not answer: it is not running, or the connection broke off.', 'See whether it runs and whether you are connected, then try again.', 'again'],
  offline: ['This device is offline.', 'Connect it to the network, then try again.', 'again'],
  timeout: ['No answer came for 30 seconds.', 'Try again. If it stays so, the connection is too slow for this picture, or the service hangs.', 'again'],
  no_json: ['Something else answered in the service’s place: perhaps a proxy or a sign-in page.', 'Load this page again. If it stays so, tell the operator.', 'again'],
  no_credentials: ['The service wants to know who asks.', 'Enter an app’s id and key.', 'who'],
  empty_file: ['This file is empty.', 'Choose another.'],
  unreadable_file: ['The browser cannot read this file: it was moved, changed or protected.', 'Choose it again.'],
  huge_file: ['This file is far larger than any picture that the service takes.', 'Choose a picture of at most 20 MiB.'],
  not_a_file: ['There was no picture in that.', 'Drop or paste a picture file.'],
  camera_refused: ['The browser was told not to let this page use the camera.', 'Allow it in the site settings beside the address, and in the system’s privacy settings, then start the camera again. Or choose a picture.'],
  camera_none: ['There is no camera that this page could use.', 'Connect one and start the camera again, or choose a picture.'],
  camera_busy: ['The camera is there but gives no picture: most likely another program uses it.', 'Close what else uses the camera, and start it again.'],
  camera_insecure: ['Browsers give the camera only to pages that came safely.', 'Open this page over https or on localhost, or choose a picture.'],
  camera_lost: ['The camera went away.', 'Connect it again and start it, or choose a picture.'],
  camera_unknown: ['The camera could not be started.', 'Start it again, or choose a picture.'],
};

/** `problem` for people: `{ what, next, canRetry, asksWho, small }`. */
export function told(problem) {
  const known = PROBLEMS[problem.code];
  const [what, next, kind] = known ?? [
    problem.said || 'The service refused the picture.',
    'Try again. If it stays so, ask the operator.',
    'again',
  ];
  const wait = problem.retryAfter;
  const small = [
    problem.requestId && `Request ${problem.requestId}`,
    [problem.status, problem.code].filter(Boolean).join(' '),
  ];
  return {
    what,
    next: wait ? next.replace('Wait a moment', `Wait ${wait === 1 ? 'a second' : `${wait} seconds`}`) : next,
    canRetry: kind === 'again',
    asksWho: kind === 'who',
    small: small.filter(Boolean).join(' · '),
  };
}

/** The page's code for an error of getUserMedia. */
export function cameraCode(error) {
  switch (error?.name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'camera_refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'camera_none';
    case 'NotReadableError':
    case 'AbortError':
      return 'camera_busy';
    default:
      return 'camera_unknown';
  }
}
