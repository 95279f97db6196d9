# SPDX-License-Identifier: Apache-2.0
"""Reports as a browser draws them: every number of report.json is to be seen. Skips without Chromium."""
import html.parser
import json
import re
import shutil
import subprocess
import unittest

import support
from support import ClipWorkspace, Workspace, environment, larkspur

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MARKUP = "<img src=x onerror=document.title=1>"  # a class: as text it does nothing


class Drawn(html.parser.HTMLParser):
    """What a test asks of a page: elements by class, ids of sections, texts of each tile, cells of each table."""

    def __init__(self, text):
        super().__init__()
        self.classes, self.tags, self.tables, self.sections, self.tiles = [], [], [], [], []
        self.title = self.place = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.classes += (attributes.get("class") or "").split()
        self.tags.append(tag)
        if tag in ("p", "nav", "section"):
            self.place = None
        if attributes.get("class") == "tile":
            self.tiles.append([])
            self.place = "tile"
        if tag == "section":
            self.sections.append(attributes["id"])
        if tag == "tbody":
            self.tables.append((self.sections[-1], []))
        if tag == "tr" and "tbody" in self.tags[-1 - self.tags[::-1].index("table"):]:
            self.tables[-1][1].append([])
        if tag == "td":
            self.tables[-1][1][-1].append("")
            self.place = "cell"

    def handle_endtag(self, tag):
        if tag == "td":
            self.place = None

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "title" and self.title is None:
            self.title = data
        if self.place == "tile":
            self.tiles[-1].append(data)
        if self.place == "cell":
            self.tables[-1][1][-1][-1] += data

    def rows(self, section):
        """Of the last table of a section."""
        return [rows for name, rows in self.tables if name == section][-1]


def browse(test, page):
    """The page's elements as its scripts have left them."""
    result = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={test.folder}/browser",
         "--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120, env={**environment(), "HOME": str(test.folder)}, check=True)
    test.assertNotIn("CONSOLE", result.stderr)
    return re.sub(r"<script.*?</script>", "", result.stdout, flags=re.S)


# What is wider than its place says so to the page around it.
TELL_WIDE = """<script>setTimeout(() => parent.postMessage([...document.querySelectorAll('body, .scroll')]
  .filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText.slice(0, 60)).join(';') || 'fits', '*'), 300)</script>"""
PHONE = """<iframe src="inner.html" style="width:390px;height:3000px"></iframe><p id="told"></p>
<script>onmessage = e => { document.getElementById('told').textContent = 'told: ' + e.data }</script>"""


def draw(test, page):
    """Also looked at on a phone: nothing may be wider than that."""
    inner, outer = test.folder / "inner.html", test.folder / "outer.html"
    inner.write_text(page.read_text().replace("</body>", TELL_WIDE + "</body>"))
    outer.write_text(PHONE)
    test.assertIn("told: fits", browse(test, outer), page)
    return Drawn(browse(test, page))


