"""The classes of an exported PyTorch file: only those that a network needs.

They take only the arguments that differ in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nasgym.export.source import assigned, bracketed
from nasgym.export.vocabulary import ACTIVATIONS, GATES, Vocabulary
from nasgym.networks.plan import Head, NetworkPlan

__all__ = ["class_lines", "head_lines"]

FORWARD = "    def forward(self, x: torch.Tensor) -> torch.Tensor:"


def class_lines(plan: NetworkPlan) -> list[list[str]]:
    """The classes of a network's blocks, each as its lines."""
    words = Vocabulary(plan.parts)
    found = []
    if words.convolving:
        found.append(_conv_bn(words))
    if words.gated:
        found.append(_squeeze_excite(words))
    if words.reshapes:
        found.append(_shortcut())
    if words.conv_blocks:
        found.append(_conv_block(words))
    if words.mbconvs:
        found.append(_mbconv(words))
    if words.norms:
        found.append(_norm_act(words))
    if words.has_zeros:
        found.append(_zero())
    if plan.cells:
        found.append(_cell(plan))
    return found


def _signature(parts: Iterable[str]) -> list[str]:
    return [*bracketed("    def __init__(", ["self", *parts], ") -> None:"), "        super().__init__()"]


def _arguments(sizes: Iterable[str], options: Iterable[tuple[str, str, str]]) -> list[str]:
    """Arguments of an initialiser: sizes, kernel, stride, options."""
    fixed = [f"{name}: int" for name in (*sizes, "kernel")]
    return [*fixed, "stride: int = 1", *(f"{name}: {kind} = {default}" for name, kind, default in options)]


def _conv_bn(words: Vocabulary) -> list[str]:
    convs = [*words.convs, *words.conv_blocks]
    names = {name for name, _, _ in words.options(convs)} | ({"groups"} if words.mbconvs else set())
    given = {"groups": ("int", "1"), "dilation": ("int", "1"), "act": ("type[nn.Module]", words.act)}
    given |= {"pre": ("bool", "False"), "norm": ("bool", "True")}
    options = [(name, *given[name]) for name in given if name in names or name == "act"]
    parts = ["in_channels", "out_channels", "kernel", "stride"]
    parts += ["padding=kernel // 2 * dilation", "dilation=dilation"] if "dilation" in names else ["padding=kernel // 2"]
    parts += ["groups=groups"] if "groups" in names else []
    bn = "nn.BatchNorm2d(out_channels)" + (" if norm else nn.Identity()" if "norm" in names else "")
    order = ["        if self.pre:", "            return self.bn(self.conv(self.act(x)))"] if "pre" in names else []
    return [
        "class ConvBN(nn.Module):",
        '    """Convolution, batch normalisation, activation."""'
        if not order
        else '    """Convolution, batch normalisation, activation; with `pre` the activation is first."""',
        "",
        *_signature(_arguments(("in_channels", "out_channels"), options)),
        *bracketed("        self.conv = nn.Conv2d(", [*parts, "bias=False"], ")"),
        f"        self.bn = {bn}",
        "        self.act = act()",
        *(["        self.pre = pre"] if order else []),
        "",
        FORWARD,
        *order,
        "        return self.act(self.bn(self.conv(x)))",
    ]


def _norm_act(words: Vocabulary) -> list[str]:
    return [
        "class NormAct(nn.Module):",
        '    """Batch normalisation and activation."""',
        "",
        *_signature(["channels: int", f"act: type[nn.Module] = {words.act}"]),
        "        self.bn = nn.BatchNorm2d(channels)",
        "        self.act = act()",
        "",
        FORWARD,
        "        return self.act(self.bn(x))",
    ]


def _zero() -> list[str]:
    return [
        "class Zero(nn.Module):",
        '    """Zeros: an edge of a cell that carries nothing."""',
        "",
        *_signature(["channels: int", "stride: int = 1"]),
        "        self.channels = channels",
        "        self.stride = stride",
        "",
        FORWARD,
        "        cut = x[:, :1, :: self.stride, :: self.stride]",
        "        return torch.zeros_like(cut).expand(-1, self.channels, -1, -1)",
    ]


