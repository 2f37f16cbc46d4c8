// Starts the camera, takes frames, and stops it.

import { Problem } from './ask.js';
import { cameraCode } from './problems.js';

/** JPEG quality of frames. */
const QUALITY = 0.9;

const WANTED = {
  audio: false,
  video: { facingMode: 'user', width: { ideal: 1280 }, height: { ideal: 960 } },
};

/** Starts the camera and shows it in `video`. Calls `lost` if the camera disappears. */
export async function start(video, lost) {
  const devices = navigator.mediaDevices;
  if (!devices?.getUserMedia) throw new Problem('camera_insecure');
  let stream;
  try {
    stream = await devices.getUserMedia(WANTED);
  } catch (error) {
    throw new Problem(cameraCode(error), { message: error?.name });
  }
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  for (const track of stream.getTracks()) track.addEventListener('ended', lost);
  video.srcObject = stream;
  try {
    await video.play();
  } catch {
    stop();
    throw new Problem('camera_busy');
  }
  return { stop, frame: () => frame(video) };
}

/** The present frame of `video`, not mirrored, as a JPEG in memory. */
async function frame(video) {
  const { videoWidth: width, videoHeight: height } = video;
  if (!(width > 0 && height > 0)) throw new Problem('camera_busy');
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext('2d').drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
  if (blob === null) throw new Problem('camera_busy');
  return { blob, name: 'camera.jpg', width, height };
}
