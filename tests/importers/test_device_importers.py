"""Importers of published latencies: golden sums of the files, and one thing wrong at a time."""

import base64

import numpy as np
import pytest

from nasgym.devices import block_layout, find_device
from nasgym.devices.tunas_blocks import CONSTANT, model_terms
from nasgym.errors import DataError
from nasgym.importers.ofa_device import import_ofa_device, read_ofa_device
from nasgym.importers.proxylessnas_device import import_proxylessnas_device, read_proxylessnas_device
from nasgym.importers.tunas_device import import_tunas_device, read_tunas_device
from nasgym.oracles.cost.lookup import LookupCost
from nasgym.spaces.mobile_ofa import OnceForAllSpace
from nasgym.spaces.mobile_proxylessnas import ProxylessNASSpace
from nasgym.spaces.mobile_tunas import TuNASSpace

TUNAS_TEST = "k3,k5e3,skip,skip,skip,k5e6,k5e3,k5e3,k3e3,k7e6,k5e6,k7e6,k7e6,k5e6,k3e3,k5e3,k5e3,k5e6,k7e3,k3e3,k5e3,k7e6"
PROXYLESS_MOBILE = "k3,k5e3,k3e3,skip,skip,k7e3,k3e3,k5e3,k5e3,k7e6,k5e3,k5e3,k5e3,k5e6,k5e3,k5e3,k5e3,k7e6,k7e6,k7e3,k7e3,k7e6"


def root(space):
    return np.full((1, space.num_decisions), -1, dtype=np.int8)


# ---- Once-for-All ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def note10(shared):
    return read_ofa_device(shared / "raw" / "ofa_note10")


@pytest.mark.parametrize(
    ("resolution", "block", "depth", "ms"),
    [
        (160, "k3e3", 2, 9.890346512),
        (224, "k3e3", 2, 17.769055648),
        (160, "k5e4", 3, 20.032599703),
        (224, "k5e4", 3, 37.806377462),
        (160, "k7e6", 4, 47.773311695),
        (224, "k7e6", 4, 92.398037995),
    ],
)
def test_once_for_all_latencies(note10, resolution, block, depth, ms):
    space = OnceForAllSpace()
    text = ",".join([f"r{resolution}", *["-".join([block] * depth)] * 5])
    cost, arch = LookupCost(space, note10), space.from_str(text)
    assert cost.cost(arch)[0] == pytest.approx(ms, abs=1e-8)
    # by the definition of terms: the resolution says which chain it is
    first, *others = space.to_options(arch)[0].tolist()
    chain = cost.terms().by_first_layer[first]
    by_layer = [terms[option] for terms, option in zip(chain.unary[1:], others, strict=True)]
    assert chain.pair is None
    assert chain.constant + chain.unary[0][first] + sum(by_layer) == pytest.approx(ms, abs=1e-8)


def test_once_for_all_has_each_block_once(note10):
    assert len(note10.latencies) == 480
    assert set(note10.latencies) == set(block_layout(OnceForAllSpace()))
    # measured again for each resolution: the same block, two latencies
    last = {
        b.resolution: v.latency_ms for b, v in note10.latencies.items() if b.op == "conv" and b.out_ch == 1152 and b.in_hw == 6
    }
    assert last == {176: pytest.approx(0.53243), 192: pytest.approx(0.5357415)}


def test_imported_files_are_found_again(shared, note10):
    pairs = [
        (import_ofa_device(shared / "raw" / "ofa_note10"), ("ofa", "note10")),
        (import_proxylessnas_device(shared / "raw" / "proxylessnas" / "mobile_trim.yaml"), ("proxylessnas", "pixel1")),
        (import_tunas_device(shared / "devices" / "tunas_pixel1_proxylessnas_costmodel.csv"), ("tunas", "pixel1")),
    ]
    for path, (space, name) in pairs:
        device = find_device(space, name)
        assert path.stem == name
        assert "SHA-256" in device.source
    assert find_device("ofa", "note10") == note10


@pytest.fixture
def folder(shared, tmp_path):
    for file in (shared / "raw" / "ofa_note10").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


