# SPDX-License-Identifier: Apache-2.0
"""The forms that look at a cloud more than once: trained, scored, predicted, exported and passed forward."""
import json
import unittest

import golden_weights
from support import Workspace, larkspur

PICTURES = ["data.views=2", "data.view_size=16", "data.splat=0.15"]
FORMS = {
    "rich": ["model.kernel=[7,7,7]", "data.cells=rich", "model.last_stride=1", "model.map_pooling=mean_max"],
    "cells": ["model.kernel=[7,7,7]", "data.points=64", "model.cell_grid=8", "train.mixup=0.8", "train.cutmix=1"],
    "views": ["model.kernel=[1,7,7]", *PICTURES],
    "joint": ["model.kernel=[7,7,7]", "model.view_stem_stride=2", *PICTURES],
    "points": ["model.kernel=[1,7,7]", "data.points=64", "model.drawing_size=16"],
}
FORM_OF = {"rich": "voxel"}
SHAPES = {"rich": [[3, 12, 12, 12, 12]], "cells": [[3, 50, 3]], "views": [[3, 2, 3, 16, 16]],
          "joint": [[3, 1, 12, 12, 12], [3, 2, 3, 16, 16]], "points": [[3, 50, 3]]}


class Forms(Workspace):
    def words(self, form, epochs=2):
        return [f"model.form={FORM_OF.get(form, form)}", "model.stem_stride=2", f"train.epochs={epochs}", *FORMS[form]]

    def forward(self, form, weights, *words):
        output = self.folder / "y.npy"
        given = []
        for option, shape in zip(("--input", "--second-input"), SHAPES[form]):
            path = self.folder / f"x{option}.npy"
            golden_weights.write_npy(path, shape, golden_weights.layered_noise("input", shape, 4))
            given += [option, str(path)]
        self.done(larkspur("forward", "--model", f"{FORM_OF.get(form, form)}/micro", "--classes", "4",
                           "--weights", str(weights), *given, "--output", str(output), *words))
        return golden_weights.read_npy(output)

    def expect_whole_life(self, form):
        words = self.words(form)
        self.train("alone", *words)
        self.train("two", *words, ranks=2)
        self.assertEqual(self.digest("two"), self.digest("alone"))
        report = self.folder / "report"
        self.done(larkspur("eval", str(self.config), f"output={self.output('two')}", *words, "--report", str(report),
                           ranks=2))
        self.assertEqual(json.loads((report / "report.json").read_text())["samples"], 16)
        file = next((self.folder / "clouds").glob("*/test/*"))
        checkpoints = self.output("two") / "checkpoints"
        answer = json.loads(self.done(larkspur("predict", "--checkpoint", str(checkpoints), "--json", str(file))).stdout)
        self.assertEqual(len(answer["files"][0]["predictions"]), 4)
        exported = self.folder / "w.safetensors"
        self.done(larkspur("export", "--checkpoint", str(checkpoints), "--output", str(exported)))
        options = {"rich": ["--kernel", "7x7x7", "--stem-stride", "2", "--cells", "rich", "--last-stride", "1",
                             "--map-pooling", "mean_max"],
                   "cells": ["--kernel", "7x7x7", "--stem-stride", "2", "--cell-grid", "8"],
                   "views": ["--kernel", "1x7x7", "--stem-stride", "2"],
                   "joint": ["--kernel", "7x7x7", "--stem-stride", "2", "--view-stem-stride", "2"],
                   "points": ["--kernel", "1x7x7", "--stem-stride", "2", "--drawing-size", "16"]}[form]
        trained = self.forward(form, checkpoints)
        merged = self.forward(form, exported, *options)
        self.assertEqual((len(trained), len(trained[0])), (3, 4))
        largest = max(abs(v) for row in trained for v in row)
        for row, other in zip(trained, merged):
            for value, same in zip(row, other):
                self.assertAlmostEqual(value, same, delta=1e-4 * largest)

    def test_rich_cells_of_voxels(self):
        self.expect_whole_life("rich")
        result = larkspur("eval", "--checkpoint", str(self.output("two")), "data.cells=occupancy")
        self.assertEqual(result.returncode, 4)
        self.assertIn("data.cells is rich there and occupancy here", result.stderr)

    def test_cells_of_points(self):
        self.expect_whole_life("cells")
        self.train("three", *self.words("cells"), ranks=3)
        self.assertEqual(self.digest("three"), self.digest("alone"))

    def test_views(self):
        self.expect_whole_life("views")

    def test_joint(self):
        self.expect_whole_life("joint")
        result = larkspur("train", str(self.config), f"output={self.output('mixed')}", *self.words("joint"),
                          "train.mixup=0.8")
        self.assertEqual(result.returncode, 2)
        self.assertIn("train.mixup: form joint does not take it", result.stderr)

    def entries(self, name):
        """Name -> shape and values of what a run ended with, as trained."""
        path = self.folder / f"{name}.safetensors"
        self.done(larkspur("export", "--checkpoint", str(self.output(name)), "--output", str(path), "--unmerged"))
        return golden_weights.read_safetensors(path)

    def test_joint_starts_from_its_halves(self):
        """Frozen whole, so that each half must still be what it started from."""
        for form in ("voxel", "views"):
            words = self.words(form, epochs=1) if form in FORMS else ["model.stem_stride=2", "train.epochs=1"]
            self.train(form, *words)
        words = ["train", str(self.config), *self.words("joint"), "model.freeze_stages=4"]
        voxels = f"model.weights={self.output('voxel')}"
        views = f"model.view_weights={self.output('views')}"
        result = self.done(larkspur(*words, voxels, views, f"output={self.output('both')}", ranks=2))
        joint = self.entries("both")
        for half in ("voxel", "views"):
            self.assertEqual(result.stderr.count(f"{self.output(half)} fills {half}.*"), 1, result.stderr)
            alone = {f"{half}.{name}": entry for name, entry in self.entries(half).items()
                     if not name.startswith(("norm.", "head."))}
            self.assertGreater(len(alone), 100)
            self.assertEqual(alone, {name: joint[name] for name in alone})
        refusals = [
            ([voxels], 4, "freeze 0, or name weights of pictures as model.view_weights"),
            ([voxels, f"model.view_weights={self.output('voxel')}"], 4, f"{self.output('voxel')} is of voxels: it must be of pict"),
            ([f"model.weights={self.output('views')}", views], 4, f"model.weights: {self.output('views')} is of pictures"),
            ([f"model.weights={self.output('both')}", views], 4, "holds a whole joint network: leave model.view_weights"),
            ([voxels, "model.view_weights=nowhere.pth"], 2, "model.view_weights: no such file or folder 'nowhere.pth'"),
        ]
        for more, code, told in refusals:
            result = self.done(larkspur(*words, *more, f"output={self.output('refused')}"), code)
            self.assertIn(told, result.stderr)

    def test_a_head_is_taken_where_it_fits_unless_a_new_one_is_asked_for(self):
        self.train("first", "train.epochs=1")
        tuned = [f"model.weights={self.output('first')}", "model.freeze_stages=4", "train.stop_after_steps=1",
                 "train.learning_rate=1e-9", "train.weight_decay=0"]
        first = self.entries("first")["head.weight"][1]
        for name, words, same in (("taken", [], True), ("anew", ["model.new_head=true"], False)):
            self.train(name, *tuned, *words)
            head = self.entries(name)["head.weight"][1]
            self.assertEqual(max(abs(a - b) for a, b in zip(first, head)) < 1e-6, same, name)
        five = self.folder / "five"
        self.done(larkspur("data", "make", "clouds", "--output", str(five), "--classes", "5", "--train", "8", "--test", "2"))
        result = self.train("other", *tuned, "model.classes=5", f"data.train.root={five}", f"data.eval.root={five}")
        self.assertIn("a new head for 5 classes: its own has 4 classes", result.stderr)

    def test_points(self):
        self.expect_whole_life("points")


if __name__ == "__main__":
    unittest.main()
