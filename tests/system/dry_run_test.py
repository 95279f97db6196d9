# SPDX-License-Identifier: Apache-2.0
"""`larkspur train --dry-run` says what a training will be, and writes nothing."""
import re
import unittest

from support import Workspace, larkspur


class DryRun(Workspace):
    def dry(self, name, *overrides, ranks=None, code=0):
        return self.train(name, "--dry-run", *overrides, ranks=ranks, code=code)

    def contents(self, name):
        return {path: path.stat().st_mtime_ns for path in self.output(name).rglob("*")}

    def test_says_what_a_training_would_do_on_any_number_of_ranks_and_writes_nothing(self):
        files = sorted((self.folder / "clouds").rglob("train/*.off"))
        files[0].write_text("")
        for ranks in (None, 2):
            said = self.dry("never", ranks=ranks).stdout
            self.assertIn("data.points: 256\n", said)
            self.assertIn("training       48 samples, 4 classes, 1 missing", said)
            self.assertIn(f"{files[0]}: zero bytes", said)
            self.assertIn("evaluation     16 samples, 4 classes, 0 missing", said)
            self.assertIn(f"steps          18: 3 epochs of 6, each of 8 samples in 4 lanes on {ranks or 1} rank", said)
            self.assertRegex(said, r"memory +[0-9.]+ MiB a rank by count")
            self.assertRegex(said, r"a step +[0-9.]+ s, [0-9.]+ s of it waiting for data \(\d+ run")
            self.assertRegex(said, r"to the end +\d+:\d\d for 18 steps")
            self.assertFalse(self.output("never").exists())

    def test_goes_on_from_a_checkpoint_without_touching_it(self):
        self.train("run", "train.stop_after_steps=12")
        before = self.contents("run")
        result = self.dry("run", ranks=2)
        self.assertIn("continues from", result.stderr)
        self.assertIn("; 12 done\n", result.stdout)
        self.assertRegex(result.stdout, r"to the end +\d+:\d\d for 6 steps")
        self.assertEqual(self.contents("run"), before)
        self.dry("run", "model.drop_path=0.1", code=4)

    def test_ends_as_the_training_would(self):
        self.dry("never", "train.lanes=3", code=2)
        self.dry("never", f"output={self.config}/below", code=2)
        self.dry("never", f"data.train.root={self.folder}/absent", code=2)
        for path in (self.folder / "clouds").rglob("train/*.off"):
            path.write_text("OFF\nno cloud\n")
        self.assertRegex(self.dry("never", code=3).stderr, "unreadable|cannot be read|training samples")
        self.assertFalse(self.output("never").exists())

    def test_launch_runs_it_too(self):
        result = self.done(larkspur("launch", "-n", "2", "--", "train", str(self.config), "--dry-run",
                                    f"output={self.output('never')}"))
        self.assertTrue(re.search(r"^to the end", result.stdout, re.M))
        self.assertFalse(self.output("never").exists())

    def test_a_range_of_rates_is_tried_alike_on_any_number_of_ranks_and_nothing_is_written(self):
        said = [self.train("never", "--try-rates", "train.epochs=1", ranks=ranks).stdout for ranks in (None, 2)]
        self.assertEqual(said[0], said[1])
        self.assertNotIn("epoch ", self.train("never", "--try-rates").stderr)
        rows = re.findall(r"^([0-9.e-]+) +([0-9.]+)  #+$", said[0], re.M)
        self.assertGreater(len(rows), 8)  # of five steps; an epoch has six
        rates = [float(rate) for rate, _ in rows]
        self.assertEqual(rates, sorted(rates))
        self.assertRegex(said[0], r"train\.learning_rate=[0-9.e-]+\n")
        self.assertFalse(self.output("never").exists())
        self.train("never", "--try-rates", "--dry-run", code=2)


if __name__ == "__main__":
    unittest.main()
