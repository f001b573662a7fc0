"""A plan as PyTorch source: one file that needs torch alone, with its blocks in their order.

Weights have the names of `nasgym.networks.weights.weight_shapes`, which are those of
`torch_modules.build_module`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from nasgym.export.pytorch_cells import cell_lines, cell_makers
from nasgym.export.pytorch_classes import class_lines, head_lines
from nasgym.export.source import COLUMNS, bracketed, docstring_text
from nasgym.export.vocabulary import Vocabulary
from nasgym.networks.count import count_macs, count_params
from nasgym.networks.named import NAMED, named_plan
from nasgym.networks.plan import Block, Identity, NetworkPlan, Place
from nasgym.networks.scale import IMAGENET, Scale

__all__ = ["class_name", "pytorch_code"]

SPELLED = {
    "mobilenet": "MobileNet",
    "mnasnet": "MnasNet",
    "proxylessnas": "ProxylessNas",
    "fairnas": "FairNas",
    "efficientnet": "EfficientNet",
}


def class_name(plan: NetworkPlan) -> str:
    """The name of the class of a network.

    ``"MnasNetA1"`` for a published one, ``"MnasNetA1Scaled"`` at another scale, ``"Network"`` for
    any other.
    """
    if plan.name not in NAMED:
        return "Network"
    name = "".join(SPELLED.get(part, part.capitalize()) for part in plan.name.split("-"))
    return name if plan == named_plan(plan.name) else f"{name}Scaled"


def pytorch_code(
    plan: NetworkPlan, *, space: str = "", with_weights: bool = False, scale: Scale | None = None, published: Scale = IMAGENET
) -> str:
    """The source of a network, as ruff's default rules and its formatter leave it.

    Args:
        plan: What to write.
        space: Name of the space that the architecture belongs to, for the docstring.
        with_weights: Whether the file's weights lie beside it, in a file of the same name that ends
            with ``.pt``; it then has a function ``load()``.
        scale: What the network was built for, for the docstring; None where it was not chosen.
        published: What the networks of its space were published for.
    """
    imports = ["from collections import OrderedDict"] if plan.head.hidden else []
    imports += ["from pathlib import Path"] if with_weights else []
    head = [
        *_docstring(plan, space, _scale(scale, published)),
        "",
        *imports,
        *([""] if imports else []),
        "import torch",
        "from torch import nn",
    ]
    classes = [*class_lines(plan), head_lines(plan.head), *cell_lines(plan), _network(plan)]
    parts = [head, *classes, *([_load(plan)] if with_weights else []), _main(plan, with_weights)]
    return "\n\n\n".join("\n".join(part) for part in parts) + "\n"


def _docstring(plan: NetworkPlan, space: str, scale: list[str]) -> list[str]:
    named = plan.name in NAMED
    whole = plan.name if named and plan == named_plan(plan.name) else f"{plan.name}, but not at its published scale"
    title = whole if named else f"A network of the space {docstring_text(space)}" if space else "A network"
    channels, height, width = plan.input_shape
    return [
        f'"""{title}, written by nasgym.',
        "",
        *([] if named else ["Architecture:", "", *_wrapped(docstring_text(plan.name)), ""]),
        *scale,
        f"Images of {channels} x {height} x {width}, {plan.head.num_classes:,} classes.",
        f"Multiply-accumulates of convolutions and linear layers for an image: {count_macs(plan):,}",
        f"Parameters: {count_params(plan):,}",
        '"""',
    ]


def _scale(scale: Scale | None, published: Scale) -> list[str]:
    """What differs from the skeleton that was published."""
    if scale is None or scale == published:
        return []
    size, classes = published.input_shape[1], published.num_classes
    lines = [f"Scale: width {scale.width}, input size {scale.input_shape[1]}, {scale.num_classes:,} classes;"]
    lines += [f"published for width {published.width}, input size {size}, {classes:,} classes."]
    if (scale.divisor, scale.reduction) != (published.divisor, published.reduction):
        lines += [f"Channels in multiples of {scale.divisor}; strides multiply to at most {scale.reduction}."]
    return [*lines, ""]


def _wrapped(text: str) -> Iterator[str]:
    """A text in lines that end with its commas."""
    line = ""
    for part in text.split(","):
        if line and len(line) + len(part) + 6 > COLUMNS:
            yield f"    {line},"
            line = part
        else:
            line = f"{line},{part}" if line else part
    yield f"    {line}"


def _network(plan: NetworkPlan) -> list[str]:
    channels, height, width = plan.input_shape
    return [
        f"class {class_name(plan)}(nn.Module):",
        f'    """Images (batch, {channels}, {height}, {width}) to logits (batch, {plan.head.num_classes})."""',
        "",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        *_blocks(plan),
        "        self.head = Head()",
        *([] if plan.is_chain else _reads(plan)),
        "",
        "    def forward(self, x: torch.Tensor) -> torch.Tensor:",
        *(["        return self.head(self.blocks(x))"] if plan.is_chain else WIRED),
    ]


# of a network whose cells read more than the block before them
WIRED = [
    "        known = [x]",
    "        for block, reads in zip(self.blocks, self.reads):",
    "            known.append(block(*(known[-back] for back in reads)))",
    "        return self.head(known[-1])",
]


def _reads(plan: NetworkPlan) -> list[str]:
    """For each block, the blocks that it reads, counted back from it."""
    reads = [str(block.reads if isinstance(block, Place) else (1,)) for block in plan.blocks]
    return ["        # blocks that each block reads, counted back from it", *bracketed("        self.reads = [", reads, "]")]


def _blocks(plan: NetworkPlan) -> list[str]:
    if not plan.blocks:
        return ["        self.blocks = nn.Sequential()"]
    words, found = Vocabulary(plan.parts), ["        self.blocks = nn.Sequential("]
    makers = cell_makers(plan)
    for title, blocks in _groups(plan):
        found.append(f"            # {title}")
        for block in blocks:
            name, parts = (makers[block], []) if isinstance(block, Place) else words.call(block)
            skipped = "  # skipped; keeps the numbers of the others" if isinstance(block, Identity) else ""
            lines = bracketed(f"            {name}(", parts, "),")
            found += [*lines[:-1], lines[-1] + skipped]
    return [*found, "        )"]


def _groups(plan: NetworkPlan) -> Iterator[tuple[str, list[Block | Place]]]:
    """What is written under one comment: consecutive blocks of one part and one output size."""
    found = [(step.part, step.layer + 1, step.size, step.block) for step in plan.steps]
    for (part, size), group in groupby(found, key=lambda entry: (entry[0], entry[2])):
        members = list(group)
        first, last = members[0][1], members[-1][1]
        numbers = "" if not first else f" {first}" if first == last else f"s {first} to {last}"
        yield f"{part}{numbers}, {size} x {size}", [block for *_, block in members]


def _load(plan: NetworkPlan) -> list[str]:
    name = class_name(plan)
    return [
        f"def load() -> {name}:",
        '    """The network with its weights, which lie beside this file."""',
        f"    network = {name}()",
        '    weights = torch.load(Path(__file__).with_suffix(".pt"), weights_only=True)',
        "    network.load_state_dict(weights)",
        "    return network",
    ]


def _main(plan: NetworkPlan, with_weights: bool) -> list[str]:
    made = "load()" if with_weights else f"{class_name(plan)}()"
    shape = ", ".join(map(str, plan.input_shape))
    return [
        'if __name__ == "__main__":',
        f"    network = {made}.eval()",
        f"    print(tuple(network(torch.zeros(1, {shape})).shape))",
    ]