def _cell(plan: NetworkPlan) -> list[str]:
    joins = any(node.combine == "concat" for cell in plan.cells for node in cell.nodes)
    known = "torch.cat(found, 1) if node in self.concat else sum(found)" if joins else "sum(found)"
    numbered = ["            zip(self.nodes, self.sources), self.inputs"] if joins else []
    loop = (
        ["        for node, (edges, sources) in enumerate(", *numbered, "        ):"]
        if joins
        else ["        for edges, sources in zip(self.nodes, self.sources):"]
    )
    return [
        "class Cell(nn.Module):",
        '    """A graph of operations: a node joins what its edges bring from earlier nodes.',
        "",
        "    The inputs are the first nodes, the last node is the output.",
        '    """',
        "",
        *_signature(["inputs: int = 1", *(["concat: tuple[int, ...] = ()"] if joins else [])]),
        "        self.inputs = inputs",
        *(["        self.concat = concat"] if joins else []),
        "        self.nodes = nn.ModuleList()",
        "        self.sources: list[list[int]] = []",
        "",
        "    def edge(self, source: int, target: int, *blocks: nn.Module) -> None:",
        '        """Adds an edge; those of a node come one after the other."""',
        "        if target - self.inputs == len(self.nodes):",
        "            self.nodes.append(nn.ModuleList())",
        "            self.sources.append([])",
        "        self.nodes[-1].append(nn.Sequential(*blocks))",
        "        self.sources[-1].append(source)",
        "",
        "    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:",
        "        known = list(inputs)",
        *loop,
        "            found = [edge(known[source]) for edge, source in zip(edges, sources)]",
        f"            known.append({known})",
        "        return known[-1]",
    ]


def _squeeze_excite(words: Vocabulary) -> list[str]:
    arguments, act, gate = ["channels: int", "hidden: int"], words.se_act, words.gate
    if any(ACTIVATIONS[block.se_activation] != words.se_act for block in words.gated):
        arguments, act = [*arguments, f"act: type[nn.Module] = {words.se_act}"], "act"
    if any(GATES[block.se_gate] != words.gate for block in words.gated):
        arguments, gate = [*arguments, f"gate: type[nn.Module] = {words.gate}"], "gate"
    return [
        "class SqueezeExcite(nn.Module):",
        '    """Weighs the channels by what the whole image shows."""',
        "",
        *_signature(arguments),
        "        self.reduce = nn.Conv2d(channels, hidden, 1)",
        f"        self.act = {act}()",
        "        self.expand = nn.Conv2d(hidden, channels, 1)",
        f"        self.gate = {gate}()",
        "",
        FORWARD,
        "        pooled = x.mean((2, 3), keepdim=True)",
        "        return x * self.gate(self.expand(self.act(self.reduce(pooled))))",
    ]


def _shortcut() -> list[str]:
    return [
        "class Shortcut(nn.Module):",
        '    """The input in the shape of the output.',
        "",
        "    Averages over windows of the stride; channels are filled up with zeros or cut off.",
        '    """',
        "",
        *_signature(["in_channels: int", "out_channels: int", "stride: int"]),
        "        self.stride = stride",
        "        self.more = out_channels - in_channels",
        "",
        FORWARD,
        "        if self.stride > 1:",
        "            x = nn.functional.avg_pool2d(",
        "                x, self.stride, ceil_mode=True, count_include_pad=False",
        "            )",
        "        return nn.functional.pad(x, (0, 0, 0, 0, 0, self.more))",
    ]


def _extras(words: Vocabulary, names: list[str], channels: str) -> tuple[list[str], list[str]]:
    """Lines of an initialiser for gate and residual, in this order."""
    excite, residual = [], []
    if "se" in names:
        parts = [channels, "se"]
        parts += ["se_act"] if "se_act" in names else []
        parts += [("" if "se_act" in names else "gate=") + "se_gate"] if "se_gate" in names else []
        excite = assigned("        self.excite", f"SqueezeExcite({', '.join(parts)}) if se else nn.Identity()")
    if "residual" in names and words.reshapes:
        residual = assigned("        self.shortcut", "Shortcut(in_channels, out_channels, stride) if residual else None")
    elif "residual" in names:
        residual = ["        self.residual = residual"]
    return excite, residual


