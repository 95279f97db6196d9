# SPDX-License-Identifier: Apache-2.0
"""`cmake --install`: the program runs from another place, on two ranks, with the build folder out of sight."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from support import environment

BUILD = pathlib.Path(os.environ["LARKSPUR_PROGRAM"]).parent


def hides_folders():
    """Whether a process may have mounts of its own."""
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="larkspur-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.folder / "first"], check=True,
                       capture_output=True)
        cls.home = cls.folder / "second"
        (cls.folder / "first").rename(cls.home)

    def linked(self, path):
        listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        return [line.split("=>")[-1].split("(")[0].strip() for line in listing.splitlines()]

    def test_nothing_is_looked_for_in_the_build_folder(self):
        for path in [self.home / "bin/larkspur", *self.home.glob("lib/*.so")]:
            found = self.linked(path)
            self.assertTrue(any(str(self.home) in each for each in found), path)
            self.assertFalse([each for each in found if str(BUILD) in each], path)
            headers = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
            self.assertNotIn(str(BUILD), headers, path)

    def test_it_computes_on_two_ranks_without_the_build_folder(self):
        if not hides_folders():
            self.skipTest("no mounts of one's own here: unshare -m is refused")
        script = f"""set -e
            mount -t tmpfs none {BUILD}
            program={self.home}/bin/larkspur
            $program data make clouds --output {self.folder}/clouds --classes 2 --train 4 --test 2
            mpirun -q --oversubscribe -n 2 $program train {self.config()} output={self.folder}/run
            test ! -e {BUILD}/larkspur"""
        result = subprocess.run(["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False,
                                env=environment(), timeout=120)
        self.assertEqual(result.returncode, 0, result.stderr)
        steps = (self.folder / "run/metrics.jsonl").read_text().splitlines()
        self.assertEqual(json.loads(steps[-1])["step"], 2)

    def test_the_program_alone_comes_without_libtorch(self):
        subprocess.run(["cmake", "--install", BUILD, "--component", "program", "--prefix", self.folder / "alone"],
                       check=True, capture_output=True)
        names = {str(path.relative_to(self.folder / "alone")) for path in (self.folder / "alone").rglob("*.*")}
        self.assertTrue((self.folder / "alone/bin/larkspur").exists())
        self.assertLessEqual(names, {"lib/liblarkspur.so", "lib/liblarkspur_cuda.so", "share/larkspur/train.sbatch"})

    def config(self):
        path = self.folder / "run.yaml"
        data = "{root: " + str(self.folder / "clouds") + ", split: "
        path.write_text(f"data: {{kind: cloud, train: {data}train}}, eval: {data}test}}, points: 64, grid: 8}}\n"
                        "model: {form: voxel, variant: micro, classes: 2, kernel: [3, 3, 3]}\n"
                        "train: {epochs: 1, global_batch: 4, lanes: 2}\n")
        return path


if __name__ == "__main__":
    unittest.main()
