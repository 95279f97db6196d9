# SPDX-License-Identifier: Apache-2.0
"""The demo as the README has it: made-up solids, two ranks, a minute."""
import json
import pathlib
import shutil
import tempfile
import unittest

from support import larkspur

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "configs" / "demo" / "cloud.yaml"


class Demo(unittest.TestCase):
    def test_held_out_solids_are_told_apart(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-demo-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        paths = [f"data.train.root={folder}/clouds", f"data.eval.root={folder}/clouds", f"output={folder}/run"]
        for words, ranks in ((["data", "make", "clouds", "--output", f"{folder}/clouds"], None),
                             (["train", str(CONFIG), *paths], 2), (["eval", str(CONFIG), *paths], 2)):
            result = larkspur(*words, ranks=ranks)
            self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads((folder / "run" / "report" / "report.json").read_text())
        self.assertEqual(report["samples"], 200)
        self.assertGreaterEqual(report["top1"], 95.0)


if __name__ == "__main__":
    unittest.main()
