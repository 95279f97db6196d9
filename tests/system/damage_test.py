# SPDX-License-Identifier: Apache-2.0
"""Damaged checkpoints are refused by name and the one before is used; other refusals."""
import json
import os
import shutil
import unittest

from support import Workspace, larkspur, start


def flip_bit(path, place):
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 16
    path.write_bytes(bytes(data))


class Damage(Workspace):
    def test_a_flipped_bit_anywhere_falls_back_to_the_checkpoint_before(self):
        self.train("run", "train.stop_after_steps=10", ranks=2)
        self.assertEqual(len(self.checkpoints("run")), 2)
        parts = sorted(p.name for p in self.checkpoints("run")[-1].iterdir())
        self.assertEqual(parts, ["manifest.crc", "manifest.json", "shard-00000.safetensors",
                                 "shard-00001.safetensors"])
        for part in parts:
            for place in (0.0, 0.5, 1.0):
                with self.subTest(part=part, place=place):
                    if part == "manifest.crc" and place == 1.0:
                        continue  # the line end carries nothing
                    shutil.rmtree(self.output("copy"), ignore_errors=True)
                    shutil.copytree(self.output("run"), self.output("copy"))
                    flip_bit(self.checkpoints("copy")[-1] / part, place)
                    result = self.done(larkspur("inspect", "checkpoint", str(self.output("copy") / "checkpoints")))
                    self.assertIn("step 5\n", result.stdout)
                    named = "manifest.json" if part == "manifest.crc" else part
                    self.assertIn(named, result.stderr)

    def test_resume_after_damage_ends_with_the_same_bits(self):
        self.train("unbroken")
        self.train("run", "train.stop_after_steps=10", ranks=2)
        flip_bit(self.checkpoints("run")[-1] / "shard-00001.safetensors", 0.7)
        result = self.train("run", ranks=3)
        self.assertIn("checkpoint refused", result.stderr)
        self.assertEqual(self.digest("run"), self.digest("unbroken"))
        self.assertEqual(self.metrics("run")[0][-1]["first_step"], 6)

    def test_retention_never_takes_the_newest_for_a_damaged_one_or_a_copy(self):
        self.train("run", "train.stop_after_steps=10")
        newest = self.checkpoints("run")[-1]
        backup = newest.with_name(newest.name + ".backup")
        shutil.copytree(newest, backup)
        flip_bit(newest / "shard-00000.safetensors", 0.7)
        self.train("run", "train.keep=1", "train.stop_after_steps=10")
        self.done(larkspur("inspect", "checkpoint", str(self.output("run") / "checkpoints"), "--digest"))
        self.assertTrue(backup.exists())

    def test_weights_that_are_not_finite_are_not_saved(self):
        result = self.train("run", "train.learning_rate=1e39", "train.clip_norm=0", "train.warmup_epochs=0",
                            "train.stop_after_steps=1", ranks=2, code=2)
        self.assertIn("not finite", result.stderr)
        self.assertFalse(self.checkpoints("run"))

    def test_all_damaged_or_absent_is_code_4(self):
        self.train("run", "train.stop_after_steps=2")
        flip_bit(self.checkpoints("run")[-1] / "shard-00000.safetensors", 0.7)
        result = self.train("run", code=4)
        self.assertIn("shard-00000.safetensors", result.stderr)
        absent = larkspur("eval", str(self.config), "--checkpoint", str(self.folder / "absent"))
        self.done(absent, 4)
        self.assertIn("absent", absent.stderr)

    def test_scores_of_training_samples_are_said_to_be_and_outlive_a_report_that_cannot_be_written(self):
        self.train("run", "train.stop_after_steps=2")
        words = ["eval", str(self.config), f"output={self.output('run')}", "data.eval.split=train", "--report"]
        report = self.folder / "report"
        (report / "report.html" / "in_the_way").mkdir(parents=True)
        result = self.done(larkspur(*words, str(report)), 4)
        self.assertTrue(result.stdout.startswith("top1 "), result.stdout)
        self.assertIn("48 of 48 samples of data.eval are those that the checkpoint was trained on", result.stderr)
        self.assertIn("report.html", result.stderr)
        early = self.done(larkspur(*words, str(self.config)), 2)
        self.assertEqual(early.stdout, "")
        self.assertIn(str(self.config), early.stderr)

    def test_another_configuration_is_refused_with_both_values(self):
        self.train("run", "train.stop_after_steps=2")
        result = self.train("run", "model.drop_path=0.1", "seed=9", ranks=2, code=4)
        self.assertIn("model.drop_path is 0.2 there and 0.1 here", result.stderr)
        self.assertIn("seed is 3 there and 9 here", result.stderr)
        self.assertEqual(result.stderr.count("larkspur: "), 1)
        self.train("run", "resume=never", code=4)
        self.train("run", "train.checkpoint_every=3", "train.keep=1", "train.stop_after_steps=3")