@unittest.skipUnless(BROWSER, "no Chromium to look at pages with")
class ReportPage(Workspace):
    def make_data(self):
        super().make_data()
        clouds = self.folder / "clouds"
        sorted(path for path in clouds.iterdir() if path.is_dir())[0].rename(clouds / MARKUP)
        next((clouds / MARKUP / "test").iterdir()).write_text("no cloud")

    def test_pages_show_what_the_files_say(self):
        for seed in (3, 4):
            self.train(f"run{seed}", f"seed={seed}", "train.epochs=2")
        report = self.output("run3") / "report"
        self.done(larkspur("eval", str(self.config), f"output={self.output('run3')}"))
        said = json.loads((report / "report.json").read_text())

        page = draw(self, report / "report.html")
        self.assertEqual(page.title, "Evaluation of run3")
        self.assertEqual(page.sections, ["learning", "confusion", "classes", "mistakes", "unreadable", "time",
                                         "configuration", "facts"])
        shown = {row[0]: row[1:4] for row in page.rows("classes")}
        self.assertEqual(shown, {one["class"]: [f"{one['accuracy']:.2f} %", str(one["samples"]), str(one["correct"])]
                                 for one in said["per_class"]})
        self.assertIn(MARKUP, shown)
        wrong = said["samples"] - said["unreadable"] - sum(one["correct"] for one in said["per_class"])
        self.assertEqual(page.classes.count("mistake"), min(12, wrong))
        self.assertEqual(page.classes.count("cloud"), min(12, wrong))
        self.assertEqual(page.classes.count("chart"), 7)
        self.assertEqual(page.classes.count("confusion"), 1)
        self.assertEqual(page.tags.count("img"), 0)
        self.assertEqual([row[0] for row in page.rows("unreadable")],
                         [file["file"] for file in said["unreadable_files"]])
        self.assertIn(["digest of the checkpoint", said["checkpoint_digest"]], page.rows("facts"))

        training = draw(self, report / "train.html")
        self.assertEqual(training.sections, ["learning", "time", "configuration", "facts"])
        self.assertEqual(training.classes.count("chart"), 7)

        both = self.folder / "both.html"
        self.done(larkspur("report", *(str(self.output(f"run{seed}")) for seed in (3, 4)), "--output", str(both)))
        beside = draw(self, both)
        self.assertEqual(beside.sections, ["scores", "learning"])
        self.assertEqual(beside.classes.count("c2"), 8)  # the second run in each picture and in the legend
        self.assertEqual([row[0] for row in beside.rows("scores")], ["seed", "output"])
        runs = dict((row[0], row[1:]) for row in beside.tables[0][1])  # a column each: they are few
        self.assertEqual(float(runs["top-1, %"][0]), said["top1"])
        self.assertNotIn("mean average precision, %", runs)  # no run has any


@unittest.skipUnless(BROWSER, "no Chromium to look at pages with")
class OtherLabels(ClipWorkspace):
    def make_list(self, name, *, labels):
        """The videos of a side, each with two classes or with none."""
        files = sorted((self.folder / "videos").rglob("*.mp4"))
        lines = [f"{path};{i % 4};{(i + 1) % 4}" if labels else str(path) for i, path in enumerate(files)]
        (self.folder / name).write_text("\n".join(lines) + "\n")
        return str(self.folder / name)

    def evaluate(self, name, *words):
        """Drawn page and report."""
        report = self.folder / name
        self.done(larkspur("eval", "--checkpoint", str(self.output("run")), "--report", str(report), *words))
        page = draw(self, report / "report.html")
        for text in sum(page.tiles, []):
            self.assertNotRegex(text, "null|NaN|undefined|\N{EN DASH}")
        return page, json.loads((report / "report.json").read_text())

    def test_a_page_has_the_scores_that_labels_allow(self):
        several = self.make_list("several.txt", labels=True)
        self.train("run", "train.epochs=1", "data.several_labels=true", f"data.train.list={several}",
                   f"data.eval.list={several}", "train.mixup=0", "train.cutmix=0", "train.label_smoothing=0")
        page, said = self.evaluate("r1", "eval.protocol=mvit_5x1", "eval.size=16", "--scores", str(self.folder / "kept"))
        self.assertEqual(page.sections, ["learning", "classes", "mistakes", "unreadable", "time", "configuration",
                                         "facts"])
        self.assertEqual(page.tiles[0], [f"{said['mean_average_precision']:.2f} %", "mean average precision",
                                         "samples of several classes"])
        self.assertIn(["5", "views", "protocol mvit_5x1"], page.tiles)
        self.assertIn("warning", page.classes)
        self.assertEqual({row[0]: row[1:] for row in page.rows("classes")},
                         {one["class"]: [f"{one['average_precision']:.2f} %", str(one["samples"])]
                          for one in said["per_class"]})

        kept = self.folder / "again"
        self.done(larkspur("score", str(self.folder / "kept"), "--report", str(kept)))
        self.assertEqual(draw(self, kept / "report.html").sections, ["classes", "mistakes", "unreadable", "facts"])
        self.assertEqual((kept / "report.json").read_bytes(), (self.folder / "r1" / "report.json").read_bytes())

        page, said = self.evaluate("r2", f"data.eval.list={self.make_list('bare.txt', labels=False)}")
        self.assertEqual(page.sections, ["learning", "predictions", "unreadable", "time", "configuration", "facts"])
        self.assertEqual(page.tiles[0], [str(said["samples"]), "samples", "without labels: predictions only"])
        self.assertEqual(sum(int(row[1]) for row in page.rows("predictions")), said["samples"])


if __name__ == "__main__":
    support.main()
