# SPDX-License-Identifier: Apache-2.0
"""One value on any number of ranks, before and after a kill."""
import json
import re
import unittest

from support import Workspace, larkspur


class Exact(Workspace):
    def test_digest_does_not_depend_on_ranks(self):
        alone = [self.train("alone"), self.digest("alone")][1]
        for ranks in (1, 2, 3, 4):
            with self.subTest(ranks=ranks):
                self.train(f"on{ranks}", ranks=ranks)
                self.assertEqual(self.digest(f"on{ranks}"), alone)
        headers, steps = self.metrics("on3")
        self.assertEqual(headers[0]["first_step"], 1)
        self.assertEqual([s["step"] for s in steps], list(range(1, 19)))
        self.assertGreater(min(s["learning_rate"] for s in steps), 0)
        self.assertTrue(any(s["grad_norm"] > 0.5 for s in steps), "clipping was never at work")

    def test_a_fine_tuning_does_not_depend_on_ranks_and_may_stop(self):
        self.train("first", "train.stop_after_steps=2")
        recipe = (f"model.weights={self.output('first')}", "model.freeze_stages=2", "train.layer_decay=0.6")
        for ranks in (1, 2):
            self.train(f"tuned{ranks}", *recipe, "train.stop_after_steps=6", ranks=ranks)
            self.assertEqual(self.digest(f"tuned{ranks}"), self.digest("tuned1"))
        self.train("stopped", *recipe, "train.stop_after_steps=3", ranks=2)
        self.train("stopped", *recipe, "train.stop_after_steps=6")
        self.assertEqual(self.digest("stopped"), self.digest("tuned1"))
        for other in ((recipe[0], "model.freeze_stages=1", recipe[2]), (*recipe[:2], "train.layer_decay=0.7")):
            result = self.train("stopped", *other, code=4)
            self.assertIn("model.freeze_stages" if "model.freeze_stages=1" in other else "train.layer_decay", result.stderr)
        weights, frozen, decay = recipe
        self.train("free", weights, decay, "train.stop_after_steps=6")
        self.train("even", weights, frozen, "train.stop_after_steps=6")
        self.assertEqual(len({self.digest(name) for name in ("tuned1", "free", "even")}), 3)

    def test_digest_tells_seeds_and_steps_apart(self):
        self.train("base", "train.stop_after_steps=6")
        self.train("seed", "train.stop_after_steps=6", "seed=4")
        self.train("more", "train.stop_after_steps=7")
        self.assertEqual(len({self.digest("base"), self.digest("seed"), self.digest("more")}), 3)

    def test_killed_run_goes_on_with_the_same_bits_on_other_ranks(self):
        self.train("unbroken")
        for ranks, victim, restart in ((3, 1, 2), (2, 0, 4), (4, 3, 1)):
            with self.subTest(ranks=ranks, restart=restart):
                name = f"killed{ranks}"
                code, reached = self.kill_rank(name, victim, 9, ranks=ranks)
                self.assertNotEqual(code, 0)
                self.assertLess(reached, 18)
                self.train(name, ranks=restart)
                self.assertEqual(self.digest(name), self.digest("unbroken"))
                headers, _ = self.metrics(name)
                self.assertEqual(headers[-1]["ranks"], restart)
                self.assertGreater(headers[-1]["first_step"], 1)
                self.assertNotEqual((headers[-1]["first_step"] - 1) % 6, 0, "not in mid-epoch")

    def test_norms_over_all_lanes_and_precise_statistics_do_not_depend_on_ranks(self):
        norms = ("train.batch_norm=synchronised", "train.precise_norm_samples=12", "train.epochs=2",
                 "train.average_decay=0.9")
        self.train("alone", *norms)
        self.train("plain", "train.epochs=2")
        self.assertNotEqual(self.digest("alone"), self.digest("plain"))
        self.evaluate_averages("alone", "plain")
        for ranks in (2, 4):
            with self.subTest(ranks=ranks):
                self.train(f"on{ranks}", *norms, ranks=ranks)
                self.assertEqual(self.digest(f"on{ranks}"), self.digest("alone"))
        self.train("stopped", *norms, "train.stop_after_steps=8", ranks=2)
        self.train("stopped", *norms, ranks=3)
        self.assertEqual(self.digest("stopped"), self.digest("alone"))

    def test_several_views_of_a_sample_in_a_step_do_not_depend_on_ranks(self):
        views = ("train.repeats=2", "train.epochs=1")
        self.train("alone", *views)
        _, steps = self.metrics("alone")
        self.assertEqual(len(steps), 12, "half as many samples a step, twice as many steps")
        for ranks in (2, 3):
            self.train(f"on{ranks}", *views, ranks=ranks)
            self.assertEqual(self.digest(f"on{ranks}"), self.digest("alone"))
        self.train("stopped", *views, "train.stop_after_steps=5", ranks=3)
        self.assertIn("train.repeats", self.train("stopped", "train.epochs=1", code=4).stderr)
        self.train("stopped", *views, ranks=2)
        self.assertEqual(self.digest("stopped"), self.digest("alone"))

    def evaluate_averages(self, kept, not_kept):
        """Averaged weights give scores of their own, last ones are the default, none is an error."""
        predictions = []
        for flag in ((), ("--averaged",)):
            report = self.folder / f"report{len(flag)}"
            self.done(larkspur("eval", "--checkpoint", str(self.output(kept)), "--report", str(report), *flag))
            self.assertEqual(json.loads((report / "report.json").read_text())["averaged"], bool(flag))
            predictions.append((report / "predictions.csv").read_text())
        self.assertNotEqual(*predictions)
        result = self.done(larkspur("eval", "--checkpoint", str(self.output(not_kept)), "--averaged"), code=4)
        self.assertIn("holds no averaged weights: its run had train.average_decay=0", result.stderr)

    def test_minutes_become_epochs_that_a_resume_keeps(self):
        self.train("timed", "train.minutes=0.06", "train.stop_after_steps=4", ranks=2)
        epochs = re.search(r"^  epochs: (\d+)$", (self.output("timed") / "config.yaml").read_text(), re.M)[1]
        said = self.train("never", "train.minutes=0.06", "--dry-run").stdout
        self.assertRegex(said, r"as many as fit into 0.06 minutes: epochs of 6,")
        self.assertRegex(said, r"to the end +\d+ epochs? fit into 0.06 minutes")
        result = self.train("timed", "train.minutes=0.06", ranks=3)
        self.assertNotIn("a step takes", result.stderr)
        own = self.output("timed") / "config.yaml"
        self.assertRegex(own.read_text(), r"(?m)^  minutes: 0(\.0)?$")
        again = self.done(larkspur("train", str(own), "train.stop_after_steps=2", f"output={self.output('again')}"))
        self.assertNotIn("times steps", again.stderr)
        self.assertRegex((self.output("again") / "config.yaml").read_text(), rf"(?m)^  epochs: {epochs}$")
        resumed = self.done(larkspur("train", str(own)))
        self.assertNotIn("train.minutes", resumed.stderr)
        self.train("plain", f"train.epochs={epochs}")
        self.assertEqual(self.digest("timed"), self.digest("plain"))
        self.train("plain", f"train.epochs={int(epochs) + 1}", code=4)

    def test_stopping_and_going_on_changes_nothing(self):
        self.train("unbroken")
        self.train("stopped", "train.stop_after_steps=4", ranks=2)
        self.train("stopped", "train.stop_after_steps=11", ranks=3)
        self.train("stopped")
        self.assertEqual(self.digest("stopped"), self.digest("unbroken"))
        self.assertEqual([h["first_step"] for h in self.metrics("stopped")[0]], [1, 5, 12])


if __name__ == "__main__":
    unittest.main()
