# SPDX-License-Identifier: Apache-2.0
"""The steps that are timed, at the sizes they are timed at: one value on any number of ranks, by threads, after a kill."""
import unittest

import png
from support import Workspace, larkspur

# Lanes of one sample; fewer steps than an epoch has, so that nothing is evaluated.
CONFIG = """\
seed: 3
output: {folder}/run
data: {{{data}, max_bad_fraction: 0.5}}
model: {{classes: 4, drop_path: 0.1, layer_scale: 0.5, {model}}}
train: {{epochs: 1, global_batch: 4, lanes: 4, learning_rate: 3e-3, weight_decay: 0.05, label_smoothing: 0.1, warmup_epochs: 0,
        clip_norm: 0.5, stop_after_steps: 3}}
"""
PICTURES = "kind: image, size: 224, train: {{root: {folder}/pictures}}, eval: {{root: {folder}/pictures}}"
CLOUDS = "kind: cloud, points: 1024, grid: 32, train: {{root: {folder}/clouds}}, eval: {{root: {folder}/clouds}}"
CLIPS = ("kind: video, frames: 16, stride: 1, size: 112, train: {{list: {folder}/videos/train.csv, labels: {folder}/videos/classes.txt}}, "
         "eval: {{list: {folder}/videos/test.csv, labels: {folder}/videos/classes.txt}}")


class ExactSteps(Workspace):
    def make_data(self):
        """Each form has its own; what the samples show does not matter."""

    def make(self, data, model):
        self.config.write_text(CONFIG.format(folder=self.folder, data=data.format(folder=self.folder), model=model))

    def make_pictures(self):
        for number in range(32):
            file = self.folder / "pictures" / "train" / f"class{number % 4}" / f"{number}.png"
            png.write_rgb(file, 64, 64, lambda x, y, n=number: (x * 3 + n, y * (n % 4 + 1) % 256, (x * y + n * 31) % 256))

    def check(self, precision):
        """Ranks, threads and a kill against one process alone."""
        options = (f"train.precision={precision}",)
        runs = {name: f"{precision}_{name}" for name in ("alone", "threads", "killed")}
        self.train(runs["alone"], *options)
        digests = {"one process": self.digest(runs["alone"])}
        for ranks in (2, 3, 4):
            name = f"{precision}_on{ranks}"
            self.train(name, *options, ranks=ranks)
            digests[f"{ranks} ranks"] = self.digest(name)
        self.train(runs["threads"], *options, "train.threads=2")
        digests["two threads"] = self.digest(runs["threads"])
        code, reached = self.kill_rank(runs["killed"], 1, 1, *options, "train.checkpoint_every=1", ranks=2)
        self.assertNotEqual(code, 0)
        self.assertLess(reached, 3)
        self.train(runs["killed"], *options, ranks=3)
        digests["killed on 2 ranks, continued on 3"] = self.digest(runs["killed"])
        print(f"{self.id().split('.')[-1]} {precision}: {digests['one process']}", flush=True)
        self.assertEqual(set(digests.values()), {digests["one process"]}, digests)

    def check_both(self):
        for precision in ("float32", "bfloat16"):
            with self.subTest(precision=precision):
                self.check(precision)

    def test_image_a(self):
        self.make_pictures()
        self.make(PICTURES, "form: image, variant: a")
        self.check_both()

    def test_image_t(self):
        self.make_pictures()
        self.make(PICTURES, "form: image, variant: t")
        self.check_both()

    def make_clouds(self):
        self.done(larkspur("data", "make", "clouds", "--output", str(self.folder / "clouds"), "--classes", "4", "--train", "8",
                           "--test", "1"))

    def test_voxel_a_of_7(self):
        self.make_clouds()
        self.make(CLOUDS, "form: voxel, variant: a, kernel: [7, 7, 7]")
        self.check_both()

    def test_voxel_a_of_13(self):
        self.make_clouds()
        self.make(CLOUDS, "form: voxel, variant: a, kernel: [13, 13, 13]")
        self.check_both()

    def test_clip_a(self):
        self.done(larkspur("data", "make", "videos", "--output", str(self.folder / "videos"), "--classes", "4", "--train", "8",
                           "--test", "1", "--size", "112", "--frames", "16"))
        self.make(CLIPS, "form: clip, variant: a, kernel: [5, 13, 13]")
        self.check_both()


if __name__ == "__main__":
    unittest.main()
