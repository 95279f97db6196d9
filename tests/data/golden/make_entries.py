# SPDX-License-Identifier: Apache-2.0
"""entries.json from the full lists of entries of the authors' model: make_entries.py FOLDER, in which are
names_A.json to names_XL.json, laid out as names_A.json here."""
import json
import pathlib
import sys
import zlib


def crc_of(lines):
    return f"{zlib.crc32(''.join(sorted(lines)).encode()):08x}"


def shape_lines(entries):
    return [f"{e[0]} {','.join(map(str, e[1]))}\n" for e in entries]


def summary(path):
    names = json.loads(path.read_text())
    entries = [e for e in names["entries"] if e[2] == "f32"]  # all but the counters of batches
    row = {"variant": names["variant"].lower(), "entries": len(entries), "merged_entries": len(names["deploy_entries"]),
           "parameters": names["parameters_training_form"], "merged_parameters": names["parameters_deploy_form"],
           "crc32": crc_of(shape_lines(entries)), "merged_crc32": crc_of(shape_lines(names["deploy_entries"]))}
    if all(len(e) == 4 for e in entries):
        row["values_crc32"] = crc_of(f"{e[0]} {e[3]}\n" for e in entries)
    return row


folder = pathlib.Path(sys.argv[1])
rows = [summary(folder / f"names_{v}.json") for v in ("A", "F", "P", "N", "T", "S", "B", "L", "XL")]
print("[" + ",\n ".join(json.dumps(row) for row in rows) + "]")
