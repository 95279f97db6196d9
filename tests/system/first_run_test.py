# SPDX-License-Identifier: Apache-2.0
"""A run that an earlier program began (tests/data/first_run): it is evaluated, used and resumed for ever."""
import csv
import json
import pathlib
import shutil
import tarfile
import unittest

from support import Workspace, crc32c_hex, larkspur

KEPT = pathlib.Path(__file__).parent.parent / "data" / "first_run"
EXPECTED = json.loads((KEPT / "expected.json").read_text())


class FirstRun(Workspace):
    def make_data(self):
        with tarfile.open(KEPT / "run.tar.xz") as archive:
            archive.extractall(self.folder)
        self.config = self.folder / "config.yaml"
        self.run_folder = self.folder / "run"

    def places(self):
        """Everything lies elsewhere than where the run began: the list is the same."""
        return [f"output={self.run_folder}"] + [
            f"data.{side}.{key}={self.folder / name}" for side, split in (("train", "train"), ("eval", "test"))
            for key, name in (("list", f"{split}.txt"), ("root", "clouds"), ("labels", "classes.txt"))]

    def digest_of(self, path):
        return self.done(larkspur("inspect", "checkpoint", str(path), "--digest")).stdout.strip()

    def expect_predictions(self, key, checkpoint):
        report = self.folder / f"report_{key}"
        self.done(larkspur("eval", str(self.config), *self.places(), "--checkpoint", str(checkpoint), "--report",
                           str(report)))
        with open(report / "predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual({row["file"] for row in rows}, set(EXPECTED[key]))
        for row in rows:
            for place in ("1", "2"):
                expected = EXPECTED[key][row["file"]][row[f"class{place}"]]
                self.assertAlmostEqual(float(row[f"probability{place}"]), expected, delta=2e-3)

    def test_it_is_evaluated_by_every_name_of_its_checkpoint(self):
        one = next((self.run_folder / "checkpoints").iterdir())
        for path in (self.run_folder, self.run_folder / "checkpoints", one):
            self.assertEqual(self.digest_of(path), EXPECTED["digest_at_3"])
            self.expect_predictions("at_step_3", path)
            cloud = self.folder / "clouds" / "rod_test0.xyz"
            answer = json.loads(self.done(larkspur("predict", "--checkpoint", str(path), str(cloud), "--json")).stdout)
            likeliest = answer["files"][0]["predictions"][0]
            self.assertAlmostEqual(likeliest["probability"],
                                   EXPECTED["at_step_3"][cloud.name][likeliest["label"]], delta=2e-3)
            exported = self.folder / "exported.safetensors"
            self.done(larkspur("export", "--checkpoint", str(path), "--output", str(exported)))
            self.done(larkspur("inspect", "model", str(path)))
            self.done(larkspur("train", str(self.config), *self.places()[1:], f"output={self.folder / 'tuned'}",
                               f"model.weights={path}", "train.stop_after_steps=1"))
            shutil.rmtree(self.folder / "tuned")

    def test_it_goes_on_to_the_end_it_would_have_had(self):
        resumed = self.done(larkspur("train", str(self.config), *self.places(), ranks=2))
        self.assertIn("at step 3 (written", resumed.stderr)
        self.assertIn(f"data.train.root was clouds, is \"{self.folder / 'clouds'}\"", resumed.stderr)
        self.expect_predictions("at_step_8", self.run_folder)
        # Kernels have changed since: other last digits, said so, the same answers.
        self.assertIn("was written with arithmetic 1, this version has", resumed.stderr)

    def change_manifest(self, old, new):
        """A key that another program had written, checksum included."""
        folder = next((self.run_folder / "checkpoints").iterdir())
        text = (folder / "manifest.json").read_text()
        self.assertIn(old, text)
        text = text.replace(old, new, 1)
        (folder / "manifest.json").write_text(text)
        (folder / "manifest.crc").write_text(crc32c_hex(text.encode()) + "\n")

    def test_a_key_that_this_program_does_not_know_is_judged_by_what_is_asked(self):
        self.change_manifest("\\ntrain:\\n", "\\ntrain:\\n  swirl: 3\\n")
        result = self.done(larkspur("eval", str(self.config), *self.places()))
        self.assertIn("keys that this program does not know", result.stderr)
        self.assertIn("train.swirl", result.stderr)
        refused = self.done(larkspur("train", str(self.config), *self.places()), 4)
        self.assertIn("train.swirl", refused.stderr)
        self.assertIn("model.weights=", refused.stderr)
        self.change_manifest("\\nmodel:\\n", "\\nmodel:\\n  tiling: 3\\n")
        self.assertIn("model.tiling", self.done(larkspur("eval", str(self.config), *self.places()), 4).stderr)

    def test_keys_that_decide_bits_are_refused_with_both_values(self):
        result = self.done(larkspur("train", str(self.config), *self.places(), "train.learning_rate=0.5"), 4)
        self.assertIn("train.learning_rate is 0.02 there and 0.5 here", result.stderr)
        (self.folder / "train.txt").write_text((self.folder / "train.txt").read_text().replace("ball_train0.xyz 0",
                                                                                             "ball_train0.xyz 1"))
        result = self.done(larkspur("train", str(self.config), *self.places()), 4)
        self.assertIn("another training list", result.stderr)


if __name__ == "__main__":
    unittest.main()
