"""Decisions of random networks, all from one seed."""

import numpy as np


class Draw(np.random.RandomState):
    """Decisions, all from one seed: it always makes the same ones."""

    def chance(self, p):
        """Decide whether something happens."""
        return self.uniform() < p

    def pick(self, *options):
        """Pick one."""
        return options[self.randint(len(options))]

    def whole(self, low, high):
        """Pick a whole number, ``high`` included."""
        return int(self.randint(low, high + 1))

    def part_of(self, n, orders=0.65):
        """Some of n values: a slice in either direction, or a list in any order."""
        if self.chance(0.25):
            return slice(self.whole(1, min(3, n)))
        disorder = self.chance(orders)
        if disorder and self.chance(0.45):
            return [int(i) for i in self.permutation(n)[: self.whole(1, n)]]
        step = self.pick(1, 1, 2, 3)
        first = self.whole(0, n - 1)
        last = self.whole(first + 1, n)
        if not disorder:
            return slice(first, last, step)
        return slice(last - 1, first - 1 if first else None, -step)

    def image_of(self, n):
        """Read n values as an image."""
        rows = self.pick(*[size for size in range(1, n + 1) if n % size == 0])
        rest = n // rows
        columns = self.pick(*[size for size in range(1, rest + 1) if rest % size == 0])
        return (rows, columns, rest // columns)
