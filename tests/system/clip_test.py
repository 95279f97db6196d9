# SPDX-License-Identifier: Apache-2.0
"""Clips with mixup and cutmix on: one value on any number of ranks, after a kill, beside files that cannot be read."""
import csv
import json
import unittest

from support import ClipWorkspace, larkspur


class Clips(ClipWorkspace):
    def evaluate(self, name, *overrides, ranks=None):
        report = self.output(name) / "evaluated"
        self.done(larkspur("eval", str(self.config), *overrides, "--checkpoint", str(self.output(name) / "checkpoints"),
                           "--report", str(report), ranks=ranks))
        with open(report / "predictions.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return json.loads((report / "report.json").read_text()), rows

    def test_digest_is_one_value_on_ranks_and_after_a_kill(self):
        self.train("alone")
        for ranks, words in ((2, ()), (3, ("data.pixels=uint8",))):
            self.train(f"on{ranks}", *words, ranks=ranks)
            self.assertEqual(self.digest(f"on{ranks}"), self.digest("alone"))
        self.train("plain", "train.mixup=0", "train.cutmix=0")
        self.assertNotEqual(self.digest("plain"), self.digest("alone"))
        code, reached = self.kill_rank("killed", 1, 9, ranks=3)
        self.assertNotEqual(code, 0)
        self.assertLess(reached, 18)
        self.train("killed", ranks=2)
        self.assertEqual(self.digest("killed"), self.digest("alone"))
        self.assertGreater(self.metrics("killed")[0][-1]["first_step"], 1)

    def test_rates_are_tried_of_differences_too_and_no_index_is_kept(self):
        cache = self.folder / "indexes"
        cache.mkdir()
        words = (f"data.index_cache={cache}", "model.form=differences", "model.map_pooling=mean_max")
        said = self.train("never", "--try-rates", *words)
        self.assertIn("a third of that is a peak to begin with: train.learning_rate=", said.stdout)
        self.assertEqual(list(cache.iterdir()), [])
        self.assertFalse(self.output("never").exists())
        self.train("kept", "train.stop_after_steps=1", *words)
        self.assertNotEqual(list(cache.iterdir()), [])

    def spoil(self, split):
        """Adds to a list: a missing, an empty, a renamed text and a cut-off video. Returns the new list's override."""
        folder = self.folder / "videos"
        lines = (folder / f"{split}.csv").read_text().splitlines()
        good = next(folder.glob(f"{split}/*/*.mp4"))
        names = [f"{word}_bad_bad"[:11] for word in ("missing", "emptyvideo", "textvideo", "cutvideo")]
        label = next(csv.reader([lines[1]]))[0]
        for name, content in zip(names, (None, b"", b"no video at all\n" * 50, good.read_bytes()[:900])):
            if content is not None:
                (folder / split / label / f"{name}_000001_000002.mp4").write_bytes(content)
            lines.append(f'"{label}",{name},1,2,{split}')
        (folder / f"{split}-bad.csv").write_text("\n".join(lines) + "\n")
        return f"data.{'train' if split == 'train' else 'eval'}.list={folder}/{split}-bad.csv", names

    def test_bad_videos_change_nothing_but_their_own_counts(self):
        override, names = self.spoil("train")
        reports = []
        for ranks in (1, 3):
            self.train(f"bad{ranks}", override, "train.epochs=4", ranks=ranks)
            reports.append(json.loads((self.output(f"bad{ranks}") / "report" / "train.json").read_text()))
        self.assertEqual(self.digest("bad1"), self.digest("bad3"))
        self.assertEqual(reports[0], reports[1])
        self.assertEqual(reports[0]["unreadable"], 4)
        found = {file["file"].split("/")[-1][:11] for file in reports[0]["unreadable_files"]}
        self.assertEqual(found, set(names))

        self.train("run")
        clean, clean_rows = self.evaluate("run", ranks=2)
        override, names = self.spoil("test")
        spoilt, spoilt_rows = self.evaluate("run", override, "eval.batch=1")
        _, single_rows = self.evaluate("run", "eval.batch=1")
        self.assertEqual((clean["unreadable"], clean["samples"]), (0, 16))
        self.assertEqual((spoilt["unreadable"], spoilt["samples"]), (4, 20))
        self.assertEqual(spoilt_rows[:16], single_rows)
        self.assertEqual([r["class1"] for r in single_rows], [r["class1"] for r in clean_rows])
        excluded, _ = self.evaluate("run", override, "eval.bad_samples=exclude")
        self.assertEqual(excluded["top1"], clean["top1"])
        self.assertAlmostEqual(spoilt["top1"], clean["top1"] * 16 / 20, places=9)


if __name__ == "__main__":
    unittest.main()
