import pytest

from nasgym.errors import InvalidValue, NasgymError, UnknownName
from nasgym.training.image_data import images_path, write_image_data
from nasgym.training.images_spec import check_images, images_name, images_of_spec
from tests.training.quadrants import quadrants


def test_a_name_and_a_mapping(own_data_folder):
    write_image_data(quadrants(), images_path("quadrants"))
    whole, small = images_of_spec("quadrants"), images_of_spec({"name": "quadrants", "resolution": 6, "subset": 40, "seed": 2})
    assert (whole.shape, len(whole.train)) == ((1, 12, 12), 180)
    assert (small.shape, len(small.train)) == ((1, 6, 6), 40)
    assert small.details.endswith("split by seed 2")
    assert images_of_spec({"name": "quadrants"}).fingerprint == whole.fingerprint


def test_nothing_stands_for_the_digits():
    pytest.importorskip("sklearn")
    assert images_of_spec(None).fingerprint == images_of_spec("digits").fingerprint
    assert [images_name(spec) for spec in (None, "mine", {"name": "mine"})] == ["digits", "mine", "mine"]


@pytest.mark.parametrize(
    ("spec", "fault", "kind"),
    [
        (3, "images is a name or", InvalidValue),
        (["mine"], "images is a name or", InvalidValue),
        ({"resolution": 8}, "images lacks 'name'", InvalidValue),
        ({"name": 3}, "the name of images is a text", InvalidValue),
        ({"name": "mine", "resolutoin": 8}, "Did you mean 'resolution'", UnknownName),
    ],
)
def test_other_specifications_are_refused(spec, fault, kind):
    with pytest.raises(kind, match=fault) as found:
        check_images(spec)
    assert isinstance(found.value, NasgymError)
