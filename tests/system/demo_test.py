# SPDX-License-Identifier: Apache-2.0
"""The demo as the README has it: made-up solids and motions, two ranks, minutes."""
import csv
import json
import pathlib
import shutil
import tempfile
import unittest

from support import larkspur

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs" / "demo"


class DemoWorkspace(unittest.TestCase):
    """A folder with the demo's data."""

    KINDS = ("clouds", "videos")

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-demo-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for kind in cls.KINDS:
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


class Demo(DemoWorkspace):
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


if __name__ == "__main__":
    unittest.main()
