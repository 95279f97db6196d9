# SPDX-License-Identifier: Apache-2.0
"""Writes expected.json: what trimesh reads of the OBJ files beside it.  pip install trimesh==5.2.0; python make.py"""
import json
import pathlib

import trimesh

HERE = pathlib.Path(__file__).parent
expected = {"trimesh": trimesh.__version__}
for path in sorted(HERE.glob("*.obj")):
    mesh = trimesh.load(path, force="mesh", process=False, maintain_order=True)
    expected[path.name] = {"triangles": len(mesh.faces), "area": mesh.area}
    if mesh.is_watertight:
        expected[path.name]["volume"] = mesh.volume
(HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
