"""Synthetic NATS-Bench archives in the official formats."""

from __future__ import annotations

import bz2
import pickle
from collections import OrderedDict

import numpy as np

SPLITS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}
# by epochs as text and official data set; the shapes of the published files
SEEDS = {
    "tss": {
        "12": {"cifar10-valid": (111, 777), "cifar10": (111,), "cifar100": (111,), "ImageNet16-120": (111,)},
        "200": dict.fromkeys(SPLITS, (777, 888, 999)),
    },
    "sss": {
        "01": dict.fromkeys(SPLITS, (777,)),
        "12": dict.fromkeys(SPLITS, (777, 888, 999)),
        "90": dict.fromkeys(SPLITS, (777,)),
    },
}


def accuracy(index, dataset, epochs, seed, split):
    """A percentage that tells where it came from."""
    return round(10 + index + list(SPLITS).index(dataset) * 0.1 + epochs * 0.2 + seed / 100 + len(split) * 0.01, 4)


def training(index, dataset, epochs, seed, flop=1.5):
    """The state of one training; early epochs are worse, seconds are the epoch's length."""
    accuracies, times = {}, {}
    for epoch in range(epochs):
        for split in SPLITS[dataset]:
            final = accuracy(index, dataset, epochs, seed, split)
            accuracies[f"{split}@{epoch}"] = final if epoch == epochs - 1 else 1.0
            times[f"{split}@{epoch}"] = 0.25
    return {
        "name": dataset,
        "train_acc1es": {},
        "train_acc5es": None,
        "train_losses": {},
        "train_times": OrderedDict((epoch, 1.0 + index) for epoch in range(epochs)),
        "arch_config": {},
        "params": np.float64(0.25 + index),
        "flop": flop + index,
        "seed": f"0{seed}",
        "epochs": epochs,
        "latency": [np.float64(0.01 * (index + 1))],
        "eval_names": list(SPLITS[dataset]),
        "eval_acc1es": accuracies,
        "eval_times": times,
        "eval_losses": {},
        "net_state_dict": None,
    }


def architecture(kind, index, text):
    """The contents of one architecture's file."""
    states = OrderedDict()
    for epochs, datasets in SEEDS[kind].items():
        results = {(d, s): training(index, d, int(epochs), s) for d, seeds in datasets.items() for s in seeds}
        states[epochs] = {
            "arch_index": index,
            "arch_str": text,
            "all_results": results,
            "dataset_seed": {dataset: list(seeds) for dataset, seeds in datasets.items()},
            "clear_net_done": True,
        }
    return states


def write_pickle(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bz2.compress(pickle.dumps(content, protocol=4)))
    return path


def write_folder(path, kind, texts, indices=None):
    """A ``-simple`` folder."""
    meta = {"meta_archs": list(texts), "total_archs": len(texts), "arch2infos": None, "evaluated_indexes": set()}
    write_pickle(path / "meta.pickle.pbz2", meta)
    for index in range(len(texts)) if indices is None else indices:
        write_pickle(path / f"{index:06d}.pickle.pbz2", architecture(kind, index, texts[index]))
    return path


def write_single(path, kind, texts):
    """The single file with everything."""
    infos = {index: architecture(kind, index, text) for index, text in enumerate(texts)}
    content = {
        "meta_archs": list(texts),
        "total_archs": len(texts),
        "arch2infos": infos,
        "evaluated_indexes": set(infos),
    }
    return write_pickle(path, content)


class Runs:
    """Writes a file when it is unpickled without care."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")