class Refusals(Workspace):
    def refused(self, *words, code=2, ranks=None):
        result = self.done(larkspur(*words, ranks=ranks), code)
        self.assertEqual(result.stderr.count("larkspur: "), 1, result.stderr)
        return result.stderr

    def test_configuration_errors_name_file_line_and_the_nearest_key(self):
        lines = self.config.read_text().splitlines()
        number = next(i for i, l in enumerate(lines, 1) if l.startswith("  points"))
        lines[number - 1] = "  pionts: 256"
        wrong = self.folder / "wrong.yaml"
        wrong.write_text("\n".join(lines))
        text = self.refused("train", str(wrong))
        self.assertIn(f"wrong.yaml:{number}", text)
        self.assertIn("data.points", text)
        lines[number - 1] = "  points: many"
        wrong.write_text("\n".join(lines))
        text = self.refused("train", str(wrong), ranks=2)
        self.assertIn(f"wrong.yaml:{number}", text)
        self.assertIn("data.points", text)

    def test_paths_that_are_not_there(self):
        text = self.refused("train", str(self.config), f"data.train.root={self.folder}/cluods")
        self.assertIn("cluods", text)
        self.assertIn("data.train.root", text)
        self.assertIn("run.yml", self.refused("train", str(self.folder / "run.yml")))
        self.assertIn("data.train.list", self.refused("train", str(self.config), "data.train.list=no/list.txt"))

    def test_second_run_in_the_same_output_folder(self):
        process = start("train", str(self.config), f"output={self.output('one')}", "train.epochs=300", ranks=2)
        try:
            self.wait_for_step("one", 1, process)
            self.assertIn("another run is at work", self.train("one", ranks=2, code=2).stderr)
        finally:
            process.terminate()
            process.communicate(timeout=60)

    def test_names_that_are_no_utf8(self):
        odd = os.fsencode(self.folder / "clouds") + b"/box/train/box_\xe9.off"
        with open(odd, "wb") as file:
            file.write(b"garbage")
        self.train("odd", ranks=2)
        report = json.loads((self.output("odd") / "report" / "train.json").read_text())
        self.assertEqual(report["unreadable"], 1)
        os.rename(os.fsencode(self.folder / "clouds") + b"/box", os.fsencode(self.folder / "clouds") + b"/b\xe9")
        self.assertIn("is not UTF-8", self.refused("train", str(self.config), ranks=2))

    def test_another_training_list_is_not_gone_on_with(self):
        self.train("run", "train.stop_after_steps=2")
        extra = next((self.folder / "clouds" / "box" / "train").iterdir())
        shutil.copy(extra, extra.with_name("box_9999.off"))
        self.assertIn("another training list", self.train("run", ranks=2, code=4).stderr)

    def test_stopping_twice_at_the_same_step_goes_no_further(self):
        self.train("run", "train.stop_after_steps=2")
        self.train("run", "train.stop_after_steps=2")
        self.assertEqual(len(self.metrics("run")[1]), 2)

    def test_more_ranks_than_lanes(self):
        self.assertIn("train.lanes=2", self.refused("train", str(self.config), "train.lanes=2", ranks=3))

    def test_wrong_number_of_classes(self):
        self.assertIn("model.classes is 5", self.refused("train", str(self.config), "model.classes=5"))

    def test_the_number_of_classes_may_be_left_to_the_list(self):
        self.config.write_text(self.config.read_text().replace("classes: 4, ", ""))
        self.train("counted", "train.stop_after_steps=2", ranks=2)
        self.assertIn("  classes: 4\n", (self.output("counted") / "config.yaml").read_text())
        self.train("told", "train.stop_after_steps=2", "model.classes=4")
        self.assertEqual(self.digest("counted"), self.digest("told"))
        self.train("counted", "train.stop_after_steps=3")
        self.done(larkspur("eval", str(self.config), f"output={self.output('counted')}"))
        model = json.loads(self.done(larkspur("inspect", "model", str(self.config), "--json")).stdout)
        self.assertEqual(model["classes"], 4)
        absent = self.done(larkspur("inspect", "model", str(self.config), "data.train.root=/nowhere"), 2)
        self.assertIn("model.classes is not set", absent.stderr)


if __name__ == "__main__":
    unittest.main()
