# SPDX-License-Identifier: Apache-2.0
"""Training, evaluation, `predict` and `data check` agree on which samples there are and which of them are bad.

But for a cloud named .mp4 and its like: `data check` is not told which of the two a model takes.
"""
import json
import os
import shutil
import unittest

import odd_files
from support import Workspace, larkspur

CLOUDS = """\
output: {output}
data: {{kind: cloud, points: 64, grid: 8, max_bad_fraction: 1, train: {source}, eval: {source}}}
model: {{form: voxel, variant: micro, kernel: [3, 3, 3]}}
train: {{epochs: 1, global_batch: {samples}, lanes: 1, learning_rate: 1e-3, threads: 1}}
eval: {{protocol: fixed}}
"""
VIDEOS = """\
output: {output}
data: {{kind: video, frames: 2, stride: 1, size: 16, max_bad_fraction: 1, train: {source}, eval: {source}}}
model: {{form: clip, variant: micro, kernel: [3, 3, 3]}}
train: {{epochs: 1, global_batch: {samples}, lanes: 1, learning_rate: 1e-3, threads: 1}}
eval: {{protocol: center}}
"""


def names(answers, folder):
    """Names of files below the folder, all and the bad ones."""
    def below(name):
        return os.path.relpath(os.path.join(folder, name), folder)
    return {below(a["file"]) for a in answers}, {below(a["file"]) for a in answers if not a["ok"]}


class Agreement(Workspace):
    def make_data(self):
        self.data = self.folder / "data"
        self.data.mkdir()

    def unreadable(self, report, above):
        content = json.loads(report.read_text())
        return {os.path.normpath(os.path.join(above, file["file"])) for file in content["unreadable_files"]}

    def agree(self, text, source, good, bad, checked, predicted, above=""):
        """`checked` and `predicted`: arguments of `data check` and of `predict`. Names start at the data folder, in reports
        of training and evaluation at `above` in it."""
        all_names = good | bad
        self.assertFalse(good & bad)
        self.config.write_text(text.format(output=self.output("run"), source=json.dumps(source), samples=len(all_names)))
        self.train("run")
        found = {"train": (all_names, self.unreadable(self.output("run") / "report" / "train.json", above))}
        report = self.output("evaluated")
        self.done(larkspur("eval", str(self.config), f"output={self.output('run')}", "--report", str(report)))
        self.assertEqual(json.loads((report / "report.json").read_text())["samples"], len(all_names))
        found["eval"] = (all_names, self.unreadable(report / "report.json", above))
        result = self.done(larkspur("predict", "--checkpoint", str(self.output("run")), "--json", *predicted), 3)
        found["predict"] = names(json.loads(result.stdout)["files"], self.data)
        result = self.done(larkspur("data", "check", "--json", *checked), 3)
        found["check"] = names(json.loads(result.stdout)["files"], self.data)
        for verb, (present, unreadable) in found.items():
            with self.subTest(verb=verb):
                self.assertEqual(present, all_names)
                self.assertEqual(unreadable, bad)

    def in_a_list(self, text, good, bad):
        (self.data / "list.txt").write_text("".join(f"{name} {i % 2}\n" for i, name in enumerate(sorted(good | bad))))
        source = {"list": str(self.data / "list.txt"), "root": str(self.data)}
        files = [str(self.data / name) for name in sorted(good | bad)]
        self.agree(text, source, good, bad, [str(self.data / "list.txt")], files)

    def in_folders(self, text, folder, good, bad, above=""):
        """`good` and `bad`: contents by file name of the class "one", of which the class "two" is a link. Beside the
        files: hidden ones, notes, a folder with a sample's name, a link to above."""
        odd_files.write_all(folder, {**good, **bad})
        (folder / "._hidden.off").write_bytes(b"Mac")
        (folder / ".hidden.mp4").write_bytes(b"")
        (folder / "notes.md").write_bytes(b"# notes\n")
        (folder / "folder.off").mkdir()
        (folder / "loop").symlink_to("../..")
        next(self.data.rglob("one")).with_name("two").symlink_to("one")
        good, bad = ({str((folder / name).relative_to(self.data)) for name in names} for names in (good, bad))
        both = [names | {name.replace("one", "two", 1) for name in names} for names in (good, bad)]
        self.agree(text, {"root": str(self.data), "split": "train"}, *both, [str(self.data)], [str(self.data)], above)

    def test_clouds_in_a_list(self):
        good, bad = odd_files.good_clouds(), odd_files.bad_clouds()
        odd_files.write_all(self.data, {**good, **bad})
        odd_files.add_odd_places(self.data, "off", good, bad)
        bad["missing.off"] = None
        self.in_a_list(CLOUDS, set(good), set(bad))

    def test_clouds_in_folders(self):
        good = {name: odd_files.OFF for name in odd_files.odd_names(".off")}
        bad = {name: content for name, content in odd_files.bad_clouds().items() if name.lower().endswith(".off")}
        folder = self.data / "one" / "train"
        folder.mkdir(parents=True)
        odd_files.add_odd_places(folder, "off", good, bad)
        self.in_folders(CLOUDS, folder, good, bad)

    def videos(self):
        made = self.folder / "made"
        self.done(larkspur("data", "make", "videos", "--output", str(made), "--classes", "2", "--train", "1",
                           "--test", "1", "--size", "32", "--frames", "8"))
        whole = next(made.glob("train/*/*.mp4")).read_bytes()
        shutil.rmtree(made)
        return whole

    def test_videos_in_a_list(self):
        whole = self.videos()
        good, bad = odd_files.good_videos(whole), odd_files.bad_videos(whole)
        odd_files.write_all(self.data, {**good, **bad})
        odd_files.add_odd_places(self.data, "mp4", good, bad)
        bad["missing.mp4"] = None
        self.in_a_list(VIDEOS, set(good), set(bad))

    def test_videos_in_folders(self):
        whole = self.videos()
        good = {**odd_files.good_videos(whole), **{name: whole for name in odd_files.odd_names(".mp4")}}
        good = {name: content for name, content in good.items() if not name.endswith(".bin")}
        bad = odd_files.bad_videos(whole)
        folder = self.data / "train" / "one"
        folder.mkdir(parents=True)
        odd_files.add_odd_places(folder, "mp4", good, bad)
        self.in_folders(VIDEOS, folder, good, bad, above="train")


if __name__ == "__main__":
    unittest.main()
