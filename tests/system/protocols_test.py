# SPDX-License-Identifier: Apache-2.0
"""Evaluation by protocols of many views: equal bytes on any number of ranks and in any order of the list, without a
configuration, beside training data."""
import csv
import json
import unittest

from support import ClipWorkspace, Workspace, larkspur


def predictions(report):
    """File -> the rest of its row."""
    with open(report / "predictions.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: {k: v for k, v in row.items() if k not in ("id", "file")} for row in csv.DictReader(file)}


class HeldOut(Workspace):
    def test_a_part_of_the_training_list_is_scored_that_training_never_saw(self):
        self.train("run", "data.holdout=0.25", "train.epochs=1")
        reports = {}
        for name, words in (("held", ("eval.on=holdout",)), ("test", ())):
            self.done(larkspur("eval", "--checkpoint", str(self.output("run")), "--report", str(self.folder / name), *words))
            reports[name] = json.loads((self.folder / name / "report.json").read_text())
        self.assertEqual([reports["held"][key] for key in ("samples", "trained_samples")], [4 * 3, 0])
        self.assertEqual(reports["test"]["samples"], 16)
        self.assertEqual([reports[name]["on"] for name in ("held", "test")], ["holdout", "eval"])
        self.assertTrue(all("train" in file for file in predictions(self.folder / "held")))
        self.done(larkspur("eval", "--checkpoint", str(self.output("run")), "eval.on=holdout", "data.holdout=0"), 2)
        self.train("run", "data.holdout=0.5", code=4)


class ClipProtocols(ClipWorkspace):
    def evaluate(self, report, *words, ranks=None, code=0):
        result = self.done(larkspur("eval", "--checkpoint", str(self.output("run")), "--report",
                                    str(self.folder / report), *words, ranks=ranks), code)
        return result, self.folder / report

    def test_ranks_and_order_change_no_byte_and_the_report_tells_the_views(self):
        self.train("run", "train.epochs=1")
        for protocol, views in (("slowfast_10x3", 30), ("mmaction2_mvit_5x1", 5), ("center", 1)):
            words = (f"eval.protocol={protocol}", "eval.size=16", "eval.batch=7")
            result, alone = self.evaluate("alone", *words)
            self.assertIn(f"protocol {protocol}  views {views}  ", result.stdout)
            report = json.loads((alone / "report.json").read_text())
            self.assertEqual((report["views"], report["protocol"], report["trained_samples"]), (views, protocol, 0))
            for ranks in (2, 3):
                _, several = self.evaluate("several", *words, ranks=ranks)
                for name in ("report.json", "predictions.csv"):
                    self.assertEqual((several / name).read_bytes(), (alone / name).read_bytes(), f"{protocol} {ranks}")
            head, *lines = (self.folder / "videos" / "test.csv").read_text().splitlines()
            turned = self.folder / "videos" / "turned.csv"
            turned.write_text("\n".join([head, *reversed(lines)]) + "\n")
            _, other = self.evaluate("other", *words, f"data.eval.list={turned}")
            self.assertEqual(predictions(other), predictions(alone))
        self.assertIn("center (1 view of a sample)", (alone / "report.html").read_text())

    def test_a_run_is_evaluated_without_its_configuration(self):
        self.train("run", "train.epochs=1")
        by_config = self.done(larkspur("eval", str(self.config), f"output={self.output('run')}", "--report",
                                       str(self.folder / "by_config")))
        self.config.unlink()
        by_run = self.done(larkspur("eval", "--checkpoint", str(self.output("run"))))
        self.assertEqual(by_run.stdout.split("  report ")[0], by_config.stdout.split("  report ")[0])
        self.assertIn(str(self.output("run") / "report"), by_run.stdout)
        self.assertEqual(predictions(self.output("run") / "report"), predictions(self.folder / "by_config"))
        launched = self.done(larkspur("launch", "-n", "2", "--", "eval", "--checkpoint", str(self.output("run"))))
        self.assertEqual(launched.stdout, by_run.stdout)
        wrong, _ = self.evaluate("wrong", "model.variant=a", code=4)
        self.assertIn("model.variant is micro there and a here", wrong.stderr)
        nearest, _ = self.evaluate("wrong", "eval.protocol=slowfast10x3", code=2)
        self.assertIn("did you mean 'slowfast_10x3'?", nearest.stderr)
        clouds, _ = self.evaluate("wrong", "eval.protocol=vote10", code=2)
        self.assertIn("vote10 does not look at data.kind video; these do: center, videomae_5x3", clouds.stderr)

    def test_scores_that_were_kept_are_scored_again_and_fused(self):
        self.train("run", "train.epochs=1")
        lines = {}
        for name, ranks, words in (("a", 1, ("eval.protocol=mvit_5x1", "eval.size=16")), ("b", 3, ("eval.protocol=center",)),
                                   ("c", 2, ("eval.protocol=mvit_5x1", "eval.size=16"))):
            result, _ = self.evaluate(f"r{name}", *words, "--scores", str(self.folder / name), ranks=ranks)
            lines[name] = result.stdout.split("  report ")[0]
        self.assertEqual((self.folder / "a").read_bytes(), (self.folder / "c").read_bytes())
        again = self.done(larkspur("score", str(self.folder / "a"), "--report", str(self.folder / "again")))
        self.assertEqual(again.stdout.strip(), lines["a"])
        self.assertEqual(predictions(self.folder / "again"), predictions(self.folder / "ra"))
        both = self.done(larkspur("score", str(self.folder / "a"), str(self.folder / "b"), "--weights", "2,1"))
        self.assertIn("protocol mvit_5x1 + center  views 6", both.stdout)
        wrong = self.done(larkspur("score", str(self.folder / "a"), str(self.config)), 3)
        self.assertIn("run.yaml", wrong.stderr)
        self.done(larkspur("score", str(self.folder / "a"), "--weights", "1,2"), 2)

    def test_training_data_among_the_evaluated_is_counted_and_said(self):
        self.train("run", "train.epochs=1")
        folder = self.folder / "videos"
        head, *train = (folder / "train.csv").read_text().splitlines()
        test = (folder / "test.csv").read_text().splitlines()[1:]
        mixed = folder / "mixed.csv"
        mixed.write_text("\n".join([head, *train[:3], *test]) + "\n")
        result, report = self.evaluate("mixed", f"data.eval.list={mixed}")
        self.assertIn("3 of 19 samples of data.eval are those that the checkpoint was trained on", result.stderr)
        self.assertEqual(json.loads((report / "report.json").read_text())["trained_samples"], 3)
        result, _ = self.evaluate("all", f"data.eval.list={folder / 'train.csv'}")
        self.assertIn("48 of 48 samples", result.stderr)


class CloudProtocols(Workspace):
    def test_votes_and_turns_change_no_byte_on_ranks(self):
        self.train("run", "train.epochs=1")
        found = []
        for protocol, views in (("vote10", 10), ("rotate40", 40), ("rotate12", 12), ("fixed", 1)):
            reports = []
            for ranks in (None, 3):
                report = self.folder / f"{protocol}{ranks}"
                self.done(larkspur("eval", "--checkpoint", str(self.output("run")), f"eval.protocol={protocol}",
                                   "--report", str(report), ranks=ranks))
                reports.append((report / "predictions.csv").read_bytes() + (report / "report.json").read_bytes())
                self.assertEqual(json.loads((report / "report.json").read_text())["views"], views)
            self.assertEqual(*reports)
            found.append(predictions(report))
        for other in found[:3]:
            self.assertNotEqual(other, found[3])


if __name__ == "__main__":
    unittest.main()