def _forward(words: Vocabulary, names: list[str], out: str) -> list[str]:
    if "residual" not in names:
        return ["", FORWARD, f"        return {out}"]
    if words.reshapes:
        last = "        return out if self.shortcut is None else self.shortcut(x) + out"
    else:
        last = "        return x + out if self.residual else out"
    return ["", FORWARD, f"        out = {out}", last]


def _described(what: str, names: list[str]) -> list[str]:
    """The docstring of a block's class."""
    first = f'    """{what[0].upper()}{what[1:]}.'
    if "se" not in names:
        return [f'{first}"""']
    return [first, "", "    `se` counts the hidden channels of its squeeze-and-excite gate, 0 for none.", '    """']


def _conv_block(words: Vocabulary) -> list[str]:
    options = words.options(words.conv_blocks)
    names = [name for name, _, _ in options]
    parts = [
        "in_channels",
        "out_channels",
        "kernel",
        "stride",
        *(f"{name}={name}" for name in names if name in ("groups", "dilation", "act", "pre", "norm")),
    ]
    excite, residual = _extras(words, names, "out_channels")
    what = [word for word, name in (("a gate", "se"), ("a residual", "residual")) if name in names]
    return [
        "class ConvBlock(nn.Module):",
        *_described(f"A convolution with {' and '.join(what)}", names),
        "",
        *_signature(_arguments(("in_channels", "out_channels"), options)),
        *bracketed("        self.main = ConvBN(", parts, ")"),
        *excite,
        *residual,
        *_forward(words, names, "self.excite(self.main(x))" if "se" in names else "self.main(x)"),
    ]


def _mbconv(words: Vocabulary) -> list[str]:
    options = words.options(words.mbconvs)
    names = [name for name, _, _ in options]
    act = ["act=act"] if "act" in names else []
    expands = any(block.expands for block in words.mbconvs)
    steps = ["1x1 expansion"] if expands else []
    steps += ["depthwise convolution", *(["squeeze-and-excite"] if "se" in names else []), "1x1 projection"]
    lines = [
        "class MBConv(nn.Module):",
        *_described(", ".join(steps), names),
        "",
        *_signature(_arguments(("in_channels", "mid_channels", "out_channels"), options)),
    ]
    x = "x"
    if expands:
        margin = "        "
        if not all(block.expands for block in words.mbconvs):
            lines += ["        self.expand: nn.Module = nn.Identity()", "        if mid_channels != in_channels:"]
            margin = "            "
        lines += bracketed(f"{margin}self.expand = ConvBN(", ["in_channels", "mid_channels", "1", *act], ")")
        x = "self.expand(x)"
    parts = ["mid_channels", "mid_channels", "kernel", "stride", "groups=mid_channels", *act]
    excite, residual = _extras(words, names, "mid_channels")
    x = f"self.depthwise({x})"
    x = f"self.excite({x})" if "se" in names else x
    return [
        *lines,
        *bracketed("        self.depthwise = ConvBN(", parts, ")"),
        *excite,
        "        self.project = ConvBN(mid_channels, out_channels, 1, act=nn.Identity)",
        *residual,
        *_forward(words, names, f"self.project({x})"),
    ]


def head_lines(head: Head) -> list[str]:
    """The class of the head, with its numbers."""
    steps = ["global average pooling", *(["a hidden layer"] if head.hidden else []), "the classifier"]
    x, lines = "x", []
    if head.activation != "none":
        steps, x = ["activation", *steps], "self.act(x)"
        lines.append(f"        self.act = {ACTIVATIONS[head.activation]}()")
    x = f"{x}.mean((2, 3))"
    if head.hidden:
        bias = [] if head.hidden_bias else ["bias=False"]
        lines += bracketed("        layer = nn.Linear(", [str(head.in_channels), str(head.hidden), *bias], ")")
        act = ACTIVATIONS[head.hidden_activation]
        lines.append(f"        self.hidden = nn.Sequential(OrderedDict(linear=layer, act={act}()))")
        x = f"self.hidden({x})"
    text = f"{', '.join(steps[:-1])} and {steps[-1]}"
    return [
        "class Head(nn.Module):",
        f'    """{text[0].upper()}{text[1:]}."""',
        "",
        *_signature([]),
        *lines,
        f"        self.linear = nn.Linear({head.hidden or head.in_channels}, {head.num_classes})",
        "",
        FORWARD,
        f"        return self.linear({x})",
    ]
