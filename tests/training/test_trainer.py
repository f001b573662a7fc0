"""What a trainer refuses, and how many images it labels at once."""

from dataclasses import replace

import numpy as np
import pytest

from nasgym.errors import InvalidValue
from nasgym.networks.digits import digits_plan
from nasgym.spaces.digits import DigitsSpace
from nasgym.training import trainer
from nasgym.training.images import load_digits_images
from nasgym.training.schedule import Schedule
from nasgym.training.trainer import Trainer

pytest.importorskip("torch")
pytest.importorskip("sklearn")


def few(count):
    whole = load_digits_images()
    return replace(whole, train=whole.train[:count], train_labels=whole.train_labels[:count])


def test_an_epoch_and_a_batch_draw_no_image_twice():
    Trainer(few(60), Schedule(batch=20, images_per_epoch=60))
    with pytest.raises(InvalidValue, match="a batch draws 20 images, and image set 'digits' has 19"):
        Trainer(few(19), Schedule(batch=20, images_per_epoch=10))
    with pytest.raises(InvalidValue, match="an epoch draws 61 images, and image set 'digits' has 60"):
        Trainer(few(60), Schedule(batch=20, images_per_epoch=61))


def test_accuracies_do_not_depend_on_how_many_images_are_labelled_at_once(monkeypatch):
    space = DigitsSpace()
    plans = [digits_plan(space, space.default)]
    made = Trainer(few(100), Schedule(batch=50, images_per_epoch=100))
    whole = made.train(plans, 2, [0])
    monkeypatch.setattr(trainer, "EVALUATED", 60)
    assert np.abs(whole - made.train(plans, 2, [0]))[:2].max() < 0.005