KEY = "Conv_1-input:5x5x192-output:5x5x1152"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"{KEY}:", "Conv_9-input:5x5x192-output:5x5x1152:", "'Conv_9-.*' is no block of this table"),
        (f"{KEY}:", "Conv_1-input:5x5-output:5x5x1152:", "is no block of a published look-up table"),
        (f"{KEY}:", "Conv_1-input:5x6x192-output:5x5x1152:", "is not square"),
        (f"{KEY}:", "Conv_1-input:5x5x192-output:5x5x999:", r"lacks 1 of the 480 blocks.*conv 5x5x192->5x5x1152.*5x5x999"),
        (f"{KEY}:", "Conv-input:160x160x3-output:80x80x24:", "has the block 'Conv-input:160x160x3-output:80x80x24' twice"),
        ("mean: 0.008482688391038698", "mean: -1", "'mean': -1"),
        ("mean: 0.008482688391038698", "mean: .nan", "'mean': nan"),
        ("mean: 0.008482688391038698", "mean: fast", "'mean': 'fast'"),
        ("mean: 0.008482688391038698", "median: 1", "expected the numbers count, mean and std"),
        ("expand:72-kernel:3-stride:2-idskip:0", "expand:72-kernel:3-stride:2-idskip:1", "contradicts itself"),
        ("expand:72-kernel:3-stride:2-idskip:0-se:0-hs:0", "expand:72-kernel:3-stride:2-idskip:0", "lacks expand"),
        (f"{KEY}:", f"{KEY}: [", "not readable as YAML"),
        (f"{KEY}:", "!!python/object/apply:os.system ['true']:", "not readable as YAML"),
    ],
)
def test_a_damaged_file(folder, old, new, message):
    path = folder / "160_lookup_table.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_ofa_device(folder)


def test_a_missing_file(folder, tmp_path_factory):
    (folder / "192_lookup_table.yaml").unlink()
    with pytest.raises(DataError, match=r"lacks 192_lookup_table.yaml; get the files of all resolutions"):
        read_ofa_device(folder)
    with pytest.raises(DataError, match=r"has no 160_lookup_table.yaml"):
        read_ofa_device(tmp_path_factory.mktemp("empty"))
    (folder / "160_lookup_table.yaml").write_text("- a list\n")
    (folder / "192_lookup_table.yaml").write_text("")
    with pytest.raises(DataError, match="holds no blocks"):
        read_ofa_device(folder)


# ---- ProxylessNAS ------------------------------------------------------------------------------


def test_proxylessnas_latencies(shared):
    """Extremes and mean over all 6^6 * 7^15 networks.

    The sums that were published with the data add the two first blocks with kernels 5 and 7 to
    every network, of which none has more than one first block; without them they agree.
    """
    device = read_proxylessnas_device(shared / "raw" / "proxylessnas" / "mobile_trim.yaml")
    by_kernel = {
        block.kernel: ms.latency_ms for block, ms in device.latencies.items() if block.op == "mbconv" and block.out_ch == 16
    }
    assert by_kernel[3] == pytest.approx(3.8821352201257864, abs=1e-12)
    more = by_kernel[5] + by_kernel[7]
    space, layout = ProxylessNASSpace(), block_layout(ProxylessNASSpace())
    cost = LookupCost(space, device)
    least, largest = cost.bounds(root(space))
    assert least[0] + more == pytest.approx(47.30595609630496, abs=1e-6)
    assert largest[0] + more == pytest.approx(208.72705176148497, abs=1e-6)
    fixed = sum(device.latencies[block].latency_ms for block in layout.fixed[0])
    means = [np.mean([sum(device.latencies[b].latency_ms for b in option) for option in layer]) for layer in layout.options[0]]
    assert fixed + sum(means) + more == pytest.approx(131.6853093171, abs=1e-6)
    # the same by the cost's own terms: the fastest, the slowest and the mean network
    terms = cost.terms()
    uniform = [np.full(count, 1 / count) for count in terms.counts]
    found = [*(float(one[0]) for one in terms.extremes()), terms.expected(uniform)]
    assert found == pytest.approx([29.6088, 191.0299, 113.9881], abs=5e-5)
    # and over networks that are drawn
    drawn = cost.cost(space.sample(np.random.default_rng(0), 20_000))
    assert drawn.mean() == pytest.approx(fixed + sum(means), abs=0.5)


def test_proxylessnas_spread_is_a_deviation(shared):
    device = read_proxylessnas_device(shared / "raw" / "proxylessnas" / "mobile_trim.yaml")
    (stem,) = [latency for block, latency in device.latencies.items() if block.resolution == 0 and block.in_ch == 3]
    assert (stem.latency_ms, stem.count) == (4.083755600814664, 982)
    assert stem.spread_ms == pytest.approx(0.2502372872758427**0.5)


