"""Files with arrays that may be damaged."""

from __future__ import annotations

import numpy as np
import pytest

from automl.task.array_files import read_array, write_array

ARRAY = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("place", [-1, -7, -10, -15])  # in the checksum, in its mark, and in the content
def test_a_damaged_byte_is_an_error_wherever_it_is(tmp_path, mapped, place):
    path = tmp_path / "array.npy"
    with path.open("wb") as file:
        write_array(file, ARRAY)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="its checksum does not match"):
        read_array(path, mapped=mapped)


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("checked", [True, False])  # files of earlier versions have no checksum
@pytest.mark.parametrize("array", [ARRAY, np.asfortranarray(ARRAY), np.empty(0)], ids=["rows", "columns", "empty"])
def test_an_array_is_read_as_it_was_written(tmp_path, mapped, checked, array):
    path = tmp_path / "array.npy"
    with path.open("wb") as file:
        write_array(file, array, checked=checked)
    np.testing.assert_array_equal(read_array(path, mapped=mapped), array)
