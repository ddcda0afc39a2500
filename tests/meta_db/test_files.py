"""Files and folders that are replaced are always whole, whenever the writing process dies."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meta_db import files
from meta_db.files import find_folder, is_mount_point, replace_file, replace_folder, write_bytes, write_text

KILL = "import os, signal; kill = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"


def run_and_die(code: str, path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", f"{KILL} {code}", str(path)], timeout=60, check=False)
    assert ended.returncode == -9


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "früher")
    write_text(path, "später")
    assert path.read_text(encoding="utf-8") == "später"
    assert names(tmp_path) == ["a.json"]


def test_a_process_killed_while_it_writes_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old" * 1000)
    run_and_die(
        "import sys; from meta_db.files import replace_file\n"
        "with replace_file(sys.argv[1]) as partial, partial.open('wb') as file:\n"
        "    file.write(b'new'); file.flush(); kill()",
        path,
    )
    assert path.read_bytes() == b"old" * 1000


def test_a_process_killed_before_the_renaming_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    run_and_die(
        "import sys; from meta_db.files import write_text; os.replace = kill; write_text(sys.argv[1], 'new')", path
    )
    assert path.read_text() == "old"


def write_half(path: Path) -> None:
    with replace_file(path) as partial:
        partial.write_text("half")
        raise RuntimeError("no luck")


def test_an_error_while_writing_removes_the_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="no luck"):
        write_half(path)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_file_gets_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_text(tmp_path / "atomic", "")
    (tmp_path / "plain").write_text("")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("atomic", "plain")}
    assert len(modes) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o755, 0o600, 0o444])
def test_a_replaced_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "script.py"
    path.write_text("old")
    path.chmod(mode)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_named_pipe_stays_a_pipe_and_its_reader_gets_the_content(tmp_path: Path, is_linked: bool) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if is_linked:
        (tmp_path / "link").symlink_to(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that nobody waits, also where the test fails
    write_text(tmp_path / "link" if is_linked else path, "new")
    assert path.is_fifo()
    assert os.read(reader, 9) == b"new"
    os.close(reader)


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="the system has no /dev/stdout")
def test_a_pipe_behind_the_standard_output_gets_the_content() -> None:
    code = "from meta_db.files import write_text; write_text('/dev/stdout', 'new')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "new"), done.stderr


def test_a_folder_is_no_place_for_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_text(tmp_path / "folder", "new")
    assert names(tmp_path) == ["folder"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a.txt").read_text() == "new"


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    writers = [threading.Thread(target=write_bytes, args=(path, bytes([i]) * 100_000)) for i in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    content = path.read_bytes()
    assert len(content) == 100_000
    assert len(set(content)) == 1
    assert names(tmp_path) == ["a.bin"]


def write_folder(path: Path, content: str) -> None:
    with replace_folder(path) as partial:
        (partial / "one").write_text(content)
        (partial / "deep").mkdir()
        (partial / "deep" / "two").write_text(content)
        if content == "too much":
            raise OSError("the disk is full")


def test_a_folder_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "model"
    write_folder(path, "old")
    (path / "of the old one").touch()
    write_folder(path, "new")
    assert names(path) == ["deep", "one"]
    assert (path / "deep" / "two").read_text() == "new"
    assert names(path.parent) == ["model"]


def test_an_error_while_a_folder_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_folder(tmp_path / "model", "old")
    with pytest.raises(OSError, match="full"):
        write_folder(tmp_path / "model", "too much")
    assert (tmp_path / "model" / "one").read_text() == "old"
    assert names(tmp_path) == ["model"]


WRITE_NEW = """
with replace_folder(sys.argv[1]) as partial:
    (partial / 'one').write_text('new')
"""


@pytest.mark.parametrize(
    ("place", "patch", "left"),
    [
        ("first renaming", "os.rename = kill", "old"),
        ("second renaming", "first = [os.rename]; os.rename = lambda *a: first.pop()(*a) if first else kill()", "old"),
        ("removal", "shutil.rmtree = lambda path, **_: kill() if os.path.exists(path) else None", "new"),
    ],
)
def test_a_folder_is_old_or_new_wherever_the_process_dies(tmp_path: Path, place: str, patch: str, left: str) -> None:
    path = tmp_path / "model"
    write_folder(path, "old")
    run_and_die(f"import shutil, sys; from meta_db.files import replace_folder\n{patch}\n{WRITE_NEW}", path)
    assert (find_folder(path) / "one").read_text() == left
    write_folder(path, "newest")
    assert find_folder(path) == path
    assert (path / "one").read_text() == "newest"
    assert not (tmp_path / ".model.old").exists()


def test_a_folder_in_place_is_found_under_the_name_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_folder("missing") == Path("missing")
    write_folder(tmp_path / "model", "new")
    assert find_folder(tmp_path / "model") == tmp_path / "model"
    assert find_folder(tmp_path / "missing") == tmp_path / "missing"


def test_a_mount_point_is_found_in_the_list_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "31 22 8:1 /home /{place} rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    named = str(tmp_path)[1:] + r"/my\040volume\134"
    (tmp_path / "mounts").write_text(line.format(place="proc") + line.format(place=named))
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "mounts")
    assert is_mount_point(tmp_path / "my volume\\")
    assert not is_mount_point(tmp_path / "my volume\\" / "model")
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "missing")
    assert is_mount_point("/")
    assert not is_mount_point(tmp_path)
