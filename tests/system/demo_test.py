# SPDX-License-Identifier: Apache-2.0
"""The demo as the README has it: made-up solids and motions, two ranks, minutes."""
import csv
import json
import math
import pathlib
import shutil
import tempfile
import unittest

from support import larkspur

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs" / "demo"
PAIRS = (("growing", "shrinking"), ("moving up", "moving down"), ("moving left", "moving right"),
         ("turning clockwise", "turning anticlockwise"))
PARTNER = dict(PAIRS) | {second: first for first, second in PAIRS}


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-demo-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for kind in ("clouds", "videos"):
            result = larkspur("data", "make", kind, "--output", str(cls.folder / kind))
            assert result.returncode == 0, result.stderr

    def train_and_evaluate(self, config, name, *overrides):
        """The report, and the rows of the predictions."""
        run = self.folder / name
        for verb in ("train", "eval"):
            result = larkspur(verb, str(CONFIGS / config), *overrides, f"output={run}", ranks=2, timeout=840)
            self.assertEqual(result.returncode, 0, result.stderr)
        with open(run / "report" / "predictions.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return json.loads((run / "report" / "report.json").read_text()), rows

    def clips(self, name, *overrides):
        videos = self.folder / "videos"
        return self.train_and_evaluate("clip.yaml", name, f"data.train.list={videos}/train.csv",
                                       f"data.eval.list={videos}/test.csv", *overrides)

    def test_held_out_solids_are_told_apart(self):
        clouds = self.folder / "clouds"
        report, _ = self.train_and_evaluate("cloud.yaml", "cloud", f"data.train.root={clouds}",
                                            f"data.eval.root={clouds}")
        self.assertEqual(report["samples"], 200)
        self.assertGreaterEqual(report["top1"], 95.0)

    def test_held_out_motions_are_told_apart(self):
        report, _ = self.clips("clip")
        self.assertEqual(report["samples"], 160)
        self.assertGreaterEqual(report["top1"], 95.0)

    def test_without_the_order_of_pictures_a_pair_cannot_be_told_apart(self):
        report, rows = self.clips("shuffled", "data.shuffle_frames=true")
        classes = {row["file"].split("/")[-2] for row in rows}
        self.assertEqual(classes, set(PARTNER))
        inside = right = 0
        for row in rows:
            truth = row["file"].split("/")[-2]
            inside += row["class1"] in (truth, PARTNER[truth])
            right += row["class1"] == truth
        self.assertGreater(inside, 80, "the network learned nothing at all")
        print(f"within pairs {right} of {inside}, top1 {report['top1']}")
        self.assertLess(abs(right / inside - 0.5), 3 * math.sqrt(0.25 / inside))


if __name__ == "__main__":
    unittest.main()
