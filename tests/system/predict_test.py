# SPDX-License-Identifier: Apache-2.0
"""`larkspur predict` says of single files what an evaluation says of its list."""
import csv
import json
import unittest

from support import Workspace, larkspur


class Predict(Workspace):
    def test_single_files_get_the_labels_the_evaluation_gave_them(self):
        self.train("run")
        checkpoints = str(self.output("run") / "checkpoints")
        self.done(larkspur("eval", str(self.config), "--checkpoint", checkpoints, "--report",
                           str(self.folder / "report")))
        with open(self.folder / "report" / "predictions.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 16)
        # All of them and in the list's order: points on a mesh are drawn by its place in the list.
        files = [str(self.folder / "clouds" / row["file"]) for row in rows]
        result = self.done(larkspur("predict", "--checkpoint", checkpoints, *files, "--json"))
        answers = json.loads(result.stdout)["files"]
        for row, file, answer in zip(rows, files, answers):
            self.assertEqual(answer["file"], file)
            for place, likely in enumerate(answer["predictions"], 1):
                self.assertEqual(likely["label"], row[f"class{place}"])
                self.assertAlmostEqual(likely["probability"], float(row[f"probability{place}"]), places=5)
            self.assertEqual(len(answer["predictions"]), 4)  # the classes there are
            self.assertAlmostEqual(sum(p["probability"] for p in answer["predictions"]), 1.0, places=5)

    def test_odd_names_relative_paths_and_files_that_cannot_be_read(self):
        self.train("run", "train.epochs=1")
        odd = self.folder / "a \"quoted\", name.off"
        odd.write_bytes(next((self.folder / "clouds").rglob("*.off")).read_bytes())
        checkpoint = str(self.checkpoints("run")[-1])
        result = self.done(larkspur("predict", "--checkpoint", checkpoint, str(odd)))
        self.assertEqual(len(result.stdout.splitlines()), 5)
        bad = self.folder / "bad.off"
        bad.write_text("OFF\n")
        result = larkspur("predict", "--checkpoint", checkpoint, str(bad), str(odd), str(self.folder / "absent.off"))
        self.done(result, 3)
        self.assertEqual(result.stdout.count("cannot be read"), 2)
        self.assertIn("2 of 3 files cannot be read", result.stderr)
        self.done(larkspur("predict", "--checkpoint", str(self.folder / "nothing"), str(odd)), 4)
        self.done(larkspur("predict", "--checkpoint", checkpoint), 2)


if __name__ == "__main__":
    unittest.main()
