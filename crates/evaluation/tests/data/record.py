"""Records what other implementations make of the same scores: recorded.json, beside this file.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install scikit-learn && /tmp/venv/bin/python record.py

scikit-learn gives the area under the curve, the ROC curve (from which the equal error rate is interpolated with
scipy's root finder, the usual recipe), the DET curve and the slope of the logistic regression; scipy gives the
exact binomial intervals; DeLong's variance is written out here pair by pair, as in their paper.
"""

import json
import pathlib

import numpy
import scipy
import sklearn
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest, norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import det_curve, roc_auc_score, roc_curve

HERE = pathlib.Path(__file__).parent


def delong(live, attacks):
    wins = (live[:, None] > attacks[None, :]) + 0.5 * (live[:, None] == attacks[None, :])
    auc = wins.mean()
    variance = wins.mean(axis=1).var(ddof=1) / len(live) + wins.mean(axis=0).var(ddof=1) / len(attacks)
    if variance == 0:
        return None
    reach = norm.ppf(0.975) * numpy.sqrt(variance) / (auc * (1 - auc))
    return [float(expit(logit(auc) - reach)), float(expit(logit(auc) + reach))]


def slope(live, attacks):
    eps = numpy.finfo(float).eps
    x = logit(numpy.clip(numpy.concatenate([live, attacks]), eps, 1 - eps))[:, None]
    positive = (len(live) + 1) / (len(live) + 2)
    negative = 1 / (len(attacks) + 2)
    target = numpy.repeat([positive, negative], [len(live), len(attacks)])
    weight = numpy.repeat([1 / len(live), 1 / len(attacks)], [len(live), len(attacks)])
    # A target between 0 and 1 is the same as both classes with that much weight.
    model = LogisticRegression(C=numpy.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    model.fit(
        numpy.concatenate([x, x]),
        numpy.repeat([1, 0], len(x)),
        numpy.concatenate([weight * target, weight * (1 - target)]),
    )
    return float(model.coef_[0, 0])


def case(name, live, attacks, threshold):
    truth = numpy.repeat([1, 0], [len(live), len(attacks)])
    scores = numpy.concatenate([live, attacks])
    fpr, tpr, _ = roc_curve(truth, scores, drop_intermediate=False)
    det_fpr, det_fnr, det_thresholds = det_curve(truth, scores)
    finite = numpy.isfinite(det_thresholds)
    return {
        "name": name,
        "live": live.tolist(),
        "attacks": attacks.tolist(),
        "threshold": threshold,
        "apcer": float((attacks >= threshold).mean()),
        "bpcer": float((live < threshold).mean()),
        "auc": float(roc_auc_score(truth, scores)),
        "auc_interval": delong(live, attacks),
        "eer": float(brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1, xtol=1e-14)),
        "bpcer_at_apcer": {
            key: float((1 - tpr)[fpr <= most].min())
            for key, most in {"BPCER10": 0.10, "BPCER20": 0.05, "BPCER100": 0.01}.items()
        },
        "det": [
            [float(t), float(p), float(n)]
            for t, p, n in zip(det_thresholds[finite], det_fpr[finite], det_fnr[finite], strict=True)
        ],
        "slope": slope(live, attacks),
    }


def main():
    random = numpy.random.default_rng(30107)
    # Rounded, so that there are many ties within and between the classes.
    near = random.beta(5, 2, 70).round(2), random.beta(2, 4, 110).round(2)
    fine = random.beta(8, 2, 60), random.beta(2, 6, 45)
    apart = random.uniform(0.7, 1.0, 30).round(3), random.uniform(0.0, 0.4, 20).round(3)
    recorded = {
        "made_by": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {numpy.__version__}",
        "cases": [
            case("ties", *near, 0.5),
            case("no ties", *fine, 0.6),
            case("fully apart", *apart, 0.55),
        ],
        "binomial": [
            [count, of, *map(float, binomtest(count, of).proportion_ci(method="exact"))]
            for count, of in [(0, 1), (0, 20), (1, 20), (3, 7), (20, 20), (17, 1000), (5000, 10000), (3, 100000)]
        ],
    }
    (HERE / "recorded.json").write_text(json.dumps(recorded, indent=1) + "\n")


main()
