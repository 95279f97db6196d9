# SPDX-License-Identifier: Apache-2.0
"""Folders of pictures as ImageNet has them: trained, scored, and scored by weights that others published."""
import array
import csv
import json
import math
import pathlib
import unittest

import golden_weights
import png
from support import Workspace, larkspur

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "data" / "golden"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

CONFIG = """\
output: {folder}/run
data:
  kind: image
  train: {{root: {folder}/pictures, split: train}}
  eval: {{root: {folder}/pictures, split: val}}
  size: 32
  crop: {{area_min: 0.7}}
model: {{form: image, variant: micro, kernel: [1, 7, 7], stem_stride: 2}}
train: {{epochs: 6, global_batch: 8, lanes: 4, learning_rate: 3e-3}}
"""

# Stripes along one axis or the other, wide or narrow, in any colour: a class is not told by its colour.
CLASSES = {"n01440764": (1, 0, 8), "n01443537": (0, 1, 8), "n01484850": (1, 0, 3), "n01491361": (0, 1, 3)}


def stripes(name, number, size):
    across, down, width = CLASSES[name]
    colour = [60 + (number * k) % 196 for k in (37, 71, 113)]

    def pixel(x, y):
        is_light = (across * x + down * y + number) // width % 2
        return [level * is_light + 20 for level in colour] if max(colour) < 236 else [235 * is_light] * 3

    return size, size, pixel


class Images(Workspace):
    def make_data(self):
        for name in CLASSES:
            for split, count in (("train", 16), ("val", 4)):
                for number in range(count):
                    file = self.folder / "pictures" / split / name / f"{name}_{number}.{'PNG' if number else 'png'}"
                    png.write_rgb(file, *stripes(name, number + 100 * (split == "val"), 40))
        self.config.write_text(CONFIG.format(folder=self.folder))

    def test_a_folder_of_pictures_is_trained_and_scored(self):
        self.train("run", ranks=2)
        self.done(larkspur("eval", "--checkpoint", str(self.output("run"))))
        report = json.loads((self.output("run") / "report" / "report.json").read_text())
        self.assertEqual([one["class"] for one in report["per_class"]], sorted(CLASSES))
        self.assertEqual((report["samples"], report["unreadable"]), (16, 0))
        self.assertGreaterEqual(report["top1"], 75.0)

    def published(self):
        """Variant A at 1,000 classes by the formula of golden/, as torch.save has it; and a label map that long."""
        weights, labels = self.folder / "in1k.pth", self.folder / "synsets.txt"
        golden_weights.write_pth(weights, json.loads((GOLDEN / "names_A.json").read_text())["entries"])
        others = [f"n{9000000 + i:08d}" for i in range(1000 - len(CLASSES))]
        labels.write_text("\n".join(others[:500] + list(CLASSES) + others[500:]) + "\n")
        return weights, labels

    def test_published_weights_of_a_thousand_classes_score_what_forward_says(self):
        weights, labels = self.published()
        words = ["model.variant=a", "model.kernel=[0,0,0]", "model.stem_stride=0", "data.size=64",
                 f"data.eval.labels={labels}", f"data.eval.root={self.folder}/big"]
        pictures = {}
        for name in CLASSES:
            file = self.folder / "big" / "val" / name / "a.png"
            pictures[f"val/{name}/a.png"] = stripes(name, 7, 64)
            png.write_rgb(file, *pictures[f"val/{name}/a.png"])
        report = self.folder / "report"
        call = ["eval", str(self.config), "--weights", str(weights), "--report", str(report), *words]
        self.done(larkspur(*call))
        alone = (report / "report.json").read_bytes()
        self.done(larkspur(*call, ranks=2))
        self.assertEqual((report / "report.json").read_bytes(), alone)
        self.assertIn("weights from elsewhere", (report / "report.html").read_text())
        self.assertEqual(len(json.loads((report / "report.json").read_text())["per_class"]), 1000)
        names = labels.read_text().splitlines()
        with open(report / "predictions.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), len(CLASSES))
        for row in rows:
            logits = self.forward(weights, pictures[next(p for p in pictures if p.endswith(row["file"]))])
            total = math.fsum(math.exp(v - max(logits)) for v in logits)
            order = sorted(range(1000), key=lambda k: -logits[k])
            for place in range(5):
                self.assertEqual(row[f"class{place + 1}"], names[order[place]])
                self.assertAlmostEqual(float(row[f"probability{place + 1}"]),
                                       math.exp(logits[order[place]] - max(logits)) / total, places=4)

    def test_weights_that_do_not_fit_the_list_are_refused_by_name(self):
        call = ["eval", str(self.config), "--weights"]
        self.done(larkspur(*call, str(self.folder / "absent.pth")), 2)
        weights, _ = self.published()
        result = self.done(larkspur(*call, str(weights), "model.variant=a", "model.classes=1000"), 2)
        self.assertIn("has 4 classes, model.classes is 1000: name all of them in data.eval.labels", result.stderr)

    def test_a_head_of_other_classes_is_not_scored(self):
        call = ["eval", str(self.config), "--weights"]
        weights, _ = self.published()
        result = self.done(larkspur(*call, str(weights), "model.variant=a", "model.kernel=[0,0,0]", "model.stem_stride=0"), 4)
        self.assertIn("has a head of 1000 classes (head.weight), the network one of 4", result.stderr)
        self.assertIn("none: no such file", self.done(larkspur(*call, "none"), 4).stderr)

    def forward(self, weights, picture):
        """The logits of one picture, prepared here."""
        width, height, pixel = picture
        planes = [(pixel(x, y)[c] / 255 - MEAN[c]) / DEVIATION[c] for c in range(3) for y in range(height) for x in range(width)]
        golden_weights.write_npy(self.folder / "x.npy", [1, 3, height, width], array.array("f", planes).tobytes())
        self.done(larkspur("forward", "--model", "image/a", "--classes", "1000", "--weights", str(weights), "--input",
                           str(self.folder / "x.npy"), "--output", str(self.folder / "y.npy")))
        return golden_weights.read_npy(self.folder / "y.npy")[0]


if __name__ == "__main__":
    unittest.main()
