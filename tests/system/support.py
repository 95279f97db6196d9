# SPDX-License-Identifier: Apache-2.0
"""Whole-program tests: start `larkspur` as a user does, under mpirun where there are ranks."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = os.environ["LARKSPUR_PROGRAM"]
TIMEOUT_SECONDS = 240
SKIPPED = 77

# Whoever started the tests may ignore these, as a shell does in the background; the program would go on doing so.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, signal.SIG_DFL)

# Drop path, clipping, BatchNorm, augmentation and a warm-up are all on: what must be exact, is used.
CONFIG = """\
seed: 3
output: {folder}/run
data:
  kind: cloud
  train: {{root: {folder}/clouds, split: train}}
  eval: {{root: {folder}/clouds, split: test}}
  points: 256
  grid: 12
  augmentation: {{scale_min: 0.8, scale_max: 1.2, shift: 0.1}}
  max_bad_fraction: 0.5
model: {{form: voxel, variant: micro, classes: 4, kernel: [7, 7, 7], drop_path: 0.2, layer_scale: 0.5}}
train: {{epochs: 3, global_batch: 8, lanes: 4, learning_rate: 3e-3, weight_decay: 0.05,
        warmup_epochs: 1, clip_norm: 0.5, checkpoint_every: 5, threads: 1, bucket_elements: 16384}}
eval: {{protocol: fixed, batch: 5}}
"""


# The same for clips; mixup and cutmix are on as well.
CLIP_CONFIG = """\
seed: 3
output: {folder}/run
data:
  kind: video
  train: {{list: {folder}/videos/train.csv, labels: {folder}/videos/classes.txt}}
  eval: {{list: {folder}/videos/test.csv, labels: {folder}/videos/classes.txt}}
  frames: 6
  stride: 2
  size: 16
  crop: {{area_min: 0.5, aspect_max: 1.3}}
  max_bad_fraction: 0.5
model: {{form: clip, variant: micro, classes: 4, kernel: [3, 7, 7], stem_stride: 2, drop_path: 0.2, layer_scale: 0.5}}
train: {{epochs: 3, global_batch: 8, lanes: 4, learning_rate: 3e-3, weight_decay: 0.05, mixup: 0.8, cutmix: 1.0,
        label_smoothing: 0.1, warmup_epochs: 1, clip_norm: 0.5, checkpoint_every: 5, threads: 1, bucket_elements: 16384}}
eval: {{protocol: center, batch: 5}}
"""


def environment():
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def command(words, ranks):
    if ranks is None:
        return [PROGRAM, *words]
    return ["mpirun", "-q", "--oversubscribe", "-n", str(ranks), PROGRAM, *words]


def larkspur(*words, ranks=None, timeout=TIMEOUT_SECONDS):
    """Runs to the end; ranks=None starts the program itself, without mpirun."""
    return subprocess.run(command(words, ranks), capture_output=True, text=True, timeout=timeout,
                          env=environment(), check=False)


def start(*words, ranks):
    return subprocess.Popen(command(words, ranks), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=environment())


def crc32c_hex(data):
    """CRC-32C (Castagnoli) as checkpoints write it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return f"{crc ^ 0xFFFFFFFF:08x}"


def rank_processes(mpirun):
    """Process ids of the ranks that an mpirun started, by rank."""
    found = {}
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if not folder.name.isdigit() or f"\nPPid:\t{mpirun.pid}\n" not in (folder / "status").read_text():
                continue
            for variable in (folder / "environ").read_bytes().split(b"\0"):
                if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                    found[int(variable.split(b"=")[1])] = int(folder.name)
        except OSError:  # gone meanwhile
            continue
    return found


# Five steps that are timed take seconds.
SLOW = ("train.minutes=100", "data.grid=24", "model.variant=a")


def wait_for_timing(process):
    """Until a training with train.minutes is about to time steps."""
    for line in process.stderr:
        if "times steps" in line:
            return
    raise AssertionError("no steps were timed")


class Workspace(unittest.TestCase):
    """A folder with a small set of demo clouds (4 classes, 12 + 4 each) and a configuration."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-system-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.config = self.folder / "run.yaml"
        self.make_data()

    def make_data(self):
        self.done(larkspur("data", "make", "clouds", "--output", str(self.folder / "clouds"),
                           "--classes", "4", "--train", "12", "--test", "4"))
        self.config.write_text(CONFIG.format(folder=self.folder))

    def done(self, result, code=0):
        self.assertEqual(result.returncode, code, f"{result.args}\n{result.stdout}\n{result.stderr}")
        return result

    def output(self, name):
        return self.folder / name

    def train(self, name, *overrides, ranks=None, code=0):
        return self.done(larkspur("train", str(self.config), f"output={self.output(name)}", *overrides,
                                  ranks=ranks), code)

    def digest(self, name):
        return self.done(larkspur("inspect", "checkpoint", str(self.output(name) / "checkpoints"),
                                  "--digest")).stdout.strip()

    def metrics(self, name):
        """(headers, steps) of a run's metrics file."""
        path = self.output(name) / "metrics.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines(keepends=True)
                 if line.endswith("\n")] if path.exists() else []
        return [l for l in lines if "schema" in l], [l for l in lines if "step" in l]

    def checkpoints(self, name):
        """Folders of finished checkpoints, oldest first."""
        return sorted(m.parent for m in (self.output(name) / "checkpoints").glob("step-*/manifest.json"))

    def wait_for_step(self, name, step, process):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            steps = self.metrics(name)[1]
            if steps and steps[-1]["step"] >= step:
                return steps[-1]["step"]
            self.assertIsNone(process.poll(), "the run ended before it could be disturbed")
            time.sleep(0.01)
        self.fail(f"step {step} was not reached")

    def kill_rank(self, name, rank, step, *overrides, ranks):
        """Starts a run and kills one rank with SIGKILL once `step` is over. Returns mpirun's code."""
        process = start("train", str(self.config), f"output={self.output(name)}", *overrides, ranks=ranks)
        try:
            reached = self.wait_for_step(name, step, process)
            os.kill(rank_processes(process)[rank], signal.SIGKILL)
            process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        return process.returncode, reached


def main():
    """Runs the file's tests; where not one of them can run here, says why and ends with 77, which ctest calls skipped."""
    program = unittest.main(exit=False)
    skipped = program.result.skipped
    if skipped and len(skipped) == program.test.countTestCases():
        for reason in sorted({reason for _, reason in skipped}):
            print(f"{pathlib.Path(sys.argv[0]).stem}: skipped, {' '.join(reason.split())}")
        sys.exit(SKIPPED)
    sys.exit(not program.result.wasSuccessful())


class ClipWorkspace(Workspace):
    """The same with videos: 4 classes, 12 + 4 each of 16 pictures."""

    def make_data(self):
        self.done(larkspur("data", "make", "videos", "--output", str(self.folder / "videos"), "--classes", "4",
                           "--train", "12", "--test", "4", "--size", "32", "--frames", "16"))
        self.config.write_text(CLIP_CONFIG.format(folder=self.folder))
