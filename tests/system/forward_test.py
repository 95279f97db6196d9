# SPDX-License-Identifier: Apache-2.0
"""`forward` and `export` as a user calls them: the authors' own figures from files of weights, and the
way from a training to a file and back."""
import io
import json
import math
import os
import pathlib
import pickle
import shutil
import struct
import tempfile
import unittest
import zipfile
import zlib

import golden_weights
import png
from support import Workspace, larkspur

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "data" / "golden"


def golden(name):
    return json.loads((GOLDEN / name).read_text())


class Forward(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-forward-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.weights = self.folder / "w.safetensors"
        self.input = self.folder / "x.npy"
        self.output = self.folder / "y.npy"

    def forward(self, model, *words, classes=1000):
        return larkspur("forward", "--model", model, "--classes", str(classes), "--weights", str(self.weights),
                        "--input", str(self.input), "--output", str(self.output), *words)

    def expect_logits(self, case, model, classes, *words):
        result = self.forward(model, *words, classes=classes)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        rows = golden_weights.read_npy(self.output)
        wanted = case["deploy"]["logits"] if "--merged" in words else case["logits"]
        self.assertEqual(len(rows), len(wanted["first16"]))
        for row, first, norm, total in zip(rows, wanted["first16"], wanted["l2"], wanted["sum"]):
            self.assertEqual(len(row), classes)
            for value, expected in zip(row, first):
                self.assertAlmostEqual(value, expected, delta=case["tol"])
            self.assertAlmostEqual(math.sqrt(math.fsum(v * v for v in row)), norm, delta=1e-5 * norm)
            self.assertAlmostEqual(math.fsum(row), total, delta=3e-4)

    def write_image(self, case):
        shape = case["input"]["shape"]
        data = golden_weights.layered_noise("input", shape, 16)
        self.assertEqual(f"{zlib.crc32(data):08x}", case["input"]["crc32"])
        golden_weights.write_npy(self.input, shape, data)

    def expect_published(self, variant):
        golden_weights.write_weights(self.weights, golden(f"names_{variant}.json")["entries"])
        case = next(c for c in golden(f"eval_{variant}.json")["cases"] if c["input"]["shape"][2] == 64)
        self.write_image(case)
        for words in ((), ("--merged",)):
            self.expect_logits(case, f"image/{variant.lower()}", 1000, *words)

    def test_variant_a_gives_the_published_logits(self):
        self.expect_published("A")

    def expect_features(self, case, read):
        """`read(name)`: shape and values of one feature, as written."""
        for record in case["features"]:
            shape, values = read(record["name"])
            self.assertEqual(list(shape), record["shape"], record["name"])
            norm = math.sqrt(math.fsum(v * v for v in values))
            self.assertAlmostEqual(norm, record["l2"], delta=1e-5 * record["l2"])
            self.assertAlmostEqual(math.fsum(values) / len(values), record["mean"], delta=record["tol"])
            for index, expected in zip(record["idx"], record["val"]):
                self.assertAlmostEqual(values[index], expected, delta=record["tol"])

    def test_features_are_the_published_ones_in_either_kind_of_file(self):
        golden_weights.write_weights(self.weights, golden("names_A.json")["entries"])
        case = next(c for c in golden("eval_A.json")["cases"] if c["input"]["shape"][2] == 64)
        self.write_image(case)
        folder, file = self.folder / "features", self.folder / "features.safetensors"
        for target, words in ((folder, ()), (file, ("--merged",))):
            result = self.forward("image/a", "--features", str(target), *words)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.expect_features(case, lambda name: golden_weights.read_array(folder / f"{name}.npy"))
        tensors = golden_weights.read_safetensors(file)
        self.assertEqual(set(tensors), {record["name"] for record in case["features"]})
        self.expect_features(case, tensors.get)

    def test_a_pth_file_gives_the_published_logits(self):
        self.weights = self.folder / "w.pth"
        golden_weights.write_pth(self.weights, golden("names_A.json")["entries"])
        case = next(c for c in golden("eval_A.json")["cases"] if c["input"]["shape"][2] == 64)
        self.write_image(case)
        self.expect_logits(case, "image/a", 1000)

    def test_a_pickle_that_would_run_a_command_is_refused_by_its_name(self):
        class Command:
            def __reduce__(self):
                return os.system, (f"touch {marker}",)

        marker = self.folder / "executed"
        self.weights = self.folder / "w.pth"
        with zipfile.ZipFile(self.weights, "w") as archive:
            archive.writestr("w/data.pkl", pickle.dumps({"model": Command()}, protocol=2))
            archive.writestr("w/version", "3\n")
        golden_weights.write_npy(self.input, [1, 3, 64, 64], bytes(4 * 3 * 64 * 64))
        self.expect_refusal(self.forward("image/a"), 4, "w.pth", "names posix.system", "nothing was executed")
        self.assertFalse(marker.exists())

    def test_variant_t_gives_the_published_logits(self):
        self.expect_published("T")

    def test_clips_as_pictures_give_the_published_logits(self):
        entries = [[name, [400, *shape[1:]], kind, None] if name.startswith("head.") else [name, shape, kind, crc]
                   for name, shape, kind, crc in golden("names_A.json")["entries"]]
        for entry in entries:
            if entry[3] is None:
                entry[3] = f"{zlib.crc32(golden_weights.entry_bytes(entry[0], entry[1])):08x}"
        golden_weights.write_weights(self.weights, entries)
        golden_weights.write_npy(self.input, [1, 3, 16, 56, 56],
                                 golden_weights.layered_noise("clip", [1, 3, 16, 56, 56], 8))
        for case in golden("video_A.json")["cases"]:
            for words in ((), ("--merged",)):
                self.expect_logits(case, f"{case['id']}/a", 400, *words)

    def write_still_clip(self, case, frames):
        """The case's picture, shown for so many frames."""
        n, c, h, w = case["input"]["shape"]
        data = golden_weights.layered_noise("input", [n, c, h, w], 16)
        plane = 4 * h * w
        planes = [data[i:i + plane] for i in range(0, len(data), plane)]
        golden_weights.write_npy(self.input, [n, c, frames, h, w], b"".join(p * frames for p in planes))

    def test_weights_of_pictures_give_a_still_clip_the_published_logits(self):
        golden_weights.write_weights(self.weights, golden("names_A.json")["entries"])
        case = next(c for c in golden("eval_A.json")["cases"] if c["input"]["shape"][2] == 64)
        self.write_still_clip(case, 5)
        for words, told in ((("--inflation", "mean", "--time-padding", "replicate"), "63 kernels begin spread evenly"),
                            (("--separable-time", "--merged"), "10 begin without effect")):
            result = self.forward("clip/a", *words)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn(told, result.stderr)
            for row, first in zip(golden_weights.read_npy(self.output), case["logits"]["first16"]):
                for value, expected in zip(row, first):
                    self.assertAlmostEqual(value, expected, delta=case["tol"])

    def test_options_of_time_are_refused_by_name(self):
        golden_weights.write_weights(self.weights, golden("names_A.json")["entries"])
        self.expect_refusal(self.forward("clip/a", "--inflation", "mean"), 2, "--inflation: model.inflation: mean needs time_padding replicate")
        self.expect_refusal(self.forward("clip/a", "--time-padding", "mirror"), 2, "--time-padding: model.time_padding: expected zeros or replicate, found 'mirror'")
        self.expect_refusal(self.forward("image/a", "--separable-time"), 2, "--separable-time: model.separable_time: form image does not take it (clip, differences do)")

    def test_the_effective_field_is_a_picture_that_any_reader_opens(self):
        entries = golden("names_A.json")["entries"]
        golden_weights.write_weights(self.weights, entries)
        picture = self.folder / "field.png"
        words = ("inspect", "erf", "--model", "image/a", "--classes", "1000", "--weights", str(self.weights),
                 "--size", "64x96", "--samples", "1", "--output", str(picture))
        result = larkspur(*words, "--stage", "2")
        self.assertEqual(result.returncode, 0, result.stderr)
        width, height, rows = png.read_grey(picture)
        self.assertEqual((width, height), (96, 64))
        self.assertEqual(max(max(row) for row in rows), 255)
        self.assertIn("over place 0x32x48", result.stdout)
        lines = [line.split() for line in result.stdout.splitlines()[2:]]
        self.assertEqual([line[0] for line in lines], ["20", "30", "50", "99"])
        sides = [int(line[2]) for line in lines]
        self.assertEqual(sides, sorted(sides))
        # The levels are fourth roots: raised again, the square of half the scores has about half of them.
        scores = [[level**4 for level in row] for row in rows]
        half = sides[2] // 2
        inside = sum(sum(row[48 - half:48 + half + 1]) for row in scores[32 - half:32 + half + 1])
        self.assertAlmostEqual(inside / sum(map(sum, scores)), 0.5, delta=0.15)
        first = picture.read_bytes()
        self.assertEqual(larkspur(*words, "--stage", "2").returncode, 0)
        self.assertEqual(picture.read_bytes(), first)
        self.expect_refusal(larkspur(*words, "--stage", "5"), 2, "--stage is 5, not in [1, 4]")

    def expect_refusal(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)

    def test_files_that_cannot_be_used_are_refused_in_one_line(self):
        golden_weights.write_npy(self.input, [1, 3, 64, 64], bytes(4 * 3 * 64 * 64))
        self.expect_refusal(self.forward("image/a"), 2, "w.safetensors is not there")
        for content, part in ((b"\0" * 7 + b"\x10", "a header of 1152921504606846976 bytes"),
                              (b"\x40" + b"\0" * 7 + b"{}", "a header of 64 bytes in a file of 10"),
                              (b"\x02" + b"\0" * 7 + b"{}", "lacks")):
            self.weights.write_bytes(content)
            self.expect_refusal(self.forward("image/a"), 4, "w.safetensors", part)
        self.expect_refusal(self.forward("image/q"), 2, "--model image/q: model.variant: expected micro")
        self.expect_refusal(self.forward("image/a", "--kernel", "13"), 2, "--kernel: model.kernel: expected a list of 3 whole numbers in [0, 17], found [13]")

    def test_crafted_files_are_refused_in_the_line_that_says_why(self):
        """The whole line, for anyone who looks for it, and what is refused is not half read."""
        golden_weights.write_npy(self.input, [1, 3, 64, 64], bytes(4 * 3 * 64 * 64))
        for name, content, line in crafted_files():
            self.weights = self.folder / name
            self.weights.write_bytes(content)
            result = self.forward("image/a")
            self.assertEqual((result.returncode, result.stderr), (4, f"larkspur: {self.weights}: {line}\n"))
            self.assertFalse(self.output.exists())


def crafted_files():
    """(name, content, complaint)"""
    def entry(begin, end, size):
        return {"dtype": "F32", "shape": [size], "data_offsets": [begin, end]}

    def tensors(header, data):
        text = json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def archive(pickled, values):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as made:
            made.writestr("w/data.pkl", pickled)
            made.writestr("w/data/0", values)
        return file.getvalue()

    yield "length.safetensors", b"\0" * 7 + b"\x10", "a header of 1152921504606846976 bytes in a file of 8"
    yield ("entry.safetensors", tensors({"a": entry(0, 1 << 60, 1 << 58)}, bytes(12)),
           "entry a at bytes 0 to 1152921504606846976 of 12: the file was cut short")
    yield ("overlap.safetensors", tensors({"a": entry(0, 8, 2), "b": entry(4, 12, 2)}, bytes(12)),
           "entry b begins at byte 4, inside the entry before it, which ends at 8")
    whole = tensors({"a": entry(0, 8, 2), "b": entry(8, 16, 2)}, bytes(16))
    yield ("cut.safetensors", whole[:-4], "entry b at bytes 8 to 16 of 12: the file was cut short")
    yield ("deep.safetensors", struct.pack("<Q", 1 << 20) + b"[" * (1 << 20),
           "the header is not JSON of names and their entries")
    yield ("system.pth", archive(b"\x80\x02cos\nsystem\nU\x04true\x85R.", b""),
           "the pickle names os.system, which no weights need; nothing was executed. Save the state dict alone")
    # A tensor of 2^30 x 2^30 values, all of them the one that is there.
    endless = (b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01tQ"
               b"K\x00J\0\0\0\x40J\0\0\0\x40\x86K\x00K\x00\x86\x89}tRs.")
    yield ("endless.pth", archive(endless, bytes(4)), "a has 1152921504606846976 values, more than the file has bytes")
    whole = archive(endless, bytes(4))
    yield "cut.pth", whole[:-30], "the zip archive has no end: the file was cut short"
    changed = bytearray(archive(endless, b"abcd"))
    changed[changed.index(b"_rebuild")] ^= 1
    yield ("changed.pth", bytes(changed),
           f"member w/data.pkl is damaged: its CRC-32 is {zlib.crc32(endless.replace(b'_reb', b'^reb')):08x}, "
           f"the archive says {zlib.crc32(endless):08x}")


class Export(Workspace):
    def test_a_training_goes_out_and_comes_back(self):
        self.train("run", "train.stop_after_steps=2")
        checkpoints = str(self.output("run") / "checkpoints")
        merged, trained = self.folder / "merged.safetensors", self.folder / "trained.safetensors"
        self.done(larkspur("export", "--checkpoint", checkpoints, "--output", str(merged)))
        self.done(larkspur("export", "--checkpoint", checkpoints, "--output", str(trained), "--unmerged"))
        golden_weights.write_npy(self.folder / "x.npy", [2, 1, 12, 12, 12],
                                 golden_weights.floats(golden_weights.noise("x", 2 * 12**3)))
        rows = []
        shapes = ("--kernel", "7x7x7", "--stem-stride", "2")
        for weights, words in ((checkpoints, ()), (trained, shapes), (merged, shapes)):
            self.done(larkspur("forward", "--model", "voxel/micro", "--classes", "4", "--weights", str(weights),
                               "--input", str(self.folder / "x.npy"), "--output", str(self.folder / "y.npy"),
                               *words))
            rows.append(golden_weights.read_npy(self.folder / "y.npy"))
        self.assertEqual(rows[0], rows[1])
        largest = max(abs(v) for row in rows[0] for v in row)
        for one, other in zip(rows[0], rows[2]):
            for value, expected in zip(other, one):
                self.assertAlmostEqual(value, expected, delta=1e-5 * largest)
        self.start_again_from(trained, merged)

    def start_again_from(self, trained, merged):
        """Weights at the start of a training: the same on any number of ranks, and refused by name."""
        for ranks in (1, 2):
            self.train(f"tuned{ranks}", f"model.weights={trained}", "train.stop_after_steps=1", ranks=ranks)
        self.assertEqual(self.digest("tuned1"), self.digest("tuned2"))
        for number, name in enumerate(("run", "run/checkpoints")):  # the training itself says the same as its export
            self.train(f"from{number}", f"model.weights={self.output(name)}", "train.stop_after_steps=1")
            self.assertEqual(self.digest(f"from{number}"), self.digest("tuned1"))
        plain = self.train("plain", "train.stop_after_steps=1")
        self.assertNotEqual(self.digest("plain"), self.digest("tuned1"), plain.stderr)
        result = self.train("merged", f"model.weights={merged}", code=4)
        self.assertIn("holds merged weights", result.stderr)
        result = self.train("head", f"model.weights={trained}", "model.variant=a", code=4)
        self.assertIn("model.variant", result.stderr)
        self.resume_without_the_file(trained)

    def resume_without_the_file(self, trained):
        """A checkpoint holds all that is needed; without one, nothing is written before the file is missed."""
        moved = self.folder / "moved.safetensors"
        trained.rename(moved)
        resumed = self.train("tuned1", f"model.weights={trained}", "train.stop_after_steps=2")
        self.assertIn("at step 1 (written", resumed.stderr)
        crafted = self.folder / "crafted.safetensors"
        crafted.write_bytes(b"\0" * 7 + b"\x10")
        refused = self.train("crafted", f"model.weights={crafted}", code=4)
        self.assertIn(f"{crafted}: a header of 1152921504606846976 bytes in a file of 8\n", refused.stderr)
        absent = self.train("absent", f"model.weights={trained}", code=2)
        self.assertIn("model.weights", absent.stderr)
        self.assertFalse(self.output("absent").exists())


if __name__ == "__main__":
    unittest.main()
