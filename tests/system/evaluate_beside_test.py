# SPDX-License-Identifier: Apache-2.0
"""Evaluation beside a training: the same scores on any number of ranks, the training's bits untouched, the best kept."""
import json
import time
import unittest

from support import Workspace, larkspur, start

HOLDOUT = ("data.holdout=0.25", "eval.on=holdout", "train.epochs=4")


class EvaluateBeside(Workspace):
    def evaluations(self, name):
        lines = (self.output(name) / "metrics.jsonl").read_text().splitlines()
        found = [json.loads(line).get("evaluation") for line in lines]
        return [{key: value for key, value in each.items() if key != "seconds"} for each in found if each]

    def test_the_held_out_part_chooses_the_checkpoint_that_stays(self):
        self.train("plain", *HOLDOUT)
        self.train("one", *HOLDOUT, "train.evaluate_every=1", "train.keep=1")
        self.train("two", *HOLDOUT, "train.evaluate_every=1", "train.keep=1", "train.stop_after_steps=7", ranks=2)
        self.train("two", *HOLDOUT, "train.evaluate_every=1", "train.keep=1", ranks=2)
        self.assertEqual(self.digest("one"), self.digest("plain"))
        self.assertEqual(self.digest("two"), self.digest("plain"))
        found = self.evaluations("one")
        self.assertEqual([each["epoch"] for each in found], [0, 1, 2, 3])
        self.assertEqual(self.evaluations("two"), found)

        best = max(found, key=lambda each: (each["top1"], -each["step"]))
        self.assertLess(best["step"], found[-1]["step"], "choose another seed: here the last one is the best")
        link = self.output("one") / "checkpoints" / "best"
        self.assertEqual({int(folder.name[5:11]) for folder in self.checkpoints("one")}, {best["step"], found[-1]["step"]})
        result = self.done(larkspur("eval", "--checkpoint", str(link), "--report", str(self.output("scored"))))
        scored = json.loads((self.output("scored") / "report.json").read_text())
        self.assertEqual(scored["step"], best["step"], result.stdout)
        self.assertAlmostEqual(scored["top1"], best["top1"], delta=100.01 / best["samples"])  # merged there
        page = (self.output("one") / "report" / "train.html").read_text()
        self.assertIn("best on the held-out part", page)

    def test_what_ends_a_run_within_an_evaluation_costs_no_training_and_the_score_is_made_up_for(self):
        self.train("whole", *HOLDOUT, "train.evaluate_every=2")
        words = ("train", str(self.config), f"output={self.output('cut')}", *HOLDOUT, "train.evaluate_every=2")
        process = start(*words, ranks=2)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        while not self.checkpoints("cut") or self.checkpoints("cut")[-1].name < f"step-{self.evaluations('whole')[0]['step']:06}":
            self.assertIsNone(process.poll())
            time.sleep(0.001)
        process.kill()
        process.communicate()
        scores = self.output("cut") / "checkpoints" / "scores.json"
        scores.unlink(missing_ok=True)  # as where it was killed a moment earlier
        self.train("cut", *HOLDOUT, "train.evaluate_every=2")
        self.assertEqual(self.digest("cut"), self.digest("whole"))
        self.assertEqual({each["epoch"]: each for each in self.evaluations("cut")},
                         {each["epoch"]: each for each in self.evaluations("whole")})
        self.assertEqual(json.loads(scores.read_text()),
                         json.loads((self.output("whole") / "checkpoints" / "scores.json").read_text()))
        before = len(self.evaluations("cut"))
        self.train("cut", *HOLDOUT, "train.evaluate_every=2")
        self.assertEqual(len(self.evaluations("cut")), before, "a finished run is not scored again")

    def test_what_is_not_held_out_is_scored_and_chooses_nothing(self):
        self.train("run", "train.epochs=3", "train.evaluate_every=2")
        found = self.evaluations("run")
        self.assertEqual([(each["epoch"], each["held_out"], each["samples"]) for each in found],
                         [(1, False, 16), (2, False, 16)])
        self.assertFalse((self.output("run") / "checkpoints" / "best").exists())

    def test_what_cannot_be_evaluated_is_said_before_the_first_step(self):
        for words, said in ((["eval.on=holdout"], "data.holdout"), (["data.eval.root=nowhere"], "nowhere")):
            with self.subTest(words=words):
                result = self.train("none", "train.evaluate_every=1", *words, code=2)
                self.assertIn(said, result.stderr)
                self.assertFalse((self.output("none") / "metrics.jsonl").exists())


if __name__ == "__main__":
    unittest.main()
