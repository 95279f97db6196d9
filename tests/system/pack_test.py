# SPDX-License-Identifier: Apache-2.0
"""A pack, its folder of texts and its folder of arrays: one training and one evaluation, whichever is read."""
import array
import csv
import pathlib
import shutil
import sys
import unittest

from golden_weights import write_npy
from support import Workspace, larkspur

PACK = pathlib.Path(__file__).resolve().parents[1] / "data" / "pack"
sys.path.insert(0, str(PACK))
import clouds  # noqa: E402

CONFIG = """\
output: {folder}/run
data: {{kind: cloud, points: 30, grid: 8, augmentation: {{scale_min: 0.8, scale_max: 1.2}}}}
model: {{form: voxel, variant: micro, kernel: [3, 3, 3]}}
train: {{epochs: 2, global_batch: 8, lanes: 2, learning_rate: 3e-3}}
"""


class SameClouds(Workspace):
    def make_data(self):
        self.config.write_text(CONFIG.format(folder=self.folder))
        shutil.copytree(PACK, self.folder / "pack")
        for split in clouds.COUNTS:
            ids = []
            for label, points in clouds.shapes(split):
                name = clouds.NAMES[label]
                ids.append(f"{name}_{len(ids):04d}{split}")
                text = self.folder / "text" / name / f"{ids[-1]}.txt"
                text.parent.mkdir(parents=True, exist_ok=True)
                text.write_text("".join(",".join(str(value) for value in (*point, 0, 0, 1)) + "\n" for point in points))
                npy = self.folder / "npy" / name / split / f"{ids[-1]}.npy"
                npy.parent.mkdir(parents=True, exist_ok=True)
                write_npy(npy, [len(points), 3], array.array("f", sum(points, [])).tobytes())
            (self.folder / "text" / f"modelnet40_{split}.txt").write_text("\n".join(ids) + "\n")
        (self.folder / "text" / "modelnet40_shape_names.txt").write_text("\n".join(clouds.NAMES) + "\n")

    def sides(self, form):
        words = []
        for side, split in (("train", "train"), ("eval", "test")):
            words.append(f"data.{side}.root={self.folder}/{form}")
            words += [f"data.{side}.list={self.folder}/text/modelnet40_{split}.txt"] if form == "text" else []
        return words

    def scores(self, form, protocol):
        report = self.folder / f"report_{form}_{protocol}"
        result = self.done(larkspur("eval", "--checkpoint", str(self.output("pack_run")), *self.sides(form),
                                    f"eval.protocol={protocol}", "--report", str(report)))
        with open(report / "predictions.csv", newline="", encoding="utf-8") as file:
            rows = [{key: value for key, value in row.items() if key != "file"} for row in csv.DictReader(file)]
        self.assertEqual(len(rows), 8)
        return result.stdout.split("  report ")[0], rows

    def test_give_the_same_digest_and_the_same_scores(self):
        for form in ("pack", "text", "npy"):
            self.train(f"{form}_run", *self.sides(form))
            self.assertEqual(self.digest(f"{form}_run"), self.digest("pack_run"), form)
        for protocol in ("center", "vote10"):
            wanted = self.scores("pack", protocol)
            for form in ("text", "npy"):
                self.assertEqual(self.scores(form, protocol), wanted, (form, protocol))


if __name__ == "__main__":
    unittest.main()
