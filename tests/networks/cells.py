"""Cells that tests share: any cell, and a small network with tied cells of two inputs."""

from __future__ import annotations

from hypothesis import strategies as st

from nasgym.networks.cell import Cell, Edge, Node, Place
from nasgym.networks.operations import OPERATIONS
from nasgym.networks.plan import Conv, Head, Identity, NetworkPlan, Norm

# two inputs, brought to the cell's width first; reduced where the place has a stride; concatenated
PNAS = Cell(
    "both",
    2,
    (
        Node((Edge(0, "nor_conv_1x1"),)),
        Node((Edge(1, "nor_conv_1x1"),)),
        Node((Edge(2, "sep_conv_3x3", True), Edge(3, "max_pool_3x3", True))),
        Node((Edge(2, "skip_connect", True), Edge(4, "dil_conv_3x3"))),
        Node((Edge(4, "skip_connect"), Edge(5, "skip_connect")), "concat"),
    ),
)


def tied_plan(image: tuple[int, int, int] = (1, 9, 9), width: int = 4, classes: int = 3) -> NetworkPlan:
    """One cell for all three places: twice as it is, in between as a reduction cell (PNAS).

    The stem is both inputs of the first place. The last one reads the reduction, and the block
    before it at twice the size.
    """
    out, wide = 2 * width, 4 * width
    layers = (
        Place(PNAS, (width, width), width, reads=(1, 1)),
        Place(PNAS, (out, width), 2 * width, stride=2, reads=(1, 2)),
        Place(PNAS, (wide, out), 2 * width, reads=(1, 2), fits=(1, 2)),
    )
    stem = (Conv(image[0], width, 3, activation="none"),)
    return NetworkPlan("tied", image, stem, tuple((place,) for place in layers), (Norm(wide),), Head(wide, classes))


@st.composite
def plans(draw: st.DrawFn, channels: int = 2) -> NetworkPlan:
    """A random cell with one or two inputs, placed twice: as it is, and with a stride.

    Before each place there may be an identity, which passes a tensor on.
    """
    inputs = draw(st.integers(1, 2))
    nodes = []
    for number in range(inputs, inputs + draw(st.integers(1, 4))):
        edges = []
        for _ in range(draw(st.integers(1, 3))):
            source = draw(st.integers(0, number - 1))
            edges.append(Edge(source, draw(st.sampled_from(sorted(OPERATIONS))), source < inputs))
        nodes.append(Node(tuple(edges), draw(st.sampled_from(["sum", "sum", "concat"]))))
    cell = Cell("any", inputs, tuple(nodes))
    size, first, second = draw(st.integers(4, 9)), draw(st.sampled_from([2, 4])), draw(st.sampled_from([2, 4]))
    passed, again = draw(st.booleans()), draw(st.booleans())
    one = Place(cell, (first,) * inputs, first, reads=(1, 2 if passed else 1)[:inputs])
    before = (one.out_channels, one.out_channels if again else first)[:inputs]
    two = Place(cell, before, second, draw(st.sampled_from([1, 2])), reads=(1, 2)[:inputs])
    stem = (Conv(channels, first, 3), *([Identity(first)] if passed else []))
    between = (Identity(one.out_channels),) if again else ()
    head = Head(two.out_channels, 3, "relu")
    return NetworkPlan("any", (channels, size, size), stem, ((one,), (*between, two)), (), head)
