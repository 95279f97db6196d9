#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What nvcc and ptxas make of every kernel, for sm_80 and sm_90: no spills, half of a multiprocessor's threads at least, and
tensor-core instructions in the machine code of what claims them. Without nvcc it says so and exits 77.

usage: check_nvcc.py [--library liblarkspur_cuda.so]     prints a table; the library must hold code for both, and PTX
"""
import argparse
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Of a multiprocessor, "Technical specifications per compute capability" of the CUDA programming guide.
SHARED_BYTES = {80: 164 << 10, 90: 228 << 10}
RESERVED_BYTES = 1 << 10  # of shared memory, for each block
REGISTERS = 65536
THREADS = 2048
BLOCKS = 32
HMMA = 0x23C  # low 12 bits of an instruction: a product on tensor cores, sm_75 to sm_90
NEEDS_TENSOR_CORES = "_mma_kernel"  # how such a kernel's name ends


def blocks_resident(arch, kernel):
    """Blocks of a kernel that one multiprocessor holds, by arithmetic."""
    warps = kernel["threads"] // 32
    per_warp = -(-kernel["registers"] * 32 // 256) * 256  # given out in units of 256
    by_registers = REGISTERS // (per_warp * warps)
    by_shared = SHARED_BYTES[arch] // (kernel["shared"] + RESERVED_BYTES)
    return min(by_registers, by_shared, THREADS // kernel["threads"], BLOCKS)


def sections(image):
    """Name and content of the sections of an ELF file of 64 bits."""
    at, = struct.unpack_from("<Q", image, 0x28)
    size, count, names_index = struct.unpack_from("<HHH", image, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", image, at + i * size) for i in range(count)]
    names = headers[names_index][4]
    for name, _, _, _, offset, length in headers:
        end = image.index(b"\0", names + name)
        yield image[names + name:end].decode(), image[offset:offset + length]


def products(cubin):
    """Tensor-core instructions of each kernel."""
    counts = {}
    for name, content in sections(cubin.read_bytes()):
        if name.startswith(".text."):
            words = struct.iter_unpack("<QQ", content[:len(content) // 16 * 16])
            counts[name[len(".text."):]] = sum(low & 0xFFF == HMMA for low, _ in words)
    return counts


def compile_source(source, arch, folder):
    """{mangled name: facts} of the kernels of a .cu."""
    ptx, cubin = folder / "kernels.ptx", folder / "kernels.cubin"
    run = subprocess.run(["nvcc", "-std=c++17", "-O3", f"-I{ROOT}", f"-arch=compute_{arch}", "-ptx", "-o", ptx, source],
                         capture_output=True, text=True, check=False)
    if run.returncode == 0:
        run = subprocess.run(["ptxas", "-O3", "-v", f"-arch=sm_{arch}", "-o", cubin, ptx],
                             capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"check_nvcc: {source} does not compile for sm_{arch}:\n{run.stderr}")
    threads = dict(re.findall(r"\.entry (\w+)\([^)]*\)\s*\.maxntid (\d+)", ptx.read_text()))
    kernels, counts = {}, products(cubin)
    for block in run.stderr.split("Compiling entry function '")[1:]:
        def number(pattern):
            found = re.search(pattern, block)
            return int(found[1]) if found else 0
        name = block[:block.index("'")]
        kernels[name] = {
            "threads": int(threads[name]), "registers": number(r"Used (\d+) registers"), "shared": number(r"(\d+) bytes smem"),
            "spills": number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
            "products": counts[name]}
    return kernels


def plain(name):
    shown = subprocess.run(["c++filt", name], capture_output=True, text=True, check=True).stdout.strip()
    return re.sub(r"\(anonymous namespace\)::|larkspur::\w+::|^void |\(.*$", "", shown)


def check_kernels():
    failures, count = [], 0
    print(f"{'kernel':56}{'':7}{'registers':>10}{'shared':>8}{'spills':>7}{'threads':>9}{'occupancy':>10}{'products':>9}")
    sources = sorted(path for folder in ("pipeline", "model3d") for path in (ROOT / folder).rglob("*.cu"))
    for source in sources:
        for arch in SHARED_BYTES:
            with tempfile.TemporaryDirectory() as folder:
                kernels = compile_source(source, arch, pathlib.Path(folder))
            for name, kernel in kernels.items():
                count += 1
                shown = plain(name)
                share = blocks_resident(arch, kernel) * kernel["threads"] / THREADS
                print(f"{shown:56}sm_{arch}{kernel['registers']:12}{kernel['shared']:8}{kernel['spills']:7}"
                      f"{kernel['threads']:9}{share:10.0%}{kernel['products']:9}")
                if kernel["spills"]:
                    failures.append(f"{shown} spills {kernel['spills']} bytes of registers on sm_{arch}")
                if share < 0.5:
                    failures.append(f"{shown} leaves {share:.0%} of the threads of sm_{arch}, under half")
                if NEEDS_TENSOR_CORES in shown and kernel["products"] == 0:
                    failures.append(f"{shown} has no tensor-core instruction on sm_{arch}")
    if not count:
        failures.append("no kernel was found")
    return failures


def check_library(path):
    """Each fat binary in the library: pieces of kind 1 are PTX, of kind 2 machine code."""
    image, at, kinds, binaries = path.read_bytes(), 0, [], 0
    while (at := image.find(struct.pack("<IHH", 0xBA55ED50, 1, 16), at)) >= 0:
        end = at + 16 + struct.unpack_from("<Q", image, at + 8)[0]
        piece, pieces = at + 16, set()
        while piece < end:
            kind, _, header, size = struct.unpack_from("<HHIQ", image, piece)
            pieces.add((kind, struct.unpack_from("<I", image, piece + 28)[0]))
            piece += header + size
        kinds.append(pieces)
        binaries += 1
        at = end
    wanted = {(2, 80), (2, 90), (1, 90)}
    print(f"{path.name}: {binaries} fat binaries, each with {sorted(kinds[0]) if kinds else 'nothing'}")
    if not kinds or any(not wanted <= pieces for pieces in kinds if pieces):
        return [f"{path} lacks code for sm_80, sm_90 or PTX: {kinds}"]
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=pathlib.Path)
    arguments = parser.parse_args()
    if shutil.which("nvcc") is None:
        print("check_nvcc: skipped, nvcc is not installed")
        return 77
    failures = check_kernels() + (check_library(arguments.library) if arguments.library else [])
    for failure in failures:
        print(f"check_nvcc: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
