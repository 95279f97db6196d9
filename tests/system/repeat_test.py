# SPDX-License-Identifier: Apache-2.0
"""What was in memory before changes nothing: training and evaluation give the same bits again, at sizes people have."""
import os
import unittest
from unittest import mock

import odd_files
from support import CLIP_CONFIG, Workspace, larkspur


def poisoned(byte):
    """New memory of the program is full of it (glibc)."""
    return mock.patch.dict(os.environ, {"MALLOC_PERTURB_": str(byte)})


class Repeat(Workspace):
    def predictions(self, name, byte):
        report = self.output(f"{name}{byte}")
        with poisoned(byte):
            self.done(larkspur("eval", str(self.config), "--checkpoint", str(self.output(name)), "--report", str(report)))
        return (report / "predictions.csv").read_bytes()

    def test_meshes_are_drawn_and_scored_alike(self):
        self.train("run", "train.epochs=1")
        self.assertEqual(self.predictions("run", 90), self.predictions("run", 165))

    def test_videos_of_340x256_train_alike_and_are_scored_alike(self):
        # Rows of 340 pixels are no whole number of anything that is handy.
        (self.folder / "videos").mkdir()
        for name in ("train", "test"):
            lines = "".join(f"{name}{i}.y4m {i % 4}\n" for i in range(8))
            (self.folder / "videos" / f"{name}.csv").write_text(lines)
            odd_files.write_all(self.folder / "videos", {
                f"{name}{i}.y4m": odd_files.y4m(frames=7 + i, width=340, height=256, seed=i) for i in range(8)})
        (self.folder / "videos" / "classes.txt").write_text("a\nb\nc\nd\n")
        # Crops that reach the last columns.
        self.config.write_text(CLIP_CONFIG.format(folder=self.folder).replace("area_min: 0.5, aspect_max: 1.3",
                                                                              "area_min: 0.9, aspect_max: 1.4"))
        for name, byte, ranks in (("alone", 90, None), ("again", 165, None), ("both", 60, 2)):
            with poisoned(byte):
                self.train(name, "train.epochs=1", "data.max_bad_fraction=0", ranks=ranks)
            self.assertEqual(self.digest(name), self.digest("alone"))
        self.assertEqual(self.predictions("alone", 90), self.predictions("alone", 165))


if __name__ == "__main__":
    unittest.main()
