# SPDX-License-Identifier: Apache-2.0
"""`larkspur predict` says of single files what an evaluation says of its list."""
import csv
import json
import subprocess
import unittest

from support import ClipWorkspace, Workspace, command, environment, larkspur


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

    def test_a_folder_stands_for_the_files_of_its_kind_below_it(self):
        self.train("run", "train.epochs=1")
        (self.folder / "clouds" / "notes.txt").write_text("some words\n")
        result = self.done(larkspur("predict", "--checkpoint", str(self.output("run")), str(self.folder / "clouds"),
                                    "--json"))
        files = [answer["file"] for answer in json.loads(result.stdout)["files"]]
        self.assertEqual(sorted(files), sorted(str(p) for p in (self.folder / "clouds").rglob("*.off")))
        result = larkspur("predict", "--checkpoint", str(self.output("run")), "-")
        self.assertIn("trained on clouds", self.done(result, 2).stderr)


def y4m_frame(number):
    """A picture of 32 x 32 whose grey tells its number."""
    return b"FRAME\n" + bytes([(7 * number) % 256]) * 1024 + b"\x80" * 512


HEADER = b"YUV4MPEG2 W32 H32 F10:1 Ip A1:1 C420jpeg\n"


class PredictStream(ClipWorkspace):
    """Clips of the configuration span 11 frames."""

    def setUp(self):
        super().setUp()
        self.train("run", "train.epochs=1")

    def stream(self, *words, data, code=0):
        result = subprocess.run(command(["predict", "--checkpoint", str(self.output("run")), *words], None), input=data,
                                capture_output=True, timeout=240, env=environment(), check=False)
        self.assertEqual(result.returncode, code, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()], result.stderr.decode()

    def test_a_window_as_long_as_a_file_is_told_what_the_file_is_told(self):
        for video in sorted((self.folder / "videos").rglob("*.mp4"))[:3]:
            said = self.done(larkspur("predict", "--checkpoint", str(self.output("run")), str(video), "--json"))
            lines, _ = self.stream("--stream", str(video), "--window", "16", "--json", data=b"")
            self.assertEqual(len(lines), 1)
            self.assertEqual(lines[0]["predictions"], json.loads(said.stdout)["files"][0]["predictions"])

    def test_windows_slide_over_standard_input(self):
        data = HEADER + b"".join(y4m_frame(n) for n in range(30))
        lines, _ = self.stream("-", "--json", data=data)
        self.assertEqual([(one["window"], one["first_frame"], one["frames"]) for one in lines],
                         [(0, 0, 11), (1, 11, 11), (2, 22, 8)])
        self.assertAlmostEqual(lines[1]["first_seconds"], 1.1, places=3)
        self.assertAlmostEqual(lines[1]["last_seconds"], 2.1, places=3)
        lines, _ = self.stream("-", "--json", "--window", "2s", "--hop", "0.5s", data=data)
        self.assertEqual([one["first_frame"] for one in lines], [0, 5, 10])
        self.assertEqual({one["frames"] for one in lines}, {20})
        said = self.done(subprocess.run(command(["predict", "--checkpoint", str(self.output("run")), "-"], None),
                                        input=data.decode("latin-1"), encoding="latin-1", capture_output=True,
                                        timeout=240, env=environment(), check=False)).stdout
        self.assertRegex(said, r"(?m)\A0:00\.00-0:01\.00  frames 0-10 +\d+\.\d % \w+")
        self.assertEqual(said.count("\n"), 3)

    def test_a_window_is_told_as_soon_as_it_is_whole(self):
        process = subprocess.Popen(command(["predict", "--checkpoint", str(self.output("run")), "-", "--json"], None),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        with process:
            process.stdin.write(HEADER + b"".join(y4m_frame(n) for n in range(25)))
            process.stdin.flush()
            for window in range(2):  # though the stream goes on
                self.assertEqual(json.loads(process.stdout.readline())["window"], window)
            process.stdin.close()
            self.assertEqual(json.loads(process.stdout.readline())["frames"], 3)
            self.assertEqual(process.wait(), 0)

    def test_what_is_no_stream_or_breaks_off_is_named(self):
        _, said = self.stream("-", data=b"no video", code=3)
        self.assertIn("standard input: cannot be opened", said)
        cut = next((self.folder / "videos").rglob("*.mp4")).read_bytes()
        _, said = self.stream("-", data=cut[:len(cut) // 2], code=3)
        self.assertIn("standard input: ", said)
        self.stream("-", "clip.mp4", data=b"", code=2)
        self.stream("-", "--window", "2.5", data=b"", code=2)
        self.stream("--stream", str(self.folder / "absent.mp4"), data=b"", code=2)



if __name__ == "__main__":
    unittest.main()
