"""Records the results of the Python reference in ../shared for the drawn face and for crops.

    pip install numpy pillow opencv-python-headless==5.0.0.93 onnxruntime==1.26.0
    LIVEGATE_SAVE_DRAWN_FACE=$PWD/target/drawn.png cargo test -p model-pack drawn_face
    python3 models/record.py ../shared target/drawn.png target/testbed/packs/starter

Rewrites the golden vectors of models/packs/*.toml and crates/anti-spoof/tests/data/crops.txt.
"""
import math
import pathlib
import random
import sys

import cv2
import numpy as np

shared, drawn, starter = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
sys.path.insert(0, str(shared / "reference"))
import reference  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
POINTS = ["right_eye", "left_eye", "nose", "mouth_right", "mouth_left"]


def landmarks(model, image, box):
    """The five landmarks of the face that YuNet found as `box`."""
    height, width = image.shape[:2]
    scale = min(1.0, 640 / max(height, width))
    small = cv2.resize(image, (round(width * scale), round(height * scale)))
    out = dict(zip([o.name for o in model.get_outputs()], reference.run(model, reference.nchw(small))))
    for stride in (8, 16, 32):
        for cell, (dx, dy, dw, dh) in enumerate(out[f"bbox_{stride}"][0]):
            row, column = divmod(cell, small.shape[1] // stride)
            w, h = np.exp(dw) * stride, np.exp(dh) * stride
            found = np.array([(column + dx) * stride - w / 2, (row + dy) * stride - h / 2, w, h]) / scale
            if np.allclose(found, box, atol=1e-2):
                points = out[f"kps_{stride}"][0, cell].reshape(5, 2)
                return [((column + x) * stride / scale, (row + y) * stride / scale) for x, y in points]
    raise SystemExit("no cell of YuNet gave this box")


def landmarks68(model, image, box, scale=1.3, shift=0.05):
    """The five landmarks from the 68 of fr_landmark: means of the face and of its mirror image."""
    x, y, w, h = (float(np.float32(v)) for v in box)
    reach = max(w, h) * scale
    left, top = math.floor(x + w / 2 - reach / 2), math.floor(y + h / 2 - reach / 2 + shift * reach)
    side = math.ceil(reach)
    height, width = image.shape[:2]
    inside = image[max(0, top) : min(height, top + side), max(0, left) : min(width, left + side)]
    square = cv2.copyMakeBorder(
        inside, max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width),
        cv2.BORDER_REFLECT_101)
    interpolation = cv2.INTER_AREA if side > 64 else cv2.INTER_LANCZOS4
    small = cv2.resize(square, (64, 64), interpolation=interpolation).astype(np.float32)
    gray = (small @ np.float32([0.114, 0.587, 0.299])) / 255
    points = lambda plane: reference.run(model, plane[None, None])[0].reshape(68, 2)
    pairs = [(36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46), (48, 54)]
    opposite = {**{a: b for a, b in pairs}, **{b: a for a, b in pairs}, 30: 30}
    seen, mirror = points(gray), points(np.ascontiguousarray(gray[:, ::-1]))
    place = lambda i: (seen[i] + np.float32([1, 0]) + mirror[opposite[i]] * np.float32([-1, 1])) / 2 * side + (left, top)
    middle = lambda some: np.mean([place(i) for i in some], axis=0)
    return [middle(range(36, 42)), middle(range(42, 48)), place(30), place(48), place(54)]


def record_pack(name, detector, model, scorers, image, models):
    [(box, confidence)] = detector(model, image)
    pair = lambda x, y: f"{{ x = {x:.3f}, y = {y:.3f} }}"
    text = '[[golden]]\npicture = "drawn-face"\n\n[[golden.faces]]\n'
    text += f"top_left = {pair(*box[:2])}\ndelta = {pair(*box[2:])}\nconfidence = {confidence:.4f}\n"
    points = landmarks68(landmarker, image, box) if name == "starter" else landmarks(model, image, box)
    text += "\n[golden.faces.landmarks]\n"
    text += "".join(f"{n} = {pair(*p)}\n" for n, p in zip(POINTS, points))
    live = reference.score(models, image, box)
    text += "\n[golden.log_odds]\n"
    text += "".join(f"{s} = {math.log(live[s] / (1 - live[s])):.4f}\n" for s in scorers)
    path = HERE / "packs" / f"{name}.toml"
    manifest = path.read_text()
    path.write_text(manifest[: manifest.index("[[golden]]")] + text)


def record_crops(path):
    random.seed(7)
    lines = ["# width height x y w h scale -> left top columns rows, as the Python reference cuts them"]
    for kind in ("shifted", "square-reflected"):
        for _ in range(14):
            width, height = random.choice([(480, 640), (640, 480), (512, 512), (95, 71), (1024, 512), (3000, 4000)])
            w = round(random.uniform(0.05, 0.9) * width, 3)
            h = round(w * random.uniform(0.9, 1.5), 3)
            x = round(random.uniform(-0.1 * width, width - w * 0.8), 3)
            y = round(random.uniform(-0.1 * height, max(1, height - h * 0.8)), 3)
            scale = random.choice([2.7, 4.0]) if kind == "shifted" else 1.5
            bx, by, bw, bh = (float(np.float32(v)) for v in (x, y, w, h))
            if kind == "shifted":
                # A picture whose pixels are their own coordinates.
                places = np.dstack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.int32)
                cut = reference.shifted_crop(places, (bx, by, bw, bh), float(np.float32(scale)))
                left, top, columns, rows = cut[0, 0, 0], cut[0, 0, 1], cut.shape[1], cut.shape[0]
            else:
                reach = max(bw, bh) * scale
                left, top = int(bx + bw / 2 - reach / 2), int(by + bh / 2 - reach / 2)
                columns = rows = int(reach)
            lines.append(" ".join(map(str, (kind, width, height, x, y, w, h, scale, left, top, columns, rows))))
    path.write_text("\n".join(lines) + "\n")


image = cv2.imread(str(drawn))
files = {name: shared / "models" / f"{name}.onnx" for name in ("minifasnet_v2", "minifasnet_v1se", "minifas_128")}
files["fr_liveness"] = starter / "fr_liveness.onnx"
models = {name: reference.session(path) for name, path in files.items()}
yunet = reference.session(shared / "models" / "yunet_n_dynamic.onnx")
ultralight = reference.session(starter / "fr_detect.onnx")
landmarker = reference.session(starter / "fr_landmark.onnx")
record_pack("silent-face", reference.yunet, yunet, ["minifasnet_v2", "minifasnet_v1se"], image, models)
record_pack("silent-face-plus", reference.yunet, yunet, ["minifasnet_v2", "minifasnet_v1se", "fr_liveness"], image, models)
record_pack("minifas-128", reference.yunet, yunet, ["minifas_128"], image, models)
record_pack("starter", reference.ultralight, ultralight, ["fr_liveness"], image, models)
record_crops(HERE.parent / "crates/anti-spoof/tests/data/crops.txt")