def test_an_incomplete_proxylessnas_file(shared, tmp_path):
    text = (shared / "raw" / "proxylessnas" / "mobile_trim.yaml").read_text()
    cut = tmp_path / "cut.yaml"
    cut.write_text(text[: text.index("expanded_conv-input:7x7x192-output:7x7x320")])
    with pytest.raises(DataError, match=r"lacks 6 of the 70 blocks of space 'proxylessnas'"):
        read_proxylessnas_device(cut)


# ---- TuNAS -------------------------------------------------------------------------------------


def test_tunas_latencies(shared):
    """The file rounds its numbers to seven digits, so sums of 23 differ in the sixth one.

    The published sums are exact.
    """
    device = read_tunas_device(shared / "devices" / "tunas_pixel1_proxylessnas_costmodel.csv")
    assert device.model == "linear"
    assert len(device.latencies) == 145
    space = TuNASSpace()
    cost = LookupCost(space, device)
    found = [*cost.cost(space.from_str([TUNAS_TEST, PROXYLESS_MOBILE])), *(b[0] for b in cost.bounds(root(space)))]
    assert found == pytest.approx([84.01666988, 84.41624071, 30.93611047, 219.09140801], abs=2e-5)


def python_file(path, weights, bias=(92.13599395751953,)):
    texts = [base64.encodebytes(np.array(values, dtype=">f4").tobytes()).decode() for values in (weights, bias)]
    names = ("_PROXYLESSNAS_SEARCH_KERNEL", "_PROXYLESSNAS_SEARCH_BIAS")
    path.write_text("".join(f'{name} = b"""\n{text}"""\n' for name, text in zip(names, texts, strict=True)))
    return path


def test_tunas_python_file(tmp_path):
    weights = np.random.default_rng(0).normal(size=144).astype(np.float32)
    device = read_tunas_device(python_file(tmp_path / "cost_model_data.py", weights))
    assert device.latencies[CONSTANT].latency_ms == 92.13599395751953
    assert [device.latencies[term].latency_ms for term in model_terms()] == weights.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("KERNEL", "WEIGHTS"), "has no _PROXYLESSNAS_SEARCH_KERNEL"),
        (lambda text: text.replace('b"""\n', 'b"""\n!', 1), "is no base64"),
        (lambda text: text + "(", "not readable as Python"),
        (
            lambda text: "_PROXYLESSNAS_SEARCH_BIAS = open('x').read()\n" + text.partition("_PROXYLESSNAS_SEARCH_BIAS")[0],
            "has no _PROX",
        ),
    ],
)
def test_a_damaged_python_file(tmp_path, change, message):
    path = python_file(tmp_path / "cost_model_data.py", np.zeros(144))
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=message):
        read_tunas_device(path)


def test_a_python_file_with_other_numbers(tmp_path):
    for weights in (np.zeros(143), np.full(144, np.nan)):
        with pytest.raises(DataError, match="expected 1 and 144, all finite"):
            read_tunas_device(python_file(tmp_path / "cost_model_data.py", weights))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("layer1,bneck,112,16,32,2,3,3", "layer1,bneck,112,16,32,2,9,3", r"lacks the coefficient of mbconv .* layer1"),
        ("layer1,bneck,112,16,32,2,3,3", "layer1,bneck,112,16,32,2,3,6", r"line 7: .* stands twice"),
        ("layer1,bneck,112,16,32,2,3,3", "layer1,bnek,112,16,32,2,3,3", "the op is 'bnek'"),
        ("layer1,bneck,112,16,32,2,3,3", "layer1,bneck,112,16,x,2,3,3", "column 'out_ch': 'x'"),
        ("coef_ms", "coef_us", "expected layer, op"),
        ("-1.752522", "fast", "'fast' is no number"),
        ("-1.752522", "inf", "not finite"),
        ("-1.752522", "1,2", "11 cells"),
    ],
)
def test_a_damaged_csv_file(shared, tmp_path, old, new, message):
    text = (shared / "devices" / "tunas_pixel1_proxylessnas_costmodel.csv").read_text()
    assert old in text
    path = tmp_path / "model.csv"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        read_tunas_device(path)
