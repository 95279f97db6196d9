# SPDX-License-Identifier: Apache-2.0
"""What the unit tests of a run did, by name: failures with their messages' first lines, and reasons for skipping.

usage: summary.py FOLDER     the XML files that the test programs left there
"""
import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def lines(text):
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def main(folder):
    count, failed, skipped = 0, [], collections.defaultdict(list)
    for path in sorted(folder.glob("*.xml")):
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError:  # the program ended before it could write: its entry has failed
            continue
        for test in root.iter("testcase"):
            if test.get("status") != "run":
                continue
            count += 1
            name = f"{path.stem.split('_')[0]}/{test.get('classname')}.{test.get('name')}"
            failure, skip = test.find("failure"), test.find("skipped")
            if failure is not None:
                failed.append((name, lines(failure.get("message"))[:4]))
            elif skip is not None:
                reason = lines(skip.get("message"))
                skipped[reason[-1] if reason else "no reason given"].append(name)
    print(f"\nunit tests: {count} run, {len(failed)} failed, {sum(map(len, skipped.values()))} skipped")
    for reason, names in sorted(skipped.items()):
        print(f"  skipped {len(names)} ({names[0]}{', ...' if len(names) > 1 else ''}): {reason}")
    for name, message in failed:
        print(f"  FAILED {name}")
        for line in message:
            print(f"    {line}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
