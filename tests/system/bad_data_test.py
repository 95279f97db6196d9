# SPDX-License-Identifier: Apache-2.0
"""Unreadable samples are named, counted and bounded, alike on any number of ranks."""
import json
import unittest

from support import Workspace, larkspur


class BadData(Workspace):
    def setUp(self):
        super().setUp()
        for split in ("train", "test"):
            files = sorted((self.folder / "clouds").glob(f"*/{split}/*.off"))
            self.spoilt = {}
            missing, empty, half = files[0], files[5], files[11]
            lines = [f"{path.relative_to(self.folder / 'clouds')} {path.parts[-3]}\n" for path in files]
            (self.folder / f"{split}.txt").write_text("".join(lines))
            missing.unlink()
            empty.write_bytes(b"")
            half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
        classes = sorted(p.name for p in (self.folder / "clouds").iterdir())
        (self.folder / "labels.txt").write_text("\n".join(classes) + "\n")
        self.lists = [f"data.train.list={self.folder}/train.txt", f"data.eval.list={self.folder}/test.txt",
                      f"data.train.labels={self.folder}/labels.txt",
                      f"data.eval.labels={self.folder}/labels.txt"]

    def evaluate(self, name, *overrides, ranks=None, code=0):
        report = self.output(name) / "evaluated"
        result = self.done(larkspur("eval", str(self.config), *self.lists, *overrides, "--checkpoint",
                                    str(self.output(name) / "checkpoints"), "--report", str(report),
                                    ranks=ranks), code)
        return json.loads((report / "report.json").read_text()), (report / "predictions.csv").read_bytes(), result

    def test_run_goes_on_and_reports_alike_on_one_and_three_ranks(self):
        digests, reports = set(), []
        for ranks in (1, 3):
            name = f"bad{ranks}"
            self.train(name, *self.lists, ranks=ranks)
            digests.add(self.digest(name))
            report = json.loads((self.output(name) / "report" / "train.json").read_text())
            self.assertEqual(report["unreadable"], 3)
            self.assertEqual({f["kind"] for f in report["unreadable_files"]}, {"not found", "corrupt data"})
            reports.append(report)
        self.assertEqual(len(digests), 1)
        self.assertEqual(reports[0], reports[1])
        evaluated, rows, _ = self.evaluate("bad1", ranks=1)
        evaluated3, rows3, _ = self.evaluate("bad1", ranks=3)
        self.assertEqual((evaluated, rows), (evaluated3, rows3))
        self.assertEqual(evaluated["unreadable"], 3)
        self.assertEqual(evaluated["samples"], 16)
        self.assertEqual(len(evaluated["unreadable_files"]), 3)
        excluded, _, _ = self.evaluate("bad1", "eval.bad_samples=exclude")
        self.assertEqual(excluded["samples"], 13)

    def test_bound_of_zero_stops_with_code_3_naming_the_first_in_epoch_order(self):
        named = set()
        for ranks in (None, 1, 3):
            result = self.train(f"bound{ranks}", *self.lists, "data.max_bad_fraction=0", ranks=ranks, code=3)
            self.assertIn("data.max_bad_fraction=0", result.stderr)
            line = [l for l in result.stderr.splitlines() if l.startswith("larkspur: ")]
            self.assertEqual(len(line), 1, result.stderr)
            named.add(line[0])
            report = json.loads((self.output(f"bound{ranks}") / "report" / "train.json").read_text())
            self.assertEqual(report["unreadable"], 1)
        self.assertEqual(len(named), 1)
        steps = self.metrics("bound1")[1]
        self.assertEqual(steps[-1]["bad_samples"], 1)
        self.assertTrue(all(s["bad_samples"] == 0 for s in steps[:-1]))
        # Raising the bound is all it takes to go on, and the end is that of a run that began with it.
        self.train("bound1", *self.lists, ranks=1)
        self.train("raised", *self.lists, ranks=1)
        self.assertEqual(self.digest("bound1"), self.digest("raised"))

    def test_evaluation_past_the_bound_writes_its_report_and_says_so(self):
        self.train("run", *self.lists)
        report, _, result = self.evaluate("run", "data.max_bad_fraction=0.1", ranks=2, code=3)
        self.assertEqual(report["unreadable"], 3)
        self.assertIn("3 of 16 evaluated samples cannot be read", result.stderr)


if __name__ == "__main__":
    unittest.main()
