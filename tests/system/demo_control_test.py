# SPDX-License-Identifier: Apache-2.0
"""The control of the demo: clips whose frames come in an order of their own tell no motion from its reversal."""
import math
import unittest

from demo_test import DemoWorkspace

PAIRS = (("growing", "shrinking"), ("moving up", "moving down"), ("moving left", "moving right"),
         ("turning clockwise", "turning anticlockwise"))
PARTNER = dict(PAIRS) | {second: first for first, second in PAIRS}


class DemoControl(DemoWorkspace):
    KINDS = ("videos",)

    def test_without_the_order_of_frames_a_pair_cannot_be_told_apart(self):
        report, rows = self.clips("shuffled", "data.shuffle_frames=true")
        classes = {row["file"].split("/")[-2] for row in rows}
        self.assertEqual(classes, set(PARTNER))
        inside = right = 0
        for row in rows:
            truth = row["file"].split("/")[-2]
            inside += row["class1"] in (truth, PARTNER[truth])
            right += row["class1"] == truth
        self.assertGreater(inside, 80, "the network learned nothing at all")
        print(f"within pairs {right} of {inside}, top1 {report['top1']}")
        self.assertLess(abs(right / inside - 0.5), 3 * math.sqrt(0.25 / inside))


if __name__ == "__main__":
    unittest.main()
